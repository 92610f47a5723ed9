//! The dead-letter queue: events that would fail again in the same way, with the reason.

use jiff::Timestamp;
use serde_json::{Value, json};
use slipway_model::error_chain::chain;

use crate::{EventError, Events};

/// The most bytes of a message: SQS takes 1 MiB.
const SIZE: usize = 1024 * 1024;

impl Events {
    /// Dead-letters an event. The message has the form that Lambda gives to events that failed too often, so that the queue has
    /// one form of message.
    pub(crate) async fn dead_letter(&self, event: Value, error: &EventError) -> Result<(), EventError> {
        let reason = chain(error);
        let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        tracing::warn!(
            id = field("id"),
            account = field("account"),
            detail_type = field("detail-type"),
            error = error.name(),
            reason,
            "an event is dead-lettered"
        );
        let mut message = json!({
            "version": "1.0",
            "timestamp": Timestamp::now().to_string(),
            "requestContext": {"condition": "NotHandled", "approximateInvokeCount": 1},
            "requestPayload": event,
            "responsePayload": {"errorType": error.name(), "errorMessage": reason},
        });
        let mut body = message.to_string();
        if body.len() > SIZE {
            // EventBridge has no events of this size: a direct invocation.
            let payload = &mut message["requestPayload"];
            let detail = payload["detail"].to_string().len();
            let envelope = ["id", "account", "detail-type", "source", "time"];
            let kept: Value = envelope
                .iter()
                .map(|name| ((*name).to_owned(), cut(&payload[*name])))
                .collect();
            *payload = kept;
            payload["cut"] = json!(format!("the detail had {detail} bytes, and is not kept"));
            message["responsePayload"]["errorMessage"] = cut(&json!(reason));
            body = message.to_string();
        }
        let queue = &self.config.unhandled_events;
        let sent = self.sqs.send_message().queue_url(queue).message_body(body).send().await;
        sent.map(drop).map_err(|source| EventError::DeadLetter {
            reason,
            source: Box::new(aws_sdk_sqs::Error::from(source)),
        })
    }
}

/// The beginning of a text; null for any other value.
fn cut(value: &Value) -> Value {
    value
        .as_str()
        .map(|text| text.chars().take(1000).collect::<String>())
        .into()
}
