//! RDS, where an instance is a PostgreSQL server of this machine, or a folder.
//!
//! An instance with a `MasterUsername` is a server ([`crate::postgres`]): its endpoint is a port on loopback, and the secret
//! that RDS manages has its password. A snapshot is a `pg_basebackup` of the running server.
//!
//! Without PostgreSQL on this machine, a database is a file that tasks share: an instance without a `MasterUsername` is the
//! folder `volumes/IDENTIFIER` below the data folder, which tasks mount as a volume, and which `DescribeDBInstances` shows as
//! the address of the endpoint. The folder `volumes` is the one that the environment `local` gives to blueprints. A snapshot
//! is a copy of the folder, below `snapshots`. SQLite files are copied as of one moment, also while they are written
//! ([`crate::folders`]).
//!
//! Copies are made in the background, as on AWS: a snapshot is `creating` until it is whole, and so is an instance that is
//! restored. What a crash interrupts begins anew with the next server. When a snapshot is whole, its event is on the bus.

mod instances;
mod lifecycle;
mod servers;
mod snapshots;

use std::path::PathBuf;

use crate::error::chain;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value};

use self::instances::{Instance, InstanceStatus};
use self::snapshots::{Snapshot, SnapshotStatus};
use crate::events::EventBus;
use crate::folders::{self, FolderError};
use crate::host::Host;
use crate::ledger::{Ledger, LedgerError};
use crate::parameters::{Parameters, invalid};
use crate::postgres::Postgres;
use crate::secrets::Secrets;
use crate::wire::AwsError;

const INSTANCE: &str = "rds-instance";
const SNAPSHOT: &str = "rds-snapshot";

/// The version of the API, which requests name.
pub const VERSION: &str = "2014-10-31";
/// What its XML is of.
pub const NAMESPACE: &str = "http://rds.amazonaws.com/doc/2014-10-31/";

/// The RDS service. Clones share everything.
#[derive(Clone)]
pub struct Rds {
    ledger: Ledger,
    events: EventBus,
    postgres: Postgres,
    secrets: Secrets,
    volumes: PathBuf,
    snapshots: PathBuf,
}

impl Rds {
    /// RDS on a data folder. Call [`Self::recover`] next.
    pub fn new(host: &Host, postgres: Postgres) -> Result<Self, FolderError> {
        Ok(Self {
            secrets: Secrets::new(host.ledger.clone()),
            ledger: host.ledger.clone(),
            events: host.events.clone(),
            postgres,
            volumes: folders::make(&host.data.join("volumes"))?,
            snapshots: folders::make(&host.data.join("snapshots"))?,
        })
    }

    /// One call of the wire API, by its parameters.
    pub async fn call(&self, action: &str, parameters: Map<String, Value>) -> Result<Value, AwsError> {
        let parameters = Parameters::new(parameters);
        match action {
            "CreateDBInstance" => self.create_instance(parameters).await,
            "DescribeDBInstances" => self.describe_instances(parameters),
            "DeleteDBInstance" => self.delete_instance(parameters),
            "CreateDBSnapshot" => self.create_snapshot(parameters),
            "DescribeDBSnapshots" => self.describe_snapshots(parameters),
            "DeleteDBSnapshot" => self.delete_snapshot(parameters),
            "RestoreDBInstanceFromDBSnapshot" => self.restore_instance(parameters),
            // A folder is an instance. The workflow asks for these where a blueprint says that it has a cluster.
            "CreateDBClusterSnapshot" => Err(not_found(
                "DBClusterNotFoundFault",
                "This emulator has no clusters: DBCluster",
            )),
            "DescribeDBClusterSnapshots" => Err(not_found(
                "DBClusterSnapshotNotFoundFault",
                "This emulator has no clusters: DBClusterSnapshot",
            )),
            _ => Err(AwsError::new(
                "InvalidAction",
                format!("The action {action} is not known to this service or is not supported by this emulator."),
            )),
        }
    }

    /// Goes on with what the last server did not finish.
    pub fn recover(&self) -> Result<(), LedgerError> {
        for (_, snapshot) in self.ledger.list::<Snapshot>(SNAPSHOT)? {
            if snapshot.status == SnapshotStatus::Creating {
                self.begin_snapshot(snapshot);
            }
        }
        for (_, instance) in self.ledger.list::<Instance>(INSTANCE)? {
            match instance.status {
                InstanceStatus::Available => self.start_server(&instance),
                InstanceStatus::Creating { .. } => self.begin_making(instance),
                InstanceStatus::Deleting => self.begin_deletion(instance),
            }
        }
        Ok(())
    }

    /// Stops the servers. Their files stay, and the next server starts them again.
    pub async fn shutdown(&self) {
        self.postgres.shutdown().await;
    }

    /// Starts the server of an instance, or takes over its process. One that does not start is shown as stopped, and keeps
    /// neither the others nor the server from starting.
    fn start_server(&self, instance: &Instance) {
        let Some(server) = &instance.server else {
            return;
        };
        if let Err(error) = self.postgres.start(&instance.id, server) {
            tracing::error!(instance = instance.id, error = %chain(&error), "a database is not started");
        }
    }
}

/// Identifiers are parts of folders, so nothing else may be in them. RDS keeps them in lower case.
fn identifier(parameter: &str, text: &str, longest: usize) -> Result<String, AwsError> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let is_one = text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && text.len() <= longest
        && text.bytes().all(is_allowed)
        && !text.ends_with('-')
        && !text.contains("--");
    if is_one {
        return Ok(text.to_ascii_lowercase());
    }
    Err(invalid(format!(
        "The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must contain only \
         ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
    )))
}

fn not_found(code: &'static str, what: &str) -> AwsError {
    AwsError::new(code, format!("{what} not found.")).with_status(StatusCode::NOT_FOUND)
}

fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
