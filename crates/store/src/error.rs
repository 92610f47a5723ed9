//! What can go wrong with the table.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use slipway_model::operation::approval::Undecidable;
use slipway_model::operation::rollouts::NotPaused;
use slipway_model::{operation, release, stack};

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DynamoDB refused, or could not be reached.
    #[error("DynamoDB could not {action}")]
    Aws {
        /// What was being done.
        action: &'static str,
        /// Whether it gave no whole answer, or one that blames itself.
        unanswered: bool,
        /// What the client says.
        #[source]
        source: Box<aws_sdk_dynamodb::Error>,
    },
    /// Other writers kept coming between; a later attempt may succeed.
    #[error("{what} is being changed by others")]
    Conflict {
        /// The record.
        what: String,
    },
    /// Another program put an item in the place of the next record of the audit log. What is recorded in that chain cannot be changed while
    /// it is there.
    #[error(
        "record {sequence} of chain {chain} of the audit log exists, and is beyond the head of the chain: another program wrote it"
    )]
    ChainBlocked {
        /// The chain.
        chain: u8,
        /// The number of the record.
        sequence: u64,
    },
    /// There is no such record.
    #[error("there is no {what}")]
    NotFound {
        /// The record.
        what: String,
    },
    /// The record would be larger than a DynamoDB item can be.
    #[error("{what} has {bytes} bytes, and a DynamoDB item has at most {max}", max = crate::table::ITEM_BYTES)]
    TooLarge {
        /// The record.
        what: String,
        /// How large it would be.
        bytes: usize,
    },
    /// The change does not belong to the status that the record has now.
    #[error(transparent)]
    IllegalTransition(#[from] IllegalTransition),
    /// A decision about a plan does not count.
    #[error(transparent)]
    Undecidable(#[from] Undecidable),
    /// A decision at a pause does not count.
    #[error(transparent)]
    NotPaused(#[from] NotPaused),
    /// The operation is not in progress in its stack: it has ended, or never was. Or it would need the slot, and runs beside the operation
    /// that has it.
    #[error("the operation {operation} does not have the slot of its stack")]
    NotActive {
        /// The operation.
        operation: slipway_model::id::OperationId,
    },
    /// The cursor is not one that the store gave for this list.
    #[error(transparent)]
    InvalidCursor(#[from] InvalidCursor),
    /// A record cannot be written as an item.
    #[error("{what} cannot be written as an item")]
    Encode {
        /// The record.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An item is not what its key says.
    #[error("the item of {what} cannot be read")]
    Decode {
        /// The record.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An event that does not belong to the status of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IllegalTransition {
    /// Of an operation.
    #[error(transparent)]
    Operation(#[from] operation::IllegalTransition),
    /// Of a stack.
    #[error(transparent)]
    Stack(#[from] stack::IllegalTransition),
    /// Of a release.
    #[error(transparent)]
    Release(#[from] release::IllegalTransition),
}

/// A text that is not a cursor of the list that it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a cursor that the same list has given")]
pub struct InvalidCursor;

impl Error {
    /// The code with which DynamoDB refused, if it did.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Aws { source, .. } => source.code(),
            _ => None,
        }
    }

    /// Whether DynamoDB gave no whole answer, or one that says that it failed itself.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::Aws { unanswered: true, .. })
    }

    /// Whether the same call may succeed a moment later: the workflow retries it then.
    pub fn is_transient(&self) -> bool {
        match self {
            // An administrator removes the item; the workflow waits for that.
            Self::Aws { .. } | Self::Conflict { .. } | Self::ChainBlocked { .. } => true,
            Self::NotFound { .. }
            | Self::TooLarge { .. }
            | Self::IllegalTransition(_)
            | Self::Undecidable(_)
            | Self::NotPaused(_)
            | Self::NotActive { .. }
            | Self::InvalidCursor(_)
            | Self::Encode { .. }
            | Self::Decode { .. } => false,
        }
    }
}
