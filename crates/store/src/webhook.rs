//! Webhooks, and the deliveries of notifications to them.
//!
//! A delivery that is pending is listed by the time of its next attempt. Its key follows from the notification, so a notification that is
//! handled twice has one.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use slipway_model::audit::{Action, Entry};
use slipway_model::name::Name;
use slipway_model::notification::Notification;
use slipway_model::webhook::delivery::{Delivery, DeliveryId, DeliveryStatus};
use slipway_model::webhook::{Webhook, WebhookId};

use crate::configured::{Configured, Expected};
use crate::idempotency::expiry;
use crate::item::{decode, encode, key_of};
use crate::query::Query;
use crate::table::{DELIVERIES, EXPIRES_AT, Index, Key, LISTED, WEBHOOKS};
use crate::write::{ATTEMPTS, Condition, Write, Written, pause};
use crate::{Cursor, Error, Page, Store};

/// How long deliveries are kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The partition of the deliveries that are pending.
const DUE: &str = "delivery#due";

/// The most redeliveries of a notification to a webhook.
const REDELIVERIES: u32 = 100;

/// Where a delivery is in the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct DeliveryKey {
    /// The webhook.
    pub webhook: WebhookId,
    /// The sort key.
    pub delivery: String,
}

impl DeliveryKey {
    /// Where a delivery is.
    pub fn of(delivery: &Delivery) -> Self {
        Self::new(&delivery.webhook, delivery.notified_at, &delivery.id)
    }

    /// Where the delivery of a notification that was made at this time is.
    pub fn new(webhook: &WebhookId, notified_at: Timestamp, id: &DeliveryId) -> Self {
        Self {
            webhook: webhook.clone(),
            delivery: format!("{:020}#{id}", notified_at.as_microsecond().max(0)),
        }
    }

    /// The delivery with this key, as a record of the table's stream has it; none where the item is none.
    pub fn of_item(partition: &str, sort: &str) -> Option<Self> {
        Some(Self {
            webhook: partition.strip_prefix(DELIVERIES)?.parse().ok()?,
            delivery: sort.to_owned(),
        })
    }

    fn key(&self) -> Key {
        Key::delivery(&self.webhook, &self.delivery)
    }
}

/// What became of the request for a redelivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Redelivery {
    /// It is pending.
    Requested(Box<Delivery>),
    /// There were as many as there may be.
    TooMany,
}

impl Store {
    /// Writes a webhook if there is what is expected; its new revision, or `None`. `before` is what was there, for the audit log.
    pub async fn put_webhook_if(
        &self,
        webhook: &Webhook,
        before: Option<&Webhook>,
        expected: Expected,
        by: &str,
    ) -> Result<Option<u64>, Error> {
        let entry = Entry::new(by, Action::PutWebhook, subject(&webhook.name)).with_change(
            before.map(Webhook::audited),
            Some(webhook.audited()),
            |_| false,
        );
        let key = Key::webhook(&webhook.name);
        self.put_configured("write a webhook", &key, webhook, expected, Some(entry))
            .await
    }

    /// Deletes a webhook; whether it was there as expected. Its pending deliveries are given up when they are due.
    pub async fn delete_webhook(
        &self,
        name: &Name,
        before: Option<&Webhook>,
        expected: Expected,
        by: &str,
    ) -> Result<bool, Error> {
        let entry = Entry::new(by, Action::DeleteWebhook, subject(name)).with_change(
            before.map(Webhook::audited),
            None,
            |_| false,
        );
        self.delete_configured("delete a webhook", Key::webhook(name), expected, entry)
            .await
    }

    /// The webhook with its revision, and also where it cannot be read; or [`Error::NotFound`].
    pub async fn webhook(&self, name: &Name) -> Result<Configured<Webhook>, Error> {
        self.configured(&Key::webhook(name), || format!("webhook {name}")).await
    }

    /// The webhooks, by name.
    pub async fn webhooks(&self, limit: u16, cursor: Option<&Cursor>) -> Result<Page<Configured<Webhook>>, Error> {
        self.configured_page(WEBHOOKS, limit, cursor).await
    }

    /// Every webhook that can be read.
    pub async fn all_webhooks(&self) -> Result<Vec<Webhook>, Error> {
        let items = self.query_all(&Query::of_items(WEBHOOKS, ""), None).await?;
        let read = |item| {
            let key = key_of(&item);
            decode::<Webhook>(&key, item)
                .inspect_err(|error| tracing::error!(webhook = key.sk, %error, "a webhook cannot be read"))
                .ok()
        };
        Ok(items.into_iter().filter_map(read).collect())
    }

