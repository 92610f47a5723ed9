//! Which stacks get the images of a repository when they are pushed.
//!
//! A stack has its subscriptions; an item for each repository leads from there to the stack, so that a push is one query.

use std::collections::{BTreeMap, BTreeSet};

use slipway_model::id::{ReleaseNumber, StackId};
use slipway_model::name::Name;
use slipway_model::release::{Release, ReleaseStatus};
use slipway_model::stack::Stack;
use slipway_model::subscription::{Repository, Subscription, know_requested, over};

use crate::item::{key_attributes, key_of};
use crate::query::Query;
use crate::table::{Key, SUBSCRIBER};
use crate::write::{Condition, Write};
use crate::{Error, Store};

impl Store {
    /// The stacks with a service that subscribes to images of this repository.
    pub async fn subscribers(&self, repository: &Repository) -> Result<Vec<StackId>, Error> {
        let partition = Key::repository(repository);
        let items = self.query_all(&Query::of_items(&partition, SUBSCRIBER), None).await?;
        let stack = |key: Key| {
            let id = key.sk.strip_prefix(SUBSCRIBER).unwrap_or_default();
            id.parse().map_err(|source| Error::Decode {
                what: key.to_string(),
                source: Box::new(source),
            })
        };
        items.iter().map(key_of).map(stack).collect()
    }

    /// The subscriptions of a stack after a change. One that begins knows the image that its service is requested to run.
    pub(crate) async fn subscriptions_after(
        &self,
        stack: &Stack,
        changes: &BTreeMap<Name, Option<Subscription>>,
    ) -> Result<BTreeMap<Name, Subscription>, Error> {
        let mut after = over(&stack.subscriptions, changes);
        if after.values().any(|subscription| subscription.newest.is_none())
            && let Some(release) = self.requested_release(stack).await?
        {
            know_requested(&mut after, &release.images, release.created_at);
        }
        Ok(after)
    }

    /// The release that waits or is in progress; else the current one.
    async fn requested_release(&self, stack: &Stack) -> Result<Option<Release>, Error> {
        if stack.last_release != ReleaseNumber(0) && stack.current_release != Some(stack.last_release) {
            let last = self.release(&stack.id, stack.last_release).await?;
            if matches!(last.status, ReleaseStatus::Requested | ReleaseStatus::Releasing) {
                return Ok(Some(last));
            }
        }
        match stack.current_release {
            Some(number) => self.release(&stack.id, number).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The writes that lead from repositories to the stack as its subscriptions `after` say, where those `before` did.
pub(crate) fn subscription_writes(
    stack: &StackId,
    before: &BTreeMap<Name, Subscription>,
    after: &BTreeMap<Name, Subscription>,
) -> Vec<Write> {
    let repositories = |subscriptions: &BTreeMap<Name, Subscription>| -> BTreeSet<Repository> {
        subscriptions.values().map(|one| one.repository.clone()).collect()
    };
    let (before, after) = (repositories(before), repositories(after));
    // Which stack is subscribed is decided by the stack's own record, on whose revision the transaction depends.
    let put = |repository| {
        let item = key_attributes(&Key::subscriber(repository, stack));
        Write::Put(item, Condition::Always)
    };
    let delete = |repository| Write::Delete(Key::subscriber(repository, stack), Condition::Always);
    let gone = before.difference(&after).map(delete);
    after.difference(&before).map(put).chain(gone).collect()
}
