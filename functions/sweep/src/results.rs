//! Results that were not reported to the account that requested the operation.
//!
//! The events function reports a result when the execution has ended. That may have failed, and an operation that was cancelled in
//! the queue had no execution. The sweeper sends that function an event, because only its role may put events on the buses of
//! other accounts.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use slipway_model::event::Delivery;
use slipway_model::operation::Operation;
use slipway_store::PAGE;

use crate::{Healing, Report, Sweep, SweepError};

/// For how long after an operation's end the report is retried.
const TRIED: SignedDuration = SignedDuration::from_hours(24);

/// How long the events function has to report it without the sweeper.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

impl Sweep {
    /// Checks every operation that has ended and whose result was not reported.
    pub(crate) async fn results(&self, report: &mut Report, now: Timestamp) {
        let mut cursor = None;
        loop {
            let page = match self.store.operations_with_result_due(PAGE, cursor.as_ref()).await {
                Ok(page) => page,
                Err(error) => {
                    report.problem(None, &SweepError::List(error));
                    return;
                }
            };
            for operation in page.items {
                match self.result(&operation, now).await {
                    Ok(Some(healing)) => report.healed(operation, healing),
                    Ok(None) => {}
                    Err(error) => report.problem(Some(operation), &error),
                }
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return,
            }
        }
    }

    async fn result(&self, operation: &Operation, now: Timestamp) -> Result<Option<Healing>, SweepError> {
        let age = now.duration_since(operation.ended_at.unwrap_or(now));
        if age < PATIENCE {
            return Ok(None);
        }
        if age > TRIED {
            let dropped = self.store.record_delivery(&operation.id, Delivery::Dropped).await;
            dropped.map_err(SweepError::End)?;
            return Ok(Some(Healing::ResultDropped));
        }
        let details = [json!({"operation": operation.id})];
        let requested = self.request("Slipway Result Due", &details).await;
        requested.map_err(SweepError::AskForResult)?;
        Ok(Some(Healing::ResultAskedFor))
    }
}