    /// Makes a delivery; whether it was not made before.
    pub async fn create_delivery(&self, delivery: &Delivery) -> Result<bool, Error> {
        let write = delivery_write(delivery, Condition::New)?;
        Ok(self.write("make a delivery", vec![write]).await? == Written::Yes)
    }

    /// Makes another delivery of a notification.
    pub async fn redeliver(
        &self,
        webhook: &Webhook,
        notification: &Notification,
        by: &str,
    ) -> Result<Redelivery, Error> {
        let (mut number, mut attempt) = (1, 0);
        while number <= REDELIVERIES {
            let now = Timestamp::now();
            let delivery = Delivery::new((&webhook.id, &webhook.name), notification, number, now);
            if self.get_item(&DeliveryKey::of(&delivery).key()).await?.is_some() {
                number += 1;
                continue;
            }
            let after = json!({"notification": notification.id.to_string(), "delivery": delivery.id.to_string()});
            let entry = Entry::new(by, Action::Redeliver, subject(&webhook.name));
            let entry = entry.with_change(None, Some(after), |_| false);
            let mut writes = vec![delivery_write(&delivery, Condition::New)?];
            writes.extend(self.audit_writes(entry, now).await?);
            if self.write("make a delivery", writes).await? == Written::Yes {
                return Ok(Redelivery::Requested(Box::new(delivery)));
            }
            if attempt == ATTEMPTS {
                return Err(Error::Conflict {
                    what: format!("the deliveries to the webhook `{}`", webhook.name),
                });
            }
            pause(attempt).await;
            attempt += 1;
        }
        Ok(Redelivery::TooMany)
    }

    /// The delivery, if there is one.
    pub async fn delivery(&self, key: &DeliveryKey) -> Result<Option<Delivery>, Error> {
        self.get(&key.key()).await
    }

    /// Writes a changed delivery, if it still is what was read; whether it was.
    pub async fn update_delivery(&self, read: &Delivery, changed: &Delivery) -> Result<bool, Error> {
        let write = delivery_write(changed, Condition::Revision(read.revision))?;
        Ok(self.write("update a delivery", vec![write]).await? == Written::Yes)
    }

    /// The deliveries of a webhook, those of the newest notifications first.
    pub async fn deliveries(
        &self,
        webhook: &WebhookId,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Delivery>, Error> {
        let partition = format!("{DELIVERIES}{webhook}");
        let query = Query::of_items(&partition, "").newest_first();
        self.page(&query, limit, cursor, decode).await
    }

    /// The deliveries whose next attempt is due, the longest due first.
    pub async fn deliveries_due(
        &self,
        now: Timestamp,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<DeliveryKey>, Error> {
        let query = Query::of_index(Index::Status, DUE.to_owned());
        let listed_by = listed(now, "$");
        let page = self
            .page(&query, limit, cursor, |key, item| {
                let listed = item.get(LISTED).and_then(|listed| listed.as_s().ok()).cloned();
                Ok((DeliveryKey::of_item(&key.pk, &key.sk), listed))
            })
            .await?;
        let read = page.items.len();
        let due = page.items.into_iter();
        let due: Vec<_> = due
            .take_while(|(_, listed)| listed.as_ref().is_some_and(|listed| *listed < listed_by))
            .collect();
        Ok(Page {
            // Those after one that is not due are due later.
            next: page.next.filter(|_| due.len() == read),
            items: due.into_iter().filter_map(|(key, _)| key).collect(),
        })
    }
}

fn subject(name: &Name) -> String {
    format!("webhook/{name}")
}

fn listed(time: Timestamp, id: &str) -> String {
    format!("{:020}#{id}", time.as_microsecond().max(0))
}

fn delivery_write(delivery: &Delivery, condition: Condition) -> Result<Write, Error> {
    let key = DeliveryKey::of(delivery).key();
    let mut places = Vec::new();
    if delivery.status == DeliveryStatus::Pending
        && let Some(next) = delivery.next_attempt_at
    {
        places.push((LISTED, listed(next, &format!("{}#{}", delivery.webhook, delivery.id))));
        places.push((Index::Status.partition(), DUE.to_owned()));
    }
    let mut item = encode(&key, places, delivery)?;
    item.insert(EXPIRES_AT.to_owned(), expiry(delivery.created_at, KEPT));
    Ok(Write::Put(item, condition))
}
