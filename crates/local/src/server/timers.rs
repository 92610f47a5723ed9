//! What happens again and again: the schedules of the template, and the expiry of items.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use slipway_sweep::Sweep;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::template::Schedule;
use aws_emulator::dynamodb::DynamoDb;
use aws_emulator::functions::Functions;
use aws_emulator::scheduler::Expression;
use slipway_model::error_chain::chain;

/// AWS deletes within days; here it costs nothing to be prompt.
const EXPIRY: Duration = Duration::from_mins(1);

/// The time between two runs of a schedule: `rate(5 minutes)`.
pub(super) fn rate(schedule: &Schedule) -> Result<Duration, Error> {
    let unknown = || Error::UnknownSchedule {
        name: schedule.name.clone(),
        expression: schedule.expression.clone(),
    };
    match Expression::parse(&schedule.expression) {
        Ok(Expression::Rate(seconds)) => Ok(Duration::from_secs(seconds.into())),
        _ => Err(unknown()),
    }
}

/// Sweeps every `every`, until `stop`.
pub(super) fn sweep_regularly(sweep: Arc<Sweep>, functions: Functions, every: Duration, stop: CancellationToken) {
    tokio::spawn(async move {
        while wait(every, &stop).await {
            sweep_once(&sweep, &functions, json!({})).await;
        }
    });
}

/// One sweep. What it could not heal it tries again the next time.
pub(super) async fn sweep_once(sweep: &Sweep, functions: &Functions, event: Value) {
    let _execution = functions.execute_later().await;
    match sweep.handle(event).await {
        Ok(report) => tracing::debug!(%report, "swept"),
        Err(error) => tracing::warn!(error = %chain(&error), "the sweep left something"),
    }
}

/// Deletes expired items regularly, until `stop`.
pub(super) fn expire_regularly(tables: DynamoDb, stop: CancellationToken) {
    tokio::spawn(async move {
        while wait(EXPIRY, &stop).await {
            let tables = tables.clone();
            match tokio::task::spawn_blocking(move || tables.sweep()).await {
                Ok(Ok(count)) => tracing::debug!(count, "expired items were deleted"),
                Ok(Err(error)) => tracing::warn!(error = %chain(&error), "expired items stay for now"),
                Err(error) => tracing::error!(%error, "the deletion of expired items ended early"),
            }
        }
    });
}

/// Waits; says whether to go on.
async fn wait(time: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        () = stop.cancelled() => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_anything_else_is_refused() {
        let read = |expression: &str| {
            rate(&Schedule {
                name: "s".to_owned(),
                expression: expression.to_owned(),
                function: "f".to_owned(),
            })
        };
        assert_eq!(read("rate(5 minutes)").ok(), Some(Duration::from_mins(5)));
        assert_eq!(read("rate(1 hour)").ok(), Some(Duration::from_hours(1)));
        for wrong in ["rate(0 minutes)", "rate(5 weeks)", "cron(0 * * * ? *)", "rate(5)", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
