//! Releases of a stack.

use slipway_model::id::{ReleaseNumber, StackId};
use slipway_model::release::Release;

use crate::item::{decode, encode};
use crate::query::Query;
use crate::table::{Key, RELEASE};
use crate::write::{Condition, Write};
use crate::{Cursor, Error, Page, Store};

impl Store {
    /// The release, or [`Error::NotFound`].
    pub async fn release(&self, stack: &StackId, number: ReleaseNumber) -> Result<Release, Error> {
        let key = Key::release(stack, number);
        self.require(&key, || format!("release {number} of the stack {stack}"))
            .await
    }

    /// The releases of a stack, the newest first.
    pub async fn releases(&self, stack: &StackId, limit: u16, cursor: Option<&Cursor>) -> Result<Page<Release>, Error> {
        let partition = Key::stack(stack).pk;
        let query = Query::of_items(&partition, RELEASE).newest_first();
        self.page(&query, limit, cursor, decode).await
    }
}

/// The write of a release.
pub(crate) fn release_write(release: &Release, condition: Condition) -> Result<Write, Error> {
    let item = encode(&Key::release(&release.stack, release.number), Vec::new(), release)?;
    Ok(Write::Put(item, condition))
}
