//! `slipway aws`: a call to the local AWS where there is no AWS CLI.
//!
//! Blueprints for local mode use it too, from `local-exec`: a program and its arguments, no shell.

mod protocol;

use aws_credential_types::Credentials;
use serde_json::Value;

use self::protocol::Request;
use crate::access::signature;
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
    let http = reqwest::Client::new();
    let mut call = match request.method {
        "GET" => http.get(&url),
        "PUT" => http.put(&url),
        "DELETE" => http.delete(&url),
        _ => http.post(&url),
    };
    for (name, value) in request.headers {
        call = call.header(name, value);
    }
    let mut call = call.body(request.body).build().map_err(unreachable)?;
    // The local AWS takes any keys, but only from callers that sign: a web page cannot.
    let key = |name: &str| std::env::var(name).unwrap_or_else(|_| server::ANY_KEY.to_owned());
    let credentials = Credentials::from_keys(key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY"), None);
    for (name, value) in signature(&call, &credentials, server::REGION, service)? {
        call.headers_mut().insert(name, value);
    }
    let answer = http.execute(call).await.map_err(unreachable)?;
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
