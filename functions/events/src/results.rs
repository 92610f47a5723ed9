//! Slipway Result: what became of a request goes back to the account that made it.
//!
//! That an operation was accepted and that a request was refused is told by whoever handles the event. How an operation ended
//! is told when its execution has, and recorded: what could not be told is listed, and the sweeper sees to it.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use slipway_model::account::AccountId;
use slipway_model::error_chain::chain;
use slipway_model::event::Telling;
use slipway_model::event_result::{EventResult, ResultStatus};
use slipway_model::operation::Operation;
use slipway_model::source_account::{Action, SourceAccount};

use crate::error::Refused;
use crate::event::Due;
use crate::{EventError, Events};

/// What results are called on the bus.
const SOURCE: &str = "slipway";
const DETAIL_TYPE: &str = "Slipway Result";

impl Events {
    /// An account whose events may ask for something, if it is one.
    pub(crate) async fn source_account(&self, account: &AccountId) -> Result<Option<SourceAccount>, EventError> {
        match self.store.source_account(account).await {
            Ok(source) => Ok(Some(source)),
            Err(slipway_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(EventError::table("be asked what the account may ask for")(error)),
        }
    }

    /// Puts a result on the bus that the account has for them, if it has one.
    pub(crate) async fn tell(&self, source: &SourceAccount, result: &EventResult) -> Result<(), EventError> {
        let Some(bus) = &source.results else { return Ok(()) };
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| EventError::PutResult {
            bus: bus.clone(),
            source,
        };
        let detail = serde_json::to_string(result).map_err(|error| failed(error.into()))?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(DETAIL_TYPE)
            .detail(detail);
        let put = self.eventbridge.put_events().entries(entry.build()).send().await;
        let put = put.map_err(|error| failed(Box::new(aws_sdk_eventbridge::Error::from(error))))?;
        match put.entries().first().and_then(|entry| entry.error_code()) {
            None => Ok(()),
            Some(code) => {
                let message = put.entries()[0].error_message().unwrap_or_default();
                Err(failed(format!("{code}: {message}").into()))
            }
        }
    }

    /// Tells an account that nothing is done about what it asked for. The event itself is kept with the reason, so that this is
    /// tried once.
    pub(crate) async fn tell_refused(
        &self,
        source: &SourceAccount,
        key: Option<String>,
        action: Option<Action>,
        refused: &Refused,
    ) {
        let result = EventResult::refused(key, action, &*refused.detail, refused.problems.clone());
        if let Err(error) = self.tell(source, &result).await {
            let error = chain(&error);
            tracing::warn!(account = %source.account, error, "a refusal could not be told");
        }
    }

    /// Slipway Result Due: the sweeper has found an operation of which nobody was told.
    pub(crate) async fn due(&self, due: Due) -> Result<(), EventError> {
        match self.store.operation(&due.operation).await {
            Ok(operation) => {
                self.tell_end(&operation).await;
                Ok(())
            }
            Err(slipway_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(EventError::table("be asked for an operation")(error)),
        }
    }

    /// Tells who asked for an operation by event how it ended, unless they have been told. What fails is left to the sweeper.
    pub(crate) async fn tell_end(&self, operation: &Operation) {
        if !operation.owes_result() {
            return;
        }
        let told = Box::pin(self.told_end(operation)).await;
        match told {
            Ok(telling) => tracing::info!(operation = %operation.id, ?telling, "a result"),
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(operation = %operation.id, error, "a result could not be told; the sweeper sees to it");
            }
        }
    }

    async fn told_end(&self, operation: &Operation) -> Result<Telling, EventError> {
        let Some(origin) = &operation.origin else {
            return Ok(Telling::Dropped);
        };
        let source = self.source_account(&origin.account).await?;
        let telling = match source.filter(|source| source.results.is_some()) {
            None => Telling::Dropped,
            Some(source) => {
                let mut result = EventResult::of(operation);
                if result.status == ResultStatus::Succeeded
                    && let Some(shown) = &mut result.stack
                {
                    let stack = self.store.stack(&operation.stack).await;
                    let stack = stack.map_err(EventError::table("be asked for a stack"))?;
                    shown.endpoints = stack.contract.unwrap_or_default().endpoints;
                }
                self.tell(&source, &result).await?;
                Telling::Told
            }
        };
        let recorded = self.store.record_telling(&operation.id, telling).await;
        recorded.map_err(EventError::table("record that a result was told"))?;
        Ok(telling)
    }
}
