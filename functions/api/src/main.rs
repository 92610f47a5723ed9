//! The Lambda function of the HTTP API.

use slipway_api::{Api, Config, lambda, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    tracing_subscriber::fmt().json().without_time().init();
    let vars = std::env::vars().collect();
    let config = Config::from_vars(&vars)?;
    let api = Api::new(&config, &slipway_aws::sdk_config(&vars));
    lambda_http::run(lambda::service(config.callers, router(api))).await
}
