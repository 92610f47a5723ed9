//! The life of an instance: what it keeps its data in is made, and removed.

use crate::error::chain;

use super::instances::{Instance, InstanceStatus};
use super::snapshots::{Snapshot, SnapshotStatus};
use super::{INSTANCE, Rds, SNAPSHOT};
use crate::folders;
use crate::postgres::Origin;
use crate::wire::AwsError;

impl Rds {
    pub(super) fn create_folder(&self, instance: &Instance) -> Result<(), AwsError> {
        folders::make(&self.volumes.join(&instance.id))?;
        Ok(self.ledger.put(INSTANCE, &instance.id, instance)?)
    }

    /// Makes an instance that is wanted now: of one that cannot be made, nothing stays.
    pub(super) async fn make_or_remove(&self, instance: Instance) -> Result<Instance, AwsError> {
        match self.make(instance.clone()).await {
            Err(error) => {
                self.postgres
                    .delete(&instance.id)
                    .await
                    .map_err(|error| AwsError::internal(&error))?;
                self.forget_passwords(&instance.id)?;
                self.ledger.delete(INSTANCE, &instance.id)?;
                Err(error)
            }
            made => made,
        }
    }

    /// Makes what an instance keeps its data in, from nothing or from a snapshot.
    async fn make(&self, mut instance: Instance) -> Result<Instance, AwsError> {
        let InstanceStatus::Creating { from } = &instance.status else {
            return Ok(instance);
        };
        let snapshot = from.as_ref().map(|from| self.snapshots.join(from));
        if let Some(server) = &instance.server {
            let passwords = self.passwords(&instance.id)?;
            let origin = snapshot.as_deref().map_or(Origin::Empty, Origin::Snapshot);
            let made = self.postgres.create(&instance.id, server, &passwords, origin).await;
            made.map_err(|error| AwsError::new("InternalFailure", chain(&error)))?;
        } else if let Some(snapshot) = snapshot {
            let to = self.volumes.join(&instance.id);
            let copied = tokio::task::spawn_blocking(move || folders::copy(&snapshot, &to)).await;
            copied
                .map_err(|error| AwsError::internal(&error))?
                .map_err(|error| AwsError::internal(&error))?;
        }
        instance.status = InstanceStatus::Available;
        self.ledger.put(INSTANCE, &instance.id, &instance)?;
        Ok(instance)
    }

    /// Makes an instance in the background.
    pub(super) fn begin_making(&self, instance: Instance) {
        let rds = self.clone();
        tokio::spawn(async move {
            let id = instance.id.clone();
            if let Err(error) = rds.make(instance).await {
                // It stays `creating`, and is tried again by the next server.
                tracing::error!(instance = id, %error, "an instance cannot be made");
            }
        });
    }

    /// Takes the last snapshot of an instance, if it is to have one, and removes what it kept its data in.
    pub(super) fn begin_deletion(&self, instance: Instance) {
        let rds = self.clone();
        tokio::spawn(async move {
            if let Err(error) = rds.remove(&instance).await {
                // It stays `deleting`, and is tried again by the next server.
                tracing::error!(instance = instance.id, %error, "an instance cannot be deleted");
            }
        });
    }

    async fn remove(&self, instance: &Instance) -> Result<(), AwsError> {
        if let Some(last) = &instance.final_snapshot {
            let taken = self.ledger.get::<Snapshot>(SNAPSHOT, last)?;
            // One that is whole was taken before the last server ended.
            if taken.is_none_or(|taken| taken.status != SnapshotStatus::Available) {
                let snapshot = Snapshot::new(last.clone(), instance);
                self.ledger.put(SNAPSHOT, last, &snapshot)?;
                let rds = self.clone();
                let taken = tokio::task::spawn_blocking(move || rds.take(snapshot)).await;
                taken.map_err(|error| AwsError::internal(&error))??;
            }
        }
        if instance.server.is_some() {
            let deleted = self.postgres.delete(&instance.id).await;
            deleted.map_err(|error| AwsError::internal(&error))?;
            self.forget_passwords(&instance.id)?;
        }
        folders::remove(&self.volumes.join(&instance.id))?;
        self.ledger.delete(INSTANCE, &instance.id)?;
        Ok(())
    }
}
