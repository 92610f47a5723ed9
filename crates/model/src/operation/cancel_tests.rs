//! The rules of a cancel, over every order in which requester, workflow, runner and approver may come.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::operation::build::{APPLY, PLAN};
use crate::operation::{OperationEvent, OperationKind, StepStatus, example};
use crate::plan::Verdict;

fn operation(kind: OperationKind, status: OperationStatus) -> Operation {
    example::operation(&json!({
        "kind": kind,
        "status": status,
        "release": (kind == OperationKind::Release).then_some(2),
        "task": (kind == OperationKind::Task).then_some("load-dump"),
    }))
}

#[test]
fn cancel_never_leaves_services_between_two_releases() {
    let at = |steps: &[(&str, StepStatus)]| {
        let mut operation = operation(OperationKind::Release, OperationStatus::Running);
        for (name, status) in steps {
            operation.begin_step(name, Timestamp::UNIX_EPOCH);
            operation.end_step(name, *status, Timestamp::UNIX_EPOCH);
        }
        operation.cancelling()
    };
    let prepared = (PREPARE_RELEASE, StepStatus::Succeeded);
    let of = |state: &str| format!("{state}: web");
    let (stable, restored) = (of(WAIT_UNTIL_STABLE), of(WAIT_UNTIL_RESTORED));
    for (expected, last) in [
        (Cancel::Stop, vec![]),
        (Cancel::NotNow, vec![prepared]),
        (Cancel::Stop, vec![prepared, ("Wait for snapshot", StepStatus::Running)]),
        (Cancel::Unwind, vec![("Run task: load-dump", StepStatus::Running)]),
        (
            Cancel::Unwind,
            vec![prepared, ("Run backup: files", StepStatus::Running)],
        ),
        (
            Cancel::Unwind,
            vec![prepared, ("Run migration: migrate", StepStatus::Running)],
        ),
        (
            Cancel::NotNow,
            vec![prepared, ("Run migration: migrate", StepStatus::Succeeded)],
        ),
        (Cancel::Unwind, vec![prepared, (QUIESCE, StepStatus::Running)]),
        // The steps before still stand as running.
        (
            Cancel::NotNow,
            vec![
                prepared,
                ("Run migration: migrate", StepStatus::Running),
                (RESUME, StepStatus::Running),
            ],
        ),
        (Cancel::Unwind, vec![prepared, (stable.as_str(), StepStatus::Running)]),
        (Cancel::NotNow, vec![prepared, (stable.as_str(), StepStatus::Succeeded)]),
        (Cancel::Unwind, vec![prepared, (VERIFY, StepStatus::Running)]),
        (Cancel::NotNow, vec![prepared, (VERIFY, StepStatus::Succeeded)]),
        (
            Cancel::NotNow,
            vec![
                prepared,
                (stable.as_str(), StepStatus::Running),
                (restored.as_str(), StepStatus::Running),
            ],
        ),
    ] {
        assert_eq!(at(&last), expected, "{last:?}");
    }
}

/// No service is between two releases then, and an execution that goes on finds the end.
#[test]
fn task_ends_on_its_record_before_and_after_its_command() {
    let mut task = operation(OperationKind::Task, OperationStatus::Running);
    let run = "Run task: load-dump";
    assert_eq!(task.cancelling(), Cancel::End);
    assert_eq!(task.cancelled_now("ann").message, "ann cancelled the operation");
    task.begin_step(run, Timestamp::UNIX_EPOCH);
    assert_eq!(task.cancelling(), Cancel::Unwind);
    task.end_step(run, StepStatus::Succeeded, Timestamp::UNIX_EPOCH);
    assert_eq!(task.cancelling(), Cancel::End);
    let message = task.cancelled_now("ann").message;
    assert_eq!(message, "ann cancelled the operation; the task had succeeded by then");
}

#[test]
fn operation_that_a_cancel_ended_is_told_from_others() {
    for (status, name, expected) in [
        (OperationStatus::Cancelled, "Slipway.Cancelled", true),
        (OperationStatus::NeedsAttention, "Slipway.Cancelled", true),
        (OperationStatus::NeedsAttention, "Slipway.RolloutFailed", false),
        (OperationStatus::Failed, "Slipway.ApplyFailed", false),
        // It is being ended.
        (OperationStatus::Running, "Slipway.Cancelled", false),
    ] {
        let mut ended = operation(OperationKind::Release, status);
        ended.failure = Some(failure("Verify", name));
        assert_eq!(ended.was_cancelled(), expected, "{status:?} {name}");
    }
}

