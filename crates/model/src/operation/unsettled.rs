//! What a release leaves behind if its operation ends between the first rollout and the last restored service.
//!
//! The workflow restores the services of a failed release itself. It cannot if its execution is stopped or times out, or if
//! the restoring fails. Then the stack's record must not say that its current release runs.

use jiff::Timestamp;

use super::cancel::{WAIT_UNTIL_RESTORED, WAIT_UNTIL_STABLE};
use super::{Operation, OperationKind, StepStatus};
use crate::contract::Contract;
use crate::id::ReleaseNumber;
use crate::stack::{StackStatus, Unsettled};

/// The state that gives schedules the task definitions of the release.
pub const POINT_SCHEDULES: &str = "Point schedules";
/// The state that restores the schedules.
pub const RESTORE_SCHEDULES: &str = "Restore schedules";

impl Unsettled {
    /// What the operation, which did not succeed, leaves behind; `None` if no service or schedule was changed, or all of them
    /// are restored. `earlier` is what the stack had before.
    pub fn left_by(operation: &Operation, earlier: Option<&Self>, now: Timestamp) -> Option<Self> {
        let release = operation.release()?;
        let services: Vec<String> = operation
            .items_of(WAIT_UNTIL_STABLE)
            .filter(|(service, _)| !operation.is_restored(service))
            .map(|(service, _)| service.to_owned())
            .collect();
        let schedules = operation.has_step(POINT_SCHEDULES) && !operation.has_succeeded_in(RESTORE_SCHEDULES);
        let migrated = !operation.may_roll_back();
        if services.is_empty() && !schedules && !migrated {
            return None;
        }
        // A release does not complete an update or a provision.
        let found = match operation.kind() {
            OperationKind::Release | OperationKind::Rollback => operation.found.unwrap_or(StackStatus::Failed),
            _ => StackStatus::Failed,
        };
        // The database keeps what an earlier release changed. By a rollback, a person has decided that the current one works with it.
        let was_migrated =
            earlier.is_some_and(|earlier| earlier.migrated) && operation.kind() != OperationKind::Rollback;
        Some(Self {
            operation: operation.id.clone(),
            release,
            services,
            schedules,
            migrated: migrated || was_migrated,
            since: now,
            found: earlier.map_or(found, |earlier| earlier.found),
        })
    }

    /// What is still unsettled after an operation that succeeded: nothing after a release, which runs everywhere. An update without one
    /// makes the infrastructure whole; services that it removed are no longer of interest. `contract` is the stack's after it.
    pub fn left_after(&self, operation: &Operation, contract: Option<&Contract>) -> Option<Self> {
        let mut left = self.clone();
        match operation.kind() {
            _ if operation.release().is_some() => return None,
            OperationKind::Destroy => return None,
            OperationKind::Update => {
                left.found = StackStatus::Ready;
                left.services.retain(|key| {
                    contract.is_some_and(|contract| contract.services.keys().any(|name| name.as_str() == key))
                });
                left.schedules &= contract.is_some_and(|contract| !contract.schedules.is_empty());
            }
            _ => {}
        }
        (!left.services.is_empty() || left.schedules || left.migrated).then_some(left)
    }

    /// The fact and its remedy, in one sentence each. `current` is the current release of the stack, without which nothing rolls back.
    pub fn sentence(&self, current: Option<ReleaseNumber>) -> String {
        let services: Vec<String> = self.services.iter().map(|key| format!("`{key}`")).collect();
        let way = match (self.migrated, current) {
            (true, Some(_)) => "Release forward, or roll back.",
            (true, None) => "Release forward.",
            (false, Some(_)) => "Release again, or roll back.",
            (false, None) => "Release again.",
        };
        let database = if self.migrated {
            format!(
                "The database has the changes of release {}, which the release before does not work with. ",
                self.release
            )
        } else {
            String::new()
        };
        if services.is_empty() && !self.schedules {
            return format!("{database}{way}");
        }
        let what = match (services.as_slice(), self.schedules) {
            ([], _) => "Schedules".to_owned(),
            (services, false) => format!("Services ({})", services.join(", ")),
            (services, true) => format!("Services ({}) and schedules", services.join(", ")),
        };
        format!("{database}{what} may run release {}. {way}", self.release)
    }
}

impl Operation {
    /// What the services run after a rollout that did not succeed and left nothing unsettled; `None` if it changed no service.
    /// `current` is the current release of the stack.
    pub fn restored_to(&self, current: Option<ReleaseNumber>) -> Option<String> {
        self.items_of(WAIT_UNTIL_STABLE).next()?;
        Some(match current {
            Some(release) => format!("The services run release {release} again."),
            None => "The services run again what they ran before, which is no release.".to_owned(),
        })
    }

    /// The items of a Map state that were recorded, each with its status.
    pub(super) fn items_of<'a>(&'a self, state: &'a str) -> impl Iterator<Item = (&'a str, StepStatus)> {
        self.steps.iter().filter_map(move |step| {
            let item = step.name.strip_prefix(state)?.strip_prefix(": ")?;
            Some((item, step.status))
        })
    }

    fn is_restored(&self, service: &str) -> bool {
        let mut restored = self.items_of(WAIT_UNTIL_RESTORED);
        restored.any(|(item, status)| item == service && status == StepStatus::Succeeded)
    }

    /// Whether a step of this name has begun.
    pub fn has_step(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.name == name)
    }

    fn has_succeeded_in(&self, name: &str) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.name == name && step.status == StepStatus::Succeeded)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::operation::example;
    use crate::stack::Stack;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn unsettled(release: u32, migrated: bool) -> Unsettled {
        Unsettled {
            operation: example::operation(&json!({})).id,
            release: ReleaseNumber(release),
            services: Vec::new(),
            schedules: false,
            migrated,
            since: NOW,
            found: StackStatus::Ready,
        }
    }

    #[test]
    fn changes_of_the_database_outlast_another_failed_release() {
        for (kind, migrated) in [("release", true), ("rollback", false)] {
            let mut operation = example::operation(&json!({"kind": kind, "release": 3}));
            operation.begin_step("Wait until stable: web", NOW);
            let left = Unsettled::left_by(&operation, Some(&unsettled(2, true)), NOW).expect("unsettled");
            assert_eq!((left.release, left.migrated), (ReleaseNumber(3), migrated), "{kind}");
        }
    }

    #[test]
    fn update_repeats_a_release_that_works_with_the_database() {
        let operation = example::operation(&json!({}));
        for (left, repeats) in [
            (unsettled(2, false), true),
            (unsettled(2, true), false),
            // It was an update that released the current release again, which the services still run.
            (unsettled(1, true), true),
        ] {
            let stack = json!({
                "id": operation.stack, "name": "shop", "environment": "live", "owner": "ann", "status": "failed", "revision": 7,
                "configuration": operation.configuration, "current_release": 1, "last_release": 2, "unsettled": left,
                "created_at": NOW, "updated_at": NOW,
            });
            let stack: Stack = serde_json::from_value(stack).expect("a stack");
            assert_eq!(
                stack.release_to_repeat(),
                repeats.then_some(ReleaseNumber(1)),
                "{left:?}"
            );
        }
    }
}
