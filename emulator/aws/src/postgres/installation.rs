//! Finds the programs of PostgreSQL on this machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::PostgresError;
use crate::programs;

/// The programs that an instance needs: to create it, to run it, and to take a snapshot of it.
const PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_basebackup"];

/// Where packages install the programs when they are not on the `PATH`. `*` stands for a version.
const FOLDERS: [&str; 8] = [
    // Debian and Ubuntu.
    "/usr/lib/postgresql/*/bin",
    // The PostgreSQL project's RPMs; openSUSE; Alpine.
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    // Homebrew on Apple silicon and on Intel; Postgres.app; EnterpriseDB's installer.
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/Library/PostgreSQL/*/bin",
];

/// The programs of one PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    folder: PathBuf,
    version: String,
    major: u32,
}

impl Installation {
    /// The programs in the folder that the environment variable names, or else the newest version on this machine. An empty
    /// variable disables PostgreSQL.
    ///
    /// # Errors
    /// If the variable names a folder without the programs.
    pub fn find(variable: &'static str) -> Result<Option<Self>, PostgresError> {
        let at = |folder: &Path| Self::at(folder, variable);
        programs::find(variable, at, || {
            let installed = FOLDERS.iter().flat_map(|pattern| matching(pattern));
            let candidates = programs::search_path().into_iter().chain(installed);
            let found = candidates
                .filter(|folder| has_programs(folder))
                .filter_map(|folder| at(&folder).ok());
            found.max_by_key(|installation| installation.major)
        })
    }

    fn at(folder: &Path, variable: &'static str) -> Result<Self, PostgresError> {
        let missing = || PostgresError::Programs {
            folder: folder.to_owned(),
            variable,
        };
        if !has_programs(folder) {
            return Err(missing());
        }
        let mut installation = Self {
            folder: folder.to_owned(),
            version: String::new(),
            major: 0,
        };
        // Proves as well that the programs start the way they are going to be started.
        let printed = installation.run("postgres", &["--version".into()], &[], "")?;
        let version = version(&printed).ok_or_else(missing)?;
        (installation.version, installation.major) = version;
        Ok(installation)
    }

    /// The version, such as `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The major version: a data folder belongs to one.
    pub(super) fn major(&self) -> u32 {
        self.major
    }

    /// Where the programs are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The words that start a program.
    pub(super) fn command(&self, program: &str) -> Vec<OsString> {
        let program = self.folder.join(program).into_os_string();
        if !rustix::process::geteuid().is_root() {
            return vec![program];
        }
        // PostgreSQL refuses to run as root. In a user namespace of its own the same process has another number, and still
        // owns the files: no other user needs access to the data folder.
        let mut words: Vec<OsString> = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
            .map(OsString::from)
            .into();
        words.push(program);
        words
    }

    /// Runs a program to its end and returns its standard output.
    pub(super) fn run(
        &self,
        program: &str,
        arguments: &[OsString],
        secrets: &[(&str, &str)],
        input: &str,
    ) -> Result<String, PostgresError> {
        let ran = self.output(program, arguments, secrets, input);
        let output = ran.map_err(|source| PostgresError::Run {
            program: program.to_owned(),
            source,
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(PostgresError::Failed {
            program: program.to_owned(),
            status: output.status,
            reason: last_line(&said).to_owned(),
        })
    }

    fn output(
        &self,
        program: &str,
        arguments: &[OsString],
        secrets: &[(&str, &str)],
        input: &str,
    ) -> std::io::Result<Output> {
        let words = self.command(program);
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .args(arguments)
            .env_clear()
            .envs(environment())
            .envs(secrets.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A few lines, which fit into a pipe: this does not wait for output to be read.
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    }
}

/// The environment of every program: English messages, and nothing of ours.
pub(super) fn environment() -> BTreeMap<String, String> {
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
    BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned()), ("PATH".to_owned(), path)])
}

fn has_programs(folder: &Path) -> bool {
    PROGRAMS.iter().all(|program| folder.join(program).is_file())
}

/// The folders of a pattern with one `*` in one of its components.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(after.trim_start_matches('/')))
        .collect()
}

/// The version in what `postgres --version` prints: `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version(printed: &str) -> Option<(String, u32)> {
    let (_, after) = printed.split_once("(PostgreSQL) ")?;
    let version = after.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((version.to_owned(), digits.parse().ok()?))
}

pub(super) fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or("it printed nothing")
}

#[cfg(test)]
mod tests {
    use super::{matching, version};

    #[test]
    fn versions_of_releases_and_betas_are_read() {
        let read = |printed| version(printed).map(|(version, major)| format!("{version} {major}"));
        assert_eq!(
            read("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(),
            Some("15.18 15")
        );
        assert_eq!(read("postgres (PostgreSQL) 18beta2\n").as_deref(), Some("18beta2 18"));
        assert_eq!(read("mysqld  Ver 8.0\n"), None);
    }

    #[test]
    fn a_pattern_matches_each_installed_version() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["postgresql@15/bin", "postgresql@17/bin", "redis/bin"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        let mut found = matching(&format!("{}/postgresql@*/bin", folder.path().display()));
        found.sort();
        assert_eq!(
            found,
            ["postgresql@15/bin", "postgresql@17/bin"].map(|name| folder.path().join(name))
        );
    }
}
