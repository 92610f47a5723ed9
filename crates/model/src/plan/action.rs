//! What a plan would do to a resource.

use serde::{Deserialize, Serialize};

use crate::named;

/// What a plan would do to one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Slipway does not know what it is.
    Unknown,
    /// It is destroyed.
    Delete,
    /// It is destroyed and made anew.
    Replace,
    /// It is dropped from the state, and goes on existing.
    Forget,
    /// It is an action of a provider, which the apply invokes.
    Invoke,
    /// It is changed in place.
    Update,
    /// An existing resource is taken into the state.
    Import,
    /// It is made.
    Create,
    /// It gets another address in the state. Nothing happens to the resource; but without the move, the next version of the
    /// blueprint that lacks the `moved` block destroys it.
    Move,
    /// It is a data source that is read during the apply.
    Read,
}

impl Action {
    /// Every action, in the order in which people read them.
    pub const ALL: [Self; 10] = [
        Self::Unknown,
        Self::Delete,
        Self::Replace,
        Self::Forget,
        Self::Invoke,
        Self::Update,
        Self::Import,
        Self::Create,
        Self::Move,
        Self::Read,
    ];

    /// Its name, as requests and records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Delete => "delete",
            Self::Replace => "replace",
            Self::Forget => "forget",
            Self::Invoke => "invoke",
            Self::Update => "update",
            Self::Import => "import",
            Self::Create => "create",
            Self::Move => "move",
            Self::Read => "read",
        }
    }

    /// Where it stands in a plan.
    pub(super) fn rank(self) -> u8 {
        // The order of lists: deletions first, and before them actions that are not understood.
        self as u8
    }
}

/// A text that names no [`Action`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no action of a plan")]
pub struct InvalidAction;

named!(InvalidAction: Action);
