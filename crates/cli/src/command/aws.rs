//! `slipway aws`: a call to the local AWS where there is no AWS CLI.
//!
//! Blueprints for local mode use it too, from `local-exec`: a program and its arguments, no shell.

mod protocol;

use aws_credential_types::Credentials;
use serde_json::Value;
use slipway_model::json::Fault;

use crate::access::{Access, Signer, signature};
use crate::args::AwsCall;
use crate::error::Error;
use crate::global::Global;
use crate::output::Output;
use crate::server::{self, LocalAws};

/// Makes the call, and prints the answer.
pub async fn run(call: AwsCall, local: &LocalAws, output: Output) -> Result<(), Error> {
    let request: Value = serde_json::from_str(&call.request)
        .map_err(|error| Error::Usage(format!("the request is not JSON: {}. Correct it", Fault::from(error))))?;
    let answer = send(local, &call.service, &call.action, &request).await?;
    output.answer(&answer, |value| format!("{value:#}"));
    Ok(())
}

/// Makes a call to the local AWS; an error of the service has its name as the title.
pub async fn send(local: &LocalAws, service: &str, action: &str, request: &Value) -> Result<Value, Error> {
    Services::Local(local.clone()).call(service, action, request).await
}

/// Services of AWS.
#[derive(Debug)]
pub enum Services {
    /// Those of the local AWS.
    Local(LocalAws),
    /// Those of the account that an endpoint is in.
    Account(Signer),
}

impl Services {
    /// The services of the account that the endpoint is in, or those of the local AWS.
    pub fn of(global: &Global) -> Result<Self, Error> {
        match &global.endpoint {
            Some(endpoint) => Access::signer(endpoint, global).map(Self::Account),
            None => server::aws(global).map(Self::Local),
        }
    }

    /// Makes a call; an error of the service has its name as the title.
    pub async fn call(&self, service: &str, action: &str, members: &Value) -> Result<Value, Error> {
        let asked = protocol::Request::new(service, action, members)?;
        let endpoint = self.endpoint(service);
        let unreachable = |source| Error::Unreachable {
            server: endpoint.clone(),
            source: Box::new(source),
        };
        let url = format!("{}{}", endpoint.trim_end_matches('/'), asked.path);
        let http = reqwest::Client::new();
        let mut builder = match asked.method {
            "GET" => http.get(&url),
            "PUT" => http.put(&url),
            "DELETE" => http.delete(&url),
            _ => http.post(&url),
        };
        for (name, value) in asked.headers {
            builder = builder.header(name, value);
        }
        let mut request = builder.body(asked.body).build().map_err(unreachable)?;
        self.sign(&mut request, service).await?;
        let answer = http.execute(request).await.map_err(unreachable)?;
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

    /// Where a service is. `AWS_ENDPOINT_URL` says it to AWS's own programs, too.
    fn endpoint(&self, service: &str) -> String {
        match self {
            Self::Local(local) => local.address.clone(),
            Self::Account(signer) => {
                let named = std::env::var("AWS_ENDPOINT_URL").ok().filter(|named| !named.is_empty());
                let region = signer.region();
                let domain = if region.starts_with("cn-") {
                    "amazonaws.com.cn"
                } else {
                    "amazonaws.com"
                };
                named.unwrap_or_else(|| format!("https://{service}.{region}.{domain}"))
            }
        }
    }

    /// The local AWS takes any keys, but only from callers that sign: a web page cannot.
    async fn sign(&self, request: &mut reqwest::Request, service: &str) -> Result<(), Error> {
        let local = match self {
            Self::Account(signer) => return signer.sign(request, service).await,
            Self::Local(local) => local,
        };
        let key = |name: &str| std::env::var(name).unwrap_or_else(|_| server::ANY_KEY.to_owned());
        let (id, secret) = (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY"));
        let keys = Credentials::from_keys(id, secret, local.token.clone());
        for (name, value) in signature(request, &keys, server::REGION, service)? {
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }
}
