//! The calls on replication groups.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::error::chain;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ElastiCache, GROUP};
use crate::daemon::{Daemon, DaemonError};
use crate::folders::{self, FolderError};
use crate::parameters::{Parameters, invalid};
use crate::process::Program;
use crate::secrets::new_password;
use crate::wire::{AwsError, arn};

/// Parameters of `CreateReplicationGroup` that mean nothing on one machine.
const IGNORED: &[&str] = &[
    "AtRestEncryptionEnabled",
    "AutoMinorVersionUpgrade",
    "AutomaticFailoverEnabled",
    "CacheNodeType",
    "CacheParameterGroupName",
    "CacheSubnetGroupName",
    "EngineVersion",
    "KmsKeyId",
    "MultiAZEnabled",
    "NumCacheClusters",
    "PreferredMaintenanceWindow",
    "ReplicationGroupDescription",
    "SecurityGroupIds",
    "SnapshotRetentionLimit",
    "SnapshotWindow",
    "Tags",
];

/// A replication group, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    id: String,
    port: u16,
}

impl ElastiCache {
    pub(super) async fn create_group(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = group_id(&mut parameters)?;
        let engine = parameters.optional("Engine")?;
        let token = parameters.optional("AuthToken")?;
        let is_encrypted = parameters.flag("TransitEncryptionEnabled")?;
        let port = parameters.port()?;
        parameters.refuse_others(IGNORED)?;
        if let Some(engine) = engine.filter(|engine| !["redis", "valkey"].contains(&engine.as_str())) {
            return Err(invalid(format!(
                "Engine: this emulator runs redis and valkey, not {engine}."
            )));
        }
        if is_encrypted {
            return Err(invalid(
                "TransitEncryptionEnabled: this emulator has no certificates; leave it out.",
            ));
        }
        if self.ledger.get::<Group>(GROUP, &id)?.is_some() {
            let message = format!("The replication group {id} already exists.");
            return Err(AwsError::new("ReplicationGroupAlreadyExists", message));
        }
        let password = token.map_or_else(|| Ok(new_password()), checked_token)?;
        let group = Group { id, port };
        // A request whose caller goes away is carried out all the same.
        let (service, made) = (self.clone(), group.clone());
        let making = tokio::spawn(async move { service.make_or_remove(&made, &password).await });
        making.await.map_err(|error| AwsError::internal(&error))??;
        Ok(json!({ "ReplicationGroup": self.group_json(&group) }))
    }

    /// Makes a group: of one that cannot be made, nothing stays.
    async fn make_or_remove(&self, group: &Group, password: &str) -> Result<(), AwsError> {
        let made = self.make(group, password).await;
        if made.is_err() {
            self.remove(&group.id).await?;
        }
        made
    }

    async fn make(&self, group: &Group, password: &str) -> Result<(), AwsError> {
        let Group { id, port } = group;
        let folder = self.folder.join(id);
        folders::make(&folder.join("data"))?;
        write_config(&folder, *port, password).map_err(|source| FolderError {
            path: folder.clone(),
            source,
        })?;
        let host = Ipv4Addr::LOCALHOST;
        let url = format!("redis://:{password}@{host}:{port}/0");
        let secret = json!({"host": host, "port": port, "password": password, "url": url});
        self.secrets.put(&secret_name(id), &secret)?;
        self.ledger.put(GROUP, id, group)?;
        self.start(group)?;
        let ready = self.servers.ready(id).await;
        ready.map_err(|error| AwsError::new("InternalFailure", chain(&error)))
    }

