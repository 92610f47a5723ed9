//! The health address of a blueprint.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
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

/// The addresses that a name led to when they were checked. Resolved again, it may lead elsewhere.
#[derive(Debug, Clone)]
struct Checked(Vec<IpAddr>);

impl ResolveDns for Checked {
    fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(Ok(self.0.clone()))
    }
}

/// Connects to these addresses alone, as deliveries to webhooks do, and through no proxy.
fn connector(url: &str, checked: &[SocketAddr]) -> Connector {
    let checked = Checked(checked.iter().map(SocketAddr::ip).collect());
    let builder = Connector::builder().tls_provider(Provider::rustls(CryptoMode::Ring));
    // It connects without TLS, too. Then it does not need to read the system's certificates.
    let trusts_none = TlsContext::builder().with_trust_store(TrustStore::empty()).build();
    let builder = match trusts_none {
        Ok(context) if url.starts_with("http:") => builder.tls_context(context),
        _ => builder,
    };
    builder.build_with_resolver(checked)
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
    let permitted = reach.permit(&resolved).map_err(|error| format!("{url} {error}"))?;
    let connector = connector(url, permitted);
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn connection_goes_to_the_address_that_was_checked() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/", get(|| async { "healthy" }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        // No server knows this name (RFC 6761): an answer shows that it is not resolved again.
        let url = format!("http://health.invalid:{}/", address.port());
        let request = HttpRequest::get(&url).expect("a request");
        let answer = connector(&url, &[address]).call(request).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200);
    }
}
