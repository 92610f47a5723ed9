//! Notifications.

use serde::{Deserialize, Serialize};
use slipway_model::notification::Notification;
use utoipa::ToSchema;

/// A page of notifications.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NotificationPage {
    /// The notifications. `/schemas/notification.json` has their schema.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Notification>,
    /// Send this as `position` for the next page. There is always one.
    pub position: String,
}
