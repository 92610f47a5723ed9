//! One notification on its way to one webhook.
//!
//! An attempt is noted before it is made, with the time of the next one. So an attempt whose program died is repeated, and of two
//! programs that begin at once one continues.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::WebhookId;
use crate::name::Name;
use crate::notification::{Kind, Notification, NotificationId};
use crate::textual::as_text;

/// How long a delivery is tried.
pub const TRIED: SignedDuration = SignedDuration::from_hours(24);

/// How many attempts Lambda makes, one and two minutes apart; the later ones are the sweeper's.
pub const QUICK: u32 = 3;

/// How long after an attempt the next one follows, by the number of attempts; the last one repeats.
const BACKOFF: [SignedDuration; 8] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(20),
    SignedDuration::from_mins(40),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(2),
];

/// How many attempts a delivery names.
const NAMED: usize = 20;

/// The ID of a delivery among those of its webhook: `op-…-3`, and `op-…-3.1` for its first redelivery.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeliveryId {
    /// The notification.
    pub notification: NotificationId,
    /// The number of the redelivery; 0 for the delivery that Slipway made by itself.
    pub redelivery: u32,
}

/// A text that is no ID of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the ID of a delivery, which looks like `lusab-babad-3`")]
pub struct InvalidDeliveryId;

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It is tried.
    Pending,
    /// The receiver accepted it.
    Delivered,
    /// The receiver accepted it at no time of a day, or its webhook no longer exists.
    Failed,
}

/// An attempt, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// The status of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The webhook.
    pub webhook: WebhookId,
    /// The webhook's name.
    pub webhook_name: Name,
    /// Its ID.
    pub id: DeliveryId,
    /// What the notification reports.
    pub kind: Kind,
    /// When the notification was made.
    pub notified_at: Timestamp,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// How it stands.
    pub status: DeliveryStatus,
    /// How many attempts began.
    pub attempts: u32,
    /// When the next attempt is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// The last attempts that ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Attempt>,
    /// It grows with every change.
    pub revision: u64,
}

impl Delivery {
    /// A delivery of a notification, which is due at once.
    pub fn new(webhook: (&WebhookId, &Name), notification: &Notification, redelivery: u32, now: Timestamp) -> Self {
        let (id, name) = webhook;
        Self {
            webhook: id.clone(),
            webhook_name: name.clone(),
            id: DeliveryId {
                notification: notification.id.clone(),
                redelivery,
            },
            kind: notification.kind,
            notified_at: notification.time,
            created_at: now,
            status: DeliveryStatus::Pending,
            attempts: 0,
            next_attempt_at: Some(now),
            log: Vec::new(),
            revision: 1,
        }
    }

    /// An attempt begins; the next one is due later, whatever comes of this one.
    pub fn begin(&mut self, now: Timestamp) {
        let last = BACKOFF.len() - 1;
        let wait = BACKOFF[usize::try_from(self.attempts).map_or(last, |attempts| attempts.min(last))];
        self.attempts += 1;
        self.next_attempt_at = now.saturating_add(wait).ok();
        self.revision += 1;
    }

    /// What came of the attempt. After a day of failures there is no next one.
    pub fn end(&mut self, attempt: Attempt) {
        let is_accepted = attempt.status.is_some_and(|status| (200..300).contains(&status));
        self.log.push(attempt);
        let excess = self.log.len().saturating_sub(NAMED);
        self.log.drain(..excess);
        self.revision += 1;
        if is_accepted {
            self.status = DeliveryStatus::Delivered;
            self.next_attempt_at = None;
        } else if self
            .next_attempt_at
            .is_none_or(|next| next.duration_since(self.created_at) > TRIED)
        {
            self.give_up();
        }
    }

    /// There is no attempt any more.
    pub fn give_up(&mut self) {
        self.revision += 1;
        self.status = DeliveryStatus::Failed;
        self.next_attempt_at = None;
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.redelivery {
            0 => self.notification.fmt(f),
            number => write!(f, "{}.{number}", self.notification),
        }
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidDeliveryId;

    fn from_str(text: &str) -> Result<Self, InvalidDeliveryId> {
        let (notification, number) = text.split_once('.').unwrap_or((text, "0"));
        let id = Self {
            notification: notification.parse().map_err(|_| InvalidDeliveryId)?,
            redelivery: number.parse().map_err(|_| InvalidDeliveryId)?,
        };
        // One ID has one spelling: it is a part of a key.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(InvalidDeliveryId)
        }
    }
}

as_text!(InvalidDeliveryId: DeliveryId);
