//! The operation's record, as this build has last read or written it.
//!
//! A build is most often the only writer, so each change is written under the revision that the last one left. The record is
//! read again only if another writer came between.

use std::cell::RefCell;
use std::rc::Rc;

use slipway_model::id::OperationId;
use slipway_model::operation::Operation;
use slipway_store::{Error, Store};

use crate::reach::patiently;
use crate::secrets;

/// The record. Clones share what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    store: Store,
    operation: OperationId,
    known: Rc<RefCell<Option<Operation>>>,
}

impl Record {
    pub(crate) fn new(store: Store, operation: OperationId) -> Self {
        let known = Rc::default();
        Self {
            store,
            operation,
            known,
        }
    }

    /// Applies a pure change to it. Returns the record after that.
    pub(crate) async fn update(&self, change: impl Fn(&mut Operation)) -> Result<Operation, Error> {
        let change = |operation: &mut Operation| {
            change(operation);
            secrets::known().hide_in_operation(operation);
            Ok(())
        };
        let update = async || {
            let known = self.known.borrow().clone();
            match known {
                Some(known) => self.store.update_known_operation(known, change).await,
                None => self.store.update_operation(&self.operation, change).await,
            }
        };
        let updated = Box::pin(patiently(update)).await?;
        *self.known.borrow_mut() = Some(updated.clone());
        Ok(updated)
    }

    /// Reads it.
    pub(crate) async fn read(&self) -> Result<Operation, Error> {
        let read = patiently(async || self.store.operation(&self.operation).await).await?;
        *self.known.borrow_mut() = Some(read.clone());
        Ok(read)
    }
}
