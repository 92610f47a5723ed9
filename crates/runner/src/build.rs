//! One build: it begins, does its phase, and records how that ended.

use slipway_model::error_chain::chain;
use slipway_model::operation::Operation;

use crate::apply;
use crate::cancel::Cancel;
use crate::config::Config;
use crate::console::{self, say};
use crate::error::Error;
use crate::log::LogWriter;
use crate::other_build::{self, Followed};
use crate::phase::Phase;
use crate::plan;
use crate::session::{Done, Session};

/// How a phase ended whose log says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    Failed,
}

/// Does one build, records how it ended, and keeps its log.
pub(crate) async fn run(config: Config, cancel: Cancel) -> Result<Outcome, Error> {
    let session = Session::new(config, cancel);
    console::keep();
    let operation = session.begin().await?;
    let log = session
        .config
        .build
        .log
        .as_ref()
        .map(|(_group, stream)| LogWriter::start(session.artifacts.clone(), operation.clone(), stream.clone()));
    let outcome = match do_phase(&session, &operation).await {
        Ok(()) => Outcome::Succeeded,
        Err(error) => {
            if let Some(line) = last_line(&error) {
                say(line);
            }
            Outcome::Failed
        }
    };
    if let Some(log) = log {
        log.finish().await;
    }
    Ok(outcome)
}

/// The error as the last line of the log. Terraform's diagnostics are in it already: each was printed as it came.
fn last_line(error: &Error) -> Option<String> {
    match error {
        Error::Terraform { .. } => None,
        other => Some(format!("Error: {}", chain(other))),
    }
}

async fn do_phase(session: &Session, operation: &Operation) -> Result<(), Error> {
    let ended = work(session, operation).await;
    if session.phase() == Phase::Plan {
        return ended.map(drop);
    }
    let apply = match &ended {
        Ok(Done::Applied(applied)) => Ok(applied.clone()),
        Ok(Done::Planned | Done::Elsewhere) => return Ok(()),
        // The record has the reason of that build.
        Err(Error::OtherBuildFailed(_)) => return ended.map(drop),
        Err(error) => Err(error.failure(Phase::Apply)),
    };
    let recorded = session.end_apply(&apply).await;
    match (ended, recorded) {
        (Err(error), Err(unrecorded)) => {
            unrecorded_failure(&unrecorded);
            Err(error)
        }
        (ended, recorded) => ended.map(drop).and(recorded),
    }
}

fn unrecorded_failure(why: &Error) {
    say(format_args!("The failure could not be recorded: {}", chain(why)));
}

/// Does the build's work, while the operation's record and the clock are watched.
async fn work(session: &Session, operation: &Operation) -> Result<Done, Error> {
    let deadline = session.config.deadline.map(|time| (session.started, time));
    let cancel = session.cancel.clone();
    let watch = tokio::task::spawn_local(cancel.watch(session.store.clone(), operation.id.clone(), deadline));
    let ended = match (operation.interruption(), session.phase()) {
        (Some(interruption), Phase::Apply) => Err(interruption.into()),
        (_, Phase::Plan) => Box::pin(plan(session, operation)).await,
        (None, Phase::Apply) => Box::pin(apply(session, operation)).await,
    };
    if session.cancel.is_cancelled() {
        // A Terraform that ends at once must not leave the cancel without its acknowledgement.
        watch.await.ok();
    } else {
        watch.abort();
    }
    ended
}

/// Applies, unless another build has done that.
async fn apply(session: &Session, operation: &Operation) -> Result<Done, Error> {
    if let Some(refusal) = session.take_refusal() {
        return Err(Error::Refused(refusal));
    }
    let mut taken_over = None;
    if operation.other_apply(&session.config.build.name).is_some() {
        match other_build::follow_apply(session).await? {
            Followed::Ended(done) => return Ok(done),
            // The other build has written more on it since this one read it.
            Followed::TakenOver(operation) => taken_over = Some(operation),
        }
    }
    let operation = taken_over.as_deref().unwrap_or(operation);
    Box::pin(apply::apply(session, operation)).await
}

/// Plans, unless another build has done that, and records a failure of the plan.
async fn plan(session: &Session, operation: &Operation) -> Result<Done, Error> {
    let ended = match (operation.interruption(), &operation.planned_by) {
        (Some(interruption), _) => Err(interruption.into()),
        (None, Some(_)) => Ok(Done::Elsewhere),
        (None, None) => Box::pin(plan::plan(session, operation)).await,
    };
    match ended {
        Ok(Done::Elsewhere) => other_build::follow(session).await,
        Err(error) if session.phase() == Phase::Plan => match session.fail_plan(&error).await {
            Ok(true) => Err(error),
            Ok(false) => other_build::follow(session).await,
            Err(unrecorded) => {
                unrecorded_failure(&unrecorded);
                Err(error)
            }
        },
        ended => ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostic_of_terraform_is_not_printed_again() {
        let text = r#"{"severity": "error", "summary": "no such subnet"}"#;
        let diagnostic = serde_json::from_str(text).expect("a diagnostic");
        assert_eq!(last_line(&Error::Terraform { diagnostic, others: 0 }), None);
        let stale = last_line(&Error::PlanIsStale).expect("a line");
        assert!(stale.starts_with("Error: the state has changed"), "{stale}");
    }
}
