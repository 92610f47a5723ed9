//! Stacks and operations, a page at a time.

use slipway_model::id::StackId;
use slipway_model::name::Name;
use slipway_model::operation::{Operation, OperationStatus};
use slipway_model::stack::{Stack, StackStatus};

use crate::{Error, Store};

/// The most records of a page.
pub const PAGE: u16 = 100;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The records. There may be fewer than asked for, or none, although `next` says that there are more.
    pub items: Vec<T>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<Cursor>,
}

/// Where a list goes on: opaque to everybody but the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

/// A text that is not a cursor of the list that it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a cursor that the same list has given")]
pub struct InvalidCursor;

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        Ok(Self(text.to_owned()))
    }
}

/// Which stacks to list: those that satisfy every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackFilter {
    /// The environment they live in.
    pub environment: Option<Name>,
    /// The blueprint they are made from.
    pub blueprint: Option<Name>,
    /// Where they stand. Destroyed stacks are in no list but the one that asks for them.
    pub status: Option<StackStatus>,
    /// Who owns them.
    pub owner: Option<String>,
}

impl Store {
    /// Stacks, the newest first. `limit` counts up to [`PAGE`].
    pub async fn stacks(
        &self,
        filter: &StackFilter,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Stack>, Error> {
        let _ = (filter, limit, cursor);
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }

    /// The operations of a stack, the newest first.
    pub async fn operations(
        &self,
        stack: &StackId,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Operation>, Error> {
        let _ = (stack, limit, cursor);
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }

    /// The operations of every stack that have this status: `starting`, `running` or `waiting_for_approval`, the oldest first.
    pub async fn operations_with_status(
        &self,
        status: OperationStatus,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Operation>, Error> {
        let _ = (status, limit, cursor);
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }
}
