//! The calls on snapshots.

use crate::error::chain;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::instances::{self, Instance, InstanceStatus};
use super::{INSTANCE, Rds, SNAPSHOT, identifier, iso, not_found};
use crate::folders;
use crate::parameters::Parameters;
use crate::postgres::Server;
use crate::wire::{AwsError, arn};

/// Where a snapshot is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SnapshotStatus {
    Creating,
    Available,
    Failed,
}

/// A snapshot, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    id: String,
    pub(super) instance: String,
    pub(super) class: String,
    pub(super) engine: String,
    pub(super) status: SnapshotStatus,
    created: Timestamp,
    /// The server that it was taken of. Without one it is the copy of a folder.
    #[serde(default)]
    pub(super) server: Option<Server>,
}

impl Rds {
    pub(super) fn create_snapshot(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = snapshot_id(&mut parameters)?;
        let instance = instances::instance_id(&mut parameters)?;
        parameters.refuse_others(&["Tags"])?;
        let instance = self.instance(&instance)?;
        self.check_available(&instance)?;
        self.check_new_snapshot(&id)?;
        let snapshot = Snapshot::new(id, &instance);
        self.ledger.put(SNAPSHOT, &snapshot.id, &snapshot)?;
        self.begin_snapshot(snapshot.clone());
        Ok(json!({"DBSnapshot": snapshot.to_json()}))
    }

    pub(super) fn describe_snapshots(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = parameters.optional("DBSnapshotIdentifier")?;
        let instance = parameters.optional("DBInstanceIdentifier")?;
        let kind = parameters.optional("SnapshotType")?;
        parameters.refuse_others(&["MaxRecords"])?;
        let mut snapshots = if let Some(id) = id {
            vec![self.snapshot(&id.to_ascii_lowercase())?]
        } else {
            let all = self.ledger.list::<Snapshot>(SNAPSHOT)?;
            all.into_iter().map(|(_, snapshot)| snapshot).collect()
        };
        let instance = instance.map(|instance| instance.to_ascii_lowercase());
        snapshots.retain(|snapshot| {
            instance.as_ref().is_none_or(|instance| *instance == snapshot.instance)
                && kind.as_deref().is_none_or(|kind| kind == "manual")
        });
        Ok(json!({"DBSnapshots": snapshots.iter().map(Snapshot::to_json).collect::<Vec<_>>()}))
    }

    pub(super) fn delete_snapshot(&self, mut parameters: Parameters) -> Result<Value, AwsError> {
        let id = snapshot_id(&mut parameters)?;
        parameters.refuse_others(&[])?;
        let snapshot = self.snapshot(&id)?;
        if snapshot.status == SnapshotStatus::Creating {
            return Err(not_available(&snapshot));
        }
        let is_used = |instance: &Instance| instance.status == InstanceStatus::Creating { from: Some(id.clone()) };
        if self
            .ledger
            .list::<Instance>(INSTANCE)?
            .iter()
            .any(|(_, instance)| is_used(instance))
        {
            let message = format!("An instance is being restored from the snapshot {id}.");
            return Err(AwsError::new("InvalidDBSnapshotState", message));
        }
        self.ledger.delete(SNAPSHOT, &id)?;
        let folder = self.snapshots.join(&id);
        if let Err(error) = folders::remove(&folder) {
            // A snapshot of the same name takes its place; until then it only uses space.
            tracing::warn!(folder = %folder.display(), %error, "the files of a deleted snapshot stay");
        }
        self.announce(&snapshot, "RDS-EVENT-0041", "deletion", "Deleted user snapshot");
        let mut shown = snapshot.to_json();
        shown["Status"] = json!("deleted");
        Ok(json!({ "DBSnapshot": shown }))
    }

    pub(super) fn begin_snapshot(&self, snapshot: Snapshot) {
        let rds = self.clone();
        tokio::task::spawn_blocking(move || {
            let id = snapshot.id.clone();
            if let Err(error) = rds.take(snapshot) {
                tracing::error!(id, %error, "a snapshot was not taken");
            }
        });
    }

