//! The Lambda function `events`.

use std::collections::BTreeMap;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use slipway_events::{Config, Events};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().without_time().init();
    let vars: BTreeMap<String, String> = std::env::vars().collect();
    let events = Events::new(Config::from_vars(&vars)?, &slipway_aws::sdk_config(&vars));
    // The text: values would have lost digits of numbers, and fields that stand twice.
    let handle = |event: LambdaEvent<Box<RawValue>>| {
        let events = &events;
        async move {
            let handled = events.handle_text(event.payload.get()).await;
            handled.map_err(Diagnostic::from)
        }
    };
    lambda_runtime::run(service_fn(handle)).await
}
