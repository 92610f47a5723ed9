//! An HTTP client that records what goes through it.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::{Call, Recording};

/// A client before another one.
#[derive(Debug)]
pub struct Client {
    pub principal: &'static str,
    pub inner: Arc<dyn HttpClient>,
    pub recording: &'static Recording,
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            principal: self.principal,
            inner: self.inner.http_connector(settings, components),
            recording: self.recording,
        })
    }
}

#[derive(Debug)]
struct Connector {
    principal: &'static str,
    inner: SharedHttpConnector,
    recording: &'static Recording,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name| request.headers().get(name);
        let (_, rest) = request.uri().split_once("://").unwrap_or_default();
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        self.recording.write(&Call::new(
            self.principal,
            header("authorization").unwrap_or_default(),
            header("x-amz-target"),
            request.method(),
            path,
            request.body().bytes().unwrap_or_default(),
        ));
        self.inner.call(request)
    }
}
