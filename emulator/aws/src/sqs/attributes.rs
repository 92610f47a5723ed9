//! The attributes of a queue: texts on the wire, and their rules.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::name_in_arn;
use crate::wire::AwsError;

/// The attributes with a number, its least and its greatest value, and the one that holds when none is given.
const NUMBERS: [(&str, u32, u32, u32); 5] = [
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
];

/// The attributes that are kept and mean nothing on this machine: there is one account, and the disk is the owner's.
const KEPT: [&str; 5] = [
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

const REDRIVE: &str = "RedrivePolicy";

/// The attributes of a queue, validated: every value is one that SQS accepts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Attributes(BTreeMap<String, String>);

/// The dead-letter queue and the receives before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The name of the queue.
    pub(super) queue: String,
    /// After how many receives.
    pub(super) most: u32,
}

impl Attributes {
    /// Takes attributes in. An empty text takes one away.
    pub(super) fn set(&mut self, given: BTreeMap<String, String>) -> Result<(), AwsError> {
        for (name, value) in given {
            check(&name, &value)?;
            if value.is_empty() {
                self.0.remove(&name);
            } else {
                self.0.insert(name, value);
            }
        }
        Ok(())
    }

    /// The first attribute of `given` that is another one here.
    pub(super) fn differs<'a>(&self, given: &'a Self) -> Option<&'a str> {
        let mut given = given.0.iter();
        let other = given.find(|(name, value)| self.text(name).as_ref() != Some(value));
        other.map(|(name, _)| name.as_str())
    }

    /// What an attribute is, whether or not it was given.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let number = NUMBERS.iter().find(|(number, ..)| *number == name);
        let default = number.map(|(.., default)| default.to_string());
        self.0.get(name).cloned().or(default)
    }

    /// Everything that `GetQueueAttributes` shows of them.
    pub(super) fn all(&self) -> BTreeMap<String, String> {
        let mut all = self.0.clone();
        for (name, .., default) in NUMBERS {
            all.entry(name.to_owned()).or_insert_with(|| default.to_string());
        }
        all
    }

    pub(super) fn visibility_timeout(&self) -> u32 {
        self.number("VisibilityTimeout")
    }

    pub(super) fn wait_seconds(&self) -> u32 {
        self.number("ReceiveMessageWaitTimeSeconds")
    }

    pub(super) fn delay_seconds(&self) -> u32 {
        self.number("DelaySeconds")
    }

    pub(super) fn largest_message(&self) -> usize {
        self.number("MaximumMessageSize") as usize
    }

    /// What was sent before this time is to be dropped.
    pub(super) fn oldest(&self, now: Timestamp) -> Timestamp {
        let retention = SignedDuration::from_secs(self.number("MessageRetentionPeriod").into());
        now.checked_sub(retention).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(super) fn redrive(&self) -> Option<Redrive> {
        self.0.get(REDRIVE).and_then(|policy| redrive(policy).ok())
    }

    fn number(&self, name: &str) -> u32 {
        let text = self.text(name);
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    }
}

/// Whether a name may be asked for in `GetQueueAttributes`, of those that are kept here.
pub(super) fn is_known(name: &str) -> bool {
    name == REDRIVE || KEPT.contains(&name) || NUMBERS.iter().any(|(number, ..)| *number == name)
}

fn check(name: &str, value: &str) -> Result<(), AwsError> {
    if let Some((_, least, greatest, _)) = NUMBERS.iter().find(|(number, ..)| *number == name) {
        let number: Option<u32> = value.parse().ok();
        return match number {
            Some(number) if (*least..=*greatest).contains(&number) => Ok(()),
            _ => Err(wrong_value(
                name,
                &format!("it must be a whole number from {least} to {greatest}."),
            )),
        };
    }
    if name == REDRIVE && !value.is_empty() {
        return redrive(value).map(drop);
    }
    if name == "FifoQueue" || name == "ContentBasedDeduplication" {
        return Err(wrong_value(name, "this emulator supports standard queues."));
    }
    if is_known(name) {
        Ok(())
    } else {
        Err(AwsError::new(
            "InvalidAttributeName",
            format!("Unknown Attribute {name}."),
        ))
    }
}

/// `{"deadLetterTargetArn": "...", "maxReceiveCount": 3}`; the number may be a text.
fn redrive(policy: &str) -> Result<Redrive, AwsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Policy {
        dead_letter_target_arn: String,
        max_receive_count: Value,
    }
    let policy: Policy = serde_json::from_str(policy).map_err(|error| wrong_value(REDRIVE, &error.to_string()))?;
    let queue = name_in_arn(&policy.dead_letter_target_arn).ok_or_else(|| {
        wrong_value(
            REDRIVE,
            "deadLetterTargetArn must be the ARN of a queue of this account.",
        )
    })?;
    let most = match &policy.max_receive_count {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    let most = most.filter(|most| (1..=1000).contains(most));
    let most = most.and_then(|most| u32::try_from(most).ok());
    Ok(Redrive {
        queue: queue.to_owned(),
        most: most.ok_or_else(|| wrong_value(REDRIVE, "maxReceiveCount must be a whole number from 1 to 1000."))?,
    })
}

pub(super) fn wrong_value(name: &str, reason: &str) -> AwsError {
    AwsError::new(
        "InvalidAttributeValue",
        format!("Invalid value for the parameter {name}. Reason: {reason}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<Attributes, AwsError> {
        let mut attributes = Attributes::default();
        attributes.set(BTreeMap::from([(name.to_owned(), value.to_owned())]))?;
        Ok(attributes)
    }

    #[test]
    fn values_are_checked_and_have_defaults() {
        assert_eq!(Attributes::default().visibility_timeout(), 30);
        assert_eq!(set("VisibilityTimeout", "0").expect("taken").visibility_timeout(), 0);
        let policy = r#"{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": "3"}"#;
        let redrive = set(REDRIVE, policy).expect("taken").redrive().expect("there is one");
        assert_eq!((redrive.queue.as_str(), redrive.most), ("dead", 3));
        for (name, value, code) in [
            ("VisibilityTimeout", "43201", "InvalidAttributeValue"),
            ("VisibilityTimeout", "-1", "InvalidAttributeValue"),
            ("MaximumMessageSize", "1023", "InvalidAttributeValue"),
            ("FifoQueue", "true", "InvalidAttributeValue"),
            ("Colour", "blue", "InvalidAttributeName"),
            (REDRIVE, "{}", "InvalidAttributeValue"),
            (REDRIVE, &policy.replace('3', "0"), "InvalidAttributeValue"),
            (
                REDRIVE,
                &policy.replace("us-east-1", "eu-west-1"),
                "InvalidAttributeValue",
            ),
        ] {
            assert_eq!(set(name, value).expect_err(value).code, code, "{name} {value}");
        }
    }

    #[test]
    fn an_empty_text_takes_an_attribute_away() {
        let mut attributes = set("Policy", "{}").expect("taken");
        assert_eq!(
            attributes.differs(&set("VisibilityTimeout", "30").expect("taken")),
            None
        );
        assert_eq!(
            attributes.differs(&set("VisibilityTimeout", "31").expect("taken")),
            Some("VisibilityTimeout")
        );
        let none = BTreeMap::from([("Policy".to_owned(), String::new())]);
        attributes.set(none).expect("taken");
        assert_eq!(attributes, Attributes::default());
    }
}
