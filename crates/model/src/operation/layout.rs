//! Where the builds of an operation keep its objects in the artifacts bucket.

use serde::{Deserialize, Serialize};

/// The folder of an operation's objects. The first step of its execution decides, in the version that the whole execution has, so that an
/// operation in progress during an upgrade keeps one folder, whichever version its builds have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// A folder of the operation. Earlier versions of Slipway, whose records do not say it, kept all objects like this.
    #[default]
    ByOperation,
    /// A folder of the operation within one of its stack.
    ByStack,
}

impl Layout {
    /// Whether a record omits it.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
