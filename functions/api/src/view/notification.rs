//! Notifications as they are shown.

use serde::Serialize;
use slipway_model::notification::Notification;
use slipway_store::notification::Position;
use utoipa::ToSchema;

/// A page of notifications.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NotificationPage {
    /// The notifications. `/schemas/notification.json` has their schema.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Notification>,
    /// Send this as `position` for the next page. There is always one.
    pub position: String,
}

impl NotificationPage {
    /// The notifications that the caller may read.
    pub fn new(items: Vec<Notification>, position: &Position) -> Self {
        Self {
            items,
            position: position.to_string(),
        }
    }
}
