//! A DynamoDB whose first write fails, in front of that of a world.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use slipway_steps::{Config, Steps};

use crate::world::World;

/// How the write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written.
    Throttled,
    /// It is written, and the answer says otherwise.
    AnswerLost,
}

/// The steps of a world, whose first write fails. They do not try it again.
pub fn steps(world: &World, fault: Fault) -> Steps {
    let sdk = slipway_aws::sdk_config(&world.vars);
    let client = Client {
        inner: sdk.http_client().expect("a client"),
        fault,
        has_failed: Arc::default(),
    };
    let sdk = sdk.into_builder().http_client(client);
    let sdk = sdk.retry_config(RetryConfig::disabled()).build();
    Steps::new(Config::from_vars(&world.vars).expect("a whole environment"), &sdk)
}

#[derive(Debug)]
struct Client {
    inner: SharedHttpClient,
    fault: Fault,
    has_failed: Arc<AtomicBool>,
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            inner: self.inner.http_connector(settings, components),
            fault: self.fault,
            has_failed: Arc::clone(&self.has_failed),
        })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    fault: Fault,
    has_failed: Arc<AtomicBool>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let is_write = ["PutItem", "TransactWriteItems"].map(|action| target.ends_with(action));
        if !is_write.contains(&true) || self.has_failed.swap(true, Ordering::SeqCst) {
            return self.inner.call(request);
        }
        match self.fault {
            Fault::Throttled => HttpConnectorFuture::ready(Ok(failure(400, "ProvisionedThroughputExceededException"))),
            Fault::AnswerLost => {
                let written = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    let written = written.await?;
                    assert!(written.status().is_success(), "{written:?}");
                    Ok(failure(500, "InternalServerError"))
                })
            }
        }
    }
}

/// An error as DynamoDB answers it.
fn failure(status: u16, name: &str) -> HttpResponse {
    let body = format!(r#"{{"__type": "com.amazonaws.dynamodb.v20120810#{name}", "message": "{name}"}}"#);
    HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body))
}
