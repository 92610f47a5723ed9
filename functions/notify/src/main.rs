//! The Lambda function `notify`.

use std::collections::BTreeMap;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use slipway_notify::{Config, Notifier};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().without_time().init();
    let vars: BTreeMap<String, String> = std::env::vars().collect();
    let notifier = Notifier::new(Config::from_vars(&vars)?, &slipway_aws::sdk_config(&vars));
    let handle = |event: LambdaEvent<Value>| async { notifier.handle(event.payload).await.map_err(Diagnostic::from) };
    lambda_runtime::run(service_fn(handle)).await
}
