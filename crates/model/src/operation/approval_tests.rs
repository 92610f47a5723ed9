//! Every interleaving of the workflow, the API, the sweeper, a cancel, a timeout, retries and restarts around one plan.

use std::collections::HashSet;

use jiff::SignedDuration;
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

/// What a request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sends {
    Approve(&'static str),
    Reject,
}

#[derive(Debug, Clone)]
struct World {
    record: Operation,
    execution: Execution,
    token: u8,
    attempt: Attempt,
    requests: Vec<(Sends, Request)>,
    now: Timestamp,
    /// Retries and restarts that may still happen.
    mishaps: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
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
}

const ACTIONS: [Action; 9] = [
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

fn failure(name: &str) -> Failure {
    Failure {
        name: name.to_owned(),
        step: WAIT_FOR_APPROVAL.to_owned(),
        message: String::new(),
        address: None,
    }
}

impl World {
    fn new(required: u32, requests: &[Sends]) -> Self {
        let expires_at = NOW + SignedDuration::from_hours(1);
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
            "approval_rule": {"required": required, "self_approval": false, "expires_at": expires_at},
            "created_at": NOW,
        });
        Self {
            record: serde_json::from_value(record).expect("an operation"),
            execution: Execution::Waits,
            token: 1,
            attempt: Attempt::Begins,
            requests: requests.iter().map(|sends| (*sends, Request::Unsent)).collect(),
            now: NOW,
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
            Action::Send(number) => {
                let (sends, request) = &self.requests[number];
                let now = self.now;
                world.requests[number].1 = world.send(request, |record| match sends {
                    Sends::Approve(by) => record.approve((*by).into(), now),
                    Sends::Reject => record.reject(&failure("Slipway.ApprovalRejected"), now),
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
    fn send(
        &mut self,
        request: &Request,
        record: impl Fn(&mut Operation) -> Result<(), Undecidable>,
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
            Execution::Rejected | Execution::TimedOut => self.end_record(OperationEvent::Discarded),
            Execution::Waits | Execution::Approved | Execution::Stopped => false,
        }
    }

    fn key(&self) -> String {
        let record = serde_json::to_string(&self.record).expect("JSON");
        let Self {
            execution,
            token,
            attempt,
            requests,
            now,
            mishaps,
            ..
        } = self;
        format!("{record}{execution:?}{token}{attempt:?}{requests:?}{now}{mishaps}")
    }

    /// The callers whose approvals were acknowledged.
    fn acknowledged(&self) -> HashSet<&'static str> {
        let requests = self.requests.iter();
        requests
            .filter_map(|request| match request {
                (Sends::Approve(by), Request::Acknowledged) => Some(*by),
                _ => None,
            })
            .collect()
    }

    fn is_rejected(&self) -> bool {
        self.requests.contains(&(Sends::Reject, Request::Acknowledged))
    }

    fn check(&self) {
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
        if self.acknowledged().len() >= required {
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
    let mut open = vec![World::new(1, &[Sends::Approve("bob"), Sends::Reject])];
    let (mut approved, mut rejected) = (0, 0);
    while let Some(world) = open.pop() {
        if !seen.insert(world.key()) {
            continue;
        }
        world.check();
        approved += usize::from(!world.acknowledged().is_empty());
        rejected += usize::from(world.is_rejected());
        let sends = (0..world.requests.len()).map(Action::Send);
        open.extend(
            ACTIONS
                .into_iter()
                .chain(sends)
                .filter_map(|action| world.after(action)),
        );
    }
    assert!(
        approved > 50 && rejected > 50,
        "{approved} {rejected} of {}",
        seen.len()
    );
}

/// Two approvals of three people, one of whom is the requester, with retries of the requests themselves.
#[test]
fn random_interleavings_of_many_approvers_keep_the_rules() {
    let requests = [
        Sends::Approve("bob"),
        Sends::Approve("ann"),
        Sends::Approve("carol"),
        Sends::Approve("bob"),
        Sends::Approve("dave"),
        Sends::Reject,
    ];
    let mut random = 42_u64;
    let mut below = |bound: usize| {
        // Knuth's generator: the same walks in every run.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).expect("31 bits") % bound
    };
    let (mut approved, mut rejected, mut expired) = (0, 0, 0);
    let begin = World::new(2, &requests);
    for _ in 0..100_000 {
        let mut world = begin.clone();
        for _ in 0..20 {
            // Requests are what the walks are about: the rest happens now and then.
            let action = match below(3) {
                0 => ACTIONS[below(3)],
                1 => Action::Send(below(requests.len())),
                _ => ACTIONS[below(ACTIONS.len())],
            };
            if let Some(next) = world.after(action) {
                world = next;
                world.check();
            }
        }
        approved += usize::from(world.execution == Execution::Approved);
        rejected += usize::from(world.execution == Execution::Rejected);
        expired += usize::from(world.execution == Execution::TimedOut);
    }
    assert!(
        approved > 1_000 && rejected > 1_000 && expired > 1_000,
        "{approved} {rejected} {expired}"
    );
}

#[test]
fn every_decision_has_one_result_in_every_situation() {
    let asked = |required: u32| {
        let mut world = World::new(required, &[]);
        world.record.ask_approval("1", NOW).expect("asked");
        world.record
    };
    let late = NOW + SignedDuration::from_hours(1);
    let why = failure("Slipway.ApprovalRejected");
    let mut waiting = asked(2);
    assert_eq!(waiting.approve("ann".into(), NOW), Err(Undecidable::OwnRequest));
    let former = ["ann".to_owned()];
    let renamed = Approver {
        name: "email:x:ann",
        former: &former,
        sheet: None,
        comment: None,
    };
    assert_eq!(waiting.approve(renamed, NOW), Err(Undecidable::OwnRequest));
    assert!(matches!(
        waiting.approve("bob".into(), late),
        Err(Undecidable::Expired(_))
    ));
    assert!(matches!(waiting.reject(&why, late), Err(Undecidable::Expired(_))));
    for _ in 0..2 {
        waiting.approve("bob".into(), NOW).expect("counted once");
        assert_eq!(
            (waiting.status, waiting.approvals.len()),
            (OperationStatus::WaitingForApproval, 1)
        );
    }
    let mut rejected = waiting.clone();
    for _ in 0..2 {
        rejected
            .reject(&why, NOW)
            .expect("the requester and all others may reject");
    }
    assert!(matches!(
        rejected.approve("carol".into(), NOW),
        Err(Undecidable::Rejected(_))
    ));
    assert!(matches!(
        rejected.reject(&failure("another"), NOW),
        Err(Undecidable::Rejected(_))
    ));
    waiting.approve("carol".into(), NOW).expect("the last approval");
    assert_eq!(waiting.decision(), Some(Decision::Approved("carol")));
    waiting.approve("dave".into(), late).expect("approved before");
    assert_eq!(waiting.approvals.len(), 2);
    assert!(matches!(waiting.reject(&why, NOW), Err(Undecidable::Approved(_))));
    for ended in [
        OperationStatus::Cancelled,
        OperationStatus::Discarded,
        OperationStatus::Succeeded,
    ] {
        let mut operation = asked(1);
        operation.status = ended;
        for by in ["ann", "bob"] {
            assert_eq!(
                operation.approve(by.into(), NOW),
                Err(Undecidable::NotWaiting(ended)),
                "{by}"
            );
        }
        assert_eq!(operation.reject(&why, NOW), Err(Undecidable::NotWaiting(ended)));
    }
    // A record of a version that knew no rules.
    let mut old = asked(1);
    old.approval_rule = None;
    assert_eq!(old.approve("ann".into(), NOW), Err(Undecidable::OwnRequest));
    old.approve("bob".into(), NOW).expect("approved");
}

#[test]
fn approvals_of_another_sheet_do_not_count() {
    let mut world = World::new(2, &[]);
    world.record.ask_approval("1", NOW).expect("asked");
    let mut plan = world.record;
    let (first, second) = (Digest::of(b"first"), Digest::of(b"second"));
    let of = |name: &'static str, sheet| Approver {
        sheet: Some(sheet),
        ..name.into()
    };
    plan.approve(of("bob", &first), NOW).expect("counted");
    plan.approve(of("carol", &second), NOW).expect("counted");
    assert_eq!(plan.decision(), None, "they approved different sheets");
    plan.approve(of("bob", &second), NOW).expect("counted");
    assert_eq!(plan.decision(), Some(Decision::Approved("bob")));
    assert!(
        plan.approvals
            .iter()
            .all(|approval| approval.sheet.as_ref() == Some(&second))
    );
}