/// What may happen next. Whatever does not fit the moment does not happen.
#[derive(Debug, Clone, Copy)]
enum Happens {
    /// The first step of the execution runs.
    Begins,
    /// A build has its turn, and the runner begins.
    BuildStarts,
    /// The runner reads its record.
    RunnerPolls,
    /// Terraform ends.
    TerraformEnds {
        well: bool,
    },
    /// The build dies, and its runner reports nothing.
    BuildDies,
    /// The plan is judged.
    Reviewed(u8),
    Approved,
    Cancelled(&'static str),
    /// The workflow goes on with what the last build came to.
    WorkflowGoesOn,
}

fn happenings() -> impl Strategy<Value = Vec<Happens>> {
    let one = prop_oneof![
        2 => Just(Happens::Begins),
        4 => Just(Happens::BuildStarts),
        3 => Just(Happens::RunnerPolls),
        4 => (0..4).prop_map(|n| Happens::TerraformEnds { well: n > 0 }),
        1 => Just(Happens::BuildDies),
        4 => (0..4_u8).prop_map(Happens::Reviewed),
        3 => Just(Happens::Approved),
        2 => prop_oneof![Just("ann"), Just("bob")].prop_map(Happens::Cancelled),
        4 => Just(Happens::WorkflowGoesOn),
    ];
    prop::collection::vec(one, 0..40)
}

/// A build as CodeBuild and the workflow see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Build {
    None,
    /// Terraform is running; `interrupted` if it received the signal.
    Works {
        step: &'static str,
        interrupted: bool,
    },
    Ended {
        step: &'static str,
        well: bool,
    },
}

struct World {
    operation: Operation,
    build: Build,
    now: Timestamp,
    /// Whether a build was stopped while Terraform was running.
    lost: bool,
}

impl World {
    fn happens(&mut self, what: Happens) {
        self.now += SignedDuration::from_secs(1);
        match (what, self.build) {
            (Happens::Begins, _) => self.moves(OperationEvent::Begun),
            (Happens::BuildStarts, Build::None) => self.build_starts(),
            (Happens::RunnerPolls, Build::Works { step, .. }) if self.operation.interruption().is_some() => {
                self.operation.acknowledge_cancel(self.now);
                self.build = Build::Works {
                    step,
                    interrupted: true,
                };
            }
            (Happens::TerraformEnds { well }, Build::Works { step, interrupted }) => {
                let ended = if interrupted {
                    Err(cancelled_by("signal", step, None))
                } else if well {
                    Ok(())
                } else {
                    Err(failure(step, "Slipway.ApplyFailed"))
                };
                let ended = self.operation.end_build(step, ended, self.now);
                self.build = Build::Ended {
                    step,
                    well: ended.is_ok(),
                };
            }
            (Happens::BuildDies, Build::Works { step, .. }) => self.build = Build::Ended { step, well: false },
            (Happens::Reviewed(verdict), _) if self.planned() && self.operation.verdict.is_none() => {
                self.operation.verdict = Some(match verdict {
                    0 => Verdict::NothingToChange,
                    1 => Verdict::Apply,
                    _ => Verdict::ApprovalNeeded,
                });
                if verdict > 1 {
                    self.moves(OperationEvent::ApprovalAsked);
                }
            }
            (Happens::Approved, _) if self.operation.status == OperationStatus::WaitingForApproval => {
                self.operation.approved_by = Some("eve".to_owned());
                self.moves(OperationEvent::Approved);
            }
            (Happens::Cancelled(requester), _) => self.cancel(requester),
            (Happens::WorkflowGoesOn, Build::Ended { step, well }) => self.goes_on(step, well),
            _ => {}
        }
    }

    fn planned(&self) -> bool {
        let plan = self.operation.steps.iter().find(|step| step.name == PLAN);
        self.operation.status == OperationStatus::Running
            && plan.is_some_and(|plan| plan.status == StepStatus::Succeeded)
    }

    fn moves(&mut self, event: OperationEvent) {
        if let Ok(status) = self.operation.status.after(event) {
            self.operation.status = status;
        }
    }

    /// A queued build starts even if no step waits for it any more.
    fn build_starts(&mut self) {
        let steps = &self.operation.steps;
        let step = if steps.iter().any(|step| step.name == PLAN) {
            APPLY
        } else {
            PLAN
        };
        let waits = self.operation.waits_for_build();
        if waits.is_none() && !self.operation.status.has_ended() {
            return;
        }
        self.operation.begin_build(step, self.now);
        if self.operation.interruption().is_none() {
            assert_eq!(waits, Some(step));
            self.build = Build::Works {
                step,
                interrupted: false,
            };
        }
    }