    /// Copies what the instance keeps, and says that the snapshot is there, or why it is not.
    pub(super) fn take(&self, mut snapshot: Snapshot) -> Result<(), AwsError> {
        let copied = self.copy(&snapshot);
        snapshot.status = if copied.is_ok() {
            SnapshotStatus::Available
        } else {
            SnapshotStatus::Failed
        };
        self.ledger.put(SNAPSHOT, &snapshot.id, &snapshot)?;
        copied?;
        self.announce(&snapshot, "RDS-EVENT-0042", "creation", "Manual snapshot created");
        Ok(())
    }

    fn copy(&self, snapshot: &Snapshot) -> Result<(), AwsError> {
        let to = self.snapshots.join(&snapshot.id);
        let Some(server) = &snapshot.server else {
            let copied = folders::copy(&self.volumes.join(&snapshot.instance), &to);
            return copied.map_err(|error| AwsError::internal(&error));
        };
        let admin = self.passwords(&snapshot.instance)?.admin;
        let backed_up = self.postgres.back_up(&snapshot.instance, server, &admin, &to);
        backed_up.map_err(|error| AwsError::internal(&error))
    }

    /// Best effort, as on AWS.
    fn announce(&self, snapshot: &Snapshot, event: &str, category: &str, message: &str) {
        let detail = json!({
            "EventCategories": [category],
            "SourceType": "SNAPSHOT",
            "SourceArn": snapshot.arn(),
            "SourceIdentifier": snapshot.id,
            "Date": iso(Timestamp::now()),
            "Message": message,
            "EventID": event,
        });
        let put = self
            .events
            .put("aws.rds", "RDS DB Snapshot Event", &[snapshot.arn()], &detail);
        if let Err(error) = put {
            tracing::error!(snapshot = snapshot.id, error = %chain(&error), "cannot publish what happened");
        }
    }

    /// A snapshot that has to be there.
    pub(super) fn snapshot(&self, id: &str) -> Result<Snapshot, AwsError> {
        let snapshot = self.ledger.get::<Snapshot>(SNAPSHOT, id)?;
        snapshot.ok_or_else(|| not_found("DBSnapshotNotFound", &format!("DBSnapshot {id}")))
    }

    pub(super) fn check_new_snapshot(&self, id: &str) -> Result<(), AwsError> {
        if self.ledger.get::<Snapshot>(SNAPSHOT, id)?.is_none() {
            return Ok(());
        }
        let message = format!("Cannot create the snapshot because a snapshot with the identifier {id} already exists.");
        Err(AwsError::new("DBSnapshotAlreadyExists", message))
    }
}

impl Snapshot {
    pub(super) fn new(id: String, instance: &Instance) -> Self {
        Self {
            id,
            instance: instance.id.clone(),
            class: instance.class().to_owned(),
            engine: instance.engine.clone(),
            status: SnapshotStatus::Creating,
            created: Timestamp::now(),
            server: instance.server.clone(),
        }
    }

    fn arn(&self) -> String {
        arn("rds", &format!("snapshot:{}", self.id))
    }

    fn to_json(&self) -> Value {
        json!({
            "DBSnapshotIdentifier": self.id,
            "DBInstanceIdentifier": self.instance,
            "DBSnapshotArn": self.arn(),
            "Engine": self.engine,
            "SnapshotType": "manual",
            "Status": self.status,
            "PercentProgress": if self.status == SnapshotStatus::Available { 100 } else { 0 },
            "SnapshotCreateTime": iso(self.created),
        })
    }
}

pub(super) fn not_available(snapshot: &Snapshot) -> AwsError {
    let message = format!("The snapshot {} is not in available state.", snapshot.id);
    AwsError::new("InvalidDBSnapshotState", message)
}

pub(super) fn snapshot_id(parameters: &mut Parameters) -> Result<String, AwsError> {
    let name = "DBSnapshotIdentifier";
    identifier(name, &parameters.required(name)?, 255)
}
