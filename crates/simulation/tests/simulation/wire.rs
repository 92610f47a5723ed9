//! The HTTP client of the AWS SDK: it brings each request to a service in the same process, or loses it on the way.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::faults::OnWire;
use crate::world::World;

/// The wire of one program.
#[derive(Clone)]
pub struct Wire {
    pub world: Arc<World>,
    pub program: &'static str,
}

/// A request as it arrives.
#[derive(Debug, Clone)]
pub struct Request {
    /// The service, as `x-amz-target` has it; `S3` without one.
    pub service: String,
    pub action: String,
    /// The path and the query.
    pub path: String,
    pub body: Vec<u8>,
    /// The body of a service that speaks JSON, and its digest.
    pub json: Value,
    pub digest: u64,
}

/// A status and a body.
pub type Answer = (u16, String);

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        let request = Request::read(&request);
        // A request on its way arrives also if its sender dies.
        let arrives = tokio::spawn(async move { wire.bring(request).await });
        HttpConnectorFuture::new(async move {
            let answer = arrives.await.map_err(|error| ConnectorError::io(error.into()))?;
            let (status, body) = answer.ok_or_else(|| ConnectorError::io("the answer was lost".into()))?;
            let status = StatusCode::try_from(status).map_err(|error| ConnectorError::other(error.into(), None))?;
            Ok(HttpResponse::new(status, SdkBody::from(body)))
        })
    }
}

impl Wire {
    /// Brings a request to its service, and the answer back; `None` where that is lost.
    async fn bring(&self, request: Request) -> Option<Answer> {
        let world = &self.world;
        let (there, back, fault) = world.draw(|faults, chance| {
            let (there, back) = (faults.latency(chance), faults.latency(chance));
            (there, back, faults.on_wire(chance))
        });
        sleep(there).await;
        let answer = match fault {
            OnWire::Throttled => request.throttled(),
            OnWire::Failed => request.failed(),
            OnWire::Nothing | OnWire::Lost => world.answer(&request),
            OnWire::Twice => {
                world.answer(&request);
                world.answer(&request)
            }
        };
        let Request {
            service,
            action,
            path,
            digest,
            ..
        } = &request;
        let (program, status) = (self.program, answer.0);
        world.note(&format!(
            "{program} {service}.{action} {path} {digest:016x} {status} {fault:?}"
        ));
        sleep(back).await;
        (fault != OnWire::Lost).then_some(answer)
    }
}

impl Request {
    fn read(request: &HttpRequest) -> Self {
        let (_, rest) = request.uri().split_once("://").unwrap_or_default();
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        let target = request
            .headers()
            .get("x-amz-target")
            .and_then(|target| target.split_once('.'));
        let (service, action) = target.unwrap_or(("S3", request.method()));
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Self {
            service: service.to_owned(),
            action: action.to_owned(),
            path: path.to_owned(),
            body,
            digest: digest(&json),
            json,
        }
    }

    fn throttled(&self) -> Answer {
        match self.service.as_str() {
            "S3" => (
                503,
                "<Error><Code>SlowDown</Code><Message>Slow down.</Message></Error>".to_owned(),
            ),
            _ => error("ThrottlingException"),
        }
    }

    fn failed(&self) -> Answer {
        match self.service.as_str() {
            "S3" => (
                500,
                "<Error><Code>InternalError</Code><Message>Failed.</Message></Error>".to_owned(),
            ),
            _ => (500, error("InternalServerError").1),
        }
    }
}

/// A digest without the order of fields: a hash map decides it, and the first simulation of a process makes maps that later ones find.
fn digest(value: &Value) -> u64 {
    let hash = |value: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        value(&mut hasher);
        hasher.finish()
    };
    match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            let digests = fields.map(|(name, value)| hash(&|hasher| (name, digest(value)).hash(hasher)));
            digests.fold(0, u64::wrapping_add)
        }
        Value::Array(values) => hash(&|hasher| values.iter().for_each(|value| digest(value).hash(hasher))),
        other => hash(&|hasher| other.hash(hasher)),
    }
}

/// What a service that speaks JSON rejects a call with.
pub fn error(name: &str) -> Answer {
    (400, json!({"__type": name, "message": "simulated"}).to_string())
}
