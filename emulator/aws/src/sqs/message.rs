//! One message: its record in the ledger, and what SQS shows of it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use s3s::crypto::{Checksum as _, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::index::Place;
use super::invalid;
use crate::wire::{ACCOUNT, AwsError};

/// The most attributes that a message may have.
const MOST_ATTRIBUTES: usize = 10;

/// One message, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) body: String,
    #[serde(default)]
    pub(super) attributes: MessageAttributes,
    /// `AWSTraceHeader`.
    #[serde(default)]
    pub(super) trace: Option<String>,
    pub(super) sent: Timestamp,
    /// From when on it can be received.
    pub(super) from: Timestamp,
    pub(super) receives: u32,
    pub(super) first_received: Option<Timestamp>,
    /// The ARN of the queue that it was in before it came to this dead-letter queue.
    #[serde(default)]
    pub(super) source: Option<String>,
}

/// The attributes of a message, by their names.
pub(super) type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// An attribute that the sender gave a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, and after a dot what the sender calls it.
    pub data_type: String,
    /// The value of a `String` or a `Number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value of a `Binary`, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

impl Message {
    pub(super) fn place(&self) -> Place {
        Place {
            sent: self.sent,
            from: self.from,
            received: self.receives > 0,
        }
    }

    /// The receipt handle of the last receive.
    pub(super) fn receipt(&self, queue: &str) -> String {
        let text = format!("{queue}/{}/{}/{}", self.number, self.receives, self.id);
        URL_SAFE_NO_PAD.encode(text)
    }

    pub(super) fn system_attributes(&self) -> BTreeMap<&'static str, String> {
        let milliseconds = |time: Timestamp| time.as_millisecond().to_string();
        let mut attributes = BTreeMap::from([
            ("SenderId", ACCOUNT.to_owned()),
            ("SentTimestamp", milliseconds(self.sent)),
            ("ApproximateReceiveCount", self.receives.to_string()),
        ]);
        let more = [
            (
                "ApproximateFirstReceiveTimestamp",
                self.first_received.map(milliseconds),
            ),
            ("AWSTraceHeader", self.trace.clone()),
            ("DeadLetterQueueSourceArn", self.source.clone()),
        ];
        attributes.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
        attributes
    }

    /// The message as a receiver gets it, with the attributes that were asked for.
    pub(super) fn to_json(
        &self,
        queue: &str,
        is_asked: impl Fn(&str) -> bool,
        is_system_asked: impl Fn(&str) -> bool,
    ) -> Value {
        let mut message = json!({
            "MessageId": self.id,
            "ReceiptHandle": self.receipt(queue),
            "MD5OfBody": md5(self.body.as_bytes()),
            "Body": self.body,
        });
        let mut system = self.system_attributes();
        system.retain(|name, _| is_system_asked(name));
        if !system.is_empty() {
            message["Attributes"] = json!(system);
        }
        let mut attributes = self.attributes.clone();
        attributes.retain(|name, _| is_asked(name));
        if !attributes.is_empty() {
            message["MD5OfMessageAttributes"] = json!(md5_of(&attributes));
            message["MessageAttributes"] = json!(attributes);
        }
        message
    }
}

/// Which message a receipt is for.
pub(super) struct Receipt {
    pub(super) number: u64,
    pub(super) receives: u32,
    pub(super) id: String,
}

impl Receipt {
    pub(super) fn parse(queue: &str, handle: &str) -> Result<Self, AwsError> {
        let parse = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(handle).ok()?).ok()?;
            let mut parts = text.split('/');
            (parts.next()? == queue).then_some(())?;
            Some(Self {
                number: parts.next()?.parse().ok()?,
                receives: parts.next()?.parse().ok()?,
                id: parts.next()?.to_owned(),
            })
        };
        parse().ok_or_else(|| {
            let message = "The input receipt handle is not a valid receipt handle.";
            AwsError::new("ReceiptHandleIsInvalid", message).with_status(http::StatusCode::NOT_FOUND)
        })
    }
}

/// Checks what a message consists of, and says how long it is.
pub(super) fn check(body: &str, attributes: &MessageAttributes) -> Result<usize, AwsError> {
    if body.is_empty() {
        let message = "The request must contain the parameter MessageBody.";
        return Err(AwsError::new("MissingParameter", message));
    }
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    if !body.chars().all(is_allowed) {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | \
                       #xE000 to #xFFFD | #x10000 to #x10FFFF";
        return Err(AwsError::new("InvalidMessageContents", message));
    }
    if attributes.len() > MOST_ATTRIBUTES {
        return Err(invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [10].",
            attributes.len()
        )));
    }
    let mut length = body.len();
    for (name, attribute) in attributes {
        let value = attribute.check(name)?;
        length += name.len() + attribute.data_type.len() + value.len();
    }
    Ok(length)
}

impl MessageAttribute {
    /// A text.
    pub fn text(value: impl Into<String>) -> Self {
        Self {
            data_type: "String".to_owned(),
            string_value: Some(value.into()),
            binary_value: None,
        }
    }

