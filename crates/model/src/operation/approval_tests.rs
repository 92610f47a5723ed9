//! Every interleaving of the workflow, the API, the sweeper, a cancel, a timeout, retries and restarts around one plan.

use std::collections::HashSet;

use serde_json::json;

use super::*;
use crate::id::{OperationId, StackId};
use crate::name::Digest;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The state `Wait for approval` in Step Functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Execution {
    /// Waits; only the token of the newest attempt is accepted.
    Waits,
    Approved,
    Rejected,
    TimedOut,
    Stopped,
}

/// The function that runs for the newest attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Attempt {
    Begins,
    /// It wrote its token, and looks whether there is a decision.
    Wrote,
    Returned,
}

/// A request of the API.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Request {
    Unsent,
    Recorded,
    Acknowledged,
    Refused,
    /// The server died: the caller got no answer.
    Lost,
}

#[derive(Debug, Clone)]
struct World {
    record: Operation,
    execution: Execution,
    token: u8,
    attempt: Attempt,
    approve: Request,
    reject: Request,
    /// Retries and restarts that may still happen.
    mishaps: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    RunAttempt,
    RetryAttempt,
    Restart,
    SendApprove,
    SendReject,
    Sweep,
    TimeOut,
    Stop,
    RecordCancel,
    GoOn,
}

const ACTIONS: [Action; 10] = [
    Action::RunAttempt,
    Action::RetryAttempt,
    Action::Restart,
    Action::SendApprove,
    Action::SendReject,
    Action::Sweep,
    Action::TimeOut,
    Action::Stop,
    Action::RecordCancel,
    Action::GoOn,
];

fn failure(name: &str) -> Failure {
    Failure {
        name: name.to_owned(),
        step: WAIT_FOR_APPROVAL.to_owned(),
        message: String::new(),
        address: None,
    }
}

impl World {
    fn new() -> Self {
        let record = json!({
            "id": OperationId::generate(),
            "kind": "update",
            "stack": StackId::from_bits(7),
            "stack_name": "shop",
            "environment": "local",
            "status": "running",
            "revision": 1,
            "configuration": {"blueprint": "web", "version": "1.0.0", "digest": Digest::of(b""), "variables": {}, "sensitive": []},
            "requested_by": "ann",
            "created_at": NOW,
        });
        Self {
            record: serde_json::from_value(record).expect("an operation"),
            execution: Execution::Waits,
            token: 1,
            attempt: Attempt::Begins,
            approve: Request::Unsent,
            reject: Request::Unsent,
            mishaps: 4,
        }
    }

    /// The world after an action; `None` where the action cannot happen now.
    fn after(&self, action: Action) -> Option<Self> {
        let mut world = self.clone();
        let happens = match action {
            Action::RunAttempt => world.run_attempt(),
            Action::RetryAttempt => world.retry_attempt(),
            Action::Restart => world.restart(),
            Action::SendApprove => {
                world.approve = world.send(&self.approve, |record| record.approve("bob", NOW))?;
                true
            }
            Action::SendReject => {
                world.reject = world.send(&self.reject, |record| {
                    record.reject(&failure("Slipway.ApprovalRejected"))
                })?;
                true
            }
            Action::Sweep => world.deliver(),
            Action::TimeOut => world.end_wait(Execution::TimedOut),
            Action::Stop => !world.record.status.has_ended() && world.stop(),
            Action::RecordCancel => {
                world.execution == Execution::Stopped && world.end_record(OperationEvent::Cancelled)
            }
            Action::GoOn => world.go_on(),
        };
        happens.then_some(world)
    }

    fn run_attempt(&mut self) -> bool {
        if self.execution != Execution::Waits {
            return false;
        }
        match self.attempt {
            Attempt::Begins => {
                let token = self.token.to_string();
                self.attempt = match self.record.ask_approval(&token, NOW) {
                    Ok(()) => Attempt::Wrote,
                    // The function fails, and the workflow records what has been recorded already.
                    Err(_) => Attempt::Returned,
                };
            }
            Attempt::Wrote => {
                self.deliver();
                self.attempt = Attempt::Returned;
            }
            Attempt::Returned => return false,
        }
        true
    }

    /// The call of the function failed, at whichever moment: the next attempt has another token.
    fn retry_attempt(&mut self) -> bool {
        if self.execution != Execution::Waits || self.attempt == Attempt::Returned || self.mishaps == 0 {
            return false;
        }
        self.mishaps -= 1;
        self.token += 1;
        self.attempt = Attempt::Begins;
        true
    }

    fn restart(&mut self) -> bool {
        if self.mishaps == 0 {
            return false;
        }
        self.mishaps -= 1;
        for request in [&mut self.approve, &mut self.reject] {
            if *request == Request::Recorded {
                *request = Request::Lost;
            }
        }
        if self.execution == Execution::Waits && self.attempt != Attempt::Returned {
            self.token += 1;
            self.attempt = Attempt::Begins;
        }
        true
    }

