//! An AWS endpoint that answers as a test says, and records what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A call: its action and its body.
pub type Call = (String, Value);

type Script = Arc<dyn Fn(&str, &Value) -> Result<Value, &'static str> + Send + Sync>;

/// The endpoint.
#[derive(Clone)]
pub struct Fake {
    pub url: String,
    /// With the Region that each was signed for.
    calls: Arc<Mutex<Vec<(Call, String)>>>,
    script: Script,
}

impl Fake {
    /// An endpoint whose answers, or the names of whose errors, come from `script`.
    pub async fn start(script: impl Fn(&str, &Value) -> Result<Value, &'static str> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let fake = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            calls: Arc::default(),
            script: Arc::new(script),
        };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// What it was asked so far.
    pub fn calls(&self) -> Vec<Call> {
        self.signed_calls().into_iter().map(|(call, _)| call).collect()
    }

    /// What it was asked so far, each with the Region that it was signed for.
    pub fn signed_calls(&self) -> Vec<(Call, String)> {
        self.calls.lock().expect("no test panics while it records").clone()
    }

    /// How many calls of this action it got.
    pub fn count(&self, action: &str) -> usize {
        self.calls().iter().filter(|(called, _)| called == action).count()
    }
}

async fn answer(State(fake): State<Fake>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let target = headers["x-amz-target"].to_str().expect("a target");
    let action = target.rsplit('.').next().expect("an action").to_owned();
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let answer = (fake.script)(&action, &body);
    // `Credential=KEY/DATE/REGION/…`
    let signature = headers["authorization"].to_str().expect("a signature");
    let region = signature.split('/').nth(2).expect("a region").to_owned();
    fake.calls
        .lock()
        .expect("no test panics while it records")
        .push(((action, body), region));
    match answer {
        Ok(answer) => (StatusCode::OK, answer.to_string()),
        Err(error) => (
            StatusCode::BAD_REQUEST,
            json!({"__type": error, "message": error}).to_string(),
        ),
    }
}
