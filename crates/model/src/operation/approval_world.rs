//! A workflow that waits for the approval of a plan, and everything that may happen around it.

use std::collections::HashSet;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::name::Digest;
use crate::operation::approval::{Approver, Decision, WAIT_FOR_APPROVAL};
use crate::operation::{Failure, Operation, OperationEvent, OperationStatus, example};

/// The time at which the plan begins to wait.
pub(super) const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The approval sheets of the plan, in the order in which they replace each other.
static SHEETS: LazyLock<[Digest; 3]> =
    LazyLock::new(|| ["first", "second", "third"].map(|text| Digest::of(text.as_bytes())));

/// The state `Wait for approval` in Step Functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Execution {
    /// Waits; only the token of the newest attempt is accepted.
    Waits,
    Approved,
    Rejected,
    TimedOut,
    Stopped,
}

/// The function that runs for the newest attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Attempt {
    Begins,
    /// It wrote its token, and looks whether there is a decision.
    Wrote,
    Returned,
}

/// A request of the API.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Request {
    Unsent,
    Recorded,
    Acknowledged,
    Refused,
    /// The server died: the caller got no answer.
    Lost,
}

/// What a request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sends {
    /// An approval of the sheet of this number, which the caller has read.
    Approve(&'static str, u8),
    Reject,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) record: Operation,
    pub(super) execution: Execution,
    pub(super) token: u8,
    pub(super) attempt: Attempt,
    pub(super) requests: Vec<(Sends, Request)>,
    pub(super) now: Timestamp,
    /// Retries and restarts that may still happen.
    pub(super) mishaps: u8,
    /// The number of the sheet as it is.
    pub(super) sheet: u8,
    /// The number of the sheet when the record last changed. A request that judged a sheet since then writes what it judged.
    pub(super) judged: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    RunAttempt,
    RetryAttempt,
    Restart,
    /// The request of this number.
    Send(usize),
    /// The time for a decision is over.
    Expire,
    Sweep,
    TimeOut,
    Stop,
    RecordCancel,
    GoOn,
    /// The rules of the environment change, and the sheet with them.
    ChangeSheet,
    /// The stack gets another owner.
    Transfer,
}

pub(super) const ACTIONS: [Action; 9] = [
    Action::RunAttempt,
    Action::RetryAttempt,
    Action::Restart,
    Action::Expire,
    Action::Sweep,
    Action::TimeOut,
    Action::Stop,
    Action::RecordCancel,
    Action::GoOn,
];

pub(super) fn failure(name: &str) -> Failure {
    Failure {
        name: name.to_owned(),
        step: WAIT_FOR_APPROVAL.to_owned(),
        message: String::new(),
        address: None,
    }
}

impl World {
    pub(super) fn new(required: u32, requests: &[Sends]) -> Self {
        let expires_at = NOW + SignedDuration::from_hours(1);
        let record = example::operation(&json!({
            "approval_rule": {"required": required, "self_approval": false, "expires_at": expires_at},
        }));
        Self {
            record,
            execution: Execution::Waits,
            token: 1,
            attempt: Attempt::Begins,
            requests: requests.iter().map(|sends| (*sends, Request::Unsent)).collect(),
            now: NOW,
            mishaps: 4,
            sheet: 0,
            judged: 0,
        }
    }

    /// The world after an action; `None` where the action cannot happen now.
    pub(super) fn after(&self, action: Action) -> Option<Self> {
        let mut world = self.clone();
        let happens = match action {
            Action::RunAttempt => world.run_attempt(),
            Action::RetryAttempt => world.retry_attempt(),
            Action::Restart => world.restart(),
            Action::Send(number) => {
                let (sends, request) = &self.requests[number];
                if matches!(sends, Sends::Approve(_, sheet) if *sheet > self.sheet) {
                    // It does not exist yet.
                    return None;
                }
                world.requests[number].1 = world.send(request, |record| match sends {
                    Sends::Approve(by, sheet) => self.approve(record, by, *sheet),
                    Sends::Reject => record.reject(&failure("Slipway.ApprovalRejected"), self.now).is_ok(),
                })?;
                true
            }
            Action::Expire => {
                let before = std::mem::replace(&mut world.now, NOW + SignedDuration::from_hours(1));
                before == NOW
            }
            Action::Sweep => world.deliver(),
            Action::TimeOut => world.end_wait(Execution::TimedOut),
            Action::Stop => !world.record.status.has_ended() && world.stop(),
            Action::RecordCancel => {
                world.execution == Execution::Stopped && world.end_record(OperationEvent::Cancelled)
            }
            Action::GoOn => world.go_on(),
            Action::ChangeSheet => world.change_sheet(),
            Action::Transfer => world.transfer(),
        };
        if world.record != self.record {
            world.judged = world.sheet;
        }
        happens.then_some(world)
    }

    /// Records an approval as the API does: one that changes the record must quote the sheet as it is. The sheet may change between this
    /// look and the write, and the write fails if the record does.
    fn approve(&self, record: &mut Operation, by: &str, sheet: u8) -> bool {
        let quoted = Approver {
            sheet: Some(&SHEETS[usize::from(sheet)]),
            ..Approver::from(by)
        };
        let mut decided = record.clone();
        let is_counted = decided.approve(quoted, self.now).is_ok();
        let is_current = (self.judged..=self.sheet).contains(&sheet);
        let is_recorded = is_counted && (is_current || decided == *record);
        if is_recorded {
            *record = decided;
        }
        is_recorded
    }

