//! Record failure: what failed is said in plain words, the stack's slot is freed, and the next operation starts.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_codebuild::types::{Build, BuildPhase};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use slipway_control::rollout;
use slipway_model::console_link::Console;
use slipway_model::count::{counted, counted_as};
use slipway_model::error_name::ErrorName;
use slipway_model::id::OperationId;
use slipway_model::operation::{Failure, Operation, OperationStatus, Step, StepStatus};
use slipway_store::finish::{End, hide_in_failure};

use crate::error::cut;
use crate::payload::Failed;
use crate::{StepError, Steps, state};

/// How the execution ends: its `Error` and its `Cause`; it succeeds if the operation was discarded or cancelled.
#[derive(Debug, Serialize)]
pub(crate) struct Recorded {
    error: String,
    cause: String,
    status: OperationStatus,
}

impl Steps {
    pub(crate) async fn record_failure(&self, operation: &OperationId, failed: &Failed) -> Result<Recorded, StepError> {
        let now = Timestamp::now();
        let had_begun_apply = AtomicBool::new(false);
        let note = |operation: &mut Operation| {
            had_begun_apply.store(operation.has_begun_apply(), Ordering::Relaxed);
            if !operation.status.has_ended() && !operation.is_refused_before_apply() {
                let step = step_of(operation, &failed.step);
                if step == state::APPLY && !operation.has_begun_apply() {
                    // Its build never came to Terraform. One that begins before the operation ends resets this.
                    operation.nothing_applied = true;
                }
                let is_cancelled = failed.error == rollout::CANCELLED || operation.cancel.is_some();
                let status = if is_cancelled {
                    StepStatus::Cancelled
                } else {
                    StepStatus::Failed
                };
                if operation.status_of(&step) != Some(status) {
                    let began = began(operation, &step).unwrap_or(now);
                    // A step that was given up keeps the time of its end: what the workflow restored since is no part of it.
                    let ended = given_up_at(operation, &step).unwrap_or(now);
                    operation.begin_step(&step, began);
                    operation.end_step(&step, status, ended);
                }
            }
            Ok(())
        };
        let mut ending = self.store.update_operation(operation, note).await?;
        if !ending.quiesced.configurations.is_empty() {
            let stack = self.store.stack(&ending.stack).await?;
            let place = self.place_of(&stack).await?;
            ending = Box::pin(self.configure_recorded(ending, &place)).await;
        }
        let mut failure = self
            .in_plain_words(&ending, failed, had_begun_apply.load(Ordering::Relaxed))
            .await;
        let of_services = [ErrorName::RolloutFailed, ErrorName::Unhealthy].map(ErrorName::as_str);
        if of_services.contains(&failure.name.as_str())
            && let Some(why) = self.why_tasks_stopped(&ending, &failure.step).await
        {
            failure.add(&why);
        }
        // The runner has said so itself, unless it could not say anything any more.
        let mut failure = ending.failing(failure);
        let secrets = self.secrets.of_operation(&ending).await;
        hide_in_failure(&mut failure, operation, secrets);
        let end = End::of(failure.clone());
        let finished = self.store.finish_known_operation(ending, None, &end).await?;
        self.start_next(&finished).await;
        Ok(self.recorded(&finished.operation, &failure))
    }

    /// The end of the execution: the operation's failure, or `otherwise` if its record has none; then where its log is.
    fn recorded(&self, ended: &Operation, otherwise: &Failure) -> Recorded {
        let failure = ended.failure.as_ref().unwrap_or(otherwise);
        let address = failure.address.as_ref().map(|address| format!(" (resource {address})"));
        let console = Console::of(&self.config.state_machine);
        let log = ended.logs.last().filter(|log| log.in_segments);
        let link = console
            .zip(log)
            .map(|(console, log)| format!(", {}", console.log_stream(&log.group, &log.stream)));
        Recorded {
            error: failure.name.clone(),
            cause: format!(
                "{}: {}{}. Log: `slipway logs {}`{}",
                failure.step,
                failure.message.trim_end_matches('.'),
                address.unwrap_or_default(),
                ended.id,
                link.unwrap_or_default()
            ),
            status: ended.status,
        }
    }

    async fn in_plain_words(&self, operation: &Operation, failed: &Failed, had_begun_apply: bool) -> Failure {
        let failure = |name: &str, message: String| Failure {
            name: name.to_owned(),
            step: step_of(operation, &failed.step),
            message,
            address: None,
        };
        let reason = reason(failed);
        // The build of Plan may have come to Apply.
        let build = match failed.step.as_str() {
            state::PLAN => step_of(operation, state::PLAN),
            step => step.to_owned(),
        };
        match (build.as_str(), failed.error.as_str()) {
            (state::PLAN | state::APPLY, "States.TaskFailed") => {
                // The runner knows best: the first diagnostic, and the resource that it is about.
                if let Some(recorded) = &operation.failure {
                    return recorded.clone();
                }
                let ended = self.how_the_build_ended(&build, failed).await;
                if build == state::PLAN {
                    return failure(ErrorName::PlanFailed.as_str(), ended);
                }
                if !had_begun_apply {
                    return failure(ErrorName::ApplyFailed.as_str(), ended);
                }
                Failure {
                    address: operation
                        .progress
                        .as_ref()
                        .and_then(|progress| progress.current.clone()),
                    ..failure(
                        ErrorName::ApplyFailed.as_str(),
                        format!("{ended}. {}", what_terraform_may_do(operation)),
                    )
                }
            }
            (state::WAIT_FOR_APPROVAL, "States.Timeout") => {
                let message = match operation.decision() {
                    Some(_) => "the decision about the plan came when its time was over; nothing was changed",
                    None => "the plan was not approved in time; nothing was changed",
                };
                failure(ErrorName::ApprovalTimedOut.as_str(), message.to_owned())
            }
            (state::ROLL_OUT_SERVICES, "States.Timeout") => failure(
                ErrorName::RolloutFailed.as_str(),
                format!("{reason}it was not stable in time"),
            ),
            (step, "States.Timeout") => {
                failure("States.Timeout", format!("{step} did not end in time, and was stopped"))
            }
            (_, error) if reason.is_empty() => failure(error, format!("{} failed without a reason", failed.step)),
            (_, error) => failure(error, reason),
        }
    }

