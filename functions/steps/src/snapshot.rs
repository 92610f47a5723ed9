//! Take snapshot, Wait for snapshot: RDS copies the database, and the token of the state is answered when the copy is there.
//!
//! The token is on the operation's record first, and so is what RDS has said before there was a token. Then the step checks itself: it
//! sees a snapshot whose event came too early, was lost, or is not sent from where the database is. The workflow comes here again
//! every ten minutes. On the record both states are one step, Wait for snapshot, which begins as Prepare release ends.

use jiff::Timestamp;
use slipway_control::snapshot;
use slipway_model::contract::DatabaseKind;
use slipway_model::id::OperationId;
use slipway_model::operation::Operation;

use crate::prepare_release::PreparedSnapshot;
use crate::rds::{RdsError, element};
use crate::stack_account::Place;
use crate::{Done, StepError, Steps, aws, state};

/// The actions, parameters and error codes of RDS for a kind of database.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html>, and its like for clusters.
struct Words {
    create: &'static str,
    describe: &'static str,
    database: &'static str,
    snapshot: &'static str,
    exists: &'static str,
    busy: &'static str,
}

const OF_INSTANCES: Words = Words {
    create: "CreateDBSnapshot",
    describe: "DescribeDBSnapshots",
    database: "DBInstanceIdentifier",
    snapshot: "DBSnapshotIdentifier",
    exists: "DBSnapshotAlreadyExists",
    busy: "InvalidDBInstanceState",
};

const OF_CLUSTERS: Words = Words {
    create: "CreateDBClusterSnapshot",
    describe: "DescribeDBClusterSnapshots",
    database: "DBClusterIdentifier",
    snapshot: "DBClusterSnapshotIdentifier",
    exists: "DBClusterSnapshotAlreadyExists",
    busy: "InvalidDBClusterState",
};

fn words(kind: DatabaseKind) -> &'static Words {
    match kind {
        DatabaseKind::RdsInstance => &OF_INSTANCES,
        DatabaseKind::RdsCluster => &OF_CLUSTERS,
    }
}

/// RDS ends some codes with `Fault`, and others not.
fn is_code(code: &str, wanted: &str) -> bool {
    code.strip_suffix("Fault").unwrap_or(code) == wanted
}

impl Steps {
    /// RDS begins to copy the database. One snapshot has one name, so a repeated step finds it.
    pub(crate) async fn take_snapshot(
        &self,
        operation: &OperationId,
        place: &Place,
        snapshot: &PreparedSnapshot,
    ) -> Result<Done, StepError> {
        let account = self.stack_account(place, operation).await?;
        let words = words(snapshot.kind);
        let parameters = [
            (words.database, snapshot.database.as_str()),
            (words.snapshot, snapshot.id.as_str()),
        ];
        match account.rds.call(words.create, &parameters).await {
            Ok(_) => Ok(Done {}),
            Err(RdsError::Answered { code, .. }) if is_code(&code, words.exists) => Ok(Done {}),
            Err(RdsError::Answered { code, message, .. }) if is_code(&code, words.busy) => {
                Err(StepError::Busy(format!(
                    "RDS did not begin a snapshot of the database `{}` ({code}: {message})",
                    snapshot.database
                )))
            }
            Err(error) => Err(refused("begin a snapshot of the database", snapshot, error)),
        }
    }

    pub(crate) async fn await_snapshot(
        &self,
        operation: &OperationId,
        token: &str,
        place: &Place,
        snapshot: &PreparedSnapshot,
    ) -> Result<Done, StepError> {
        let now = Timestamp::now();
        let wait = |operation: &mut Operation| {
            if let Some(own) = &mut operation.snapshot {
                own.token = Some(token.to_owned());
            }
            if operation.steps.iter().all(|step| step.name != state::WAIT_FOR_SNAPSHOT) {
                operation.begin_step(state::WAIT_FOR_SNAPSHOT, now);
            }
            Ok(())
        };
        let waits = self.store.update_operation(operation, wait).await?;
        let Some(own) = waits.snapshot else {
            return Err(StepError::SnapshotFailed("the operation takes no snapshot".to_owned()));
        };
        if own.taken_at.is_none() {
            match self.snapshot_status(operation, place, snapshot).await?.as_str() {
                "available" => {}
                "creating" => return Ok(Done {}),
                status => {
                    let text = format!("the snapshot `{}` of the database is {status}", own.id);
                    return Err(StepError::SnapshotFailed(text));
                }
            }
        }
        let answered = snapshot::taken(&self.store, &self.sfn, operation, &own.id, own.account.as_ref()).await;
        answered.map_err(|error| StepError::unanswered("report the snapshot to the workflow", error))?;
        Ok(Done {})
    }

    async fn snapshot_status(
        &self,
        operation: &OperationId,
        place: &Place,
        snapshot: &PreparedSnapshot,
    ) -> Result<String, StepError> {
        let account = self.stack_account(place, operation).await?;
        let words = words(snapshot.kind);
        let described = account
            .rds
            .call(words.describe, &[(words.snapshot, &snapshot.id)])
            .await;
        let described = described.map_err(|error| refused("read the snapshot of the database", snapshot, error))?;
        element(&described, "Status").ok_or_else(|| {
            StepError::SnapshotFailed(format!("RDS does not say how the snapshot `{}` stands", snapshot.id))
        })
    }
}

/// A call of RDS failed that was to do something with the snapshot.
fn refused(doing: &str, snapshot: &PreparedSnapshot, error: RdsError) -> StepError {
    let doing = format!("{doing} `{}`", snapshot.database);
    match error {
        RdsError::Unanswered(source) => StepError::Unavailable { doing, source },
        RdsError::Answered {
            status,
            ref code,
            ref message,
        } => {
            let (code, message) = (code.clone(), message.clone());
            match aws::sorted(doing, status, &code, &message, Box::new(error)) {
                StepError::Refused { doing, said, .. } => {
                    StepError::SnapshotFailed(format!("AWS could not {doing}: {said}"))
                }
                sorted => sorted,
            }
        }
    }
}
