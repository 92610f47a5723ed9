//! The subscriptions that an update or a new stack brings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Basis;
use crate::name::Name;
use crate::operation::work::Work;
use crate::subscription::{self, Repository, Subscription, TagPattern};

/// A subscription that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubscriptionChange {
    /// The service.
    pub service: Name,
    /// What it follows before; none where it follows nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Follows>,
    /// What it follows after; none where it unsubscribes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Follows>,
}

/// What a service follows. Not what was pushed last: a push must not make a sheet stale that does not show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Follows {
    /// The repository.
    pub repository: Repository,
    /// The tags.
    pub tags: TagPattern,
}

pub(super) fn subscriptions(basis: &Basis<'_>) -> Vec<SubscriptionChange> {
    let nothing = BTreeMap::new();
    let has = basis.subscriptions;
    let (before, after) = match &basis.operation.work {
        Work::Provision { .. } => (&nothing, has.clone()),
        work => {
            let changes = work.patch().map(|patch| subscription::over(has, &patch.subscriptions));
            (has, changes.unwrap_or_else(|| has.clone()))
        }
    };
    let follows = |subscriptions: &BTreeMap<Name, Subscription>, service: &Name| {
        subscriptions.get(service).map(|subscription| Follows {
            repository: subscription.repository.clone(),
            tags: subscription.tags.clone(),
        })
    };
    let services: BTreeSet<&Name> = before.keys().chain(after.keys()).collect();
    let changes = services.into_iter().map(|service| SubscriptionChange {
        service: service.clone(),
        before: follows(before, service),
        after: follows(&after, service),
    });
    changes.filter(|change| change.before != change.after).collect()
}
