//! An attempt to deliver a notification to a webhook.

use jiff::Timestamp;
use slipway_model::webhook::Webhook;
use slipway_model::webhook::delivery::{Attempt, Delivery, DeliveryStatus, QUICK};
use slipway_store::notification::Stored;
use slipway_store::webhook::DeliveryKey;

use crate::send::Message;
use crate::{Notifier, NotifyError};

impl Notifier {
    /// Makes an attempt, if the delivery still is pending. After the first failures this is an error, so that Lambda makes the next
    /// attempt within minutes; the sweeper requests the later ones.
    pub(crate) async fn deliver(&self, key: &DeliveryKey) -> Result<(), NotifyError> {
        let read = self.store.delivery(key).await.map_err(NotifyError::Read)?;
        let Some(read) = read.filter(|delivery| delivery.status == DeliveryStatus::Pending) else {
            return Ok(());
        };
        let mut begun = read.clone();
        begun.begin(Timestamp::now());
        if !self
            .store
            .update_delivery(&read, &begun)
            .await
            .map_err(NotifyError::Note)?
        {
            // Another one is making this attempt.
            return Ok(());
        }
        let mut ended = begun.clone();
        match self.parts(&begun).await? {
            Some((webhook, stored)) => ended.end(self.attempt(&webhook, &stored).await?),
            None => ended.give_up(),
        }
        let noted = self.store.update_delivery(&begun, &ended).await;
        // If it changed meanwhile, the next attempt has begun.
        noted.map_err(NotifyError::Note)?;
        tracing::info!(webhook = %ended.webhook_name, delivery = %ended.id, status = %ended.status, attempts = ended.attempts, "attempted");
        if ended.status == DeliveryStatus::Pending && ended.attempts < QUICK {
            return Err(NotifyError::NotDelivered {
                webhook: ended.webhook_name.to_string(),
                why: ended.log.last().map(why).unwrap_or_default(),
            });
        }
        Ok(())
    }

    /// The webhook and the notification; none if one of them no longer exists.
    async fn parts(&self, delivery: &Delivery) -> Result<Option<(Webhook, Stored)>, NotifyError> {
        let webhook = match self.store.webhook(&delivery.webhook_name).await {
            Err(slipway_store::Error::NotFound { .. }) => return Ok(None),
            found => found.and_then(|found| found.record).map_err(NotifyError::Read)?,
        };
        let notification = self.store.notification(&delivery.id.notification).await;
        let notification = notification.map_err(NotifyError::Read)?;
        Ok(notification
            .filter(|_| webhook.id == delivery.webhook)
            .map(|notification| (webhook, notification)))
    }

    async fn attempt(&self, webhook: &Webhook, stored: &Stored) -> Result<Attempt, NotifyError> {
        let at = Timestamp::now();
        let id = stored.notification.id.to_string();
        let body = webhook.settings.format.body(&stored.notification, &stored.body);
        let secret = self.installation_key().await?.secret(&webhook.id);
        let message = Message {
            signature: secret.sign(&id, at, body.as_bytes()),
            id,
            time: at,
            body,
        };
        let (status, error) = match self.sender.post(&webhook.settings.url, message).await {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Ok(Attempt { at, status, error })
    }
}

fn why(attempt: &Attempt) -> String {
    match (attempt.status, &attempt.error) {
        (Some(status), _) => format!("the receiver answered {status}"),
        (None, Some(error)) => error.clone(),
        (None, None) => String::new(),
    }
}
