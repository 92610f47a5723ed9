//! ElastiCache: a replication group is one Valkey or Redis server of this machine.
//!
//! ```text
//! elasticache/GROUP/data       its files
//! elasticache/GROUP/config     its configuration with the password, readable by the owner alone
//! elasticache/GROUP/process    its supervised process (see [`crate::daemon`])
//! ```
//!
//! The server listens on loopback, always with a password, and keeps its data over restarts. Its password is a secret of the
//! emulator's own, `elasticache!GROUP`, with the keys `host`, `port`, `password` and `url`: with a blueprint on AWS, Terraform makes
//! the token and the secret.

mod groups;
mod installation;

use std::path::PathBuf;

use crate::error::chain;
use serde_json::{Map, Value};

use self::groups::Group;
pub use self::installation::Installation;
use crate::daemon::Daemons;
use crate::host::Host;
use crate::ledger::{Ledger, LedgerError};
use crate::parameters::Parameters;
use crate::secrets::Secrets;
use crate::wire::AwsError;

const GROUP: &str = "elasticache-group";

/// The version of the API, which requests name.
pub const VERSION: &str = "2015-02-02";
/// The namespace of its XML.
pub const NAMESPACE: &str = "http://elasticache.amazonaws.com/doc/2015-02-02/";

/// The ElastiCache service. Clones share everything.
#[derive(Clone)]
pub struct ElastiCache {
    ledger: Ledger,
    secrets: Secrets,
    installation: Option<Installation>,
    folder: PathBuf,
    servers: Daemons,
}

impl ElastiCache {
    /// ElastiCache on a data folder. Call [`Self::recover`] next.
    pub fn new(host: &Host, installation: Option<Installation>) -> Self {
        Self {
            secrets: Secrets::new(host.ledger.clone()),
            ledger: host.ledger.clone(),
            installation,
            folder: host.data.join("elasticache"),
            servers: Daemons::new(host),
        }
    }

    /// One call of the wire API, by its parameters.
    pub async fn call(&self, action: &str, parameters: Map<String, Value>) -> Result<Value, AwsError> {
        let parameters = Parameters::new(parameters);
        match action {
            "CreateReplicationGroup" => self.create_group(parameters).await,
            "DescribeReplicationGroups" => self.describe_groups(parameters),
            "DeleteReplicationGroup" => self.delete_group(parameters).await,
            _ => Err(AwsError::new(
                "InvalidAction",
                format!("The action {action} is not known to this service or is not supported by this emulator."),
            )),
        }
    }

    /// Starts the servers, or takes over their processes. One that does not start is shown as stopped, and keeps neither the
    /// others nor the server from starting.
    pub fn recover(&self) -> Result<(), LedgerError> {
        for (id, group) in self.ledger.list::<Group>(GROUP)? {
            if let Err(error) = self.start(&group) {
                tracing::error!(group = id, error = %chain(&error), "a cache is not started");
            }
        }
        Ok(())
    }

    /// Stops the servers. Their data stays.
    pub async fn shutdown(&self) {
        self.servers.stop_all().await;
    }
}
