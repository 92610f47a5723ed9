//! A set of images of a stack's services.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{OperationId, ReleaseNumber, StackId};
use crate::name::{Image, Name};

/// A release whose images come with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelease {
    /// Its number.
    pub number: ReleaseNumber,
    /// The images by service.
    pub images: BTreeMap<Name, Image>,
    /// The services that the request names. The others run what the stack runs when the operation begins. Empty on records of earlier
    /// versions of Slipway, whose images are final.
    pub named: BTreeSet<Name>,
}

/// Which releases a stack has whose last one this is, as words that follow the stack's name.
pub fn there_are(last: ReleaseNumber) -> String {
    match last.0 {
        0 => "it has no releases yet".to_owned(),
        1 => "its only release is 1".to_owned(),
        last => format!("its releases are 1 to {last}"),
    }
}

/// A set of images, by digest, of a stack's services, numbered per stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The stack it belongs to.
    pub stack: StackId,
    /// Its number in the stack, from 1.
    pub number: ReleaseNumber,
    /// The image of each service.
    pub images: BTreeMap<Name, Image>,
    /// Where it stands.
    pub status: ReleaseStatus,
    /// The snapshot of the database that was taken before its migrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Whether the release before it works with the database after its migrations.
    #[serde(default = "is_compatible", skip_serializing_if = "Clone::clone")]
    pub compatible_with_previous: bool,
    /// The last operation that rolled out its images.
    pub operation: OperationId,
    /// The requester.
    pub requested_by: String,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When it became current, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// What a release declares that says nothing of it.
pub(crate) fn is_compatible() -> bool {
    true
}

/// Where a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseStatus {
    /// Its operation has not begun to release it.
    Requested,
    /// Its migrations run, or its services are being replaced.
    Releasing,
    /// It is what the stack's services run.
    Current,
    /// A later release took its place.
    Superseded,
    /// It failed: the services run the release before it.
    Failed,
}

/// What happens to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseEvent {
    /// The workflow begins to release it, for the first time or again.
    Begun,
    /// Its services are stable.
    Succeeded,
    /// A migration or a rollout failed, or its operation ended before it.
    Failed,
    /// A later release became current.
    Superseded,
}

/// An event that does not belong to the status of the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a release that is {status:?} cannot take the event {event:?}")]
pub struct IllegalTransition {
    status: ReleaseStatus,
    event: ReleaseEvent,
}

impl ReleaseStatus {
    /// Whether it is, or has been, what the stack's services run.
    pub fn has_succeeded(self) -> bool {
        matches!(self, Self::Current | Self::Superseded)
    }

    /// The status after `event`.
    pub fn after(self, event: ReleaseEvent) -> Result<Self, IllegalTransition> {
        use ReleaseStatus::{Current, Failed, Releasing, Requested, Superseded};
        match (self, event) {
            (Requested | Releasing, ReleaseEvent::Begun) => Ok(Releasing),
            (Releasing, ReleaseEvent::Succeeded) => Ok(Current),
            (Requested | Releasing, ReleaseEvent::Failed) => Ok(Failed),
            // An update brings the current images out again with the new shape of the services. If that fails, the services go
            // back to what they ran, which are still these images.
            (Current, ReleaseEvent::Begun | ReleaseEvent::Succeeded | ReleaseEvent::Failed) => Ok(Current),
            (Current, ReleaseEvent::Superseded) => Ok(Superseded),
            // A rollback rolls out an earlier release again; if it fails, the services are restored to the current one.
            (Superseded, ReleaseEvent::Begun | ReleaseEvent::Failed) => Ok(Superseded),
            (Superseded, ReleaseEvent::Succeeded) => Ok(Current),
            (status, event) => Err(IllegalTransition { status, event }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_failed_never_becomes_current() {
        use ReleaseEvent::{Begun, Succeeded, Superseded};
        for event in [Begun, Succeeded, ReleaseEvent::Failed, Superseded] {
            assert!(ReleaseStatus::Failed.after(event).is_err());
        }
    }

    #[test]
    fn an_earlier_release_becomes_current_again_or_stays_what_it_was() {
        let before = ReleaseStatus::Superseded;
        assert_eq!(before.after(ReleaseEvent::Begun), Ok(before));
        assert_eq!(before.after(ReleaseEvent::Failed), Ok(before));
        assert_eq!(before.after(ReleaseEvent::Succeeded), Ok(ReleaseStatus::Current));
    }

    #[test]
    fn current_release_stays_current_while_it_is_rolled_out_again() {
        for event in [ReleaseEvent::Begun, ReleaseEvent::Succeeded, ReleaseEvent::Failed] {
            assert_eq!(ReleaseStatus::Current.after(event), Ok(ReleaseStatus::Current));
        }
    }
}
