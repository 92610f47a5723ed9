//! `slipway aws`: a call to the local AWS where there is no AWS CLI.
//!
//! Blueprints for local mode use it too, from `local-exec`: a program and its arguments, no shell.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::Value;

use crate::args::AwsCall;
use crate::error::Error;
use crate::output::Output;
use crate::server;

/// The services of the local AWS that speak JSON: what the AWS CLI calls them, the prefix of their `X-Amz-Target`, and
/// the version of the JSON protocol.
const SERVICES: [(&str, &str, &str); 8] = [
    ("codebuild", "CodeBuild_20161006", "1.1"),
    ("dynamodb", "DynamoDB_20120810", "1.0"),
    ("ecr", "AmazonEC2ContainerRegistry_V20150921", "1.1"),
    ("ecs", "AmazonEC2ContainerServiceV20141113", "1.1"),
    ("events", "AWSEvents", "1.1"),
    ("logs", "Logs_20140328", "1.1"),
    ("sqs", "AmazonSQS", "1.0"),
    ("stepfunctions", "AWSStepFunctions", "1.0"),
];

/// Makes the call, and prints the answer.
pub async fn run(call: AwsCall, endpoint: &str, output: Output) -> Result<(), Error> {
    let request: Value = serde_json::from_str(&call.request)
        .map_err(|error| Error::Usage(format!("the request is not JSON: {error}")))?;
    let answer = send(endpoint, &call.service, &call.action, &request).await?;
    output.answer(&answer, |value| format!("{value:#}"));
    Ok(())
}

/// Makes a call; an error of the service has its name as the title.
pub async fn send(endpoint: &str, service: &str, action: &str, request: &Value) -> Result<Value, Error> {
    let Some((_, prefix, version)) = SERVICES.iter().find(|(name, ..)| *name == service) else {
        let names = SERVICES.map(|(name, ..)| name).join(", ");
        return Err(Error::Usage(format!("no service `{service}`: use one of {names}")));
    };
    let unreachable = |source| Error::Unreachable {
        server: endpoint.to_owned(),
        source: Box::new(source),
    };
    let headers = [
        ("content-type", format!("application/x-amz-json-{version}")),
        ("x-amz-target", format!("{prefix}.{action}")),
    ];
    let body = request.to_string();
    let mut post = reqwest::Client::new().post(endpoint);
    for (name, value) in &headers {
        post = post.header(*name, value);
    }
    for (name, value) in signature(endpoint, service, &headers, &body)? {
        post = post.header(name, value);
    }
    let answer = post.body(body).send().await.map_err(unreachable)?;
    let status = answer.status();
    let text = answer.text().await.map_err(unreachable)?;
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
    if status.is_success() {
        return Ok(value);
    }
    let kind = value["__type"].as_str().unwrap_or("error");
    Err(Error::Refused {
        title: kind.rsplit('#').next().unwrap_or(kind).to_owned(),
        detail: value["message"]
            .as_str()
            .or(value["Message"].as_str())
            .unwrap_or_default()
            .to_owned(),
        errors: Vec::new(),
    })
}

/// The headers that sign a request (Signature Version 4). The local AWS takes any keys, but only from callers that sign: a
/// web page cannot.
fn signature(
    endpoint: &str,
    service: &str,
    headers: &[(&str, String)],
    body: &str,
) -> Result<Vec<(String, String)>, Error> {
    let failed = |error: &dyn std::error::Error| Error::Program(format!("cannot sign the request: {error}"));
    let key = |name: &str| std::env::var(name).unwrap_or_else(|_| server::ANY_KEY.to_owned());
    let credentials = Credentials::from_keys(key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY"), None);
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(server::REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(&error))?;
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let request = SignableRequest::new("POST", endpoint, headers, SignableBody::Bytes(body.as_bytes()));
    let signed = sign(request.map_err(|error| failed(&error))?, &parameters.into()).map_err(|error| failed(&error))?;
    let (instructions, _) = signed.into_parts();
    Ok(instructions
        .headers()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}
