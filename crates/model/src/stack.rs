//! One instance of a blueprint in an environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contract::Contract;
use crate::id::{OperationId, ReleaseNumber, StackId};
use crate::kind::OperationKind;
use crate::name::{Digest, Image, Name};
use crate::plan::Drift;
use crate::release::NewRelease;
use crate::subscription::Subscription;
use crate::variable::HIDDEN;

pub mod beside;
mod draft;
pub mod room;

use self::beside::Beside;
pub use self::draft::DraftState;

/// What a stack is made from: a blueprint version and values for its variables.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// The blueprint's name.
    pub blueprint: Name,
    /// Its version.
    pub version: Version,
    /// What that version is: the runner fetches it by this.
    pub digest: Digest,
    /// Whether it was a draft: for sandboxes only, and perhaps replaced since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// The values that the request gave, checked against the version's schema. Defaults are left to Terraform.
    pub variables: Map<String, Value>,
    /// The variables whose values are never shown.
    pub sensitive: BTreeSet<String>,
}

impl Configuration {
    /// The values as they may be shown: a sensitive one is hidden.
    pub fn shown_variables(&self) -> Map<String, Value> {
        let shown = |(name, value): (&String, &Value)| {
            let hidden = self.sensitive.contains(name);
            (name.clone(), if hidden { Value::from(HIDDEN) } else { value.clone() })
        };
        self.variables.iter().map(shown).collect()
    }
}

/// Never prints a value: what is printed for debugging ends in logs.
impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.variables.keys().collect();
        write!(f, "{}@{} {names:?}", self.blueprint, self.version)
    }
}

/// One instance of a blueprint in an environment: one Terraform workspace, one state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// Its id, and the name of its Terraform workspace.
    pub id: StackId,
    /// What people call it: one live stack of this name in the environment.
    pub name: Name,
    /// The environment it lives in.
    pub environment: Name,
    /// The owner: by default the requester.
    pub owner: String,
    /// Where it stands.
    pub status: StackStatus,
    /// Counts the changes to this record; the `ETag` of the stack.
    pub revision: u64,
    /// What it should be made from: that of the last operation that succeeded or began to apply.
    pub configuration: Configuration,
    /// What it was made from before an apply that failed; none where the last apply succeeded, or none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Configuration>,
    /// What its blueprint's `slipway` output said after the last apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Contract>,
    /// The release that its services run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_release: Option<ReleaseNumber>,
    /// The number of the last requested release, 0 for none.
    pub last_release: ReleaseNumber,
    /// The operation that has the stack's only slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_operation: Option<OperationId>,
    /// The place beside that operation, while it is an update whose plan waits for its approval. None on records of earlier versions of
    /// Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
    /// Which images its services get when they are pushed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subscriptions: BTreeMap<Name, Subscription>,
    /// The result of the last drift check; none after a change of its infrastructure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftSeen>,
    /// The services and schedules that may run another release than the current one; none since a release succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsettled: Option<Unsettled>,
    /// The last operation that ended before everything that it stopped ran again. Its record says what is left; the next release
    /// restores that first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiesced_by: Option<OperationId>,
    /// What was last notified of it. None on records of earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted: Option<StackNoted>,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When this record last changed.
    pub updated_at: Timestamp,
}

/// The services and schedules of a stack that may run another release than its current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// The operation that ended too early.
    pub operation: OperationId,
    /// The release that they may run.
    pub release: ReleaseNumber,
    /// The keys of the services in the contract, in the order in which they were rolled out.
    pub services: Vec<String>,
    /// Whether schedules may start tasks of that release.
    pub schedules: bool,
    /// Whether its migrations changed the database in a way that the release before does not work with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub migrated: bool,
    /// When the operation ended.
    pub since: Timestamp,
    /// The status of the stack before, to which a release that succeeds returns it.
    pub found: StackStatus,
}

/// What was last notified of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackNoted {
    /// The number of its last notification.
    pub sequence: u64,
    /// Its status then.
    pub status: StackStatus,
    /// The last drift check that found drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<OperationId>,
}

/// The result of a drift check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftSeen {
    /// The operation that looked; it names more of the resources.
    pub operation: OperationId,
    /// When it was checked.
    pub looked_at: Timestamp,
    /// How many resources differ from the stack's state.
    pub count: u64,
    /// The addresses of the first [`DRIFT_NAMED`] of them, as many as fit.
    pub resources: Vec<String>,
}

/// How many resources a stack's own record names: it is read with every list of stacks.
pub const DRIFT_NAMED: usize = 10;

/// How many bytes the addresses of these have together: a key of a `for_each` may be of any length.
const DRIFT_BYTES: usize = 4 * 1024;

