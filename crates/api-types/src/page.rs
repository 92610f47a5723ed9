//! Pages of lists.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Items<T> {
    /// The items. There may be fewer than `limit` although `next` is not null.
    pub items: Vec<T>,
    /// Send this as `cursor` for the next page; null on the last one.
    pub next: Option<String>,
}

/// A page of a list of configured records.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConfiguredItems<T> {
    /// The readable records.
    pub items: Vec<T>,
    /// The names of unreadable records. Put them again, or delete them.
    pub unreadable: Vec<String>,
    /// Send this as `cursor` for the next page; null on the last one.
    pub next: Option<String>,
}
