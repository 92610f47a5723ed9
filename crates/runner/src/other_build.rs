//! Another build of the same operation whose plan is on the record: it was first, and this one ends as it does.
//!
//! `StartBuild` is repeated if its answer is lost, so the workflow may wait for either of two builds.

use std::time::Duration;

use jiff::Timestamp;
use slipway_model::operation::build::APPLY;
use slipway_model::operation::one_build::Planned;
use slipway_store::lock::Runner;
use tokio::time::sleep;

use crate::config::Phase;
use crate::console::say;
use crate::error::Error;
use crate::lock::host;
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
            Some(Planned::Applies) if has_ended => return Err(gone(session, &other.build).await?),
            Some(Planned::Applies) => {}
            Some(Planned::Failed) => return Err(Error::OtherBuildFailed(other.build.clone())),
            Some(Planned::Left | Planned::Applied) | None => return Ok(Done::Elsewhere),
        }
        session.cancel.check()?;
        let runner = Runner {
            build: Some(other.build.clone()),
            machine: host(),
        };
        has_ended = session.lock(&operation).why_build_runs(&runner).await?.is_none();
        if !has_ended {
            sleep(POLL).await;
        }
    }
}

/// Records that the build ended without a result.
async fn gone(session: &Session, build: &str) -> Result<Error, Error> {
    let error = Error::OtherBuildGone(build.to_owned());
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
