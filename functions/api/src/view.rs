//! The answers as JSON, and their schemas. Nothing here shows a sensitive value or a task token.

use serde::Serialize;
use slipway_store::{Cursor, Page};
use utoipa::ToSchema;

mod blueprint;
mod environment;
mod operation;
mod release;
mod stack;

pub use blueprint::{BlueprintPage, BlueprintSummary, BlueprintVersion, Variable};
pub use environment::Environment;
pub use operation::{LogLine, LogLines, Operation};
pub use release::Release;
pub use stack::Stack;

/// A blueprint in its version.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BlueprintReference {
    /// Its name.
    #[schema(example = "guestbook")]
    pub name: String,
    /// Its version.
    #[schema(example = "1.0.0")]
    pub version: String,
}

/// A part of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Items<T> {
    /// The items. There may be fewer than asked for although `next` says that there are more.
    pub items: Vec<T>,
    /// Give this as `cursor` for what comes after; null at the end of the list.
    pub next: Option<String>,
}

impl<T> Items<T> {
    /// The page of the store as it is shown.
    pub fn of<R>(page: Page<R>, show: impl FnMut(R) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(show).collect(),
            next: page.next.as_ref().map(Cursor::to_string),
        }
    }
}