    fn change_sheet(&mut self) -> bool {
        let changes = usize::from(self.sheet) + 1 < SHEETS.len();
        self.sheet += u8::from(changes);
        changes
    }

    /// The operations in progress follow their stack.
    fn transfer(&mut self) -> bool {
        let follows = self.record.stack_owner.is_none() && !self.record.status.has_ended();
        if follows {
            self.record.stack_owner = Some("team:other".to_owned());
        }
        follows
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
        for (_, request) in &mut self.requests {
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
    fn send(&mut self, request: &Request, record: impl Fn(&mut Operation) -> bool) -> Option<Request> {
        match request {
            Request::Unsent => {
                let recorded = record(&mut self.record);
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
            Execution::Rejected | Execution::TimedOut => self.end_record(OperationEvent::Discarded),
            Execution::Waits | Execution::Approved | Execution::Stopped => false,
        }
    }

    pub(super) fn key(&self) -> String {
        let record = serde_json::to_string(&self.record).expect("JSON");
        let Self {
            execution,
            token,
            attempt,
            requests,
            now,
            mishaps,
            sheet,
            judged,
            ..
        } = self;
        format!("{record}{execution:?}{token}{attempt:?}{requests:?}{now}{mishaps}{sheet}{judged}")
    }

    /// The callers whose approvals of this sheet were acknowledged.
    pub(super) fn acknowledged(&self, sheet: u8) -> HashSet<&'static str> {
        self.approvers(sheet, &[Request::Acknowledged])
    }

    /// The callers whose approvals of this sheet came to one of these ends.
    fn approvers(&self, sheet: u8, ends: &[Request]) -> HashSet<&'static str> {
        let requests = self.requests.iter();
        requests
            .filter_map(|request| match request {
                (Sends::Approve(by, of), end) if *of == sheet && ends.contains(end) => Some(*by),
                _ => None,
            })
            .collect()
    }

    /// Whether approvals of an earlier sheet were acknowledged, and the plan is approved by those of another.
    pub(super) fn is_approved_after_another_sheet(&self) -> bool {
        let counted = self
            .record
            .approvals
            .first()
            .and_then(|approval| approval.sheet.as_ref());
        let is_other = |sheet: u8| counted != Some(&SHEETS[usize::from(sheet)]) && !self.acknowledged(sheet).is_empty();
        self.execution == Execution::Approved && (0..=self.sheet).any(is_other)
    }

    pub(super) fn is_rejected(&self) -> bool {
        self.requests.contains(&(Sends::Reject, Request::Acknowledged))
    }

    pub(super) fn check(&self) {
        use Execution::{Approved, Rejected, Stopped};
        let approvers: HashSet<&str> = self
            .record
            .approvals
            .iter()
            .map(|approval| approval.by.as_str())
            .collect();
        assert_eq!(
            approvers.len(),
            self.record.approvals.len(),
            "an approver counts once: {self:#?}"
        );
        assert!(!approvers.contains("ann"), "the requester approved: {self:#?}");
        let required = self.record.approvals_required();
        if self.execution == Approved {
            assert!(
                approvers.len() >= required && self.record.approved_by.is_some(),
                "{self:#?}"
            );
            assert!(!self.is_rejected(), "{self:#?}");
        }
        self.check_sheets(required);
        if (0..=self.sheet).any(|sheet| self.acknowledged(sheet).len() >= required) {
            assert!(matches!(self.execution, Approved | Stopped), "{self:#?}");
        }
        if self.is_rejected() {
            assert!(matches!(self.execution, Rejected | Stopped), "{self:#?}");
        }
        assert!(self.execution != Rejected || self.record.failure.is_some(), "{self:#?}");
        let applies = self.record.steps.iter().filter(|step| step.name == "Apply").count();
        assert!(
            applies <= usize::from(matches!(self.execution, Approved | Stopped)),
            "{self:#?}"
        );
        let waits = self.record.status == OperationStatus::WaitingForApproval;
        assert!(!(waits && self.record.approved_by.is_some()), "{self:#?}");
        if self.record.decision().is_some() && !self.record.status.has_ended() {
            self.check_that_it_arrives();
        }
    }

    /// Approvals of another sheet never count.
    fn check_sheets(&self, required: usize) {
        let approvals = self.record.approvals.iter();
        let sheets: HashSet<Option<&Digest>> = approvals.map(|approval| approval.sheet.as_ref()).collect();
        assert!(sheets.len() <= 1, "approvals of two sheets count: {self:#?}");
        let recorded = [Request::Recorded, Request::Acknowledged, Request::Lost];
        let is_enough = |sheet| self.approvers(sheet, &recorded).len() >= required;
        let has_enough = (0..=self.sheet).any(is_enough);
        assert!(
            self.execution != Execution::Approved || has_enough,
            "too few approve one sheet: {self:#?}"
        );
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
