//! What the function is invoked with.

use serde::Deserialize;
use serde_json::Value;
use slipway_model::notification::NotificationId;
use slipway_store::notification;
use slipway_store::webhook::DeliveryKey;

use crate::NotifyError;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// These are new, or were forgotten. Notifications are sent in this order.
    Written {
        notifications: Vec<NotificationId>,
        deliveries: Vec<DeliveryKey>,
    },
    /// An attempt of this delivery is due.
    Delivery(DeliveryKey),
}

/// Records of the table's stream, of which only the keys are used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    dynamodb: Item,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    pk: Text,
    sk: Text,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    s: String,
}

/// An event of the sweeper, or of this function.
#[derive(Deserialize)]
#[serde(tag = "detail-type", content = "detail")]
enum Due {
    #[serde(rename = "Slipway Notification Due")]
    Notification { notification: NotificationId },
    #[serde(rename = "Slipway Delivery Due")]
    Delivery(DeliveryKey),
}

impl Event {
    pub(crate) fn read(event: Value) -> Result<Self, NotifyError> {
        if event.get("Records").is_some() {
            let batch: Batch = serde_json::from_value(event).map_err(NotifyError::ReadEvent)?;
            return Ok(Self::of_batch(&batch));
        }
        Ok(match serde_json::from_value(event).map_err(NotifyError::ReadEvent)? {
            Due::Notification { notification } => Self::Written {
                notifications: vec![notification],
                deliveries: Vec::new(),
            },
            Due::Delivery(key) => Self::Delivery(key),
        })
    }

    /// Items of other kinds are ignored: the filter of the stream is in the template.
    fn of_batch(batch: &Batch) -> Self {
        let keys = || batch.records.iter().map(|record| &record.dynamodb.keys);
        let notifications = keys().filter_map(|keys| notification::id_of(&keys.pk.s, &keys.sk.s));
        let deliveries = keys().filter_map(|keys| DeliveryKey::of_item(&keys.pk.s, &keys.sk.s));
        Self::Written {
            notifications: notifications.collect(),
            deliveries: deliveries.collect(),
        }
    }
}