    /// The bytes of its value, when everything about it is as it should be.
    fn check(&self, name: &str) -> Result<Vec<u8>, AwsError> {
        let wrong = |reason: &str| invalid(format!("The message attribute '{name}' {reason}"));
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let reserved = ["aws.", "amazon."]
            .iter()
            .any(|it| name.to_ascii_lowercase().starts_with(it));
        if !(1..=256).contains(&name.len()) || !name.bytes().all(is_name) || reserved {
            return Err(wrong("has a name that is not allowed."));
        }
        let kind = self.data_type.split('.').next().unwrap_or_default();
        match (kind, &self.string_value, &self.binary_value) {
            ("Number", Some(value), None) if value.parse::<f64>().is_err() => Err(wrong("is not a number.")),
            ("String" | "Number", Some(value), None) if !value.is_empty() => Ok(value.clone().into_bytes()),
            ("Binary", None, Some(value)) => {
                let bytes = STANDARD.decode(value).ok().filter(|bytes| !bytes.is_empty());
                bytes.ok_or_else(|| wrong("is not Base64."))
            }
            ("String" | "Number" | "Binary", ..) => Err(wrong("must contain a non-empty value of its type.")),
            _ => Err(wrong(
                "has an invalid type: the supported ones are String, Number and Binary.",
            )),
        }
    }

    fn value(&self) -> Vec<u8> {
        self.check("a").unwrap_or_default()
    }
}

/// The digest of a text, as a sender checks it.
pub(super) fn md5(bytes: &[u8]) -> String {
    let mut md5 = Md5::new();
    md5.update(bytes);
    hex::encode(md5.finalize())
}

/// The digest of attributes: of the names in order, each with its type and its value, all with their lengths before
/// them.
pub(super) fn md5_of(attributes: &MessageAttributes) -> String {
    let mut bytes = Vec::new();
    let part = |bytes: &mut Vec<u8>, part: &[u8]| {
        // The limit of a message is far below.
        bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(part);
    };
    for (name, attribute) in attributes {
        part(&mut bytes, name.as_bytes());
        part(&mut bytes, attribute.data_type.as_bytes());
        bytes.push(if attribute.data_type.starts_with("Binary") {
            2
        } else {
            1
        });
        part(&mut bytes, &attribute.value());
    }
    md5(&bytes)
}

/// What the answer to a send says of a message.
pub(super) fn sent(message: &Message) -> Map<String, Value> {
    let mut answer = Map::from_iter([
        ("MessageId".to_owned(), json!(message.id)),
        ("MD5OfMessageBody".to_owned(), json!(md5(message.body.as_bytes()))),
    ]);
    if !message.attributes.is_empty() {
        answer.insert("MD5OfMessageAttributes".to_owned(), json!(md5_of(&message.attributes)));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(data_type: &str, value: &str) -> MessageAttribute {
        MessageAttribute {
            data_type: data_type.to_owned(),
            ..MessageAttribute::text(value)
        }
    }

    /// The digests are those that clients of AWS compute and compare.
    #[test]
    fn digests_are_those_of_aws() {
        assert_eq!(md5(b"hello"), "5d41402abc4b2a76b9719d911017c592");
        let text = ("attribName1".to_owned(), attribute("String", "attribValue 1"));
        let number = (
            "customNumberTypeAttrib".to_owned(),
            attribute("Number.float", "4563442423554324324264524243.32543234"),
        );
        let binary = MessageAttribute {
            data_type: "Binary".to_owned(),
            string_value: None,
            binary_value: Some(STANDARD.encode("Hello binary world!")),
        };
        let binary = ("binaryAttribute".to_owned(), binary);
        for (attributes, digest) in [
            (vec![text.clone()], "19e27d4e946b072f3f58da80d94fd778"),
            (vec![number.clone()], "9fe1b90bbd9965bdf77bac517c7d2495"),
            (vec![binary.clone()], "31a92b15d92f8db860eda32aceb656c3"),
            (vec![text, number, binary], "c932db14a896c663f83c260297d594ff"),
        ] {
            assert_eq!(md5_of(&attributes.into_iter().collect()), digest);
        }
    }

    #[test]
    fn what_sqs_does_not_take_is_refused() {
        let with = |name: &str, attribute| MessageAttributes::from([(name.to_owned(), attribute)]);
        assert_eq!(check("é", &with("a", attribute("String.x", "1"))).expect("taken"), 12);
        for (body, attributes, code) in [
            ("", MessageAttributes::new(), "MissingParameter"),
            ("\u{0}", MessageAttributes::new(), "InvalidMessageContents"),
            ("x", with("AWS.x", attribute("String", "1")), "InvalidParameterValue"),
            ("x", with("a", attribute("Text", "1")), "InvalidParameterValue"),
            ("x", with("a", attribute("Number", "one")), "InvalidParameterValue"),
            ("x", with("a", attribute("String", "")), "InvalidParameterValue"),
            ("x", with("a", attribute("Binary", "x")), "InvalidParameterValue"),
        ] {
            assert_eq!(check(body, &attributes).expect_err(body).code, code, "{attributes:?}");
        }
    }
}
