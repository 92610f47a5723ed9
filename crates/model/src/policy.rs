//! Policies as they are stored. What they mean is known to the crate `slipway-policy` alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// The most bytes of all policies together: they are one item of the table, which has at most 400 KB.
pub const POLICIES_SIZE: usize = 256 * 1024;

/// A policy that administrators stored. One with the name of a default policy replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPolicy {
    /// Its name.
    pub name: Name,
    /// Its text in Cedar. A text without a policy switches a default policy off.
    pub text: String,
    /// Who stored it.
    pub updated_by: String,
    /// When.
    pub updated_at: Timestamp,
}

/// All stored policies as they were at one revision. A revision never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRevision {
    /// 0 before the first change.
    pub revision: u64,
    /// The policies, by name.
    pub policies: Vec<StoredPolicy>,
    /// Whether one of them may refuse a plan. A build then leaves its plan to the workflow.
    pub judges_plans: bool,
    /// Who made this revision.
    pub changed_by: String,
    /// When; none before the first change.
    pub changed_at: Option<Timestamp>,
}

/// The newest revision, without its policies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyHead {
    /// The revision.
    pub revision: u64,
    /// As in [`PolicyRevision`].
    pub judges_plans: bool,
}
