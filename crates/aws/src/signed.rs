//! Calls that are made by hand: with the HTTP client, the credentials, the endpoints and the signature of the SDK.
//!
//! Some crates of the AWS SDK have hundreds of operations and would take longer to compile than all others here together, for one call
//! or two.

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

/// After this long without an answer a call has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A service of AWS.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its ID in the settings of the SDK: `RDS` is for the variable `AWS_ENDPOINT_URL_RDS`.
    pub id: &'static str,
    /// Its name in hosts and signatures: `rds`.
    pub name: &'static str,
}

/// A POST request to a service.
#[derive(Debug, Clone)]
pub struct Call {
    /// The path: `/`, unless the service's protocol names operations by it.
    pub path: String,
    /// The header `content-type`.
    pub content_type: &'static str,
    /// The header of the service's protocol, such as `x-amz-target`, with its value.
    pub header: Option<(&'static str, &'static str)>,
    /// The body.
    pub body: String,
}

impl Service {
    /// Sends a call to a Region; the status and the body of the answer. It is not repeated.
    pub async fn send(self, sdk: &SdkConfig, region: &str, call: Call) -> Result<(u16, String), BoxError> {
        let provider = sdk.credentials_provider().ok_or("there are no credentials")?;
        let signature = Signature {
            credentials: provider.provide_credentials().await?,
            region: region.to_owned(),
            service: self.name,
        };
        let http = sdk.http_client().ok_or("there is no HTTP client")?;
        let operation = Operation::builder()
            .service_name(self.id)
            .operation_name(call.header.map_or("call", |(_, value)| value))
            .http_client(http)
            .endpoint_url(&self.endpoint(sdk, region))
            .no_auth()
            .no_retry()
            .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build())
            .interceptor(signature)
            .serializer(request)
            .deserializer(response)
            .build();
        Ok(operation.invoke(call).await?)
    }

    /// The endpoint that is configured, as for every other service, or that of the Region:
    /// <https://docs.aws.amazon.com/general/latest/gr/rande.html>.
    fn endpoint(self, sdk: &SdkConfig, region: &str) -> String {
        let key = ServiceConfigKey::builder()
            .service_id(self.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url");
        let key = key.build().ok();
        let own = key.and_then(|key| sdk.service_config()?.load_config(key));
        let configured = own.or_else(|| sdk.endpoint_url().map(str::to_owned));
        let domain = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        configured.unwrap_or_else(|| format!("https://{}.{region}.{domain}", self.name))
    }
}

fn request(call: Call) -> Result<HttpRequest, BoxError> {
    let length = call.body.len().to_string();
    let mut request = HttpRequest::new(SdkBody::from(call.body));
    request.set_method("POST")?;
    request.set_uri(call.path)?;
    let headers = request.headers_mut();
    headers.insert("content-type", call.content_type);
    headers.insert("content-length", length);
    if let Some((name, value)) = call.header {
        headers.insert(name, value);
    }
    Ok(request)
}

#[allow(clippy::unnecessary_wraps, reason = "the signature of a deserializer")]
fn response(response: &HttpResponse) -> Result<(u16, String), OrchestratorError<std::io::Error>> {
    let body = response.body().bytes().unwrap_or_default();
    Ok((response.status().as_u16(), String::from_utf8_lossy(body).into_owned()))
}

/// Signs a request (Signature Version 4) when it has its address.
#[derive(Debug)]
struct Signature {
    credentials: Credentials,
    region: String,
    service: &'static str,
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
            .name(self.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?;
        let request = context.request_mut();
        let signable = SignableRequest::new(
            request.method(),
            request.uri(),
            request
                .headers()
                .iter()
                .filter(|(name, _)| *name == "content-type" || name.starts_with("x-amz-")),
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
    fn the_endpoint_is_that_of_the_region_unless_it_is_configured() {
        let rds = Service { id: "RDS", name: "rds" };
        let endpoint = |vars: &[(&str, &str)], region: &str| {
            let vars = vars
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            rds.endpoint(&crate::sdk_config(&vars.collect()), region)
        };
        assert_eq!(endpoint(&[], "eu-west-1"), "https://rds.eu-west-1.amazonaws.com");
        assert_eq!(endpoint(&[], "cn-north-1"), "https://rds.cn-north-1.amazonaws.com.cn");
        let all = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        assert_eq!(endpoint(&[all], "eu-west-1"), "http://127.0.0.1:1");
        let own = ("AWS_ENDPOINT_URL_RDS", "http://127.0.0.1:2");
        assert_eq!(endpoint(&[all, own], "eu-west-1"), "http://127.0.0.1:2");
    }
}
