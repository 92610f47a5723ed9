//! The configuration of every AWS client: built from given variables, cheap, and lazy.
//!
//! `aws-config`'s own loader reads profile files and asks the machine's metadata service; a Lambda function and a build have
//! neither. What they have is read here, from variables that are passed in, so that several configurations fit into one
//! process.

mod http;
pub mod session;
pub mod signed;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// After this long without a connection a request fails, and is tried again.
const CONNECT: Duration = Duration::from_secs(3);

/// The configuration of AWS clients by these environment variables.
///
/// | variable | sets |
/// | --- | --- |
/// | `AWS_REGION`, or else `AWS_DEFAULT_REGION` | the region |
/// | `AWS_ENDPOINT_URL` | the endpoint of all services |
/// | `AWS_ENDPOINT_URL_<SERVICE>` | the endpoint of one service |
/// | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | the credentials |
///
/// Without credentials among the variables they come from the endpoint of the container, as in CodeBuild and ECS.
pub fn sdk_config(vars: &BTreeMap<String, String>) -> SdkConfig {
    let region = var(vars, "AWS_REGION").or_else(|| var(vars, "AWS_DEFAULT_REGION"));
    let http = http::client();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.map(|region| Region::new(region.to_owned())))
        .service_config(Endpoints(vars.clone()))
        .identity_cache(IdentityCache::lazy().build())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        .credentials_provider(credentials(vars, &http))
        .http_client(http);
    config.set_endpoint_url(var(vars, "AWS_ENDPOINT_URL").map(str::to_owned));
    config.build()
}

/// The HTTP client under all AWS clients, for a configuration that is made in another way.
pub fn http_client() -> SharedHttpClient {
    http::client()
}

/// A client that is made when it is first used. Making one reads the endpoints of all of AWS's partitions, and one request
/// needs few clients. Clones share it.
pub type Lazy<T> = Arc<LazyLock<T, Box<dyn FnOnce() -> T + Send>>>;

/// A client of this configuration: `lazy(config, aws_sdk_sfn::Client::new)`.
pub fn lazy<T>(config: &SdkConfig, make: impl FnOnce(&SdkConfig) -> T + Send + 'static) -> Lazy<T> {
    let config = config.clone();
    Arc::new(LazyLock::new(Box::new(move || make(&config))))
}

/// Whether S3 clients address buckets by path: with an endpoint of one's own there is no name for each bucket.
///
/// This is the only difference that an endpoint makes, and this is its only place.
pub fn s3_path_style(vars: &BTreeMap<String, String>) -> bool {
    var(vars, "AWS_ENDPOINT_URL").is_some() || var(vars, "AWS_ENDPOINT_URL_S3").is_some()
}

/// A variable that a program's environment must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {0} is not set")]
pub struct MissingVariable(pub &'static str);

/// A variable that must be set to something.
pub fn required(vars: &BTreeMap<String, String>, name: &'static str) -> Result<String, MissingVariable> {
    var(vars, name).map(str::to_owned).ok_or(MissingVariable(name))
}

/// A variable that is set to something.
fn var<'a>(vars: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    vars.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

fn credentials(vars: &BTreeMap<String, String>, http: &SharedHttpClient) -> SharedCredentialsProvider {
    let (id, secret) = (var(vars, "AWS_ACCESS_KEY_ID"), var(vars, "AWS_SECRET_ACCESS_KEY"));
    if let (Some(id), Some(secret)) = (id, secret) {
        let token = var(vars, "AWS_SESSION_TOKEN").map(str::to_owned);
        let credentials = Credentials::new(id, secret, token, None, "environment");
        return SharedCredentialsProvider::new(credentials);
    }
    let config = ProviderConfig::without_region().with_http_client(http.clone());
    SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(&config).build())
}

/// The endpoints of single services, by the name that each client uses.
#[derive(Debug)]
struct Endpoints(BTreeMap<String, String>);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace([' ', '-'], "_");
        var(&self.0, &format!("{}_{service}", key.env())).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(given: &[(&str, &str)]) -> BTreeMap<String, String> {
        given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_variables_decide() {
        let config = sdk_config(&vars(&[
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ]));
        assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
        let of_dynamodb = || {
            ServiceConfigKey::builder()
                .service_id("DynamoDB")
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
        };
        let endpoints = Endpoints(vars(&[("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:2")]));
        assert_eq!(
            endpoints.load_config(of_dynamodb().build().expect("a key")),
            Some("http://127.0.0.1:2".to_owned())
        );
        assert_eq!(
            Endpoints(BTreeMap::new()).load_config(of_dynamodb().build().expect("a key")),
            None
        );
    }

    #[test]
    fn a_variable_that_is_set_to_nothing_is_missing() {
        let given = vars(&[("SLIPWAY_TABLE", "slipway"), ("SLIPWAY_STATE_MACHINE_ARN", "")]);
        assert_eq!(required(&given, "SLIPWAY_TABLE"), Ok("slipway".to_owned()));
        for name in ["SLIPWAY_STATE_MACHINE_ARN", "AWS_REGION"] {
            assert_eq!(required(&given, name), Err(MissingVariable(name)));
        }
    }

    #[test]
    fn an_endpoint_of_ones_own_means_paths() {
        assert!(!s3_path_style(&vars(&[
            ("AWS_ENDPOINT_URL", ""),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://x")
        ])));
        assert!(s3_path_style(&vars(&[("AWS_ENDPOINT_URL_S3", "http://x")])));
        assert!(s3_path_style(&vars(&[("AWS_ENDPOINT_URL", "http://x")])));
    }
}
