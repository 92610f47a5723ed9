//! Workers and schedules that an operation stopped for its migrations and did not resume.
//!
//! The workflow resumes them, or the event of the end of its execution does. If both failed, every sweep sends the steps function an
//! event, because only its role reaches the services of stacks. There is no last attempt.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use slipway_model::operation::Operation;
use slipway_store::PAGE;

use crate::{Healing, Report, Sweep, SweepError};

/// How long the event of the end of the execution has to resume them without the sweeper.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

impl Sweep {
    /// Requests the steps function to resume what ended operations left stopped.
    pub(crate) async fn resumes(&self, report: &mut Report, now: Timestamp) {
        let mut cursor = None;
        loop {
            let page = match self.store.operations_with_resume_due(PAGE, cursor.as_ref()).await {
                Ok(page) => page,
                Err(error) => return report.problem(None, &SweepError::List(error)),
            };
            let is_late = |left: &Operation| now.duration_since(left.ended_at.unwrap_or(now)) >= PATIENCE;
            for operation in page.items.into_iter().filter(is_late) {
                let details = [json!({"operation": operation.id})];
                match self.request("Slipway Resume Due", &details).await {
                    Ok(()) => report.healed(operation, Healing::ResumeAskedFor),
                    Err(error) => report.problem(Some(operation), &SweepError::AskToResume(error)),
                }
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return,
            }
        }
    }
}
