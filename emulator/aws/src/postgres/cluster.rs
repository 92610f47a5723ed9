//! The files of one PostgreSQL server: a *cluster* in its documentation's words.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Installation, PostgresError};
use crate::folders;
use crate::process::Program;
use crate::secrets::new_password;

/// The superuser of every cluster, with the name of its counterpart in RDS. Only this server has its password.
pub(super) const ADMIN: &str = "rdsadmin";

/// The owner of an instance's database.
///
/// In RDS the master user is no superuser either: it may make roles and databases, and watch what runs.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html>
pub(super) struct Owner<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a str,
    pub(super) database: &'a str,
}

/// A cluster below the data folder.
pub(super) struct Cluster<'a> {
    pub(super) installation: &'a Installation,
    pub(super) files: PathBuf,
}

impl Cluster<'_> {
    /// Makes the cluster from a template, which takes a tenth of the time of `initdb`. What an earlier try left is replaced.
    pub(super) fn create(&self, templates: &Path, admin: &str, owner: &Owner<'_>) -> Result<(), PostgresError> {
        let template = self.template(templates)?;
        self.copy_from(&template)?;
        self.execute(&[
            set_password(ADMIN, admin),
            format!(
                r#"CREATE ROLE "{}" LOGIN CREATEDB CREATEROLE PASSWORD '{}'"#,
                owner.user, owner.password
            ),
            format!(r#"GRANT pg_monitor, pg_signal_backend TO "{}""#, owner.user),
            format!(r#"CREATE DATABASE "{}" OWNER "{}""#, owner.database, owner.user),
        ])
    }

    /// Makes the cluster from a snapshot, with passwords of its own.
    pub(super) fn restore(&self, snapshot: &Path, admin: &str, owner: &Owner<'_>) -> Result<(), PostgresError> {
        self.copy_from(snapshot)?;
        self.check_version()?;
        self.execute(&[set_password(ADMIN, admin), set_password(owner.user, owner.password)])
    }

    /// Takes a snapshot of the running server. It is there as a whole or not at all.
    pub(super) fn back_up(&self, port: u16, admin: &str, to: &Path) -> Result<(), PostgresError> {
        let draft = to.with_extension("partial");
        for old in [&draft, to] {
            folders::remove(old)?;
        }
        let mut arguments = words(&[
            "--host=127.0.0.1",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
        ]);
        arguments.extend(words(&["--username", ADMIN, "--port", &port.to_string(), "--pgdata"]));
        arguments.push(draft.clone().into_os_string());
        self.installation
            .run("pg_basebackup", &arguments, &[("PGPASSWORD", admin)], "")?;
        fs::rename(&draft, to).map_err(|source| files(to, source))
    }

    /// How the server is started.
    pub(super) fn program(&self, port: u16) -> Result<Program, PostgresError> {
        self.check_version()?;
        let mut argv = self.installation.command("postgres");
        argv.push("-D".into());
        argv.push(self.files.clone().into_os_string());
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            // A path of a socket has at most 107 bytes, which a data folder may exceed.
            "unix_socket_directories=",
            "shared_buffers=16MB",
        ] {
            argv.extend(words(&["-c", setting]));
        }
        Ok(Program {
            argv,
            working_folder: self.files.clone(),
            environment: super::installation::environment(),
        })
    }

    /// Whether the server has said in its lock file that it accepts connections.
    /// (`PM_STATUS_READY` in the eighth line: `src/include/miscadmin.h`, since PostgreSQL 10.)
    pub(super) fn is_ready(&self) -> bool {
        let lock = fs::read_to_string(self.files.join("postmaster.pid")).unwrap_or_default();
        lock.lines().nth(7).is_some_and(|status| status.trim() == "ready")
    }

    fn template(&self, templates: &Path) -> Result<PathBuf, PostgresError> {
        let template = templates.join(self.installation.version());
        if template.exists() {
            return Ok(template);
        }
        let draft = template.with_extension("partial");
        folders::remove(&draft)?;
        fs::create_dir_all(templates).map_err(|source| files(templates, source))?;
        let mut arguments = words(&["--username", ADMIN, "--auth=scram-sha-256", "--encoding=UTF8"]);
        // Each cluster gets a password of its own; none connects with this one.
        let password = templates.join("password");
        fs::write(&password, new_password()).map_err(|source| files(&password, source))?;
        arguments.extend(words(&["--no-locale", "--no-sync", "--wal-segsize=1"]));
        arguments.extend([OsString::from("--pwfile"), password.clone().into_os_string()]);
        arguments.extend([OsString::from("--pgdata"), draft.clone().into_os_string()]);
        let made = self.installation.run("initdb", &arguments, &[], "");
        remove_file(&password)?;
        made?;
        fs::rename(&draft, &template).map_err(|source| files(&template, source))?;
        Ok(template)
    }

    fn copy_from(&self, from: &Path) -> Result<(), PostgresError> {
        folders::copy(from, &self.files)?;
        // The server refuses a folder that others may enter.
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&self.files, private).map_err(|source| files(&self.files, source))
    }

    /// Executes statements as the superuser while no server runs on the files. No password is needed for that, so it works for
    /// snapshots whose passwords were lost.
    fn execute(&self, statements: &[String]) -> Result<(), PostgresError> {
        let mut arguments = words(&["--single", "-c", "exit_on_error=true", "-D"]);
        arguments.extend([self.files.clone().into_os_string(), "postgres".into()]);
        // In this mode a line is a statement.
        let input = statements.join("\n") + "\n";
        self.installation.run("postgres", &arguments, &[], &input).map(drop)
    }

    fn check_version(&self) -> Result<(), PostgresError> {
        let file = self.files.join("PG_VERSION");
        let version = fs::read_to_string(&file).map_err(|source| files(&file, source))?;
        if version.trim() == self.installation.major().to_string() {
            return Ok(());
        }
        Err(PostgresError::OtherVersion {
            files: self.files.clone(),
            version: version.trim().to_owned(),
            installed: self.installation.version().to_owned(),
        })
    }
}

/// Names and passwords have been checked: none has a quote.
fn set_password(user: &str, password: &str) -> String {
    format!(r#"ALTER ROLE "{user}" PASSWORD '{password}'"#)
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn remove_file(file: &Path) -> Result<(), PostgresError> {
    fs::remove_file(file).map_err(|source| files(file, source))
}

fn files(path: &Path, source: std::io::Error) -> PostgresError {
    PostgresError::Files {
        path: path.to_owned(),
        source,
    }
}
