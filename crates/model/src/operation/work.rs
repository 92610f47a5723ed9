//! What an operation does, with what its request says of it: by kind, so that no operation has what belongs to another kind.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::OperationKind;
use crate::id::ReleaseNumber;
use crate::name::{Image, Name};
use crate::release::{NewRelease, is_compatible};
use crate::request::Patch;

/// The work of an operation.
///
/// In records its fields stand beside those of the operation, as in every version of Slipway so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Recorded", into = "Recorded")]
pub enum Work {
    /// Creates the stack's infrastructure.
    Provision {
        /// Its first release, if images came with the request.
        release: Option<NewRelease>,
    },
    /// Changes its variables or its blueprint version.
    Update {
        /// What changes in the configuration that the stack has when the operation begins. None on records of earlier versions of
        /// Slipway, whose configuration is what was requested.
        patch: Option<Patch>,
        /// The current release, which is rolled out again if the shape of the services changes. None before that is known.
        release: Option<ReleaseNumber>,
        /// Whether the previous tasks work with the database after its migrations: the declaration of the blueprint that it applied.
        compatible_with_previous: bool,
        /// Whether the last change of the infrastructure did not come through, or a release ran beside its plan: it applies also a plan
        /// without changes, and brings the current release out again.
        mends: bool,
    },
    /// Rolls out new images.
    Release {
        /// Number and images.
        release: NewRelease,
        /// Whether the previous release works with the database after its migrations, so that services may go back by themselves.
        compatible_with_previous: bool,
        /// Whether it takes a snapshot of the database before its migrations.
        with_snapshot: bool,
    },
    /// Rolls out the images of an earlier release again, without migrations.
    Rollback {
        /// That release.
        release: ReleaseNumber,
    },
    /// Runs a command with the stack's current images.
    Task {
        /// The name of the command in the stack's contract.
        task: Name,
    },
    /// Destroys what Terraform made.
    Destroy,
    /// Shows what an update would change.
    Preview {
        /// As of an update.
        patch: Option<Patch>,
    },
    /// Checks for drift.
    Drift,
}

impl Work {
    /// An update as it is requested: what it rolls out, and whether it mends, is known when it runs.
    pub const fn update(patch: Option<Patch>) -> Self {
        Self::Update {
            patch,
            release: None,
            compatible_with_previous: true,
            mends: false,
        }
    }

    /// A release without a snapshot.
    pub const fn release_of(release: NewRelease, compatible_with_previous: bool) -> Self {
        Self::Release {
            release,
            compatible_with_previous,
            with_snapshot: false,
        }
    }

    /// What it does, without the rest.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Provision { .. } => OperationKind::Provision,
            Self::Update { .. } => OperationKind::Update,
            Self::Release { .. } => OperationKind::Release,
            Self::Rollback { .. } => OperationKind::Rollback,
            Self::Task { .. } => OperationKind::Task,
            Self::Destroy => OperationKind::Destroy,
            Self::Preview { .. } => OperationKind::Preview,
            Self::Drift => OperationKind::Drift,
        }
    }

    /// The release that it rolls out.
    pub fn release(&self) -> Option<ReleaseNumber> {
        match self {
            Self::Update { release, .. } => *release,
            Self::Rollback { release } => Some(*release),
            _ => self.new_release().map(|release| release.number),
        }
    }

    /// The release whose images came with the request.
    pub fn new_release(&self) -> Option<&NewRelease> {
        match self {
            Self::Provision { release } => release.as_ref(),
            Self::Release { release, .. } => Some(release),
            _ => None,
        }
    }

    /// A release gets these images. Returns whether they are others than it has.
    pub fn settle_images(&mut self, images: &BTreeMap<Name, Image>) -> bool {
        match self {
            Self::Release { release, .. } if release.images != *images => {
                release.images.clone_from(images);
                true
            }
            _ => false,
        }
    }

    /// The images of a release, by service.
    pub fn images(&self) -> impl Iterator<Item = (&Name, &Image)> {
        self.new_release().into_iter().flat_map(|release| &release.images)
    }

    /// What an update or a preview changes.
    pub fn patch(&self) -> Option<&Patch> {
        match self {
            Self::Update { patch, .. } | Self::Preview { patch } => patch.as_ref(),
            _ => None,
        }
    }

    /// The command that a task runs.
    pub fn task(&self) -> Option<&Name> {
        match self {
            Self::Task { task } => Some(task),
            _ => None,
        }
    }

    /// Whether it is an update after a change of the infrastructure that did not come through, or after a release beside its plan.
    pub fn mends(&self) -> bool {
        matches!(self, Self::Update { mends: true, .. })
    }

    /// Whether a snapshot of the database is taken.
    pub fn with_snapshot(&self) -> bool {
        matches!(
            self,
            Self::Release {
                with_snapshot: true,
                ..
            }
        )
    }

    /// Whether what the services ran before works with the database afterwards. A rollback runs no migration, and before a provision
    /// nothing ran.
    pub fn compatible_with_previous(&self) -> bool {
        match self {
            Self::Release {
                compatible_with_previous,
                ..
            }
            | Self::Update {
                compatible_with_previous,
                ..
            } => *compatible_with_previous,
            _ => true,
        }
    }

    /// An update rolls out this release again, unless it was decided before. `is_compatible` is the declaration of its blueprint.
    pub fn release_again(&mut self, number: ReleaseNumber, is_compatible: bool) {
        if let Self::Update {
            release: release @ None,
            compatible_with_previous,
            ..
        } = self
        {
            *release = Some(number);
            *compatible_with_previous = is_compatible;
        }
    }
}

