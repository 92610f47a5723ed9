//! `slipway aws`: a call to the local AWS where there is no AWS CLI.
//!
//! Blueprints for local mode use it too, from `local-exec`: a program and its arguments, no shell. Such a call waits while the local
//! server restarts, as its build does: the provision would fail, and what it has made be unknown to Terraform.

mod protocol;

use std::time::Duration;

use aws_credential_types::Credentials;
use reqwest::StatusCode;
use serde_json::Value;
use slipway_model::json::Fault;
use tokio::time::{Instant, sleep};

use crate::access::{Access, Signer, signature};
use crate::args::AwsCall;
use crate::error::Error;
use crate::global::Global;
use crate::output::Output;
use crate::server::{self, LocalAws};

/// For how long a build waits for the local AWS, as its runner does, and the first and the longest pause between attempts.
const PATIENCE: Duration = Duration::from_mins(5);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What a Terraform without a person before it has in its environment, and so have its provisioners: the runner sets it.
/// <https://developer.hashicorp.com/terraform/cli/config/environment-variables#tf_in_automation>
const IN_AUTOMATION: &str = "TF_IN_AUTOMATION";

/// Makes the call, and prints the answer.
pub async fn run(call: AwsCall, local: &LocalAws, output: Output) -> Result<(), Error> {
    let request: Value = serde_json::from_str(&call.request)
        .map_err(|error| Error::Usage(format!("the request is not JSON: {}. Correct it", Fault::from(error))))?;
    let services = Services::Local(local.clone());
    let is_build = std::env::var_os(IN_AUTOMATION).is_some_and(|value| !value.is_empty());
    let answer = if is_build {
        patiently(&services, &call.service, &call.action, &request).await?
    } else {
        services.call(&call.service, &call.action, &request).await?
    };
    output.answer(&answer, |value| format!("{value:#}"));
    Ok(())
}

/// Makes a call to the local AWS; an error of the service has its name as the title.
pub async fn send(local: &LocalAws, service: &str, action: &str, request: &Value) -> Result<Value, Error> {
    Services::Local(local.clone()).call(service, action, request).await
}

/// Makes a call until there is an answer of the service, or the patience is spent. A call whose answer was lost is made again, as AWS's
/// own programs do.
async fn patiently(services: &Services, service: &str, action: &str, members: &Value) -> Result<Value, Error> {
    let (until, mut pause) = (Instant::now() + PATIENCE, FIRST_PAUSE);
    loop {
        let answer = services.ask(service, action, members).await;
        let may_pass = match &answer {
            Ok(answer) => answer.status == StatusCode::SERVICE_UNAVAILABLE,
            Err(Error::Unreachable { source, .. }) => !source.is_builder(),
            Err(_) => false,
        };
        if !may_pass || Instant::now() >= until {
            return answer?.result();
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What a service answers.
struct Answer {
    status: StatusCode,
    value: Value,
}

impl Answer {
    fn result(self) -> Result<Value, Error> {
        if self.status.is_success() {
            return Ok(protocol::result(self.value));
        }
        let (title, detail) = protocol::error(&self.value);
        Err(Error::Refused {
            title,
            detail,
            errors: Vec::new(),
        })
    }
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
        self.ask(service, action, members).await?.result()
    }

    async fn ask(&self, service: &str, action: &str, members: &Value) -> Result<Answer, Error> {
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
        let value = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
        Ok(Answer { status, value })
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn build_waits_while_the_local_server_restarts() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicU32::new(0));
        let answers = Arc::clone(&asked);
        let answer = move || {
            let is_first = answers.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                if is_first {
                    (StatusCode::SERVICE_UNAVAILABLE, r#"{"message": "starting"}"#)
                } else {
                    (StatusCode::OK, r#"{"clusterArns": []}"#)
                }
            }
        };
        let served = tokio::spawn(async move {
            // The server dies with the first request.
            drop(listener.accept().await);
            axum::serve(listener, Router::new().fallback(answer)).await
        });
        let services = Services::Local(LocalAws { address, token: None });
        let answer = patiently(&services, "ecs", "ListClusters", &json!({})).await;
        assert_eq!(answer.expect("an answer"), json!({"clusterArns": []}));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        served.abort();
    }
}