    /// Starts the server of a group, or takes over its process.
    pub(super) fn start(&self, group: &Group) -> Result<(), AwsError> {
        let installation = self.installation.as_ref().ok_or_else(|| {
            AwsError::new(
                "InsufficientCacheClusterCapacity",
                "Neither Valkey nor Redis is installed. Install one (Debian: apt-get install redis-server) and restart the server.",
            )
        })?;
        let folder = self.folder.join(&group.id);
        let daemon = Daemon {
            program: Program {
                argv: vec![
                    installation.program().as_os_str().to_owned(),
                    OsString::from(folder.join("config")),
                ],
                working_folder: folder.join("data"),
                environment: std::collections::BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]),
            },
            folder: folder.join("process"),
            log: (format!("/aws/elasticache/{}", group.id), "engine.log"),
            ready: "Ready to accept connections",
        };
        let accepts = || TcpStream::connect((Ipv4Addr::LOCALHOST, group.port)).is_ok();
        let started = self.servers.start(&group.id, daemon, accepts);
        started.map_err(|error: DaemonError| AwsError::new("InternalFailure", chain(&error)))
    }

    pub(super) fn describe_groups(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = parameters.optional("ReplicationGroupId")?;
        parameters.refuse_others(&["MaxRecords"])?;
        let groups = if let Some(id) = id {
            vec![self.group(&id.to_ascii_lowercase())?]
        } else {
            let all = self.ledger.list::<Group>(GROUP)?;
            all.into_iter().map(|(_, group)| group).collect()
        };
        let shown: Vec<_> = groups.iter().map(|group| self.group_json(group)).collect();
        Ok(json!({ "ReplicationGroups": shown }))
    }

    pub(super) async fn delete_group(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = group_id(&mut parameters)?;
        parameters.refuse_others(&[])?;
        let group = self.group(&id)?;
        let mut shown = self.group_json(&group);
        shown["Status"] = json!("deleting");
        self.remove(&id).await?;
        Ok(json!({ "ReplicationGroup": shown }))
    }

    async fn remove(&self, id: &str) -> Result<(), AwsError> {
        self.servers.stop(id).await;
        folders::remove(&self.folder.join(id))?;
        self.secrets.delete(&secret_name(id))?;
        self.ledger.delete(GROUP, id)?;
        Ok(())
    }

    fn group(&self, id: &str) -> Result<Group, AwsError> {
        let group = self.ledger.get::<Group>(GROUP, id)?;
        group.ok_or_else(|| {
            let message = format!("ReplicationGroup {id} not found.");
            AwsError::new("ReplicationGroupNotFoundFault", message).with_status(StatusCode::NOT_FOUND)
        })
    }

    fn group_json(&self, group: &Group) -> Value {
        let endpoint = json!({"Address": Ipv4Addr::LOCALHOST, "Port": group.port});
        json!({
            "ReplicationGroupId": group.id,
            "Status": self.servers.status(&group.id),
            "ARN": arn("elasticache", &format!("replicationgroup:{}", group.id)),
            "AuthTokenEnabled": true,
            "TransitEncryptionEnabled": false,
            "NodeGroups": [{"NodeGroupId": "0001", "Status": "available", "PrimaryEndpoint": endpoint}],
        })
    }
}

/// The configuration is a file, because arguments show in the list of processes.
fn write_config(folder: &Path, port: u16, password: &str) -> io::Result<()> {
    let file = folder.join("config");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)?;
    // `save ""` and `appendonly`: each write is in a log, so that a restart loses nothing.
    write!(
        file,
        "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly yes\n"
    )
}

fn secret_name(id: &str) -> String {
    format!("elasticache!{id}")
}

/// 1 to 40 letters, digits and hyphens, by the API reference; ElastiCache keeps them in lower case.
fn group_id(parameters: &mut Parameters) -> Result<String, AwsError> {
    let id = parameters.required("ReplicationGroupId")?;
    let is_one = id.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && id.len() <= 40
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !id.ends_with('-')
        && !id.contains("--");
    if is_one {
        return Ok(id.to_ascii_lowercase());
    }
    Err(invalid(
        "The parameter ReplicationGroupId must have 1 to 40 letters, digits and hyphens, begin with a letter, and neither end \
         with a hyphen nor contain two consecutive hyphens.",
    ))
}

/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html>, without the characters that a URL would escape.
fn checked_token(token: String) -> Result<String, AwsError> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"!-_".contains(&b);
    if (16..=128).contains(&token.len()) && token.bytes().all(is_allowed) {
        return Ok(token);
    }
    Err(invalid(
        "The parameter AuthToken must have 16 to 128 letters, digits and characters of !-_ in this emulator.",
    ))
}
