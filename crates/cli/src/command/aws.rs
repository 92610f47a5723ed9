//! `slipway aws`: a call to the local AWS where there is no AWS CLI.
//!
//! Blueprints for local mode use it too, from `local-exec`: a program and its arguments, no shell.

mod protocol;

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::Value;

use self::protocol::Request;
use crate::args::AwsCall;
use crate::error::Error;
use crate::output::Output;
use crate::server;

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
    let request = Request::new(service, action, request)?;
    let unreachable = |source| Error::Unreachable {
        server: endpoint.to_owned(),
        source: Box::new(source),
    };
    let url = format!("{}{}", endpoint.trim_end_matches('/'), request.path);
    let signature = signature(&url, service, &request)?;
    let mut call = match request.method {
        "GET" => reqwest::Client::new().get(&url),
        "PUT" => reqwest::Client::new().put(&url),
        "DELETE" => reqwest::Client::new().delete(&url),
        _ => reqwest::Client::new().post(&url),
    };
    for (name, value) in request.headers {
        call = call.header(name, value);
    }
    for (name, value) in signature {
        call = call.header(name, value);
    }
    let answer = call.body(request.body).send().await.map_err(unreachable)?;
    let status = answer.status();
    let text = answer.text().await.map_err(unreachable)?;
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
    if status.is_success() {
        return Ok(protocol::result(value));
    }
    let (title, detail) = protocol::error(&value);
    Err(Error::Refused {
        title,
        detail,
        errors: Vec::new(),
    })
}

/// The headers that sign a request (Signature Version 4). The local AWS takes any keys, but only from callers that sign: a
/// web page cannot.
fn signature(url: &str, service: &str, request: &Request) -> Result<Vec<(String, String)>, Error> {
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
    let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let body = SignableBody::Bytes(request.body.as_bytes());
    let request = SignableRequest::new(request.method, url, headers, body);
    let signed = sign(request.map_err(|error| failed(&error))?, &parameters.into()).map_err(|error| failed(&error))?;
    let (instructions, _) = signed.into_parts();
    Ok(instructions
        .headers()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}
