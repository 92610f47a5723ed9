//! The health address of a blueprint.

use std::time::Duration;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use slipway_model::contract::{Contract, Health};
use slipway_model::webhook::address::{InvalidUrl, Reach};

use crate::StepError;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Refuses a health address that leads into a network of AWS, as it is written: before anything is rolled out.
pub(crate) fn require_permitted(contract: &Contract, reach: Reach) -> Result<(), StepError> {
    let Some(health) = &contract.health else {
        return Ok(());
    };
    let refused = |error: InvalidUrl| {
        let url = &health.url;
        StepError::ContractInvalid(format!("`health.url` {error} ({url}): give an address of the internet"))
    };
    reach.permit_health(&health.url).map(drop).map_err(refused)
}

/// Asks once; the error says what was wrong with the answer. Redirects are answers, not followed. Where the name leads is checked before:
/// the function has addresses that are not for a blueprint, such as that of its runtime.
pub(crate) async fn ask(health: &Health, reach: Reach) -> Result<(), String> {
    let Health { url, expect } = health;
    let (host, port) = reach.permit_health(url).map_err(|error| format!("{url} {error}"))?;
    let resolved = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host.as_str(), port))).await;
    let resolved = resolved.map_err(|_| format!("{host} was not resolved within {} seconds", PATIENCE.as_secs()))?;
    let resolved: Vec<_> = resolved
        .map_err(|error| format!("{url} could not be reached: {error}"))?
        .collect();
    reach.permit(&resolved).map_err(|error| format!("{url} {error}"))?;
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