    /// What the store and the API do.
    fn cancel(&mut self, requester: &str) {
        if self.operation.status.has_ended() {
            return;
        }
        let decided = self.operation.cancelling();
        match decided {
            Cancel::End | Cancel::Stop => {
                self.lost |= matches!(self.build, Build::Works { .. });
                self.moves(OperationEvent::Cancelled);
            }
            Cancel::Request => self.operation.request_interruption(requester, self.now),
            Cancel::Unwind | Cancel::NotNow => panic!("there is no release"),
        }
        let once = self.operation.clone();
        self.operation.request_cancel_again("zoe", self.now);
        assert_eq!(self.operation, once, "a repeated cancel changes nothing");
    }

    fn goes_on(&mut self, step: &'static str, well: bool) {
        self.build = Build::None;
        if self.operation.status.has_ended() {
            return;
        }
        if !well {
            let failed = self
                .operation
                .failure
                .clone()
                .unwrap_or_else(|| failure(step, "Slipway.ApplyFailed"));
            let failure = self.operation.failing(failed);
            let is_cancelled = failure.name == ErrorName::Cancelled.as_str();
            self.moves(if is_cancelled {
                OperationEvent::Cancelled
            } else {
                OperationEvent::Failed
            });
            self.operation.failure = Some(failure);
        } else if step == APPLY {
            self.moves(OperationEvent::Succeeded);
        }
    }
}

impl Operation {
    /// A second cancel, right after the first.
    fn request_cancel_again(&mut self, requester: &str, now: Timestamp) {
        if !self.status.has_ended() && self.cancelling() == Cancel::Request {
            self.request_interruption(requester, now + SignedDuration::from_secs(1));
        }
    }
}

fn failure(step: &str, name: &str) -> Failure {
    Failure {
        name: name.to_owned(),
        step: step.to_owned(),
        message: "no such subnet".to_owned(),
        address: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn cancel_never_stops_terraform_from_outside(happenings in happenings()) {
        let mut world = World {
            operation: operation(OperationKind::Update, OperationStatus::Starting),
            build: Build::None,
            now: Timestamp::UNIX_EPOCH,
            lost: false,
        };
        for what in happenings {
            let before = world.operation.clone();
            world.happens(what);
            let now = &world.operation;
            prop_assert!(!world.lost, "{what:?} stopped a build at work");
            if matches!(world.build, Build::Works { .. }) && !now.status.has_ended() {
                prop_assert_eq!(now.cancelling(), Cancel::Request);
            }
            prop_assert!(now.building().is_none() || now.waits_for_build().is_none());
            if before.status.has_ended() {
                prop_assert_eq!(now.status, before.status);
            }
            // A request stays, with its first requester, and decides the end.
            if let Some(request) = &before.cancel {
                let kept = now.cancel.as_ref().expect("the request");
                prop_assert_eq!(&kept.requested_by, &request.requested_by);
                prop_assert_eq!(kept.requested_at, request.requested_at);
                if request.acknowledged_at.is_some() {
                    prop_assert_eq!(kept.acknowledged_at, request.acknowledged_at);
                }
                prop_assert!(!now.status.has_ended() || now.status == OperationStatus::Cancelled);
            }
            // Nothing begins once the cancel is there.
            if before.interruption().is_some() && !matches!(what, Happens::RunnerPolls) {
                let works = |build: &World| matches!(build.build, Build::Works { .. });
                prop_assert!(!works(&world) || before.building().is_some());
            }
        }
    }
}

#[test]
fn cancel_is_overdue_after_ten_minutes_without_acknowledgement() {
    let mut operation = operation(OperationKind::Update, OperationStatus::Running);
    let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
    operation.request_interruption("ann", at(0));
    let request = operation.cancel.clone().expect("a request");
    assert!(!request.is_overdue(at(10)) && request.is_overdue(at(11)));
    operation.acknowledge_cancel(at(9));
    assert!(!operation.cancel.expect("a request").is_overdue(at(600)));
}

#[test]
fn a_cancelled_step_says_who_and_what_became_of_it() {
    let request = CancelRequest {
        requested_by: "ann".to_owned(),
        requested_at: Timestamp::UNIX_EPOCH,
        acknowledged_at: None,
    };
    let interrupted = request.ends(APPLY, Err(cancelled_by("signal", APPLY, None)));
    assert_eq!(interrupted.message, "ann cancelled the operation");
    let failed = request.ends(APPLY, Err(failure(APPLY, "Slipway.ApplyFailed")));
    assert_eq!(
        (failed.name.as_str(), failed.message.as_str()),
        ("Slipway.Cancelled", "ann cancelled the operation; no such subnet")
    );
    let late = request.ends(APPLY, Ok(()));
    assert!(late.message.contains("had succeeded"), "{}", late.message);
}
