//! A lost Terraform state: refused, because it would count as a stack without resources. A destroy would succeed and leave everything, an
//! update would create everything a second time, and a drift check would find nothing.
//!
//! What proves that a state existed is in the table, which does not get lost with the bucket: the stack's contract, which only an apply
//! gives, and the version of the state that the last build found before it locked it. So a stack that was never applied gets its empty
//! state, also if a build died before it could create it.

use std::fmt;

use slipway_model::id::OperationId;
use slipway_model::plan::binding::StateVersion;
use slipway_model::stack::Stack;
use slipway_store::lock::LockHolder;

/// Why a state is not the stack's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Loss {
    /// There is none.
    Missing,
    /// It is the one that the stack had before its first apply.
    Unapplied,
    /// It is another one, with the lineage `found`.
    Replaced { recorded: String, found: Option<String> },
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is missing, and an earlier operation had it"),
            Self::Unapplied => f.write_str("it is the empty state of before the first apply"),
            Self::Replaced { recorded, found } => {
                let found = found.as_deref().unwrap_or("none");
                write!(f, "it is another state, with the lineage {found} instead of {recorded}")
            }
        }
    }
}

/// What the table says of a stack's state, before an operation locks it.
pub(crate) struct Records<'a> {
    /// The operation.
    pub(crate) operation: &'a OperationId,
    /// The version of the state that it creates where there never was one.
    pub(crate) empty: StateVersion,
    pub(crate) stack: &'a Stack,
    /// Who locked the state last.
    pub(crate) holder: Option<&'a LockHolder>,
}

impl Records<'_> {
    /// The version of the state that the operation locks: the one that was found, or a new one.
    pub(crate) fn accept(&self, found: Option<StateVersion>) -> Result<StateVersion, Loss> {
        let Some(found) = found else {
            return if self.never_had_one() {
                Ok(self.empty.clone())
            } else {
                Err(Loss::Missing)
            };
        };
        let recorded = self.holder.and_then(|holder| holder.state.as_ref());
        if let Some(lineage) = recorded.and_then(|recorded| recorded.lineage.as_ref())
            && found.lineage.as_ref() != Some(lineage)
        {
            return Err(Loss::Replaced {
                recorded: lineage.clone(),
                found: found.lineage,
            });
        }
        let is_written = |version: &StateVersion| version.serial.unwrap_or_default() > 0;
        if !is_written(&found) && (self.was_applied() || recorded.is_some_and(is_written)) {
            return Err(Loss::Unapplied);
        }
        // A lower serial than the recorded one is a version that a person restored: the plan shows what that means.
        Ok(found)
    }

    /// A build records the version of the empty state just before it creates it, and may die in between.
    fn never_had_one(&self) -> bool {
        let was_about_to =
            |holder: &LockHolder| holder.operation == *self.operation && holder.state.as_ref() == Some(&self.empty);
        !self.was_applied() && self.holder.is_none_or(was_about_to)
    }

    fn was_applied(&self) -> bool {
        self.stack.contract.is_some() || self.stack.applied.is_some()
    }
}
