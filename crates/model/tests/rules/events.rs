//! What may happen in a state of the system.

use std::rc::Rc;

use slipway_model::environment::Environment;
use slipway_model::error_name::ErrorName;
use slipway_model::operation::approval::WAIT_FOR_APPROVAL;
use slipway_model::operation::build::{APPLY, PLAN};
use slipway_model::operation::cancel::WAIT_UNTIL_STABLE;
use slipway_model::operation::one_build::Next;
use slipway_model::operation::{OperationEvent, OperationStatus};

use crate::builds::interrupted;
use crate::system::{ATTEMPTS, BUILDS, Build, Decided, NOW, Run, Stage, Workflow, World, failure, id};

/// Takes an event: its name, and what it changes.
type Event<'a> = dyn FnMut(String, &dyn Fn(&mut World)) + 'a;

pub fn workflow_events(number: usize, run: &Run, environment: &Environment, event: &mut Event<'_>) {
    let name = |what: &str| format!("{number}: {what}");
    let fails = |step: &'static str, error: ErrorName| {
        move |world: &mut World| Rc::make_mut(&mut world.runs[number]).workflow = Workflow::Fail(step, error)
    };
    let is_running = !matches!(run.workflow, Workflow::Idle | Workflow::Done | Workflow::Stopped);
    if is_running && run.record.status == OperationStatus::Cancelled && run.cancel == Decided::Acknowledged {
        event(name("the API stops the execution"), &|world| {
            Rc::make_mut(&mut world.runs[number]).workflow = Workflow::Stopped;
        });
    }
    let last = run.builds.last().map(|build| build.stage);
    match run.workflow {
        Workflow::Idle => {
            if run.record.status == OperationStatus::Starting {
                event(name("the execution starts"), &|world| {
                    Rc::make_mut(&mut world.runs[number]).workflow = Workflow::Begin;
                });
            }
        }
        Workflow::Begin => event(name("Begin operation"), &|world| world.begin(number)),
        Workflow::Plan | Workflow::Apply => {
            let step = if run.workflow == Workflow::Plan { PLAN } else { APPLY };
            let of_step = run.builds.iter().filter(|build| build.step == step).count();
            if last == Some(Stage::Queued) && of_step < BUILDS {
                event(name("StartBuild is repeated"), &|world| {
                    Rc::make_mut(&mut world.runs[number]).builds.push(Build {
                        step,
                        stage: Stage::Queued,
                    });
                });
            }
            match last {
                Some(Stage::Ended(true)) => event(name("the build succeeded"), &|world| {
                    Rc::make_mut(&mut world.runs[number]).workflow = if step == PLAN {
                        Workflow::Review
                    } else {
                        Workflow::Complete
                    };
                }),
                Some(Stage::Ended(false) | Stage::Dead) => {
                    let error = if step == PLAN {
                        ErrorName::PlanFailed
                    } else {
                        ErrorName::ApplyFailed
                    };
                    event(name("the build failed"), &fails(step, error));
                }
                _ => {}
            }
        }
        Workflow::Review => event(name("Review plan"), &|world| world.review(number, environment)),
        Workflow::Wait(attempt, has_asked) => {
            if !has_asked {
                event(name("the step stores its token"), &|world| {
                    world.ask_approval(number, attempt);
                });
            }
            if attempt < ATTEMPTS {
                event(name("the attempt is repeated"), &|world| {
                    Rc::make_mut(&mut world.runs[number]).workflow = Workflow::Wait(attempt + 1, false);
                });
            }
            event(
                name("the time for a decision is over"),
                &fails(WAIT_FOR_APPROVAL, ErrorName::ApprovalTimedOut),
            );
        }
        Workflow::RollOut => {
            event(name("the rollout succeeded"), &|world| {
                Rc::make_mut(&mut world.runs[number]).workflow = Workflow::Complete;
            });
            event(
                name("the rollout failed"),
                &fails(WAIT_UNTIL_STABLE, ErrorName::RolloutFailed),
            );
        }
        Workflow::Complete => event(name("Complete"), &|world| {
            Rc::make_mut(&mut world.runs[number]).workflow = Workflow::Done;
            world.finish(number, OperationEvent::Succeeded, None);
        }),
        Workflow::Fail(step, error) => event(name("Record failure"), &|world| {
            world.record_failure(number, step, error);
        }),
        Workflow::Stopped => event(name("the end of the execution is reported"), &|world| {
            Rc::make_mut(&mut world.runs[number]).workflow = Workflow::Done;
            world.finish(
                number,
                OperationEvent::Cancelled,
                Some(failure(ErrorName::Cancelled, "")),
            );
        }),
        Workflow::Done => {}
    }
    if run.record.undelivered_decision().is_some() {
        event(name("the decision is delivered"), &|world| world.deliver(number));
    }
}

