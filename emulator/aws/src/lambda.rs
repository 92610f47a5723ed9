//! The wire API of Lambda: `Invoke` of the type `Event`, which redrives an event.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::wire::{AwsError, RestCall};

/// The Lambda service.
#[derive(Clone)]
pub struct Lambda {
    invoke: InvokeLater,
}

/// Accepts an event for a function, which runs after this returns.
pub type InvokeLater = Arc<dyn Fn(&str, Value) -> Result<(), AwsError> + Send + Sync>;

impl Lambda {
    pub fn new(invoke: InvokeLater) -> Self {
        Self { invoke }
    }

    /// One call of the wire API.
    // Nothing here waits; the signature is that of every service.
    #[allow(clippy::unused_async)]
    pub async fn call(&self, call: RestCall) -> Result<Value, AwsError> {
        let function = call
            .path
            .strip_prefix("/2015-03-31/functions/")
            .and_then(|rest| rest.strip_suffix("/invocations"));
        let (Some(function), &Method::POST) = (function, &call.method) else {
            return Err(AwsError::unknown_operation(&format!("{} {}", call.method, call.path)));
        };
        let invocation = call.headers.get("x-amz-invocation-type");
        if invocation.is_none_or(|kind| kind != "Event") {
            let message = "This emulator invokes functions with the InvocationType Event alone.";
            return Err(AwsError::new("InvalidParameterValueException", message));
        }
        (self.invoke)(function, call.body)?;
        Ok(json!({}))
    }
}
