//! Dead-lettered events: messages in the queues of `template.yaml`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// An event that no function handled, with the reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadLetter {
    /// The ID of the message.
    pub id: String,
    /// Its queue: `unhandled` or `undelivered`.
    pub queue: String,
    /// Since when it is there.
    pub since: Option<Timestamp>,
    /// The `detail-type` of the event.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The account that sent the event.
    pub account: Option<String>,
    /// The name of the error.
    pub error: Option<String>,
    /// Its text.
    pub reason: Option<String>,
    /// The ARN of the target that EventBridge could not reach.
    pub target: Option<String>,
    /// The event.
    pub event: Value,
}

impl DeadLetter {
    /// Reads a message of SQS. What Lambda or the function put there holds the event and the error; what EventBridge put there is the
    /// event, with the error and the target in its attributes
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>).
    pub fn read(queue: &str, message: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let body = &message["Body"];
        let body: Value = serde_json::from_str(body.as_str().unwrap_or_default()).unwrap_or_else(|_| body.clone());
        let attribute = |name: &str| text(&message["MessageAttributes"][name]["StringValue"]);
        let (event, error, reason) = if body["requestPayload"].is_null() {
            (body, attribute("ERROR_CODE"), attribute("ERROR_MESSAGE"))
        } else {
            let failed = &body["responsePayload"];
            let (error, reason) = (text(&failed["errorType"]), text(&failed["errorMessage"]));
            (body["requestPayload"].clone(), error, reason)
        };
        let sent = text(&message["Attributes"]["SentTimestamp"]).and_then(|text| text.parse::<i64>().ok());
        Self {
            id: text(&message["MessageId"]).unwrap_or_default(),
            queue: queue.to_owned(),
            since: sent.and_then(|sent| Timestamp::from_second(sent / 1_000).ok()),
            kind: text(&event["detail-type"]),
            account: text(&event["account"]),
            error,
            reason,
            target: attribute("TARGET_ARN"),
            event,
        }
    }

    /// The function that the event was for, in the deployment of this name: the target of the rule, if that is a function of the
    /// deployment; otherwise the one that takes requests.
    pub fn function(&self, deployment: &str) -> String {
        let target = self.target.as_deref().unwrap_or_default();
        let name = target
            .split_once(":function:")
            .map(|(_, function)| function.split(':').next().unwrap_or_default());
        let own = name.filter(|name| name.strip_prefix(deployment).is_some_and(|rest| rest.starts_with('-')));
        own.map_or_else(|| format!("{deployment}-events"), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const STEPS: &str = "arn:aws:lambda:eu-west-1:111122223333:function:slipway-steps:live";

    #[test]
    fn both_kinds_of_messages_are_read_alike() {
        let event = json!({"detail-type": "Slipway Request", "account": "111122223333", "detail": {"key": "a"}});
        let record = json!({
            "requestPayload": event, "responsePayload": {"errorType": "Slipway.EventRefused", "errorMessage": "no"},
        });
        let unhandled = json!({
            "MessageId": "1", "Body": record.to_string(), "Attributes": {"SentTimestamp": "1795000000123"},
        });
        let undelivered = json!({
            "MessageId": "2", "Body": event.to_string(),
            "MessageAttributes": {"TARGET_ARN": {"StringValue": STEPS}, "ERROR_CODE": {"StringValue": "NO_PERMISSIONS"}, "ERROR_MESSAGE": {"StringValue": "not allowed"}},
        });
        let one = DeadLetter::read("unhandled", &unhandled);
        let other = DeadLetter::read("undelivered", &undelivered);
        assert_eq!((&one.event, &other.event), (&event, &event));
        assert_eq!(one.error.as_deref(), Some("Slipway.EventRefused"));
        assert_eq!(
            serde_json::to_value(&one).expect("JSON")["since"],
            "2026-11-18T11:06:40Z"
        );
        assert_eq!(
            (other.error.as_deref(), other.reason.as_deref()),
            (Some("NO_PERMISSIONS"), Some("not allowed"))
        );
        assert_eq!(
            (one.function("slipway"), other.function("slipway")),
            ("slipway-events".to_owned(), "slipway-steps".to_owned())
        );
        for foreign in [
            "arn:aws:sqs:eu-west-1:1:queue",
            "arn:aws:lambda:eu-west-1:1:function:slipwayx-steps",
        ] {
            let letter = DeadLetter {
                target: Some(foreign.to_owned()),
                ..one.clone()
            };
            assert_eq!(letter.function("slipway"), "slipway-events");
        }
        let broken = DeadLetter::read("unhandled", &json!({"MessageId": "3", "Body": "not JSON"}));
        assert_eq!(broken.event, "not JSON");
    }
}
