//! Finds the server program of Valkey or Redis on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs;

/// The programs, the first one first: Valkey is what ElastiCache recommends for new groups.
const PROGRAMS: [&str; 2] = ["valkey-server", "redis-server"];

/// Folders of packages that may not be on the `PATH`.
const FOLDERS: [&str; 4] = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/usr/sbin"];

/// A server program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    program: PathBuf,
    version: String,
}

impl Installation {
    /// The program that the environment variable names, or else the first one on this machine. An empty variable disables it.
    ///
    /// # Errors
    /// A text with the remedy, if the variable names a program that does not run.
    pub fn find(variable: &str) -> Result<Option<Self>, String> {
        let named = |program: &Path| {
            Self::at(program).ok_or_else(|| {
                format!(
                    "failed to run {}: correct {variable}, or set it to an empty text to disable Redis",
                    program.display()
                )
            })
        };
        programs::find(variable, named, || {
            let folders = [programs::search_path(), FOLDERS.map(PathBuf::from).to_vec()].concat();
            let candidates = PROGRAMS
                .iter()
                .flat_map(|program| folders.iter().map(move |folder| folder.join(program)));
            candidates
                .filter(|program| program.is_file())
                .find_map(|program| Self::at(&program))
        })
    }

    fn at(program: &Path) -> Option<Self> {
        let output = Command::new(program).arg("--version").output().ok()?;
        Some(Self {
            program: program.to_owned(),
            version: version(&String::from_utf8_lossy(&output.stdout))?,
        })
    }

    /// The product and its version, such as `Redis 7.0.15`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }
}

/// The version in `Redis server v=7.0.15 sha=00000000:0 …` or `Valkey server v=8.1.8 …`.
fn version(printed: &str) -> Option<String> {
    let (product, rest) = printed.split_once(" server v=")?;
    let version = rest.split_whitespace().next()?;
    Some(format!("{} {version}", product.trim()))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_version_names_the_product() {
        assert_eq!(
            version("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64\n").as_deref(),
            Some("Redis 7.0.15")
        );
        assert_eq!(
            version("Valkey server v=8.1.8 sha=0\n").as_deref(),
            Some("Valkey 8.1.8")
        );
        assert_eq!(version("memcached 1.6\n"), None);
    }
}