    /// What CodeBuild knows about a build in which the runner could not say what went wrong.
    async fn how_the_build_ended(&self, step: &str, failed: &Failed) -> String {
        let unknown = || {
            format!(
                "the build of {step} ended without a report: {}",
                cut(&failed.cause, 300)
            )
        };
        if failed.job.is_empty() {
            return unknown();
        }
        match self.codebuild.batch_get_builds().ids(&failed.job).send().await {
            Ok(found) => match found.builds.unwrap_or_default().first() {
                Some(build) => format!("the build of {step} ended without a report: {}", last_phase(build)),
                None => unknown(),
            },
            Err(error) => {
                tracing::warn!(build = failed.job, "the build could not be read: {error}");
                unknown()
            }
        }
    }
}

/// What is known of a Terraform whose runner died in Apply. The resource that it began last is the failure's address.
fn what_terraform_may_do(operation: &Operation) -> String {
    let progress = operation.progress.as_ref();
    let came = progress.map_or_else(
        || "no resource was reported".to_owned(),
        |progress| {
            format!(
                "of {}, {} reported as done",
                counted(progress.total, "resource"),
                counted_as(progress.done, "was", "were")
            )
        },
    );
    let exist = operation.may_exist().map(|exist| format!(". {exist}"));
    format!(
        "Its runner was killed while Terraform applied: {came}. Terraform may continue for a while{}. Update the stack: the update \
         waits until Terraform has ended, and continues from the state",
        exist.unwrap_or_default()
    )
}

/// The status of a build and what its last phase with something to say says: `FAULT in PROVISIONING: out of capacity`.
fn last_phase(build: &Build) -> String {
    let status = build
        .build_status()
        .map_or("it has no status", |status| status.as_str());
    let messages = |phase: &BuildPhase| {
        let contexts = phase.contexts().iter().filter_map(|context| context.message());
        contexts
            .filter(|message| !message.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut phases = build.phases().iter().rev().map(|phase| (phase, messages(phase)));
    match phases.find(|(_, messages)| !messages.is_empty()) {
        Some((phase, messages)) => {
            let name = phase.phase_type().map_or("a phase", |name| name.as_str());
            format!("{status} in {name}: {messages}")
        }
        None => status.to_owned(),
    }
}

/// The step that failed, where the record says more than the workflow knows: the item of a Map, or Apply in the build of Plan.
fn step_of(operation: &Operation, step: &str) -> String {
    if step == state::PLAN && operation.status_of(state::APPLY).is_some() {
        return state::APPLY.to_owned();
    }
    if step == state::TAKE_SNAPSHOT {
        // One step on the record, from Prepare release on.
        return state::WAIT_FOR_SNAPSHOT.to_owned();
    }
    let failed =
        items_of(operation, step).filter(|known| matches!(known.status, StepStatus::Failed | StepStatus::Cancelled));
    // The first failure ends a Map; what ran beside it may have failed since, or was cancelled.
    failed
        .min_by_key(|known| (known.status != StepStatus::Failed, known.ended_at))
        .map_or_else(|| step.to_owned(), |known| known.name.clone())
}

/// When a step failed or was cancelled, by what is recorded of it.
fn given_up_at(operation: &Operation, step: &str) -> Option<Timestamp> {
    let mut steps = operation.steps.iter().filter(|known| known.name == step);
    let given_up = steps.find(|known| matches!(known.status, StepStatus::Failed | StepStatus::Cancelled));
    given_up.and_then(|known| known.ended_at)
}

/// When the first item of a Map began. The Map has no step until it fails.
fn began(operation: &Operation, step: &str) -> Option<Timestamp> {
    items_of(operation, step).map(|item| item.started_at).min()
}

/// The steps of the items of a Map, or of the task that a state checks.
fn items_of<'a>(operation: &'a Operation, step: &str) -> impl Iterator<Item = &'a Step> {
    let item_state = match step {
        state::RUN_BACKUPS => Some(state::RUN_BACKUP),
        state::RUN_MIGRATIONS => Some(state::RUN_MIGRATION),
        state::CHECK_TASK => Some(state::RUN_TASK),
        state::ROLL_OUT_SERVICES => Some(state::WAIT_UNTIL_STABLE),
        _ => None,
    };
    operation.steps.iter().filter(move |known| {
        let rest = item_state.and_then(|state| known.name.strip_prefix(state));
        rest.is_some_and(|rest| rest.starts_with(':'))
    })
}

/// The text of a cause. For a function it is JSON with an `errorMessage`, to which a Catch may have added a prefix.
fn reason(failed: &Failed) -> String {
    let cause = &failed.cause;
    let (words, json) = cause.split_at(cause.find('{').unwrap_or(cause.len()));
    let json: Value = serde_json::from_str(json).unwrap_or_default();
    match json.get("errorMessage").and_then(Value::as_str) {
        Some(message) => format!("{words}{message}"),
        None => cause.clone(),
    }
}
