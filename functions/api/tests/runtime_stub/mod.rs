//! A Lambda Runtime API (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>) on loopback, under which the binary
//! of a function runs as it does in Lambda. Any function's tests may include this file.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, oneshot};

/// What a function answers: its output, or the error that it reports (`errorType`, `errorMessage`).
pub type Answer = Result<Value, Value>;

/// The service, and the function that runs under it.
pub struct Lambda {
    events: mpsc::UnboundedSender<(Value, oneshot::Sender<Answer>)>,
    /// Stops with this.
    function: Child,
}

struct Shared {
    events: Mutex<mpsc::UnboundedReceiver<(Value, oneshot::Sender<Answer>)>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
}

impl Lambda {
    /// Starts the function `program` with these environment variables, and no others but Lambda's own.
    pub async fn start(program: &str, vars: &BTreeMap<String, String>) -> Self {
        let (events, received) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            events: Mutex::new(received),
            waiting: Mutex::default(),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(axum::serve(listener, router).into_future());
        let function = Command::new(program)
            .env_clear()
            .envs(vars)
            .envs(given_by_lambda(address))
            .kill_on_drop(true)
            .spawn()
            .expect("the function starts");
        Self { events, function }
    }

    /// Invokes the function. It fails the test where the function ends instead of answering.
    pub async fn invoke(&mut self, event: Value) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.events.send((event, answer)).expect("the service runs");
        tokio::select! {
            answer = answered => answer.expect("an answer"),
            ended = self.function.wait() => panic!("the function has ended: {ended:?}"),
        }
    }
}

fn given_by_lambda(address: SocketAddr) -> [(&'static str, String); 4] {
    [
        ("AWS_LAMBDA_RUNTIME_API", address.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", "function".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
    ]
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let Some((event, answer)) = shared.events.lock().await.recv().await else {
        // The test is over, and the function with it.
        return std::future::pending().await;
    };
    let mut waiting = shared.waiting.lock().await;
    let id = format!("00000000-0000-0000-0000-{:012}", waiting.len());
    waiting.insert(id.clone(), answer);
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:function".to_owned();
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", "4102444800000".to_owned()),
        ("lambda-runtime-invoked-function-arn", arn),
    ];
    (headers, event.to_string()).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    shared.answer(&id, Ok(json(&body))).await
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    shared.answer(&id, Err(json(&body))).await
}

impl Shared {
    async fn answer(&self, id: &str, answer: Answer) -> StatusCode {
        // An entry stays for each id, so that ids are not given twice.
        let (unused, _) = oneshot::channel();
        let waiting = self.waiting.lock().await.insert(id.to_owned(), unused);
        waiting
            .expect("an invocation of this id")
            .send(answer)
            .expect("the test waits");
        StatusCode::ACCEPTED
    }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("a function answers in JSON")
}
