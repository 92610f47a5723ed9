//! Notifications: version 1 of the detail of `Slipway Notification`, the events by which Slipway reports what changed.
//!
//! A record says what was last notified of it ([`OperationNoted`](crate::operation::noted::OperationNoted), [`StackNoted`](crate::stack::StackNoted)). Each write of a record compares the two and adds
//! a notification for what differs ([`due`]), in the same transaction. So a change of a status has one notification, whichever
//! code makes it, and a repeated step has none.

pub mod due;
mod kind;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::id::{OperationId, ReleaseNumber, StackId};
use crate::name::Name;
use crate::operation::{Failure, OperationKind};
use crate::textual::as_text;

pub use kind::{InvalidKind, Kind};

/// The version of the contract.
pub const VERSION: u64 = 1;

/// The source of the events, and their type.
pub const SOURCE: &str = "slipway";
/// See [`SOURCE`].
pub const DETAIL_TYPE: &str = "Slipway Notification";

/// What a notification is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// An operation.
    Operation(OperationId),
    /// A stack.
    Stack(StackId),
}

/// The ID of a notification: its subject and its number. Consumers recognise a repeated one by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NotificationId {
    /// What it is about.
    pub subject: Subject,
    /// Its number among those of its subject, from 1 and without gaps.
    pub sequence: u64,
}

/// A text that is no ID of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the ID of a notification, which looks like `lusab-babad-3`")]
pub struct InvalidNotificationId;

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// The version of the contract.
    pub version: u64,
    /// Its ID.
    pub id: NotificationId,
    /// What happened.
    pub kind: Kind,
    /// When.
    pub time: Timestamp,
    /// What it is about: the ID of an operation or of a stack.
    pub subject: Subject,
    /// Its number among those of its subject.
    pub sequence: u64,
    /// The status of the subject.
    pub status: String,
    /// The status in the notification before; none in the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The stack.
    pub stack: NotifiedStack,
    /// The operation that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<NotifiedOperation>,
    /// The plan that waits for an approval, in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<NotifiedPlan>,
    /// The approvals that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<NotifiedApproval>,
    /// Why the operation did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The drift that was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<NotifiedDrift>,
}

/// The stack of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifiedStack {
    /// Its ID.
    pub id: StackId,
    /// Its name.
    pub name: Name,
    /// Its environment.
    pub environment: Name,
    /// Its owner. None where the operation's record is of an earlier version of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Its blueprint.
    pub blueprint: Name,
    /// The version of the blueprint.
    pub version: Version,
}

/// The operation of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifiedOperation {
    /// Its ID.
    pub id: OperationId,
    /// What it does.
    pub kind: OperationKind,
    /// Its requester.
    pub requester: String,
    /// Its release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseNumber>,
}

/// A plan in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifiedPlan {
    /// Resources that would be created.
    pub add: u64,
    /// Resources that would be changed in place.
    pub change: u64,
    /// Resources that would be destroyed.
    pub destroy: u64,
    /// Resources that would be destroyed and created again.
    pub replace: u64,
    /// Resources that would leave the state, and remain.
    pub forget: u64,
}

/// The approvals of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifiedApproval {
    /// How many it needs.
    pub required: u64,
    /// How many it has.
    pub given: u64,
    /// When the plan expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// The drift of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifiedDrift {
    /// How many resources differ from the state.
    pub count: u64,
    /// The addresses of the first of them.
    pub resources: Vec<String>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(id) => id.fmt(f),
            Self::Stack(id) => id.fmt(f),
        }
    }
}

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.subject, self.sequence)
    }
}

impl FromStr for Subject {
    type Err = InvalidNotificationId;

    fn from_str(text: &str) -> Result<Self, InvalidNotificationId> {
        let operation = text.parse().map(Self::Operation);
        operation
            .or_else(|_| text.parse().map(Self::Stack))
            .map_err(|_| InvalidNotificationId)
    }
}

impl FromStr for NotificationId {
    type Err = InvalidNotificationId;

    fn from_str(text: &str) -> Result<Self, InvalidNotificationId> {
        let (subject, number) = text.rsplit_once('-').ok_or(InvalidNotificationId)?;
        let subject = subject.parse()?;
        let sequence: u64 = number.parse().map_err(|_| InvalidNotificationId)?;
        // One ID has one spelling: it is a key.
        let id = Self { subject, sequence };
        if sequence > 0 && id.to_string() == text {
            Ok(id)
        } else {
            Err(InvalidNotificationId)
        }
    }
}

as_text!(InvalidNotificationId: Subject, NotificationId);

#[cfg(test)]
#[path = "notification/tests.rs"]
mod tests;