    /// One step of a request: the record first, then the token, until the execution has the decision or has ended.
    fn send(
        &mut self,
        request: &Request,
        record: impl Fn(&mut Operation) -> Result<(), IllegalTransition>,
    ) -> Option<Request> {
        match request {
            Request::Unsent => {
                let recorded = record(&mut self.record).is_ok();
                Some(if recorded { Request::Recorded } else { Request::Refused })
            }
            Request::Recorded if self.record.status.has_ended() => Some(Request::Refused),
            Request::Recorded if self.record.undelivered_decision().is_none() => Some(Request::Acknowledged),
            Request::Recorded => self.deliver().then_some(Request::Acknowledged),
            Request::Acknowledged | Request::Refused | Request::Lost => None,
        }
    }

    /// Sends what is on the record. Whether Step Functions accepted it.
    fn deliver(&mut self) -> bool {
        let Some((token, decision)) = self.record.undelivered_decision() else {
            return false;
        };
        if self.execution != Execution::Waits || token != self.token.to_string() {
            return false;
        }
        self.execution = match decision {
            Decision::Approved(_) => Execution::Approved,
            Decision::Rejected(_) => Execution::Rejected,
        };
        let token = token.to_owned();
        self.record.decision_delivered(&token);
        true
    }

    fn end_wait(&mut self, end: Execution) -> bool {
        let waits = self.execution == Execution::Waits;
        if waits {
            self.execution = end;
        }
        waits
    }

    fn stop(&mut self) -> bool {
        let runs = matches!(self.execution, Execution::Waits | Execution::Approved);
        if runs {
            self.execution = Execution::Stopped;
        }
        runs
    }

    fn end_record(&mut self, event: OperationEvent) -> bool {
        if self.record.status.has_ended() {
            return false;
        }
        self.record.status = self.record.status.after(event).expect("an operation that runs ends");
        true
    }

    /// The state after `Wait for approval`.
    fn go_on(&mut self) -> bool {
        match self.execution {
            Execution::Approved if self.record.steps.iter().all(|step| step.name != "Apply") => {
                self.record.begin_step("Apply", NOW);
                true
            }
            Execution::Rejected | Execution::TimedOut => self.end_record(OperationEvent::Failed),
            Execution::Waits | Execution::Approved | Execution::Stopped => false,
        }
    }

    fn key(&self) -> String {
        let record = serde_json::to_string(&self.record).expect("JSON");
        let Self {
            execution,
            token,
            attempt,
            approve,
            reject,
            mishaps,
            ..
        } = self;
        format!("{record}{execution:?}{token}{attempt:?}{approve:?}{reject:?}{mishaps}")
    }

    fn check(&self) {
        use Execution::{Approved, Rejected, Stopped};
        let acknowledged = |request: &Request| *request == Request::Acknowledged;
        assert!(
            !(acknowledged(&self.approve) && acknowledged(&self.reject)),
            "{self:#?}"
        );
        if acknowledged(&self.approve) {
            assert!(matches!(self.execution, Approved | Stopped), "{self:#?}");
        }
        if acknowledged(&self.reject) {
            assert!(matches!(self.execution, Rejected | Stopped), "{self:#?}");
        }
        assert!(
            self.execution != Approved || self.record.approved_by.is_some(),
            "{self:#?}"
        );
        assert!(self.execution != Rejected || self.record.failure.is_some(), "{self:#?}");
        let waits = self.record.status == OperationStatus::WaitingForApproval;
        assert!(!(waits && self.record.approved_by.is_some()), "{self:#?}");
        if self.record.decision().is_some() && !self.record.status.has_ended() {
            self.check_that_it_arrives();
        }
    }

    /// Without another request: the attempts that run and the sweeper bring the decision to the execution.
    fn check_that_it_arrives(&self) {
        let mut world = self.clone();
        while world.execution == Execution::Waits {
            let next = world.after(Action::RunAttempt).or_else(|| world.after(Action::Sweep));
            world = next.unwrap_or_else(|| panic!("the decision is lost: {self:#?}"));
        }
    }
}

#[test]
fn no_interleaving_loses_a_decision_that_was_acknowledged() {
    let mut seen = HashSet::new();
    let mut open = vec![World::new()];
    let (mut approved, mut rejected) = (0, 0);
    while let Some(world) = open.pop() {
        if !seen.insert(world.key()) {
            continue;
        }
        world.check();
        approved += usize::from(world.approve == Request::Acknowledged);
        rejected += usize::from(world.reject == Request::Acknowledged);
        open.extend(ACTIONS.into_iter().filter_map(|action| world.after(action)));
    }
    assert!(
        approved > 50 && rejected > 50,
        "{approved} {rejected} of {}",
        seen.len()
    );
}