impl DriftSeen {
    /// The result of an operation.
    pub fn new(operation: OperationId, looked_at: Timestamp, drift: &Drift) -> Self {
        let mut room = DRIFT_BYTES;
        let addresses = drift.resources.iter().map(|resource| resource.address.clone());
        let named = addresses.take(DRIFT_NAMED).take_while(|address| {
            let left = room.checked_sub(address.len());
            room = left.unwrap_or_default();
            left.is_some()
        });
        let resources = named.collect();
        Self {
            operation,
            looked_at,
            count: drift.count,
            resources,
        }
    }
}

/// Where a stack stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StackStatus {
    /// It is being made for the first time.
    Provisioning,
    /// Its last change succeeded, or left what it had untouched.
    Ready,
    /// Its infrastructure is being changed.
    Updating,
    /// A new set of images is being rolled out.
    Releasing,
    /// It is being destroyed.
    Destroying,
    /// The last change to its infrastructure failed, and an update or a destroy continues from what exists; or a release ended
    /// before its services were restored ([`Stack::unsettled`]), and the next release or rollback settles them.
    Failed,
    /// Nothing of it is left but this record.
    Destroyed,
}

/// What happens to a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackEvent {
    /// An operation of this kind has begun.
    Begun(OperationKind),
    /// It has succeeded.
    Succeeded(OperationKind),
    /// It has failed or was cancelled.
    Failed(OperationKind),
    /// It ended before it changed anything, and began at this status.
    Untouched(OperationKind, StackStatus),
    /// The request for a new stack was rejected, refused or cancelled, or it failed, before anything was made.
    Abandoned,
    /// It ended without success, and some services or schedules may run its release.
    Unsettled(OperationKind),
    /// Its release runs everywhere again; the stack had this status before an operation left it unsettled.
    Settled(StackStatus),
}

/// An event that does not belong to the status of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stack that is {status:?} cannot take the event {event:?}")]
pub struct IllegalTransition {
    status: StackStatus,
    event: StackEvent,
}

impl Stack {
    /// A release of these images, with the number after the last one.
    pub fn next_release(&self, images: BTreeMap<Name, Image>) -> NewRelease {
        NewRelease {
            number: self.last_release.next(),
            named: images.keys().cloned().collect(),
            images,
        }
    }

    /// The release that an update may roll out again: the current one. None if the database has changes of another one with which it does
    /// not work: only a person decides whether the services go forward or back.
    pub fn release_to_repeat(&self) -> Option<ReleaseNumber> {
        let migrated = self.unsettled.as_ref().filter(|unsettled| unsettled.migrated);
        self.current_release
            .filter(|current| migrated.is_none_or(|unsettled| unsettled.release == *current))
    }

    /// Whether the previous release works with the database after the migrations of a release that does not say it.
    pub fn releases_are_compatible(&self) -> bool {
        self.contract.as_ref().is_none_or(Contract::releases_are_compatible)
    }
}

impl StackStatus {
    /// Every status, for those who list them.
    pub const ALL: [Self; 7] = [
        Self::Provisioning,
        Self::Ready,
        Self::Updating,
        Self::Releasing,
        Self::Destroying,
        Self::Failed,
        Self::Destroyed,
    ];

    /// The status after `event`.
    pub fn after(self, event: StackEvent) -> Result<Self, IllegalTransition> {
        use OperationKind::{Destroy, Drift, Preview, Provision, Release, Rollback, Task, Update};
        use StackStatus::{Destroyed, Destroying, Failed, Provisioning, Ready, Releasing, Updating};
        match (self, event) {
            // Nothing comes after the end.
            (Destroyed, event) => Err(IllegalTransition { status: self, event }),
            // They change neither the infrastructure nor what the services run.
            (
                status,
                StackEvent::Begun(Preview | Drift | Task)
                | StackEvent::Succeeded(Preview | Drift | Task)
                | StackEvent::Failed(Preview | Drift | Task),
            ) => Ok(status),

            (Provisioning, StackEvent::Begun(Provision)) => Ok(Provisioning),
            // A step may be repeated, and an update continues a failed provision.
            (Ready | Failed | Updating | Provisioning, StackEvent::Begun(Update)) => Ok(Updating),
            (Ready | Releasing, StackEvent::Begun(Release | Rollback)) => Ok(Releasing),
            // A release does not make whole what Terraform left half made: an update does.
            (Failed, StackEvent::Begun(Release | Rollback) | StackEvent::Succeeded(Release | Rollback)) => Ok(Failed),
            (Ready | Failed | Destroying | Provisioning, StackEvent::Begun(Destroy)) => Ok(Destroying),

            (Provisioning, StackEvent::Succeeded(Provision))
            | (Updating, StackEvent::Succeeded(Update))
            | (Releasing, StackEvent::Succeeded(Release | Rollback)) => Ok(Ready),
            (Destroying, StackEvent::Succeeded(Destroy)) => Ok(Destroyed),

            (Updating, StackEvent::Untouched(Update, found)) | (Destroying, StackEvent::Untouched(Destroy, found)) => {
                Ok(found)
            }
            (Provisioning, StackEvent::Abandoned) => Ok(Destroyed),
            (status, StackEvent::Untouched(kind, _)) => status.after(StackEvent::Failed(kind)),

            (Releasing, StackEvent::Unsettled(Release | Rollback)) => Ok(Failed),
            (status, StackEvent::Unsettled(kind)) => status.after(StackEvent::Failed(kind)),
            (Failed, StackEvent::Settled(Ready)) => Ok(Ready),
            (status, StackEvent::Settled(_)) => Ok(status),

            // A release that fails leaves the infrastructure, and puts the services back to what they ran before.
            (Releasing, StackEvent::Failed(Release | Rollback)) => Ok(Ready),
            (Provisioning, StackEvent::Failed(Provision))
            | (Updating, StackEvent::Failed(Update))
            | (Destroying, StackEvent::Failed(Destroy)) => Ok(Failed),
            // An operation that ended before it began (taken out of the queue, or its execution never ran) changed nothing;
            // only a stack whose provision never ran is left with nothing.
            (Provisioning, StackEvent::Failed(_)) => Ok(Failed),
            (status @ (Ready | Failed), StackEvent::Failed(_)) => Ok(status),

            (status, event) => Err(IllegalTransition { status, event }),
        }
    }
}

