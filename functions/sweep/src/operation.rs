//! One operation after the other.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slipway_control::approval::{self, Delivery};
use slipway_control::orphan::{self, ExecutionEnd};
use slipway_control::start::{execution_arn, start};
use slipway_model::error_chain::chain;
use slipway_model::operation::{Operation, OperationStatus};
use slipway_store::PAGE;

use crate::{Healed, Healing, Problem, Report, Sweep, SweepError};

/// The statuses of an operation whose execution should run.
const SHOULD_RUN: [OperationStatus; 3] = [
    OperationStatus::Starting,
    OperationStatus::Running,
    OperationStatus::WaitingForApproval,
];

/// For how long after its start an execution may be unknown to Step Functions: what it says of executions is eventually
/// consistent.
const UNSEEN: SignedDuration = SignedDuration::from_mins(5);

impl Sweep {
    /// Checks every operation whose execution should run. Operations that have been `starting` for longer than `older_than` are
    /// started; a younger one is about to be started by the function that created it. A queued one may have got the slot only now,
    /// and a second start has no effect.
    pub async fn run(&self, older_than: Duration) -> Report {
        self.run_at(older_than, Timestamp::now()).await
    }

    /// Likewise, at a time.
    pub async fn run_at(&self, older_than: Duration, now: Timestamp) -> Report {
        let mut report = Report::default();
        for status in SHOULD_RUN {
            let operations = match self.operations(status).await {
                Ok(operations) => operations,
                Err(error) => {
                    report.problem(None, &error);
                    continue;
                }
            };
            for operation in operations {
                let age = now.duration_since(operation.created_at);
                let young = SignedDuration::try_from(older_than).is_ok_and(|limit| age < limit);
                if operation.status == OperationStatus::Starting && young {
                    continue;
                }
                report.checked += 1;
                match Box::pin(self.heal(&operation, now)).await {
                    Ok(Some(healing)) => report.healed(operation, healing),
                    Ok(None) => {}
                    Err(error) => report.problem(Some(operation), &error),
                }
            }
        }
        Box::pin(self.resumes(&mut report, now)).await;
        Box::pin(self.results(&mut report, now)).await;
        Box::pin(self.notifications(&mut report, now)).await;
        Box::pin(self.deliveries(&mut report, now)).await;
        report
    }

    async fn operations(&self, status: OperationStatus) -> Result<Vec<Operation>, SweepError> {
        let mut operations = Vec::new();
        let mut cursor = None;
        loop {
            let page = self
                .store
                .operations_with_status(status, None, PAGE, cursor.as_ref())
                .await;
            let page = page.map_err(SweepError::List)?;
            operations.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(operations),
            }
        }
    }

    /// Does what an operation needs; `None` where that is nothing.
    async fn heal(&self, operation: &Operation, now: Timestamp) -> Result<Option<Healing>, SweepError> {
        let machine = &self.config.state_machine;
        let starts = operation.status == OperationStatus::Starting;
        let arn = if starts {
            start(&self.sfn, machine, operation).await.map_err(SweepError::Start)?
        } else {
            let known = operation.execution_arn.clone();
            known.unwrap_or_else(|| execution_arn(machine, &operation.id))
        };
        if self.is_overdue(operation, now).await? {
            return self.cancel(operation, &arn).await.map(Some);
        }
        let end = orphan::end_of(&self.sfn, &arn).await.map_err(SweepError::Describe)?;
        let Some(end) = end.filter(|end| *end != ExecutionEnd::Gone || may_be_gone(operation, now)) else {
            if starts {
                return Ok(Some(Healing::Started));
            }
            return self.heal_waiting(operation, now).await;
        };
        // It may have ended as it should since it was listed.
        let now = self.store.operation(&operation.id).await.map_err(SweepError::Read)?;
        if now.status.has_ended() {
            return Ok(None);
        }
        // Its build is not stopped: it finds the operation ended, and saves its state first.
        let ended = orphan::end(
            &self.store,
            &self.sfn,
            machine,
            &operation.id,
            Some(&operation.stack),
            end,
        )
        .await;
        let finished = ended.map_err(SweepError::End)?;
        Ok(Some(Healing::Ended {
            status: finished.operation.status,
            next: finished.next.map(|next| next.id),
        }))
    }
}

impl Sweep {
    /// Heals an operation whose execution runs, and may wait for an approval.
    async fn heal_waiting(&self, operation: &Operation, now: Timestamp) -> Result<Option<Healing>, SweepError> {
        if let Some(delivered) = self.deliver_decision(operation).await? {
            return Ok(Some(delivered));
        }
        match self.remind(operation, now).await? {
            None => self.fill_beside(operation).await,
            reminded => Ok(reminded),
        }
    }

    /// The function that opened or emptied the place beside a plan may have died before it gave it to the next in the queue.
    async fn fill_beside(&self, operation: &Operation) -> Result<Option<Healing>, SweepError> {
        if operation.status != OperationStatus::WaitingForApproval {
            return Ok(None);
        }
        let next = Box::pin(self.store.fill_beside(&operation.stack)).await;
        let Some(next) = next.map_err(SweepError::FillBeside)? else {
            return Ok(None);
        };
        start(&self.sfn, &self.config.state_machine, &next)
            .await
            .map_err(SweepError::Start)?;
        Ok(Some(Healing::StartedBeside { next: next.id }))
    }

    /// The API records a decision and then delivers it: it may have died in between.
    async fn deliver_decision(&self, operation: &Operation) -> Result<Option<Healing>, SweepError> {
        if operation.undelivered_decision().is_none() {
            return Ok(None);
        }
        let delivery = approval::deliver(&self.store, &self.sfn, operation).await;
        Ok(match delivery.map_err(SweepError::DeliverDecision)? {
            Delivery::Delivered(_) => Some(Healing::DecisionDelivered),
            // The state is being retried, and its next attempt delivers it; or it has ended, and the next sweep sees that.
            Delivery::Pending | Delivery::Ended(_) => None,
        })
    }
}

/// Whether an execution that Step Functions does not know has ceased to exist. A recently started one may not be visible yet:
/// `started_at` is set by the execution itself, and a `starting` operation has just been started by this sweep.
fn may_be_gone(operation: &Operation, now: Timestamp) -> bool {
    let started = operation.started_at;
    started.is_some_and(|started| now.duration_since(started) > UNSEEN)
}

impl Report {
    pub(crate) fn healed(&mut self, operation: Operation, healing: Healing) {
        tracing::info!(operation = %operation.id, stack = %operation.stack, ?healing, "healed");
        self.healed.push(Healed {
            operation: operation.id,
            healing,
        });
    }

    pub(crate) fn problem(&mut self, operation: Option<Operation>, error: &SweepError) {
        let operation = operation.map(|operation| operation.id);
        let error = chain(&error);
        tracing::error!(
            operation = operation.as_ref().map(ToString::to_string),
            "not healed: {error}"
        );
        self.problems.push(Problem { operation, error });
    }
}
