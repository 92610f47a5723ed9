//! Stacks and operations, a page at a time.
//!
//! A page is one query on the most selective index, whose other filters are applied to the keys of that page alone, and one
//! read of the records that are left: what a page costs depends on the page, and not on how much there is.

use jiff::Timestamp;
use semver::Version;
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Name;
use slipway_model::operation::{Operation, OperationStatus};
use slipway_model::stack::{Stack, StackStatus};

use crate::cursor::Cursor;
use crate::error::InvalidCursor;
use crate::item::key_of;
use crate::query::Query;
use crate::stack::claimed;
use crate::table::{self, Index, Key};
use crate::{Error, Page, Store};

/// Which stacks to list: those that satisfy every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackFilter {
    /// What they are called. A destroyed stack has given its name away: it is found only among those with that status, page by page.
    pub name: Option<Name>,
    /// The environment they live in.
    pub environment: Option<Name>,
    /// The blueprint they are made from.
    pub blueprint: Option<Name>,
    /// The version of the blueprint.
    pub version: Option<Version>,
    /// Their status. Destroyed stacks are listed only with this status.
    pub status: Option<StackStatus>,
    /// Who owns them.
    pub owner: Option<String>,
}

impl StackFilter {
    /// The partitions that hold the stacks which satisfy each part, the most selective first.
    fn partitions(&self) -> Vec<(Index, String)> {
        let destroyed = self.status == Some(StackStatus::Destroyed);
        let of = |index, value: &str| (index, table::of_stacks(value, destroyed));
        let status = self
            .status
            .map(|status| (Index::Status, table::stacks_with_status(status)));
        // Stacks are ready most of the time and destroyed for ever; in any other status there are few.
        let (few, many): (Vec<_>, Vec<_>) = status
            .into_iter()
            .partition(|_| !matches!(self.status, Some(StackStatus::Ready | StackStatus::Destroyed)));
        let owner = self.owner.as_ref().map(|owner| of(Index::Owner, owner));
        let blueprint = self.blueprint.as_ref().map(|name| of(Index::Blueprint, name.as_str()));
        let environment = self
            .environment
            .as_ref()
            .map(|name| of(Index::Environment, name.as_str()));
        let parts = few
            .into_iter()
            .chain(owner)
            .chain(blueprint)
            .chain(environment)
            .chain(many);
        let mut parts: Vec<_> = parts.collect();
        if parts.is_empty() {
            parts.push((Index::Collection, table::all_stacks(destroyed)));
        }
        parts
    }

    /// Whether a stack satisfies every part: the index is a moment behind the record.
    fn admits(&self, stack: &Stack) -> bool {
        self.name.as_ref().is_none_or(|name| *name == stack.name)
            && self.environment.as_ref().is_none_or(|name| *name == stack.environment)
            && self
                .blueprint
                .as_ref()
                .is_none_or(|name| *name == stack.configuration.blueprint)
            && self
                .version
                .as_ref()
                .is_none_or(|version| *version == stack.configuration.version)
            && self.owner.as_ref().is_none_or(|owner| *owner == stack.owner)
            && match self.status {
                Some(status) => status == stack.status,
                None => stack.status != StackStatus::Destroyed,
            }
    }
}

impl Store {
    /// Stacks, the newest first. `limit` counts up to [`PAGE`](crate::PAGE).
    pub async fn stacks(
        &self,
        filter: &StackFilter,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Stack>, Error> {
        let is_live = filter.status != Some(StackStatus::Destroyed);
        if let Some(name) = filter.name.as_ref().filter(|_| is_live) {
            let mut page = self
                .stacks_named(name, filter.environment.as_ref(), limit, cursor)
                .await?;
            page.items.retain(|stack| filter.admits(stack));
            return Ok(page);
        }
        let query = Query::filtered(filter.partitions()).newest_first();
        let mut page: Page<Stack> = self.indexed_page(&query, limit, cursor).await?;
        page.items.retain(|stack| filter.admits(stack));
        Ok(page)
    }

    /// The live stacks of a name, of which an environment has one at most: a page of them is a page of environments.
    async fn stacks_named(
        &self,
        name: &Name,
        environment: Option<&Name>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Stack>, Error> {
        let (environments, next) = match (environment, cursor) {
            (Some(environment), None) => (vec![environment.clone()], None),
            // One environment is one page.
            (Some(_), Some(_)) => return Err(InvalidCursor.into()),
            (None, cursor) => {
                let mut query = Query::of_items(table::ENVIRONMENTS, "");
                query.sought = Some(name.clone());
                let (items, next) = self.query(&query, limit, cursor).await?;
                let names = items.iter().filter_map(|item| key_of(item).sk.parse().ok());
                (names.collect(), next)
            }
        };
        let claims: Vec<Key> = environments
            .iter()
            .map(|environment| Key::name(environment, name))
            .collect();
        let claims = self.get_some(&claims).await?.in_order(&claims);
        let stacks = claims
            .map(|(claim, item)| Ok(Key::stack(&claimed(claim, &item)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let items = self.records(&stacks).await?;
        Ok(Page { items, next })
    }

    /// The operations of a stack, the newest first.
    pub async fn operations(
        &self,
        stack: &StackId,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Operation>, Error> {
        let query = Query::of_index(Index::Collection, table::operations_of(stack)).newest_first();
        self.indexed_page(&query, limit, cursor).await
    }

    /// The operations of every stack that have this status and were requested since then: the oldest first, or the newest first if
    /// they have ended.
    pub async fn operations_with_status(
        &self,
        status: OperationStatus,
        since: Option<Timestamp>,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Operation>, Error> {
        let index = table::operations_index(status);
        let mut query = Query::of_index(index, table::operations_with_status(status));
        if let Some(since) = since {
            query = query.after(OperationId::first_at(since).to_string());
        }
        if status.has_ended() {
            query = query.newest_first();
        }
        let mut page: Page<Operation> = self.indexed_page(&query, limit, cursor).await?;
        page.items.retain(|operation| operation.status == status);
        Ok(page)
    }

    /// The operations that have ended and whose result was not reported to the requesting account, the oldest first.
    pub async fn operations_with_result_due(
        &self,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Operation>, Error> {
        let query = Query::of_index(Index::Status, table::RESULT_DUE.to_owned());
        let mut page: Page<Operation> = self.indexed_page(&query, limit, cursor).await?;
        page.items.retain(Operation::owes_result);
        Ok(page)
    }

    /// The operations that have ended before everything that they stopped ran again, the oldest first.
    pub async fn operations_with_resume_due(
        &self,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Operation>, Error> {
        let query = Query::of_index(Index::Status, table::RESUME_DUE.to_owned());
        let mut page: Page<Operation> = self.indexed_page(&query, limit, cursor).await?;
        page.items.retain(Operation::owes_resume);
        Ok(page)
    }
}
