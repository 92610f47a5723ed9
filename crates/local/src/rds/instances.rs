//! The calls on instances.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use slipway_model::error_chain::chain;

use super::parameters::Parameters;
use super::snapshots::{self, Snapshot, SnapshotStatus};
use super::{INSTANCE, Rds, SNAPSHOT, folder, identifier, invalid, iso, not_found};
use crate::Error;
use crate::wire::{AwsError, arn};

/// Parameters of `CreateDBInstance` and `RestoreDBInstanceFromDBSnapshot` that mean nothing for a folder.
const IGNORED: &[&str] = &[
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "AvailabilityZone",
    "BackupRetentionPeriod",
    "CACertificateIdentifier",
    "CopyTagsToSnapshot",
    "DBName",
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
    "ManageMasterUserPassword",
    "MasterUserPassword",
    "MasterUsername",
    "MaxAllocatedStorage",
    "MonitoringInterval",
    "MultiAZ",
    "OptionGroupName",
    "Port",
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
    /// It is restored from this snapshot.
    Creating {
        from: String,
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
    final_snapshot: Option<String>,
}

impl Rds {
    pub(super) fn create_instance(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = instance_id(&mut parameters)?;
        let instance = Instance {
            class: parameters.required("DBInstanceClass")?,
            engine: parameters.required("Engine")?,
            status: InstanceStatus::Available,
            created: Timestamp::now(),
            final_snapshot: None,
            id,
        };
        parameters.refuse_others(IGNORED)?;
        self.check_new(&instance.id)?;
        let folder = self.volumes.join(&instance.id);
        fs::create_dir_all(&folder).map_err(|source| {
            AwsError::from(Error::DataFolder {
                path: folder.clone(),
                source,
            })
        })?;
        self.ledger.put(INSTANCE, &instance.id, &instance)?;
        self.shown(&instance)
    }

    pub(super) fn restore_instance(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = instance_id(&mut parameters)?;
        let from = snapshots::snapshot_id(&mut parameters)?;
        let class = parameters.optional("DBInstanceClass")?;
        let engine = parameters.optional("Engine")?;
        parameters.refuse_others(IGNORED)?;
        self.check_new(&id)?;
        let snapshot = self.snapshot(&from)?;
        if snapshot.status != SnapshotStatus::Available {
            return Err(snapshots::not_available(&snapshot));
        }
        if engine.is_some_and(|engine| engine != snapshot.engine) {
            return Err(invalid(format!(
                "Engine: the snapshot {from} is of {}.",
                snapshot.engine
            )));
        }
        let instance = Instance {
            class: class.unwrap_or(snapshot.class),
            engine: snapshot.engine,
            status: InstanceStatus::Creating { from: from.clone() },
            created: Timestamp::now(),
            final_snapshot: None,
            id,
        };
        self.ledger.put(INSTANCE, &instance.id, &instance)?;
        self.begin_restore(instance.clone(), from);
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
        self.check_available(&instance)?;
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

    /// Fills the folder of an instance from a snapshot.
    pub(super) fn begin_restore(&self, mut instance: Instance, from: String) {
        let rds = self.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = folder::copy(&rds.snapshots.join(&from), &rds.volumes.join(&instance.id)) {
                // It stays `creating`, and is tried again by the next server.
                tracing::error!(instance = instance.id, from, error = %chain(&error), "an instance cannot be restored");
                return;
            }
            instance.status = InstanceStatus::Available;
            if let Err(error) = rds.ledger.put(INSTANCE, &instance.id, &instance) {
                tracing::error!(instance = instance.id, error = %chain(&error), "the end of a restore was not recorded");
            }
        });
    }

    /// Takes the last snapshot of an instance, if it is to have one, and removes its folder.
    pub(super) fn begin_deletion(&self, instance: Instance) {
        let rds = self.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = rds.remove(&instance) {
                // It stays `deleting`, and is tried again by the next server.
                tracing::error!(instance = instance.id, error = %error, "an instance cannot be deleted");
            }
        });
    }

    fn remove(&self, instance: &Instance) -> Result<(), AwsError> {
        if let Some(last) = &instance.final_snapshot {
            let taken = self.ledger.get::<Snapshot>(SNAPSHOT, last)?;
            // One that is whole was taken before the last server ended.
            if taken.is_none_or(|taken| taken.status != SnapshotStatus::Available) {
                let snapshot = Snapshot::new(last.clone(), instance);
                self.ledger.put(SNAPSHOT, last, &snapshot)?;
                self.take(snapshot)?;
            }
        }
        let folder = self.volumes.join(&instance.id);
        match fs::remove_dir_all(&folder) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::DataFolder { path: folder, source }.into());
            }
            _ => {}
        }
        self.ledger.delete(INSTANCE, &instance.id)?;
        Ok(())
    }

    /// An instance that has to be there.
    pub(super) fn instance(&self, id: &str) -> Result<Instance, AwsError> {
        let instance = self.ledger.get::<Instance>(INSTANCE, id)?;
        instance.ok_or_else(|| not_found("DBInstanceNotFound", &format!("DBInstance {id}")))
    }

    /// An instance that is whole, and that nobody takes a snapshot of.
    pub(super) fn check_available(&self, instance: &Instance) -> Result<(), AwsError> {
        let status = instance.status_text(&self.backing_up()?);
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
        json!({
            "DBInstanceIdentifier": instance.id,
            "DBInstanceClass": instance.class,
            "Engine": instance.engine,
            "DBInstanceStatus": instance.status_text(busy),
            "Endpoint": {"Address": self.volumes.join(&instance.id).display().to_string()},
            "InstanceCreateTime": iso(instance.created),
            "DBInstanceArn": arn("rds", &format!("db:{}", instance.id)),
            "DeletionProtection": false,
        })
    }

    /// The instances of which a snapshot is being taken.
    fn backing_up(&self) -> Result<BTreeSet<String>, Error> {
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