impl Stack {
    /// The stack after an operation that succeeded or began to apply what it is made from.
    pub fn commit(&mut self, configuration: &Configuration, succeeded: bool) {
        let before = std::mem::replace(&mut self.configuration, configuration.clone());
        if succeeded {
            self.applied = None;
        } else if self.contract.is_some() {
            self.applied.get_or_insert(before);
        }
    }

    /// What Terraform last applied to its end, where that is known; the rest of the record is what it should be.
    pub fn applied(&self) -> Option<&Configuration> {
        let whole = self.contract.is_some() && self.status != StackStatus::Destroyed;
        self.applied.as_ref().or_else(|| whole.then_some(&self.configuration))
    }
}

impl fmt::Display for StackStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provisioning => "provisioning",
            Self::Ready => "ready",
            Self::Updating => "updating",
            Self::Releasing => "releasing",
            Self::Destroying => "destroying",
            Self::Failed => "failed",
            Self::Destroyed => "destroyed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [OperationKind; 8] = [
        OperationKind::Provision,
        OperationKind::Update,
        OperationKind::Release,
        OperationKind::Destroy,
        OperationKind::Preview,
        OperationKind::Drift,
        OperationKind::Rollback,
        OperationKind::Task,
    ];

    proptest! {
        /// Whatever operations a stack goes through, one after the other, each either ends in a status from which people can
        /// go on, or in the end of the stack.
        #[test]
        fn a_stack_never_gets_stuck(runs in prop::collection::vec((0..KINDS.len(), any::<bool>()), 0..30)) {
            let mut status = StackStatus::Provisioning;
            status = status.after(StackEvent::Begun(OperationKind::Provision)).expect("the first run");
            status = status.after(StackEvent::Succeeded(OperationKind::Provision)).expect("the end of the first run");
            for (kind, succeeds) in runs {
                let kind = KINDS[kind];
                if kind == OperationKind::Provision || status == StackStatus::Destroyed {
                    continue;
                }
                status = status.after(StackEvent::Begun(kind)).expect("an operation begins");
                prop_assert_eq!(status.after(StackEvent::Begun(kind)), Ok(status), "begun twice");
                let end = if succeeds { StackEvent::Succeeded(kind) } else { StackEvent::Failed(kind) };
                status = status.after(end).expect("an operation ends");
                prop_assert!(matches!(status, StackStatus::Ready | StackStatus::Failed | StackStatus::Destroyed));
            }
        }
    }

    #[test]
    fn nothing_comes_after_the_end() {
        for kind in KINDS {
            for event in [
                StackEvent::Begun(kind),
                StackEvent::Succeeded(kind),
                StackEvent::Failed(kind),
            ] {
                assert!(StackStatus::Destroyed.after(event).is_err());
            }
        }
    }

    #[test]
    fn a_sensitive_value_is_neither_shown_nor_printed() {
        let configuration = Configuration {
            blueprint: "guestbook".parse().expect("a name"),
            version: Version::new(1, 0, 0),
            digest: Digest::of(b"blueprint"),
            draft: false,
            variables: Map::from_iter([("password".to_owned(), "hunter2".into()), ("size".to_owned(), 2.into())]),
            sensitive: BTreeSet::from(["password".to_owned()]),
        };
        assert_eq!(
            Value::from(configuration.shown_variables()),
            serde_json::json!({"password": HIDDEN, "size": 2})
        );
        assert!(!format!("{configuration:?}").contains("hunter2"));
    }
}
