//! Slipway Result: reports the outcome of a request to the account that made it.
//!
//! Acceptance and rejection are reported while the event is handled; the end of an operation when its execution has ended. Whether
//! that report was sent is recorded, and the sweeper retries it if not.

use aws_sdk_eventbridge::config::Region;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use slipway_model::account::{AccountId, region_of};
use slipway_model::error_chain::chain;
use slipway_model::event::Delivery;
use slipway_model::event_result::{EventResult, ResultStatus};
use slipway_model::operation::Operation;
use slipway_model::source_account::{Action, SourceAccount};

use crate::error::Refused;
use crate::event::Due;
use crate::{EventError, Events};

/// The source and type of result events.
const SOURCE: &str = "slipway";
const DETAIL_TYPE: &str = "Slipway Result";

impl Events {
    /// The source account with this ID, if there is one.
    pub(crate) async fn source_account(&self, account: &AccountId) -> Result<Option<SourceAccount>, EventError> {
        match self.store.source_account(account).await {
            Ok(source) => Ok(Some(source)),
            Err(slipway_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(EventError::table("read the source account")(error)),
        }
    }

    /// Sends a result to the account's event bus, if it has one.
    pub(crate) async fn send_result(&self, source: &SourceAccount, result: &EventResult) -> Result<(), EventError> {
        let Some(bus) = &source.results else { return Ok(()) };
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| EventError::PutResult {
            bus: bus.clone(),
            source,
        };
        let detail = serde_json::to_string(&result.clone().fitting()).map_err(|error| failed(error.into()))?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(DETAIL_TYPE)
            .detail(detail);
        let put = self.eventbridge.put_events().entries(entry.build());
        // EventBridge takes events for the buses of its own Region alone.
        let region = region_of(bus).map(|region| Region::new(region.to_owned()));
        let there = aws_sdk_eventbridge::Config::builder().region(region);
        let put = put.customize().config_override(there).send().await;
        let put = put.map_err(|error| failed(Box::new(aws_sdk_eventbridge::Error::from(error))))?;
        match put.entries().first().and_then(|entry| entry.error_code()) {
            None => Ok(()),
            Some(code) => {
                let message = put.entries()[0].error_message().unwrap_or_default();
                Err(failed(format!("{code}: {message}").into()))
            }
        }
    }

    /// Reports a rejection to the account. It is tried once, because the dead-lettered event keeps the reason.
    pub(crate) async fn report_refused(
        &self,
        source: &SourceAccount,
        key: Option<String>,
        action: Option<Action>,
        refused: &Refused,
    ) {
        let result = EventResult::refused(key, action, &*refused.detail, refused.problems.clone());
        if let Err(error) = self.send_result(source, &result).await {
            let error = chain(&error);
            tracing::warn!(account = %source.account, error, "failed to report a rejection");
        }
    }

    /// Slipway Result Due: the sweeper has found an operation whose result was not reported.
    pub(crate) async fn due(&self, due: Due) -> Result<(), EventError> {
        match self.store.operation(&due.operation).await {
            Ok(operation) => {
                self.report_end(&operation).await;
                Ok(())
            }
            Err(slipway_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(EventError::table("read the operation")(error)),
        }
    }

    /// Reports the end of an operation to the account that requested it, unless that is done. The sweeper retries it after a failure.
    pub(crate) async fn report_end(&self, operation: &Operation) {
        if !operation.owes_result() {
            return;
        }
        let reported = Box::pin(self.try_report_end(operation)).await;
        match reported {
            Ok(delivery) => tracing::info!(operation = %operation.id, ?delivery, "a result"),
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(operation = %operation.id, error, "failed to report a result; the sweeper retries it");
            }
        }
    }

    async fn try_report_end(&self, operation: &Operation) -> Result<Delivery, EventError> {
        let Some(origin) = &operation.origin else {
            return Ok(Delivery::Dropped);
        };
        let source = self.source_account(&origin.account).await?;
        let delivery = match source.filter(|source| source.results.is_some()) {
            None => Delivery::Dropped,
            Some(source) => {
                let mut result = EventResult::of(operation);
                if result.status == ResultStatus::Succeeded
                    && let Some(shown) = &mut result.stack
                {
                    let stack = self.store.stack(&operation.stack).await;
                    let stack = stack.map_err(EventError::table("read the stack"))?;
                    shown.endpoints = stack.contract.unwrap_or_default().endpoints;
                }
                self.send_result(&source, &result).await?;
                Delivery::Sent
            }
        };
        let recorded = self.store.record_delivery(&operation.id, delivery).await;
        recorded.map_err(EventError::table("record that a result was sent"))?;
        Ok(delivery)
    }
}
