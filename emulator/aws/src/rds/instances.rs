//! The calls on instances.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;

use crate::error::chain;
use crate::ledger::LedgerError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::servers;
use super::snapshots::{self, Snapshot, SnapshotStatus};
use super::{INSTANCE, Rds, SNAPSHOT, identifier, iso, not_found};
use crate::parameters::{Parameters, invalid};
use crate::postgres::{PostgresError, Server};
use crate::wire::{AwsError, arn};

/// Parameters of `CreateDBInstance` and `RestoreDBInstanceFromDBSnapshot` that mean nothing on one machine.
const IGNORED: &[&str] = &[
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "AvailabilityZone",
    "BackupRetentionPeriod",
    "CACertificateIdentifier",
    "CopyTagsToSnapshot",
    "DBParameterGroupName",
    "DBSubnetGroupName",
    "DeletionProtection",
    "EnableCloudwatchLogsExports",
    "EnableIAMDatabaseAuthentication",
    "EnablePerformanceInsights",
    "EngineVersion",
    "Iops",
    "KmsKeyId",
    "LicenseModel",
    "MaxAllocatedStorage",
    "MonitoringInterval",
    "MultiAZ",
    "OptionGroupName",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "PubliclyAccessible",
    "StorageEncrypted",
    "StorageThroughput",
    "StorageType",
    "Tags",
    "VpcSecurityGroupIds",
];

/// Where an instance is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InstanceStatus {
    /// Its server is made, or it is restored from this snapshot.
    Creating {
        from: Option<String>,
    },
    Available,
    Deleting,
}

/// An instance, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Instance {
    pub(super) id: String,
    class: String,
    pub(super) engine: String,
    pub(super) status: InstanceStatus,
    created: Timestamp,
    /// The snapshot that is taken before its folder goes.
    pub(super) final_snapshot: Option<String>,
    /// Its PostgreSQL server. Without one it is a folder.
    #[serde(default)]
    pub(super) server: Option<Server>,
}

impl Rds {
    pub(super) async fn create_instance(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = instance_id(&mut parameters)?;
        let class = parameters.required("DBInstanceClass")?;
        let engine = parameters.required("Engine")?;
        let wanted = servers::wanted(&mut parameters)?;
        parameters.refuse_others(IGNORED)?;
        self.check_new(&id)?;
        let (server, passwords) = wanted.unzip();
        if let Some(server) = &server {
            self.check_server(&engine, server)?;
        }
        let status = match server {
            Some(_) => InstanceStatus::Creating { from: None },
            None => InstanceStatus::Available,
        };
        let instance = Instance {
            id,
            class,
            engine,
            status,
            created: Timestamp::now(),
            final_snapshot: None,
            server,
        };
        let Some((server, passwords)) = instance.server.as_ref().zip(passwords) else {
            self.create_folder(&instance)?;
            return self.shown(&instance);
        };
        self.keep_passwords(&instance.id, server, &passwords)?;
        self.ledger.put(INSTANCE, &instance.id, &instance)?;
        // RDS answers at once and takes minutes. Here it is quicker to wait than to ask again; the caller may go meanwhile.
        let rds = self.clone();
        let made = instance.clone();
        let making = tokio::spawn(async move { rds.make_or_remove(made).await });
        match making.await {
            Ok(Ok(instance)) => self.shown(&instance),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(AwsError::internal(&error)),
        }
    }

    fn check_server(&self, engine: &str, server: &Server) -> Result<(), AwsError> {
        if engine != "postgres" {
            return Err(invalid(format!(
                "Engine: this emulator runs postgres, not {engine}. Without MasterUsername the instance is a folder."
            )));
        }
        if self.postgres.version().is_none() {
            return Err(AwsError::new(
                "InsufficientDBInstanceCapacity",
                chain(&PostgresError::NotInstalled),
            ));
        }
        let others = self.ledger.list::<Instance>(INSTANCE)?;
        let other = others
            .iter()
            .find(|(_, other)| other.server.as_ref().is_some_and(|other| other.port == server.port));
        match other {
            Some((other, _)) => Err(invalid(format!("Port: the instance {other} has port {}.", server.port))),
            None => Ok(()),
        }
    }

    pub(super) fn restore_instance(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = instance_id(&mut parameters)?;
        let from = snapshots::snapshot_id(&mut parameters)?;
        let class = parameters.optional("DBInstanceClass")?;
        let engine = parameters.optional("Engine")?;
        let snapshot = self.snapshot(&from)?;
        let wanted = snapshot.server.as_ref();
        let wanted = wanted
            .map(|server| servers::restored(&mut parameters, server))
            .transpose()?;
        parameters.refuse_others(IGNORED)?;
        self.check_new(&id)?;
        if snapshot.status != SnapshotStatus::Available {
            return Err(snapshots::not_available(&snapshot));
        }
        if engine.is_some_and(|engine| engine != snapshot.engine) {
            return Err(invalid(format!(
                "Engine: the snapshot {from} is of {}.",
                snapshot.engine
            )));
        }
        let (server, passwords) = wanted.unzip();
        let instance = Instance {
            class: class.unwrap_or(snapshot.class),
            engine: snapshot.engine,
            status: InstanceStatus::Creating { from: Some(from) },
            created: Timestamp::now(),
            final_snapshot: None,
            id,
            server,
        };
        if let Some((server, passwords)) = instance.server.as_ref().zip(passwords) {
            self.check_server(&instance.engine, server)?;
            self.keep_passwords(&instance.id, server, &passwords)?;
        }
        self.ledger.put(INSTANCE, &instance.id, &instance)?;
        self.begin_making(instance.clone());
        self.shown(&instance)
    }