/// The fields of a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Recorded {
    kind: OperationKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patch: Option<Patch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release: Option<ReleaseNumber>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    mends: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    images: BTreeMap<Name, Image>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    named: BTreeSet<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<Name>,
    #[serde(default = "is_compatible", skip_serializing_if = "Clone::clone")]
    compatible_with_previous: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    with_snapshot: bool,
}

/// A record whose fields do not make an operation of its kind.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an operation of the kind `{kind}` has {fault} `{field}`")]
struct Contradiction {
    kind: OperationKind,
    fault: &'static str,
    field: &'static str,
}

impl Recorded {
    fn new(kind: OperationKind) -> Self {
        Self {
            kind,
            patch: None,
            release: None,
            mends: false,
            images: BTreeMap::new(),
            named: BTreeSet::new(),
            task: None,
            compatible_with_previous: is_compatible(),
            with_snapshot: false,
        }
    }

    /// Takes a field that the kind must have.
    fn required<T>(&self, field: &'static str, value: Option<T>) -> Result<T, Contradiction> {
        value.ok_or(Contradiction {
            kind: self.kind,
            fault: "no",
            field,
        })
    }

    /// What is left has no place in the kind: to drop it would lose a part of the request.
    fn require_empty(&self) -> Result<(), Contradiction> {
        let fields = [
            ("patch", self.patch.is_some()),
            ("release", self.release.is_some()),
            ("mends", self.mends),
            ("images", !self.images.is_empty()),
            ("named", !self.named.is_empty()),
            ("task", self.task.is_some()),
            ("compatible_with_previous", !self.compatible_with_previous),
            ("with_snapshot", self.with_snapshot),
        ];
        match fields.into_iter().find(|(_, is_left)| *is_left) {
            None => Ok(()),
            Some((field, _)) => Err(Contradiction {
                kind: self.kind,
                fault: "a field that does not belong to it:",
                field,
            }),
        }
    }

    fn take_compatible(&mut self) -> bool {
        std::mem::replace(&mut self.compatible_with_previous, is_compatible())
    }

    fn take_release(&mut self) -> Option<NewRelease> {
        let number = self.release.take()?;
        Some(NewRelease {
            number,
            images: std::mem::take(&mut self.images),
            named: std::mem::take(&mut self.named),
        })
    }
}

impl TryFrom<Recorded> for Work {
    type Error = Contradiction;

    fn try_from(mut record: Recorded) -> Result<Self, Contradiction> {
        let work = match record.kind {
            OperationKind::Provision => Self::Provision {
                release: record.take_release(),
            },
            OperationKind::Update => Self::Update {
                patch: record.patch.take(),
                release: record.release.take(),
                compatible_with_previous: record.take_compatible(),
                mends: std::mem::take(&mut record.mends),
            },
            OperationKind::Release => {
                let release = record.take_release();
                Self::Release {
                    release: record.required("release", release)?,
                    compatible_with_previous: record.take_compatible(),
                    with_snapshot: std::mem::take(&mut record.with_snapshot),
                }
            }
            OperationKind::Rollback => {
                let release = record.release.take();
                Self::Rollback {
                    release: record.required("release", release)?,
                }
            }
            OperationKind::Task => {
                let task = record.task.take();
                Self::Task {
                    task: record.required("task", task)?,
                }
            }
            OperationKind::Destroy => Self::Destroy,
            OperationKind::Preview => Self::Preview {
                patch: record.patch.take(),
            },
            OperationKind::Drift => Self::Drift,
        };
        record.require_empty()?;
        Ok(work)
    }
}

impl From<Work> for Recorded {
    fn from(work: Work) -> Self {
        let mut record = Self::new(work.kind());
        record.release = work.release();
        match work {
            Work::Provision { release } => {
                if let Some(release) = release {
                    record.images = release.images;
                    record.named = release.named;
                }
            }
            Work::Update {
                patch,
                compatible_with_previous,
                mends,
                ..
            } => {
                record.patch = patch;
                record.compatible_with_previous = compatible_with_previous;
                record.mends = mends;
            }
            Work::Release {
                release,
                compatible_with_previous,
                with_snapshot,
            } => {
                record.images = release.images;
                record.named = release.named;
                record.compatible_with_previous = compatible_with_previous;
                record.with_snapshot = with_snapshot;
            }
            Work::Task { task } => record.task = Some(task),
            Work::Preview { patch } => record.patch = patch,
            Work::Rollback { .. } | Work::Destroy | Work::Drift => {}
        }
        record
    }
}

#[cfg(test)]
#[path = "work_tests.rs"]
mod tests;
