//! Another build of the same operation that is on the record: it was first, and this one ends as it does.
//!
//! `StartBuild` is repeated if its answer is lost, so the workflow may wait for either of two builds.

use std::time::Duration;

use jiff::Timestamp;
use slipway_model::operation::build::APPLY;
use slipway_model::operation::one_build::Planned;
use slipway_model::operation::{Operation, StepStatus};
use slipway_store::lock::Runner;
use tokio::time::sleep;

use crate::console::say;
use crate::error::Error;
use crate::lock::host;
use crate::phase::Phase;
use crate::session::{Done, Session};

/// How often the record is read.
const POLL: Duration = Duration::from_secs(3);

/// Waits while the other build applies its plan, and ends as that does.
pub(crate) async fn follow(session: &Session) -> Result<Done, Error> {
    say("Another build of this operation has recorded its plan. This one changes nothing and waits for it.");
    let mut has_ended = false;
    loop {
        let operation = session.read().await?;
        if let Some(interruption) = operation.interruption() {
            return Err(interruption.into());
        }
        let Some(other) = &operation.planned_by else {
            return Ok(Done::Elsewhere);
        };
        match operation.planned() {
            Some(Planned::Applies) if has_ended => return Err(gone(session, &operation, &other.build).await?),
            Some(Planned::Applies) => {}
            Some(Planned::Failed) => return Err(Error::OtherBuildFailed(other.build.clone())),
            Some(Planned::Left | Planned::Applied) | None => return Ok(Done::Elsewhere),
        }
        session.cancel.check()?;
        has_ended = ended(session, &operation, &other.build).await?;
        if !has_ended {
            sleep(POLL).await;
        }
    }
}

/// What comes of another build of Apply.
#[derive(Debug)]
pub(crate) enum Followed {
    /// It ended, and this build ends like this.
    Ended(Done),
    /// It ended without a result. This build is the one that applies, and this is the record.
    TakenOver(Box<Operation>),
}

/// Waits while another build of Apply applies the plan, and ends as that does, or takes over.
pub(crate) async fn follow_apply(session: &Session) -> Result<Followed, Error> {
    let own = &session.config.build.name;
    let mut is_said = false;
    let mut gone: Option<String> = None;
    loop {
        let operation = match &gone {
            None => session.read().await?,
            Some(gone) => {
                let take_over = |operation: &mut Operation| {
                    // Of two that wait, one is first.
                    if operation.applied_by.as_ref() == Some(gone) && operation.building() == Some(APPLY) {
                        operation.applied_by = None;
                        operation.begin_apply(own, Timestamp::now());
                        session.note_log(operation);
                    }
                };
                session.update("begin the step on", take_over).await?
            }
        };
        if let Some(interruption) = operation.interruption() {
            return Err(interruption.into());
        }
        let Some(other) = operation.other_apply(own).map(str::to_owned) else {
            session.note_apply();
            return Ok(Followed::TakenOver(Box::new(operation)));
        };
        match operation.status_of(APPLY) {
            Some(StepStatus::Succeeded) => {
                say("Another build of this operation has applied the plan: there is nothing to do.");
                return Ok(Followed::Ended(Done::Elsewhere));
            }
            Some(StepStatus::Failed | StepStatus::Cancelled) => return Err(Error::OtherBuildFailed(other)),
            Some(StepStatus::Running) | None => {}
        }
        if !is_said {
            say("Another build of this operation applies the plan. This one waits for it.");
            is_said = true;
        }
        session.cancel.check()?;
        if ended(session, &operation, &other).await? {
            gone = Some(other);
        } else {
            sleep(POLL).await;
        }
    }
}

/// Whether a build has ended, by CodeBuild's word.
async fn ended(session: &Session, operation: &Operation, build: &str) -> Result<bool, Error> {
    let runner = Runner {
        build: Some(build.to_owned()),
        machine: host(),
    };
    Ok(session.lock(operation).why_build_runs(&runner).await?.is_none())
}

/// Records that the build ended without a result.
async fn gone(session: &Session, operation: &Operation, build: &str) -> Result<Error, Error> {
    let exist = operation.may_exist().map(|exist| format!(". {exist}"));
    let error = Error::OtherBuildGone {
        build: build.to_owned(),
        exist: exist.unwrap_or_default(),
    };
    let now = Timestamp::now();
    let record = session.update("end the step on", |operation| {
        if operation.planned() == Some(Planned::Applies) {
            // What is recorded is this error, or a cancel that came first.
            let _ = operation.end_build(APPLY, Err(error.failure(Phase::Apply)), now);
        }
    });
    record.await?;
    Ok(error)
}