    pub(super) fn describe_instances(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = parameters.optional("DBInstanceIdentifier")?;
        parameters.refuse_others(&["MaxRecords"])?;
        let instances = if let Some(id) = id {
            vec![self.instance(&id.to_ascii_lowercase())?]
        } else {
            let all = self.ledger.list::<Instance>(INSTANCE)?;
            all.into_iter().map(|(_, instance)| instance).collect()
        };
        let busy = self.backing_up()?;
        let shown = instances.iter().map(|instance| self.instance_json(instance, &busy));
        Ok(json!({"DBInstances": shown.collect::<Vec<_>>()}))
    }

    pub(super) fn delete_instance(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = instance_id(&mut parameters)?;
        let skip = parameters.flag("SkipFinalSnapshot")?;
        let last = parameters.optional("FinalDBSnapshotIdentifier")?;
        parameters.refuse_others(&["DeleteAutomatedBackups"])?;
        let last = last
            .map(|last| identifier("FinalDBSnapshotIdentifier", &last, 255))
            .transpose()?;
        let wrong = match (skip, &last) {
            (true, Some(_)) => {
                Some("FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.")
            }
            (false, None) => Some("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(AwsError::new("InvalidParameterCombination", wrong));
        }
        let mut instance = self.instance(&id)?;
        // A server that does not start is deleted all the same, but not a last time copied.
        if last.is_some() || instance.status_text(&self.backing_up()?) != "available" {
            self.check_available(&instance)?;
        }
        if let Some(last) = &last {
            // Its snapshot is begun together with its end, so that no crash falls between.
            self.check_new_snapshot(last)?;
        }
        instance.status = InstanceStatus::Deleting;
        instance.final_snapshot = last;
        self.ledger.put(INSTANCE, &id, &instance)?;
        self.begin_deletion(instance.clone());
        self.shown(&instance)
    }

    /// An instance that has to be there.
    pub(super) fn instance(&self, id: &str) -> Result<Instance, AwsError> {
        let instance = self.ledger.get::<Instance>(INSTANCE, id)?;
        instance.ok_or_else(|| not_found("DBInstanceNotFound", &format!("DBInstance {id}")))
    }

    /// An instance that is complete and in no snapshot in progress.
    pub(super) fn check_available(&self, instance: &Instance) -> Result<(), AwsError> {
        let status = self.status(instance, &self.backing_up()?);
        if status == "available" {
            return Ok(());
        }
        let message = format!("Instance {} is not in available state. It is {status}.", instance.id);
        Err(AwsError::new("InvalidDBInstanceState", message))
    }

    fn check_new(&self, id: &str) -> Result<(), AwsError> {
        let exists = |message: String| Err(AwsError::new("DBInstanceAlreadyExists", message));
        if self.ledger.get::<Instance>(INSTANCE, id)?.is_some() {
            return exists(format!("DB instance {id} already exists."));
        }
        let folder = self.volumes.join(id);
        let is_empty = fs::read_dir(&folder).map_or(true, |mut files| files.next().is_none());
        if is_empty {
            return Ok(());
        }
        exists(format!(
            "The folder {} has files that belong to no instance: move them away, or take another identifier.",
            folder.display()
        ))
    }

    fn shown(&self, instance: &Instance) -> Result<Value, AwsError> {
        Ok(json!({"DBInstance": self.instance_json(instance, &self.backing_up()?)}))
    }

    fn instance_json(&self, instance: &Instance, busy: &BTreeSet<String>) -> Value {
        let endpoint = match &instance.server {
            Some(server) => json!({"Address": Ipv4Addr::LOCALHOST, "Port": server.port}),
            None => json!({"Address": self.volumes.join(&instance.id).display().to_string()}),
        };
        let mut shown = json!({
            "DBInstanceIdentifier": instance.id,
            "DBInstanceClass": instance.class,
            "Engine": instance.engine,
            "DBInstanceStatus": self.status(instance, busy),
            "Endpoint": endpoint,
            "InstanceCreateTime": iso(instance.created),
            "DBInstanceArn": arn("rds", &format!("db:{}", instance.id)),
            "DeletionProtection": false,
        });
        let of_server = instance
            .server
            .as_ref()
            .map(|server| servers::described(&instance.id, server));
        for (name, value) in of_server.into_iter().flatten() {
            shown[name] = value;
        }
        shown
    }

    fn status(&self, instance: &Instance, busy: &BTreeSet<String>) -> &'static str {
        match (instance.status_text(busy), &instance.server) {
            ("available", Some(_)) => self.postgres.status(&instance.id),
            (status, _) => status,
        }
    }

    /// The instances of which a snapshot is being taken.
    fn backing_up(&self) -> Result<BTreeSet<String>, LedgerError> {
        let snapshots = self.ledger.list::<Snapshot>(SNAPSHOT)?.into_iter();
        let busy = snapshots.filter(|(_, snapshot)| snapshot.status == SnapshotStatus::Creating);
        Ok(busy.map(|(_, snapshot)| snapshot.instance).collect())
    }
}

impl Instance {
    pub(super) fn class(&self) -> &str {
        &self.class
    }

    fn status_text(&self, busy: &BTreeSet<String>) -> &'static str {
        match self.status {
            InstanceStatus::Creating { .. } => "creating",
            InstanceStatus::Deleting => "deleting",
            InstanceStatus::Available if busy.contains(&self.id) => "backing-up",
            InstanceStatus::Available => "available",
        }
    }
}

pub(super) fn instance_id(parameters: &mut Parameters) -> Result<String, AwsError> {
    let name = "DBInstanceIdentifier";
    identifier(name, &parameters.required(name)?, 63)
}
