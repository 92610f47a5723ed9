//! Notifications ([`slipway_model::notification`]): an outbox in the table.
//!
//! A notification is an item of the transaction of what it reports, so neither is without the other. The table's stream brings the keys
//! of new items to the notify function, which sends them. Until then they are listed as due, and the sweeper sends what the
//! stream did not. Afterwards they are kept for [`KEPT`], for those who follow or read them again.

mod follow;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use slipway_model::id::StackId;
use slipway_model::name::Name;
use slipway_model::notification::{Kind, Notification, NotificationId};

use crate::idempotency::expiry;
use crate::item::{Item, check_size, key_attributes, text};
use crate::query::Query;
use crate::table::{EXPIRES_AT, Index, Key, LISTED, NOTIFICATIONS, Places};
use crate::write::{Condition, Write, Written};
use crate::{Cursor, Error, PAGE, Page, Store};

pub use follow::{Followed, Position};

/// How long notifications are kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The attribute with the text of a notification: it is sent as it was written.
const BODY: &str = "body";

/// The partition of all notifications.
const ALL: &str = "notifications";

/// The partition of the notifications that were not sent.
const DUE: &str = "notification#due";

/// Which notifications to list: those that satisfy every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationFilter {
    /// The stack that they are about, or whose operation.
    pub stack: Option<StackId>,
    /// The environment of that stack.
    pub environment: Option<Name>,
    /// What they report.
    pub kind: Option<Kind>,
}

impl NotificationFilter {
    /// The partitions that hold the notifications which satisfy each part, the most selective first.
    fn partitions(&self) -> Vec<(Index, String)> {
        let stack = self.stack.as_ref().map(|stack| (Index::Blueprint, of(stack)));
        let environment = self.environment.as_ref().map(|name| (Index::Environment, of(name)));
        let kind = self.kind.map(|kind| (Index::Owner, of(kind)));
        let mut parts: Vec<_> = stack.into_iter().chain(kind).chain(environment).collect();
        if parts.is_empty() {
            parts.push((Index::Collection, ALL.to_owned()));
        }
        parts
    }
}

fn of(value: impl std::fmt::Display) -> String {
    format!("{ALL}#{value}")
}

/// A notification with the text that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What it says.
    pub notification: Notification,
    /// The same as text, as it was written.
    pub body: String,
    /// Whether it was not sent yet.
    pub is_due: bool,
}

impl Store {
    /// The notification, if there is one.
    pub async fn notification(&self, id: &NotificationId) -> Result<Option<Stored>, Error> {
        let key = Key::notification(id);
        let item = self.get_item(&key).await?;
        item.map(|item| stored(&key, &item)).transpose()
    }

    /// The notifications with these IDs, of those that there are.
    pub async fn notifications_with(&self, ids: &[NotificationId]) -> Result<Vec<Stored>, Error> {
        let keys: Vec<Key> = ids.iter().map(Key::notification).collect();
        let mut all = Vec::new();
        for keys in keys.chunks(usize::from(PAGE)) {
            for (key, item) in self.get_some(keys).await?.in_order(keys) {
                all.push(stored(key, &item)?);
            }
        }
        Ok(all)
    }

    /// Notes that notifications were sent, with one request: they are no longer due.
    pub async fn notifications_sent(&self, sent: impl IntoIterator<Item = &Stored>) -> Result<(), Error> {
        let note = |sent: &Stored| {
            let sent = Stored {
                is_due: false,
                ..sent.clone()
            };
            // One that has expired since comes back as expired.
            put(&sent, Condition::Always)
        };
        let writes: Vec<Write> = sent.into_iter().map(note).collect::<Result<_, _>>()?;
        if !writes.is_empty() {
            // Where another invocation notes the same, that is enough.
            let (Written::Yes | Written::Conflict) = self.write("note sent notifications", writes).await?;
        }
        Ok(())
    }

    /// The notifications that were not sent, the oldest first.
    pub async fn notifications_due(&self, limit: u16, cursor: Option<&Cursor>) -> Result<Page<Notification>, Error> {
        let query = Query::of_index(Index::Status, DUE.to_owned());
        self.indexed_page_of(&query, limit, cursor, |key, item| Ok(stored(key, &item)?.notification))
            .await
    }
}

/// The notification with this key, as a record of the table's stream has it; none where the item is none.
pub fn id_of(partition: &str, sort: &str) -> Option<NotificationId> {
    let subject = partition.strip_prefix(NOTIFICATIONS)?.parse().ok()?;
    let sequence = sort.parse().ok()?;
    Some(NotificationId { subject, sequence })
}

/// The writes that make notifications, for the transaction of what they report.
pub(crate) fn notification_writes(made: &[Notification]) -> Result<Vec<Write>, Error> {
    let write = |notification: &Notification| {
        let body = serde_json::to_string(notification).map_err(|source| Error::Encode {
            what: notification.id.to_string(),
            source: source.into(),
        })?;
        let stored = Stored {
            notification: notification.clone(),
            body,
            is_due: true,
        };
        put(&stored, Condition::New)
    };
    made.iter().map(write).collect()
}

fn put(stored: &Stored, condition: Condition) -> Result<Write, Error> {
    let Stored {
        notification,
        body,
        is_due,
    } = stored;
    let key = Key::notification(&notification.id);
    let mut item = key_attributes(&key);
    item.insert(BODY.to_owned(), AttributeValue::S(body.clone()));
    item.insert(EXPIRES_AT.to_owned(), expiry(notification.time, KEPT));
    for (attribute, place) in places(notification, *is_due) {
        item.insert(attribute.to_owned(), AttributeValue::S(place));
    }
    check_size(&key, &item)?;
    Ok(Write::Put(item, condition))
}

fn places(notification: &Notification, is_due: bool) -> Places {
    let stack = &notification.stack;
    let mut places = vec![
        (LISTED, listed(notification.time, &notification.id.to_string())),
        (Index::Collection.partition(), ALL.to_owned()),
        (Index::Environment.partition(), of(&stack.environment)),
        (Index::Blueprint.partition(), of(&stack.id)),
        (Index::Owner.partition(), of(notification.kind)),
    ];
    if is_due {
        places.push((Index::Status.partition(), DUE.to_owned()));
    }
    places
}

/// Where it is in lists.
fn listed(time: Timestamp, id: &str) -> String {
    format!("{:020}#{id}", time.as_microsecond().max(0))
}

fn stored(key: &Key, item: &Item) -> Result<Stored, Error> {
    let body = text(key, item, BODY)?;
    let notification = serde_json::from_str(&body).map_err(|source| Error::Decode {
        what: key.to_string(),
        source: source.into(),
    })?;
    Ok(Stored {
        notification,
        body,
        is_due: item.contains_key(Index::Status.partition()),
    })
}
