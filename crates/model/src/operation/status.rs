//! The status of an operation, and what changes it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    /// It waits until the operations before it have ended.
    Queued,
    /// It has the stack's slot, and its execution is being started.
    Starting,
    /// Its execution runs.
    Running,
    /// Its execution waits for the approval of the plan.
    WaitingForApproval,
    /// It did what was asked.
    Succeeded,
    /// It did not; the operation's failure says why.
    Failed,
    /// It did not, after migrations that the previous release does not work with: a person decides whether the stack goes forward
    /// or back ([`compatibility`]).
    NeedsAttention,
    /// It was cancelled.
    Cancelled,
    /// Its change was rejected, refused or not decided in time. The stack is as it was.
    Discarded,
}

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationEvent {
    /// Its turn has come: it has the stack's slot.
    Dequeued,
    /// The first step of its execution runs.
    Begun,
    /// Its plan needs an approval.
    ApprovalAsked,
    /// The plan was approved.
    Approved,
    /// Its last step is done.
    Succeeded,
    /// A step failed, or its execution ended without recording it.
    Failed,
    /// It did not succeed after migrations that the previous release does not work with.
    NeedsAttention,
    /// It was cancelled.
    Cancelled,
    /// Its change was rejected, refused or not decided in time.
    Discarded,
}

/// An event that does not belong to the status of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an operation that is {status} cannot take the event {event:?}")]
pub struct IllegalTransition {
    /// The status it has.
    pub status: OperationStatus,
    /// The event that does not belong to it.
    pub event: OperationEvent,
}

impl OperationStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Starting,
        Self::Running,
        Self::WaitingForApproval,
        Self::Succeeded,
        Self::Failed,
        Self::NeedsAttention,
        Self::Cancelled,
        Self::Discarded,
    ];

    /// Its name in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::WaitingForApproval => "waiting_for_approval",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::NeedsAttention => "needs_attention",
            Self::Cancelled => "cancelled",
            Self::Discarded => "discarded",
        }
    }

    /// The status after `event`. An event that says again what is so already changes nothing: steps are repeated.
    pub fn after(self, event: OperationEvent) -> Result<Self, IllegalTransition> {
        use OperationStatus::{
            Cancelled, Discarded, Failed, NeedsAttention, Queued, Running, Starting, Succeeded, WaitingForApproval,
        };
        match (self, event) {
            (Queued | Starting, OperationEvent::Dequeued) => Ok(Starting),
            (Starting | Running, OperationEvent::Begun) => Ok(Running),
            (Running | WaitingForApproval, OperationEvent::ApprovalAsked) => Ok(WaitingForApproval),
            (WaitingForApproval | Running, OperationEvent::Approved) => Ok(Running),
            (Running | Succeeded, OperationEvent::Succeeded) => Ok(Succeeded),
            (Starting | Running | WaitingForApproval | Failed, OperationEvent::Failed) => Ok(Failed),
            (Running | NeedsAttention, OperationEvent::NeedsAttention) => Ok(NeedsAttention),
            (Queued | Starting | Running | WaitingForApproval | Cancelled, OperationEvent::Cancelled) => Ok(Cancelled),
            (Starting | Running | WaitingForApproval | Discarded, OperationEvent::Discarded) => Ok(Discarded),
            (status, event) => Err(IllegalTransition { status, event }),
        }
    }

    /// Whether nothing comes after it.
    pub fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::NeedsAttention | Self::Cancelled | Self::Discarded
        )
    }
}

impl fmt::Display for OperationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [OperationEvent; 9] = [
        OperationEvent::Dequeued,
        OperationEvent::Begun,
        OperationEvent::ApprovalAsked,
        OperationEvent::Approved,
        OperationEvent::Succeeded,
        OperationEvent::Failed,
        OperationEvent::NeedsAttention,
        OperationEvent::Cancelled,
        OperationEvent::Discarded,
    ];

    #[test]
    fn an_end_is_final_and_every_event_may_be_repeated() {
        for status in OperationStatus::ALL {
            for event in EVENTS {
                let Ok(next) = status.after(event) else { continue };
                assert_eq!(next.after(event), Ok(next), "{status} {event:?} twice");
                assert!(!status.has_ended() || next == status, "{status} must not become {next}");
            }
        }
    }

    #[test]
    fn every_operation_can_be_cancelled_until_it_ends() {
        for status in OperationStatus::ALL.into_iter().filter(|status| !status.has_ended()) {
            assert_eq!(status.after(OperationEvent::Cancelled), Ok(OperationStatus::Cancelled));
        }
    }
}
