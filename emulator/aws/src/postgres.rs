//! PostgreSQL servers of this machine, one for each instance of the local RDS that asks for one.
//!
//! ```text
//! postgres-templates/VERSION   what `initdb` made once; every cluster begins as a copy of it
//! postgres/INSTANCE/cluster    the files of the server
//! postgres/INSTANCE/process    its supervised process (see [`crate::process`]), which outlives this server
//! ```
//!
//! A server listens on loopback, with passwords. One that ends by itself is started again, as RDS does; what it writes is in
//! the log group `/aws/rds/instance/INSTANCE/postgresql`, where RDS publishes it too.

mod cluster;
mod installation;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::cluster::{Cluster, Owner};
pub use self::installation::Installation;
use crate::daemon::{Daemon, DaemonError, Daemons};
use crate::folders::{self, CopyError, FolderError};
use crate::host::Host;

/// An operation on a PostgreSQL server that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// A folder does not hold the programs.
    #[error(
        "failed to find PostgreSQL in {}: initdb, postgres and pg_basebackup must be there. Correct {variable}, \
         or set it to an empty text to disable PostgreSQL",
        folder.display()
    )]
    Programs {
        folder: PathBuf,
        /// The environment variable that names it.
        variable: &'static str,
    },
    /// There are no programs on this machine.
    #[error(
        "failed to run PostgreSQL: it is not installed. Install it (Debian: apt-get install postgresql) and restart the server"
    )]
    NotInstalled,
    /// A program could not be run.
    #[error("failed to run {program}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program reported a failure.
    #[error("{program} failed with {status}: {reason}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// Its last line.
        reason: String,
    },
    /// Files of a cluster could not be read or written.
    #[error("failed to use the database files {}", path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Files of a cluster could not be copied.
    #[error("failed to copy the database files")]
    Copy(#[from] CopyError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A cluster was made by another major version.
    #[error(
        "failed to start the database {}: its files are of PostgreSQL {version}, and {installed} is installed. Install \
         PostgreSQL {version}, or move the data with pg_dump",
        files.display()
    )]
    OtherVersion {
        /// The cluster.
        files: PathBuf,
        /// The version of its files.
        version: String,
        /// The version of the programs.
        installed: String,
    },
    /// The server does not run.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
}

/// What the record of an instance says of its server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Server {
    /// The port on loopback, which stays the same for the life of the instance.
    pub(crate) port: u16,
    /// The master user.
    pub(crate) user: String,
    /// The database that it owns.
    pub(crate) database: String,
    /// Whether its password is a secret that RDS manages.
    pub(crate) is_managed: bool,
}

/// The passwords of an instance.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    /// The superuser's, which this server alone has.
    pub(crate) admin: String,
    /// The master user's.
    pub(crate) master: String,
}

/// What a cluster begins with.
pub(crate) enum Origin<'a> {
    /// Nothing but the master user and its database.
    Empty,
    /// The files of a snapshot.
    Snapshot(&'a Path),
}

/// The PostgreSQL servers of a data folder. Clones share everything.
#[derive(Clone)]
pub struct Postgres {
    installation: Option<Arc<Installation>>,
    clusters: PathBuf,
    templates: PathBuf,
    running: Daemons,
}

impl Postgres {
    /// The servers below a data folder, with the programs of this machine if there are any.
    pub fn new(host: &Host, installation: Option<Installation>) -> Self {
        Self {
            installation: installation.map(Arc::new),
            clusters: host.data.join("postgres"),
            templates: host.data.join("postgres-templates"),
            running: Daemons::new(host),
        }
    }

    /// The installed version, such as `15.18`.
    pub fn version(&self) -> Option<&str> {
        self.installation.as_deref().map(Installation::version)
    }

    /// Makes the files of an instance and starts its server; it accepts connections when this returns.
    pub(crate) async fn create(
        &self,
        instance: &str,
        server: &Server,
        passwords: &Passwords,
        origin: Origin<'_>,
    ) -> Result<(), PostgresError> {
        let snapshot = match origin {
            Origin::Empty => None,
            Origin::Snapshot(folder) => Some(folder.to_owned()),
        };
        let (postgres, id) = (self.clone(), instance.to_owned());
        let (wanted, passwords) = (server.clone(), passwords.clone());
        let made = tokio::task::spawn_blocking(move || {
            let cluster = postgres.cluster(&id)?;
            let owner = Owner {
                user: &wanted.user,
                password: &passwords.master,
                database: &wanted.database,
            };
            match snapshot {
                None => cluster.create(&postgres.templates, &passwords.admin, &owner),
                Some(snapshot) => cluster.restore(&snapshot, &passwords.admin, &owner),
            }
        });
        joined(made.await)?;
        self.start(instance, server)?;
        Ok(self.running.ready(instance).await?)
    }

    /// Starts the server of an instance in the background, or takes over the process of an earlier start.
    pub(crate) fn start(&self, instance: &str, server: &Server) -> Result<(), PostgresError> {
        let cluster = self.cluster(instance)?;
        let daemon = Daemon {
            program: cluster.program(server.port)?,
            folder: self.clusters.join(instance).join("process"),
            log: (format!("/aws/rds/instance/{instance}/postgresql"), "postgresql.log"),
            ready: "database system is ready to accept connections",
        };
        Ok(self.running.start(instance, daemon, || cluster.is_ready())?)
    }

    /// Takes a snapshot of a running server. Blocks.
    pub(crate) fn back_up(&self, instance: &str, server: &Server, admin: &str, to: &Path) -> Result<(), PostgresError> {
        self.cluster(instance)?.back_up(server.port, admin, to)
    }

    /// Stops the server of an instance and removes its files.
    pub(crate) async fn delete(&self, instance: &str) -> Result<(), PostgresError> {
        self.running.stop(instance).await;
        let folder = self.clusters.join(instance);
        let removed = tokio::task::spawn_blocking(move || Ok(folders::remove(&folder)?));
        joined(removed.await)
    }

    /// What the server of an instance is doing, in RDS's words.
    pub(crate) fn status(&self, instance: &str) -> &'static str {
        self.running.status(instance)
    }

    /// Stops all servers. Their files stay.
    pub async fn shutdown(&self) {
        self.running.stop_all().await;
    }

    fn cluster(&self, instance: &str) -> Result<Cluster<'_>, PostgresError> {
        let installation = self.installation.as_deref().ok_or(PostgresError::NotInstalled)?;
        Ok(Cluster {
            installation,
            files: self.clusters.join(instance).join("cluster"),
        })
    }
}

/// The result of a task that is never aborted: only a panic of its own, which was printed, can end it otherwise.
fn joined<T>(result: Result<Result<T, PostgresError>, tokio::task::JoinError>) -> Result<T, PostgresError> {
    result.unwrap_or_else(|error| {
        Err(PostgresError::Run {
            program: "a step of PostgreSQL".to_owned(),
            source: io::Error::other(error),
        })
    })
}
