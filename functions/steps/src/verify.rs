//! Verify: the health address of the blueprint is asked. The workflow asks again for a while.

use std::time::Duration;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use jiff::Timestamp;
use slipway_model::contract::Health;
use slipway_model::id::OperationId;
use slipway_model::operation::{Operation, StepStatus};

use crate::{Done, StepError, Steps, state};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Steps {
    pub(crate) async fn verify(&self, operation: &OperationId) -> Result<Done, StepError> {
        let now = Timestamp::now();
        let begin = |operation: &mut Operation| {
            operation.end_running_steps(StepStatus::Succeeded, now);
            operation.begin_step(state::VERIFY, now);
            Ok(())
        };
        let verified = self.store.update_operation(operation, begin).await?;
        require_wanted(&verified)?;
        let stack = self.store.stack(&verified.stack).await?;
        if let Some(health) = stack.contract.and_then(|contract| contract.health) {
            ask(&health).await.map_err(StepError::Unhealthy)?;
        }
        let now = Timestamp::now();
        let end = |operation: &mut Operation| {
            // In one write: a cancel comes before it and is seen, or after it and is refused.
            if operation.cancel_requested().is_none() {
                operation.end_step(state::VERIFY, StepStatus::Succeeded, now);
            }
            Ok(())
        };
        require_wanted(&self.store.update_operation(operation, end).await?)?;
        Ok(Done {})
    }
}

/// A release that was cancelled is not verified: the workflow restores the services.
fn require_wanted(operation: &Operation) -> Result<(), StepError> {
    match operation.cancel_requested() {
        Some(failure) => Err(StepError::Cancelled(failure.message.clone())),
        None => Ok(()),
    }
}

/// Asks once; the error says what was wrong with the answer. Redirects are answers, not followed.
async fn ask(health: &Health) -> Result<(), String> {
    let Health { url, expect } = health;
    let connector = if url.starts_with("https:") {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        Connector::builder().tls_provider(provider).build()
    } else {
        Connector::builder().build_http()
    };
    let request =
        HttpRequest::get(url).map_err(|error| format!("{url} is not an address that can be asked: {error}"))?;
    let answer = tokio::time::timeout(PATIENCE, connector.call(request)).await;
    let answer = answer.map_err(|_| format!("{url} did not answer within {} seconds", PATIENCE.as_secs()))?;
    let answer = answer.map_err(|error| {
        let why = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        format!("{url} could not be reached: {why}")
    })?;
    let status = answer.status().as_u16();
    if status == *expect {
        return Ok(());
    }
    Err(format!("{url} answered {status} instead of {expect}"))
}