pub fn people_events(number: usize, run: &Run, event: &mut Event<'_>) {
    let name = |what: &str| format!("{number}: {what}");
    let is_open = run.record.status == OperationStatus::WaitingForApproval;
    if run.approval == Decided::No && is_open {
        event(name("approve"), &|world| world.approve(number));
    }
    if run.rejection == Decided::No && is_open {
        event(name("reject"), &|world| {
            let run = Rc::make_mut(&mut world.runs[number]);
            let rejected = run
                .record
                .reject(&failure(ErrorName::ApprovalRejected, WAIT_FOR_APPROVAL), NOW);
            run.rejection = if rejected.is_ok() {
                Decided::Recorded
            } else {
                Decided::Rejected
            };
        });
    }
    if run.approval == Decided::Recorded && run.is_delivered() {
        event(name("the approval is acknowledged"), &|world| {
            Rc::make_mut(&mut world.runs[number]).approval = Decided::Acknowledged;
        });
    }
    if run.rejection == Decided::Recorded && run.is_delivered() {
        event(name("the rejection is acknowledged"), &|world| {
            Rc::make_mut(&mut world.runs[number]).rejection = Decided::Acknowledged;
        });
    }
    if run.cancel == Decided::No {
        event(name("cancel"), &|world| world.cancel(number));
    }
}

pub fn build_events(world: &World, number: usize, build: usize, environment: &Environment, event: &mut Event<'_>) {
    let run = &world.runs[number];
    let at = run.builds[build];
    let name = |what: &str| format!("{number}: build {build} {what}");
    let is_interrupted = run.record.interruption().is_some();
    match at.stage {
        Stage::Queued => event(name("begins"), &|world| {
            Rc::make_mut(&mut world.runs[number]).begin_build(build);
        }),
        Stage::Planning => {
            event(name("has planned"), &|world| {
                Rc::make_mut(&mut world.runs[number]).end_plan(build, environment, world.flaw);
            });
            event(name("cannot plan"), &|world| {
                Rc::make_mut(&mut world.runs[number]).fail_plan(build, ErrorName::PlanFailed);
            });
            if is_interrupted {
                event(name("reads the interruption"), &|world| {
                    Rc::make_mut(&mut world.runs[number]).fail_plan(build, ErrorName::Cancelled);
                });
            }
        }
        Stage::Planned => {
            if is_interrupted {
                event(name("reads the interruption"), &|world| {
                    let (flaw, failure) = (world.flaw, interrupted());
                    Rc::make_mut(&mut world.runs[number]).end_apply(build, Err(failure), flaw);
                });
            }
            if run.applied == 0 && !world.is_locked() {
                event(name("starts to apply"), &|world| {
                    let run = Rc::make_mut(&mut world.runs[number]);
                    run.builds[build].stage = Stage::Applying;
                    let verdict = run
                        .record
                        .verdict
                        .as_ref()
                        .map(|verdict| run.record.after_review(verdict));
                    let is_judged = match verdict {
                        Some(Next::Apply) => true,
                        Some(Next::Approval) => run.record.approved_by.is_some(),
                        _ => false,
                    };
                    if !is_judged {
                        world.wrong = Some("a plan is applied without a verdict".to_owned());
                    }
                    // A build whose operation has ended may not have read that yet, whatever has the slot by now.
                    let is_in_progress = world.stack.place(&id(number)).is_some();
                    if is_in_progress && world.stack.beside.is_some() {
                        world.wrong = Some("a plan is applied, and others may run beside it".to_owned());
                    }
                });
            } else if run.applied > 0 {
                event(name("finds the plan applied"), &|world| {
                    let (flaw, failure) = (world.flaw, failure(ErrorName::ApplyFailed, APPLY));
                    Rc::make_mut(&mut world.runs[number]).end_apply(build, Err(failure), flaw);
                });
            }
        }
        Stage::Applying => {
            event(name("has applied"), &|world| {
                let flaw = world.flaw;
                Rc::make_mut(&mut world.runs[number]).applied += 1;
                Rc::make_mut(&mut world.runs[number]).end_apply(build, Ok(()), flaw);
            });
            event(name("cannot apply"), &|world| {
                let (flaw, failure) = (world.flaw, failure(ErrorName::ApplyFailed, APPLY));
                Rc::make_mut(&mut world.runs[number]).end_apply(build, Err(failure), flaw);
            });
            if is_interrupted {
                event(name("reads the interruption"), &|world| {
                    let (flaw, failure) = (world.flaw, interrupted());
                    Rc::make_mut(&mut world.runs[number]).end_apply(build, Err(failure), flaw);
                });
            }
        }
        Stage::Following => {
            event(name("follows"), &|world| {
                Rc::make_mut(&mut world.runs[number]).follow(build);
            });
        }
        Stage::Ended(_) | Stage::Dead => {}
    }
    if at.is_alive() {
        event(name("dies"), &|world| {
            Rc::make_mut(&mut world.runs[number]).builds[build].stage = Stage::Dead;
        });
    }
}
