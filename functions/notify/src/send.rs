//! The request to a webhook.
//!
//! The name is resolved here, and the connection goes to the addresses that were checked: a name that resolves otherwise a moment
//! later leads nowhere else. No redirect is followed, no proxy is used, and no byte of the response's body is read.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use slipway_model::cut::cut;
use slipway_model::error_chain::chain;
use slipway_model::webhook::address::{Forbidden, InvalidUrl, Reach, WebhookUrl};
use tokio::net::lookup_host;

/// How long an attempt may take, with the resolution of the name.
const PATIENCE: Duration = Duration::from_secs(10);

/// A message to a webhook.
#[derive(Debug)]
pub(crate) struct Message {
    pub id: String,
    pub time: Timestamp,
    pub signature: String,
    pub body: String,
}

/// Why there was no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the address {0}")]
    Url(#[from] InvalidUrl),
    #[error("the address {0}")]
    Forbidden(#[from] Forbidden),
    #[error("the name of the address could not be resolved")]
    Resolve,
    #[error("there was no response within {} seconds", PATIENCE.as_secs())]
    Late,
    #[error("there was no response: {0}")]
    Http(String),
}

/// Sends to webhooks.
#[derive(Debug)]
pub(crate) struct Sender {
    reach: Reach,
    tls: OnceLock<ClientConfig>,
}

impl Sender {
    pub(crate) fn new(reach: Reach) -> Self {
        Self {
            reach,
            tls: OnceLock::new(),
        }
    }

    /// Sends a message; the status of the response.
    pub(crate) async fn post(&self, url: &WebhookUrl, message: Message) -> Result<u16, SendError> {
        let posted = tokio::time::timeout(PATIENCE, self.post_at_once(url, message)).await;
        posted.map_err(|_elapsed| SendError::Late)?
    }

    async fn post_at_once(&self, url: &WebhookUrl, message: Message) -> Result<u16, SendError> {
        // What is written may have been configured under another setting.
        let url = WebhookUrl::parse(url.as_url().as_str(), self.reach)?;
        let (host, port) = url.endpoint();
        let resolved = lookup_host((host.as_str(), port)).await;
        let resolved: Vec<_> = resolved.map_err(|_| SendError::Resolve)?.collect();
        let permitted = self.reach.permit(&resolved)?;
        let client = reqwest::Client::builder()
            .resolve_to_addrs(&host, permitted)
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .tls_backend_preconfigured(self.tls())
            .build();
        let client = client.map_err(|error| SendError::Http(reason(error)))?;
        let request = client
            .post(url.as_url().clone())
            .header(USER_AGENT, concat!("slipway/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.time.as_second().to_string())
            .header("webhook-signature", message.signature)
            .body(message.body);
        let response = request.send().await;
        let response = response.map_err(|error| SendError::Http(reason(error)))?;
        Ok(response.status().as_u16())
    }

    /// TLS that trusts the certificate authorities that are compiled in.
    fn tls(&self) -> ClientConfig {
        let config = self.tls.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            // One that cannot be read is not trusted.
            roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
            let provider = rustls::crypto::ring::default_provider().into();
            let builder = ClientConfig::builder_with_provider(provider);
            let builder = builder.with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12]);
            // The provider has suites for both.
            let builder = builder.expect("ring supports TLS 1.2 and 1.3");
            builder.with_root_certificates(roots).with_no_client_auth()
        });
        config.clone()
    }
}

/// What a client says, without the address: its path may be a secret.
fn reason(error: reqwest::Error) -> String {
    cut(&chain(&error.without_url()), 300)
}
