//! The operation that a caller decides about.

use slipway_model::id::OperationId;
use slipway_model::operation::Operation;

/// The operation of a decision. As a record, it is the one on which policies decided: a decision that meets the transfer of its stack is
/// not written. Without the record, no owner is compared.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    id: &'a OperationId,
    record: Option<&'a Operation>,
}

impl<'a> Judged<'a> {
    pub(crate) fn id(self) -> &'a OperationId {
        self.id
    }

    /// Whether the stack has the owner for whom policies decided.
    pub(crate) fn has_owner_of(self, read: &Operation) -> bool {
        self.record.is_none_or(|judged| judged.stack_owner == read.stack_owner)
    }
}

impl<'a> From<&'a Operation> for Judged<'a> {
    fn from(record: &'a Operation) -> Self {
        Self {
            id: &record.id,
            record: Some(record),
        }
    }
}

impl<'a> From<&'a OperationId> for Judged<'a> {
    fn from(id: &'a OperationId) -> Self {
        Self { id, record: None }
    }
}
