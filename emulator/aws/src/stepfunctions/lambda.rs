//! `lambda:invoke`: a function as Step Functions sees it.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::integrations::Failure;
use crate::functions::{Functions, InvokeError, LambdaError};
use crate::wire::request_id;

/// The result of `lambda:invoke`, in the shape that AWS gives it.
pub(super) async fn invoke(functions: &Functions, arguments: &Value) -> Result<Value, Failure> {
    let id = request_id();
    let answer = functions.invoke(name(arguments)?, arguments["Payload"].clone(), &id);
    let payload = answer.await.map_err(|error| match error {
        InvokeError::NotFound => Failure::new(
            "Lambda.ResourceNotFoundException",
            format!("Function not found: {}", arguments["FunctionName"]),
        ),
        // https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html names the exception.
        InvokeError::TooManyRequests => {
            let said = "Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException";
            let cause = format!("Rate Exceeded. ({said}; Request ID: {id}; Proxy: null)");
            Failure::new("Lambda.TooManyRequestsException", cause)
        }
        InvokeError::Failed(error) => failed(&error),
    })?;
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

/// The name of the function that `FunctionName` names, by its name or ARN.
fn name(arguments: &Value) -> Result<&str, Failure> {
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
    Ok(name.split(':').next().unwrap_or(name))
}

/// The cause is the payload that Lambda answers with.
fn failed(error: &LambdaError) -> Failure {
    let payload = json!({"errorType": error.error_type, "errorMessage": error.message});
    Failure::new(error.error_type.as_str(), payload.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::functions::TooManyRequests;

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
            let answer = invoke(&functions(), &json!({"FunctionName": name, "Payload": {"step": "x"}})).await;
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
        let failure = invoke(&functions, &json!({"FunctionName": "echo"}))
            .await
            .expect_err("throttled");
        assert_eq!(failure.error, "Lambda.TooManyRequestsException");
        assert_eq!(functions.execute().err(), Some(TooManyRequests));
        let waits = functions.run("echo", json!(1));
        let mut waits = std::pin::pin!(waits);
        assert!(futures::poll!(waits.as_mut()).is_pending());
        drop(held);
        assert_eq!(waits.await, Some(Ok(json!(1))));
        invoke(&functions, &json!({"FunctionName": "echo"}))
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
            let failure = invoke(&functions, &arguments).await.expect_err("fails");
            assert_eq!(failure.error, error);
            assert!(failure.cause.contains(cause), "{}", failure.cause);
        }
    }
}
