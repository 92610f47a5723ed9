//! Dead-lettered events: messages in the queues of `template.yaml`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// An event that no function handled, with the reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadLetter {
    /// The ID of the message.
    pub id: String,
    /// Its queue: `unhandled`, `undelivered` or `notifications`.
    pub queue: String,
    /// Since when it is there.
    pub since: Option<Timestamp>,
    /// The `detail-type` of the event, or [`STREAM`].
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The account that sent the event.
    pub account: Option<String>,
    /// The name of the error.
    pub error: Option<String>,
    /// Its text.
    pub reason: Option<String>,
    /// The ARN of the function that it was for; none where the events function itself put it there.
    pub target: Option<String>,
    /// The event; null for records of the stream, which Lambda does not keep.
    pub event: Value,
}

/// The type of records of the table's stream, of which a queue has the places alone.
pub const STREAM: &str = "records of the table's stream";

impl DeadLetter {
    /// Reads a message of SQS. What Lambda or the function put there holds the event and the error
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>); what EventBridge put there is the
    /// event, with the error and the target in its attributes
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>).
    pub fn read(queue: &str, message: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let body = &message["Body"];
        let mut body: Value = serde_json::from_str(body.as_str().unwrap_or_default()).unwrap_or_else(|_| body.clone());
        let attribute = |name: &str| text(&message["MessageAttributes"][name]["StringValue"]);
        let is_stream = body["DDBStreamBatchInfo"].is_object();
        let (event, error, reason, target) = if is_stream || !body["requestPayload"].is_null() {
            let (context, failed) = (&body["requestContext"], &body["responsePayload"]);
            // An event that Lambda gave up before it ran the function has the condition alone.
            let error = text(&failed["errorType"]).or_else(|| text(&context["condition"]));
            let (reason, target) = (text(&failed["errorMessage"]), text(&context["functionArn"]));
            (body["requestPayload"].take(), error, reason, target)
        } else {
            let target = attribute("TARGET_ARN");
            (body, attribute("ERROR_CODE"), attribute("ERROR_MESSAGE"), target)
        };
        let sent = text(&message["Attributes"]["SentTimestamp"]).and_then(|text| text.parse::<i64>().ok());
        let kind = text(&event["detail-type"]);
        Self {
            id: text(&message["MessageId"]).unwrap_or_default(),
            queue: queue.to_owned(),
            since: sent.and_then(|sent| Timestamp::from_second(sent / 1_000).ok()),
            kind: kind.or_else(|| is_stream.then(|| STREAM.to_owned())),
            account: text(&event["account"]),
            error,
            reason,
            target,
            event,
        }
    }

    /// Whether there is an event to hand to its function again.
    pub fn has_event(&self) -> bool {
        self.kind.as_deref() != Some(STREAM)
    }

    /// The function that the event was for, in the deployment of this name: the target of the rule or of the failed invocation, if that
    /// is a function of the deployment; otherwise the one that takes requests.
    pub fn function(&self, deployment: &str) -> Function {
        let target = self.target.as_deref().unwrap_or_default();
        let named = target.split_once(":function:").map(|(_, function)| function);
        let (name, qualifier) = named.map_or(("", None), |named| {
            named
                .split_once(':')
                .map_or((named, None), |(name, qualifier)| (name, Some(qualifier)))
        });
        if name.strip_prefix(deployment).is_some_and(|rest| rest.starts_with('-')) {
            // Its alias is all that may be invoked of the steps, and a version is what the alias led to.
            let alias = (name == format!("{deployment}-steps")).then_some("live");
            let qualifier = alias.or(qualifier.filter(|one| *one != "$LATEST"));
            return Function {
                name: name.to_owned(),
                qualifier: qualifier.map(str::to_owned),
            };
        }
        Function {
            name: format!("{deployment}-events"),
            qualifier: None,
        }
    }
}

/// A function of the deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its alias or version, by which Lambda finds its settings; none for the function itself.
    pub qualifier: Option<String>,
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
        let function = |letter: &DeadLetter| {
            let Function { name, qualifier } = letter.function("slipway");
            (name, qualifier)
        };
        let live = || Some("live".to_owned());
        assert_eq!(function(&one), ("slipway-events".to_owned(), None));
        assert_eq!(function(&other), ("slipway-steps".to_owned(), live()));
        for foreign in [
            "arn:aws:sqs:eu-west-1:1:queue",
            "arn:aws:lambda:eu-west-1:1:function:slipwayx-steps",
        ] {
            let letter = DeadLetter {
                target: Some(foreign.to_owned()),
                ..one.clone()
            };
            assert_eq!(function(&letter), ("slipway-events".to_owned(), None));
        }
        let broken = DeadLetter::read("unhandled", &json!({"MessageId": "3", "Body": "not JSON"}));
        assert_eq!(broken.event, "not JSON");
    }

    #[test]
    fn failed_invocation_names_its_function() {
        let read = |arn: &str, more: &Value| {
            let mut record = json!({"requestContext": {"functionArn": arn, "condition": "EventAgeExceeded"}});
            record
                .as_object_mut()
                .expect("an object")
                .extend(more.as_object().cloned().expect("fields"));
            DeadLetter::read("unhandled", &json!({"MessageId": "1", "Body": record.to_string()}))
        };
        let event = json!({"requestPayload": {"detail-type": "Slipway Delivery Due"}});
        let old = read("arn:aws:lambda:eu-west-1:1:function:slipway-notify:$LATEST", &event);
        let function = old.function("slipway");
        assert_eq!((function.name.as_str(), function.qualifier), ("slipway-notify", None));
        assert_eq!(old.error.as_deref(), Some("EventAgeExceeded"));
        assert!(old.has_event());
        let step = read(STEPS, &event).function("slipway");
        assert_eq!(
            (step.name.as_str(), step.qualifier.as_deref()),
            ("slipway-steps", Some("live"))
        );

        let stream = json!({"DDBStreamBatchInfo": {"batchSize": 1}, "responsePayload": {"errorMessage": "no"}});
        let stream = read("arn:aws:lambda:eu-west-1:1:function:slipway-notify", &stream);
        assert_eq!(
            (stream.kind.as_deref(), stream.reason.as_deref()),
            (Some(STREAM), Some("no"))
        );
        assert!(!stream.has_event() && stream.event.is_null());
    }
}
