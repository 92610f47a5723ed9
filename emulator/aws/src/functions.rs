//! The functions of the account, which run in this process.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::wire::request_id;

type Handler = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<Value, LambdaError>> + Send + Sync>;

/// An error that a function returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaError {
    /// What `ErrorEquals` matches.
    pub error_type: String,
    /// The sentence for people.
    pub message: String,
}

/// The functions that state machines and the rules of the event bus invoke. Clones share them.
#[derive(Clone, Default)]
pub struct Functions {
    handlers: Arc<RwLock<HashMap<String, (Duration, Handler)>>>,
    /// The concurrency of the account, where it is limited. All functions share it:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>.
    concurrency: Option<Arc<Semaphore>>,
}

/// One of the account's concurrent executions, for as long as it is held.
#[derive(Debug)]
pub struct Execution {
    _permit: Option<OwnedSemaphorePermit>,
}

/// The account runs as many functions as it may: Lambda answers 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyRequests;

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvokeError {
    NotFound,
    TooManyRequests,
    Failed(LambdaError),
}

impl Functions {
    /// Functions of which at most this many run at once, the API's too.
    pub fn new(concurrent_executions: Option<usize>) -> Self {
        Self {
            handlers: Arc::default(),
            concurrency: concurrent_executions.map(|limit| Arc::new(Semaphore::new(limit))),
        }
    }

    /// An execution for a caller that waits for the answer. Lambda throttles it at once.
    pub fn execute(&self) -> Result<Execution, TooManyRequests> {
        let permit = self.concurrency.as_ref().map(|all| Arc::clone(all).try_acquire_owned());
        let permit = permit.transpose().map_err(|_| TooManyRequests)?;
        Ok(Execution { _permit: permit })
    }

    /// An execution for an event. Lambda keeps it in a queue and tries again for six hours, which does not count as one of the
    /// function's retries: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.
    pub async fn execute_later(&self) -> Execution {
        let permit = match &self.concurrency {
            // It is never closed.
            Some(all) => Arc::clone(all).acquire_owned().await.ok(),
            None => None,
        };
        Execution { _permit: permit }
    }

    /// Adds a function under its name. An invocation that takes longer than `timeout` fails as on Lambda.
    pub fn register<F, R>(&self, name: &str, timeout: Duration, handler: F)
    where
        F: Fn(Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, LambdaError>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |payload| handler(payload).boxed());
        let mut handlers = self.handlers.write().unwrap_or_else(PoisonError::into_inner);
        handlers.insert(name.to_owned(), (timeout, handler));
    }

    /// The answer of a function to a caller that waits for it. `id` is the ID of the request.
    pub async fn invoke(&self, name: &str, payload: Value, id: &str) -> Result<Value, InvokeError> {
        let function = self.named(name).ok_or(InvokeError::NotFound)?;
        let _execution = self.execute().map_err(|TooManyRequests| InvokeError::TooManyRequests)?;
        run(function, payload, id).await.map_err(InvokeError::Failed)
    }

    /// Runs a function with an event, by its name, if there is one of that name.
    pub async fn run(&self, name: &str, payload: Value) -> Option<Result<Value, LambdaError>> {
        let function = self.named(name)?;
        let _execution = self.execute_later().await;
        Some(run(function, payload, &request_id()).await)
    }

    fn named(&self, name: &str) -> Option<(Duration, Handler)> {
        let handlers = self.handlers.read().unwrap_or_else(PoisonError::into_inner);
        handlers.get(name).cloned()
    }
}

/// One invocation.
async fn run((timeout, handler): (Duration, Handler), payload: Value, id: &str) -> Result<Value, LambdaError> {
    // A task of its own: a panic is the end of this invocation alone.
    let invocation = tokio::spawn(handler(payload));
    let abort = invocation.abort_handle();
    let failed = |error_type: &str, message: String| {
        Err(LambdaError {
            error_type: error_type.to_owned(),
            message: format!("RequestId: {id} Error: {message}"),
        })
    };
    match tokio::time::timeout(timeout, invocation).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => failed(
            "Runtime.ExitError",
            "Runtime exited with error: exit status 101".to_owned(),
        ),
        Err(_elapsed) => {
            abort.abort();
            let seconds = timeout.as_secs_f64();
            failed("Sandbox.Timedout", format!("Task timed out after {seconds:.2} seconds"))
        }
    }
}
