//! Lambda: functions of this process, and `lambda:invoke`, which is how Step Functions sees them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::integrations::Failure;
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

    /// The result of `lambda:invoke`, in the shape that AWS gives it.
    pub(super) async fn invoke(&self, arguments: &Value) -> Result<Value, Failure> {
        let function = self.find(arguments)?;
        let id = request_id();
        // https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html names the exception.
        let _execution = self.execute().map_err(|TooManyRequests| {
            let said = "Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException";
            let cause = format!("Rate Exceeded. ({said}; Request ID: {id}; Proxy: null)");
            Failure::new("Lambda.TooManyRequestsException", cause)
        })?;
        let payload = run(function, arguments["Payload"].clone(), &id).await;
        let payload = payload.map_err(|error| failed(&error))?;
        let headers = [
            ("Content-Type", "application/json"),
            ("X-Amz-Executed-Version", "$LATEST"),
            ("x-amzn-RequestId", &id),
        ];
        Ok(json!({
            "ExecutedVersion": "$LATEST",
            "Payload": payload,
            "SdkHttpMetadata": {
                "AllHttpHeaders": headers.iter().map(|(name, value)| (*name, [value])).collect::<HashMap<_, _>>(),
                "HttpHeaders": headers.into_iter().collect::<HashMap<_, _>>(),
                "HttpStatusCode": 200,
            },
            "SdkResponseMetadata": {"RequestId": id},
            "StatusCode": 200,
        }))
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

    /// The function that `FunctionName` names, by its name or ARN.
    fn find(&self, arguments: &Value) -> Result<(Duration, Handler), Failure> {
        let invalid = |what: &str| Failure::new("Lambda.InvalidParameterValueException", what);
        let members = arguments
            .as_object()
            .ok_or_else(|| invalid("The Arguments must be an object."))?;
        if let Some(other) = members
            .keys()
            .find(|name| !["FunctionName", "Payload"].contains(&name.as_str()))
        {
            return Err(invalid(&format!(
                "This emulator does not support the argument {other}."
            )));
        }
        let name = arguments["FunctionName"]
            .as_str()
            .ok_or_else(|| invalid("FunctionName must be a text."))?;
        let name = name.split_once(":function:").map_or(name, |(_, name)| name);
        // A version or alias: there is only ever the latest.
        let name = name.split(':').next().unwrap_or(name);
        self.named(name).ok_or_else(|| {
            Failure::new(
                "Lambda.ResourceNotFoundException",
                format!("Function not found: {}", arguments["FunctionName"]),
            )
        })
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

/// The cause is the payload that Lambda answers with.
fn failed(error: &LambdaError) -> Failure {
    let payload = json!({"errorType": error.error_type, "errorMessage": error.message});
    Failure::new(error.error_type.as_str(), payload.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions() -> Functions {
        let functions = Functions::default();
        functions.register("steps", Duration::from_mins(1), |payload| async move {
            match payload["step"].as_str() {
                Some("panic") => panic!("as asked"),
                Some("fail") => Err(LambdaError {
                    error_type: "Slipway.PlanFailed".to_owned(),
                    message: "no plan".to_owned(),
                }),
                _ => Ok(json!({"got": payload})),
            }
        });
        functions
    }

    #[tokio::test]
    async fn a_function_is_found_by_name_and_arn_and_answers_in_the_shape_of_aws() {
        for name in [
            "steps",
            "arn:aws:lambda:us-east-1:000000000000:function:steps",
            "steps:$LATEST",
        ] {
            let answer = functions()
                .invoke(&json!({"FunctionName": name, "Payload": {"step": "x"}}))
                .await;
            let answer = answer.expect(name);
            assert_eq!(answer["Payload"], json!({"got": {"step": "x"}}));
            assert_eq!(
                (
                    &answer["StatusCode"],
                    &answer["ExecutedVersion"],
                    &answer["SdkHttpMetadata"]["HttpStatusCode"]
                ),
                (&json!(200), &json!("$LATEST"), &json!(200))
            );
        }
    }

    #[tokio::test]
    async fn invocations_beyond_the_concurrency_are_throttled_and_events_wait() {
        let functions = Functions::new(Some(1));
        functions.register("echo", Duration::from_mins(1), |payload| async move { Ok(payload) });
        let held = functions.execute().expect("the only one");
        let failure = functions
            .invoke(&json!({"FunctionName": "echo"}))
            .await
            .expect_err("throttled");
        assert_eq!(failure.error, "Lambda.TooManyRequestsException");
        assert_eq!(functions.execute().err(), Some(TooManyRequests));
        let waits = functions.run("echo", json!(1));
        let mut waits = std::pin::pin!(waits);
        assert!(futures::poll!(waits.as_mut()).is_pending());
        drop(held);
        assert_eq!(waits.await, Some(Ok(json!(1))));
        functions
            .invoke(&json!({"FunctionName": "echo"}))
            .await
            .expect("there is room again");
    }

    #[tokio::test]
    async fn every_way_to_fail_has_the_name_that_aws_gives_it() {
        let functions = functions();
        functions.register("slow", Duration::ZERO, |_| std::future::pending());
        for (arguments, error, cause) in [
            (
                json!({"FunctionName": "steps", "Payload": {"step": "fail"}}),
                "Slipway.PlanFailed",
                "\"errorMessage\":\"no plan\"",
            ),
            (
                json!({"FunctionName": "steps", "Payload": {"step": "panic"}}),
                "Runtime.ExitError",
                "exit status 101",
            ),
            (
                json!({"FunctionName": "slow"}),
                "Sandbox.Timedout",
                "Task timed out after 0.00 seconds",
            ),
            (
                json!({"FunctionName": "other"}),
                "Lambda.ResourceNotFoundException",
                "other",
            ),
            (
                json!({"FunctionName": "steps", "Qualifier": "1"}),
                "Lambda.InvalidParameterValueException",
                "Qualifier",
            ),
            (json!({}), "Lambda.InvalidParameterValueException", "FunctionName"),
        ] {
            let failure = functions.invoke(&arguments).await.expect_err("fails");
            assert_eq!(failure.error, error);
            assert!(failure.cause.contains(cause), "{}", failure.cause);
        }
    }
}
