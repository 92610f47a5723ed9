//! Sends notifications to the event bus, and makes their deliveries to webhooks.

use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use jiff::Timestamp;
use slipway_model::notification::{DETAIL_TYPE, Notification, NotificationId, SOURCE};
use slipway_model::webhook::Webhook;
use slipway_model::webhook::delivery::Delivery;
use slipway_store::notification::Stored;
use slipway_store::webhook::DeliveryKey;

use crate::{Notifier, NotifyError};

/// The most entries of a request of `PutEvents`. Its size of 256 KB is enough for as many notifications, whose texts are bounded.
const ENTRIES: usize = 10;

impl Notifier {
    /// Sends these notifications, unless that is done.
    pub(crate) async fn publish(&self, ids: &[NotificationId]) -> Result<(), NotifyError> {
        let mut due = self.store.notifications_with(ids).await.map_err(NotifyError::Read)?;
        due.retain(|stored| stored.is_due);
        if due.is_empty() {
            return Ok(());
        }
        let webhooks = self.store.all_webhooks().await.map_err(NotifyError::Read)?;
        for stored in &due {
            self.make_deliveries(&webhooks, &stored.notification).await?;
        }
        for some in due.chunks(ENTRIES) {
            let accepted = self.put(some.iter().map(|stored| self.of_notification(stored))).await?;
            let sent = some.iter().zip(&accepted).filter(|(_, accepted)| accepted.is_ok());
            let noted = self.store.notifications_sent(sent.map(|(stored, _)| stored)).await;
            noted.map_err(NotifyError::Note)?;
            accepted.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(())
    }

    /// The stream brings a new delivery here again, to [`Notifier::request`].
    async fn make_deliveries(&self, webhooks: &[Webhook], notification: &Notification) -> Result<(), NotifyError> {
        let admitting = webhooks
            .iter()
            .filter(|webhook| webhook.settings.filter.admits(notification));
        for webhook in admitting {
            let delivery = Delivery::new((&webhook.id, &webhook.name), notification, 0, Timestamp::now());
            self.store.create_delivery(&delivery).await.map_err(NotifyError::Note)?;
        }
        Ok(())
    }

    /// Requests an attempt of each of these deliveries, by an event of its own.
    pub(crate) async fn request(&self, deliveries: &[DeliveryKey]) -> Result<(), NotifyError> {
        for some in deliveries.chunks(ENTRIES) {
            let entries = some.iter().map(|key| {
                let detail = serde_json::to_string(key).unwrap_or_default();
                let entry = PutEventsRequestEntry::builder().source(SOURCE);
                entry.detail_type("Slipway Delivery Due").detail(detail).build()
            });
            self.put(entries).await?.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(())
    }

    fn of_notification(&self, stored: &Stored) -> PutEventsRequestEntry {
        let notification = &stored.notification;
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.config.bus)
            .source(SOURCE)
            .detail_type(DETAIL_TYPE)
            .time(DateTime::from_secs(notification.time.as_second()))
            .resources(notification.subject.to_string())
            .detail(&stored.body)
            .build()
    }

    /// Puts events; for each, whether EventBridge accepted it.
    async fn put(
        &self,
        entries: impl Iterator<Item = PutEventsRequestEntry>,
    ) -> Result<Vec<Result<(), NotifyError>>, NotifyError> {
        let put = self.eventbridge.put_events().set_entries(Some(entries.collect()));
        let put = put.send().await;
        let put = put.map_err(|error| NotifyError::Put(Box::new(aws_sdk_eventbridge::Error::from(error))))?;
        let outcomes = put.entries().iter().map(|entry| match entry.error_code() {
            None => Ok(()),
            Some(code) => {
                let message = entry.error_message().unwrap_or_default();
                Err(NotifyError::Put(format!("{code}: {message}").into()))
            }
        });
        Ok(outcomes.collect())
    }
}
