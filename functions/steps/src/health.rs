//! The health address of a blueprint.

use std::time::Duration;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use slipway_model::contract::Health;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks once; the error says what was wrong with the answer. Redirects are answers, not followed.
pub(crate) async fn ask(health: &Health) -> Result<(), String> {
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
