//! RDS, as far as snapshots need it.
//!
//! RDS speaks the Query protocol: a form goes there, and XML comes back. Its crate of the AWS SDK has 160 operations and would take longer
//! to compile than all others here together, so four calls are made by hand: with the HTTP client, the credentials, the endpoints and
//! the signature of the SDK.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/Welcome.html>

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::service_config::ServiceConfigKey;

/// The version of the API.
const VERSION: &str = "2014-10-31";

/// After this long without an answer a call has failed. The workflow repeats the step.
const PATIENCE: Duration = Duration::from_secs(20);

/// RDS in one account and Region.
#[derive(Debug, Clone)]
pub(crate) struct Rds {
    sdk: SdkConfig,
}

/// What RDS answers, or why it does not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RdsError {
    /// It says why not.
    #[error("{code}: {message}")]
    Answered { status: u16, code: String, message: String },
    /// There is no answer.
    #[error("RDS does not answer")]
    Unanswered(#[source] BoxError),
}

impl Rds {
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone() }
    }

    /// Calls an action; its answer's XML.
    pub(crate) async fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String, RdsError> {
        let (status, body) = self.send(action, parameters).await.map_err(RdsError::Unanswered)?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        Err(RdsError::Answered {
            status,
            code: element(&body, "Code").unwrap_or_default(),
            message: element(&body, "Message").unwrap_or_default(),
        })
    }

    async fn send(&self, action: &str, parameters: &[(&str, &str)]) -> Result<(u16, String), BoxError> {
        let region = self.sdk.region().map(ToString::to_string).unwrap_or_default();
        let provider = self.sdk.credentials_provider().ok_or("there are no credentials")?;
        let signature = Signature {
            credentials: provider.provide_credentials().await?,
            region: region.clone(),
        };
        let http = self.sdk.http_client().ok_or("there is no HTTP client")?;
        let operation = Operation::builder()
            .service_name("RDS")
            .operation_name(action.to_owned())
            .http_client(http)
            .endpoint_url(&self.endpoint(&region))
            .no_auth()
            .no_retry()
            .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build())
            .interceptor(signature)
            .serializer(request)
            .deserializer(response)
            .build();
        Ok(operation.invoke(form(action, parameters)).await?)
    }

    /// The endpoint that is configured, as for every other service, or that of the Region:
    /// <https://docs.aws.amazon.com/general/latest/gr/rds-service.html>.
    fn endpoint(&self, region: &str) -> String {
        let key = ServiceConfigKey::builder()
            .service_id("RDS")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url");
        let key = key.build().ok();
        let own = key.and_then(|key| self.sdk.service_config()?.load_config(key));
        let configured = own.or_else(|| self.sdk.endpoint_url().map(str::to_owned));
        let domain = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        configured.unwrap_or_else(|| format!("https://rds.{region}.{domain}"))
    }
}

fn form(action: &str, parameters: &[(&str, &str)]) -> String {
    let mut form = format!("Action={action}&Version={VERSION}");
    for (name, value) in parameters {
        form.push('&');
        form.push_str(name);
        form.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => form.push(char::from(byte)),
                other => form.push_str(&encoded(other)),
            }
        }
    }
    form
}

fn encoded(byte: u8) -> String {
    format!("%{byte:02X}")
}

fn request(form: String) -> Result<HttpRequest, BoxError> {
    let length = form.len().to_string();
    let mut request = HttpRequest::new(SdkBody::from(form));
    request.set_method("POST")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-www-form-urlencoded");
    headers.insert("content-length", length);
    Ok(request)
}

#[allow(clippy::unnecessary_wraps, reason = "the signature of a deserializer")]
fn response(response: &HttpResponse) -> Result<(u16, String), OrchestratorError<std::io::Error>> {
    let body = response.body().bytes().unwrap_or_default();
    Ok((response.status().as_u16(), String::from_utf8_lossy(body).into_owned()))
}

/// The text of the first element of this name.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    let text = entities.iter().fold(text.to_owned(), |text, (entity, character)| {
        text.replace(entity, character)
    });
    Some(text.trim().to_owned())
}

/// Signs a request (Signature Version 4) when it has its address.
#[derive(Debug)]
struct Signature {
    credentials: Credentials,
    region: String,
}

impl Intercept for Signature {
    fn name(&self) -> &'static str {
        "Signature"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("rds")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?;
        let request = context.request_mut();
        let signable = SignableRequest::new(
            request.method(),
            request.uri(),
            request.headers().iter().filter(|(name, _)| *name == "content-type"),
            SignableBody::Bytes(request.body().bytes().unwrap_or_default()),
        )?;
        let (instructions, _) = sign(signable, &parameters.into())?.into_parts();
        let (headers, _) = instructions.into_parts();
        for header in headers {
            request.headers_mut().insert(header.name(), header.value().to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_form_are_escaped() {
        assert_eq!(
            form("DescribeDBSnapshots", &[("DBSnapshotIdentifier", "a b&c=ä")]),
            "Action=DescribeDBSnapshots&Version=2014-10-31&DBSnapshotIdentifier=a%20b%26c%3D%C3%A4"
        );
    }

    #[test]
    fn the_text_of_an_element_is_its_own() {
        let xml = "<R><Error><Code>A</Code><Message> a &lt;b&gt; &amp;amp; </Message></Error></R>";
        assert_eq!(element(xml, "Code").as_deref(), Some("A"));
        assert_eq!(element(xml, "Message").as_deref(), Some("a <b> &amp;"));
        assert_eq!(element(xml, "Status"), None);
    }

    #[test]
    fn the_endpoint_is_that_of_the_region_unless_it_is_configured() {
        let endpoint = |vars: &[(&str, &str)], region: &str| {
            let vars = vars
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Rds::new(&slipway_aws::sdk_config(&vars.collect())).endpoint(region)
        };
        assert_eq!(endpoint(&[], "eu-west-1"), "https://rds.eu-west-1.amazonaws.com");
        assert_eq!(endpoint(&[], "cn-north-1"), "https://rds.cn-north-1.amazonaws.com.cn");
        let all = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        assert_eq!(endpoint(&[all], "eu-west-1"), "http://127.0.0.1:1");
        let own = ("AWS_ENDPOINT_URL_RDS", "http://127.0.0.1:2");
        assert_eq!(endpoint(&[all, own], "eu-west-1"), "http://127.0.0.1:2");
    }
}
