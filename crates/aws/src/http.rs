//! The HTTP client under all AWS clients.
//!
//! An AWS client that is made asks its HTTP client to get ready, and the stock one then reads every certificate authority:
//! once for each AWS client, before a function takes its first request. This one gets ready for a connection when there is
//! a request for it, and for TLS only where the request's address asks for it: an emulator's does not.

use std::sync::{Arc, OnceLock};

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The client under all clients.
pub(super) fn client() -> SharedHttpClient {
    SharedHttpClient::new(Lazy::default())
}

/// Two clients that are made when they are needed. Each keeps its connections. Clones share both.
#[derive(Debug, Clone, Default)]
struct Lazy {
    plain: Arc<OnceLock<SharedHttpClient>>,
    tls: Arc<OnceLock<SharedHttpClient>>,
}

impl HttpClient for Lazy {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(LazyConnector {
            clients: self.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }
}

/// One request's way to the client that its address needs.
#[derive(Debug)]
struct LazyConnector {
    clients: Lazy,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for LazyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = if request.uri().starts_with("http:") {
            self.clients.plain.get_or_init(|| Builder::new().build_http())
        } else {
            self.clients.tls.get_or_init(tls)
        };
        client.http_connector(&self.settings, &self.components).call(request)
    }
}

/// TLS that trusts the certificate authorities that are compiled in.
fn tls() -> SharedHttpClient {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let trusted = roots.fold(TrustStore::empty(), |store, root| store.with_pem_certificate(pem(root)));
    let builder = Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(trusted).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // The builder has no way to fail; the default reads the system's certificates.
        Err(_) => builder.build_https(),
    }
}

/// A certificate in the only form that the client takes.
fn pem(der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_made_before_it_is_needed() {
        let clients = Lazy::default();
        let config = |endpoint: &str| {
            aws_sdk_dynamodb::Config::builder()
                .behavior_version_latest()
                .region(aws_sdk_dynamodb::config::Region::new("eu-west-1"))
                .credentials_provider(aws_credential_types::Credentials::new(
                    "id", "secret", None, None, "test",
                ))
                .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
                .http_client(clients.clone())
                .endpoint_url(endpoint)
                .build()
        };
        // Nothing listens on port 1: both requests fail, and only after a connection was tried.
        let plain = aws_sdk_dynamodb::Client::from_conf(config("http://127.0.0.1:1"));
        let tls = aws_sdk_dynamodb::Client::from_conf(config("https://127.0.0.1:1"));
        let made = || (clients.plain.get().is_some(), clients.tls.get().is_some());
        assert_eq!(made(), (false, false));
        assert!(plain.list_tables().send().await.is_err());
        assert_eq!(made(), (true, false));
        assert!(tls.list_tables().send().await.is_err());
        assert_eq!(made(), (true, true));
    }
}
