//! Stacks and operations, a page at a time.
//!
//! A page is one query on the most selective index, whose other filters are applied to the keys of that page alone, and one
//! read of the records that are left: what a page costs depends on the page, and not on how much there is.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Name;
use slipway_model::operation::{Operation, OperationStatus};
use slipway_model::stack::{Stack, StackStatus};

use crate::cursor::{Cursor, InvalidCursor};
use crate::item::{Item, bytes, decode, key_of};
use crate::stack::claimed;
use crate::table::{self, Index, Key, LISTED, PARTITION_BYTES, PK, SK};
use crate::write::aws;
use crate::{Error, Store};

/// The most records of a page: what one `BatchGetItem` takes.
pub const PAGE: u16 = 100;

/// The most bytes of the records of a page, unless it is one record. Lambda answers 6 MB, and counts a quote of JSON as two characters
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The records. There may be fewer than the page size, or none, although `next` is set.
    pub items: Vec<T>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<Cursor>,
}

/// Which stacks to list: those that satisfy every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackFilter {
    /// What they are called. A destroyed stack has given its name away, and is found by none.
    pub name: Option<Name>,
    /// The environment they live in.
    pub environment: Option<Name>,
    /// The blueprint they are made from.
    pub blueprint: Option<Name>,
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
            && self.owner.as_ref().is_none_or(|owner| *owner == stack.owner)
            && match self.status {
                Some(status) => status == stack.status,
                None => stack.status != StackStatus::Destroyed,
            }
    }
}

/// A list: which items, and in which order.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// The index, or the table itself.
    pub index: Option<Index>,
    /// The partition.
    pub partition: String,
    /// What the sort keys start with.
    pub prefix: Option<&'static str>,
    /// What else the items must have, by attribute.
    filters: Vec<(Index, String)>,
    /// The name of what is looked up for each item, where the list is of that.
    sought: Option<Name>,
    newest_first: bool,
    /// The sort key after which it begins.
    after: Option<String>,
}

impl Query {
    /// The items of a partition of the table whose sort key starts with `prefix`, in its order.
    pub fn of_items(partition: &str, prefix: &'static str) -> Self {
        Self {
            index: None,
            partition: partition.to_owned(),
            prefix: (!prefix.is_empty()).then_some(prefix),
            filters: Vec::new(),
            sought: None,
            newest_first: false,
            after: None,
        }
    }

    pub fn of_index(index: Index, partition: String) -> Self {
        Self {
            index: Some(index),
            partition,
            prefix: None,
            filters: Vec::new(),
            sought: None,
            newest_first: false,
            after: None,
        }
    }

    /// The items that are in each of these partitions, the most selective of which is first.
    pub fn filtered(mut parts: Vec<(Index, String)>) -> Self {
        let (index, partition) = parts.remove(0);
        Self {
            filters: parts,
            ..Self::of_index(index, partition)
        }
    }

    pub fn newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }

    /// The items of an index whose sort key is greater than this.
    pub fn after(mut self, sort: String) -> Self {
        self.after = Some(sort);
        self
    }

    /// The list's name in its cursors: two lists that go on at the same key are not the same list.
    pub fn name(&self) -> String {
        let filter = |(index, value): &(Index, String)| format!(" {}={value}", index.partition());
        let filters: String = self.filters.iter().map(filter).collect();
        let sought = self.sought.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let index = self.index.map_or("table", Index::name);
        format!(
            "{index} {} {}{filters}{sought}",
            self.partition,
            self.prefix.unwrap_or_default()
        )
    }
}

impl Store {
    /// Stacks, the newest first. `limit` counts up to [`PAGE`].
    pub async fn stacks(
        &self,
        filter: &StackFilter,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Stack>, Error> {
        if let Some(name) = &filter.name {
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

    /// A page of records that are kept where they are listed.
    pub(crate) async fn page<T>(
        &self,
        query: &Query,
        limit: u16,
        cursor: Option<&Cursor>,
        record: impl Fn(&Key, Item) -> Result<T, Error>,
    ) -> Result<Page<T>, Error> {
        let (mut items, mut next) = self.query(query, limit, cursor).await?;
        let kept = fitting(&items);
        if kept < items.len() {
            items.truncate(kept);
            next = items.last().map(|last| Cursor::after(query, last));
        }
        let items = items.into_iter().map(|item| record(&key_of(&item), item));
        Ok(Page {
            items: items.collect::<Result<_, _>>()?,
            next,
        })
    }

    /// A page of records by an index of their keys.
    pub(crate) async fn indexed_page<T>(
        &self,
        query: &Query,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<T>, Error>
    where
        T: serde::de::DeserializeOwned,
    {
        self.indexed_page_of(query, limit, cursor, decode).await
    }

    /// Likewise, of items that `record` reads.
    pub(crate) async fn indexed_page_of<T>(
        &self,
        query: &Query,
        limit: u16,
        cursor: Option<&Cursor>,
        record: impl Fn(&Key, Item) -> Result<T, Error>,
    ) -> Result<Page<T>, Error> {
        let (listed, mut next) = self.query(query, limit, cursor).await?;
        let keys: Vec<Key> = listed.iter().map(key_of).collect();
        let (keys, mut items): (Vec<_>, Vec<_>) = self.get_some(&keys).await?.in_order(&keys).unzip();
        let kept = fitting(&items);
        if kept < items.len() {
            items.truncate(kept);
            let last = listed.iter().find(|item| Some(&&key_of(item)) == keys.get(kept - 1));
            next = last.map(|last| Cursor::after(query, last));
        }
        let items = keys.into_iter().zip(items).map(|(key, item)| record(key, item));
        Ok(Page {
            items: items.collect::<Result<_, _>>()?,
            next,
        })
    }

    /// The records at these keys, at most [`PAGE`], of those that there are.
    async fn records<T: serde::de::DeserializeOwned>(&self, keys: &[Key]) -> Result<Vec<T>, Error> {
        let items = self.get_some(keys).await?.in_order(keys);
        items.map(|(key, item)| decode(key, item)).collect()
    }

    /// Every item of a list that is known to be short, or its first ones.
    pub(crate) async fn query_all(&self, query: &Query, most: Option<u16>) -> Result<Vec<Item>, Error> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let (items, next) = self.query(query, most.unwrap_or(PAGE), cursor.as_ref()).await?;
            all.extend(items);
            match next {
                Some(next) if most.is_none() => cursor = Some(next),
                _ => return Ok(all),
            }
        }
    }

    async fn query(
        &self,
        query: &Query,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<(Vec<Item>, Option<Cursor>), Error> {
        let start = cursor.map(|cursor| cursor.key_in(query)).transpose()?;
        // DynamoDB rejects a longer key, so nothing is there.
        if query.partition.len() > PARTITION_BYTES {
            return Ok((Vec::new(), None));
        }
        let (partition, sort) = query.index.map_or((PK, SK), |index| (index.partition(), LISTED));
        let mut request = self
            .client
            .query()
            .table_name(&self.table)
            .set_index_name(query.index.map(|index| index.name().to_owned()))
            // An index has no consistent reads.
            .consistent_read(query.index.is_none())
            .scan_index_forward(!query.newest_first)
            .limit(i32::from(limit.clamp(1, PAGE)))
            .set_exclusive_start_key(start)
            .expression_attribute_names("#p", partition)
            .expression_attribute_values(":p", AttributeValue::S(query.partition.clone()));
        let mut condition = "#p = :p".to_owned();
        if let Some(prefix) = query.prefix {
            condition.push_str(" AND begins_with(#s, :s)");
            request = request
                .expression_attribute_names("#s", sort)
                .expression_attribute_values(":s", AttributeValue::S(prefix.to_owned()));
        }
        if let Some(after) = &query.after {
            condition.push_str(" AND #s > :s");
            request = request
                .expression_attribute_names("#s", sort)
                .expression_attribute_values(":s", AttributeValue::S(after.clone()));
        }
        let mut filters = Vec::new();
        for (number, (index, value)) in query.filters.iter().enumerate() {
            filters.push(format!("#f{number} = :f{number}"));
            request = request
                .expression_attribute_names(format!("#f{number}"), index.partition())
                .expression_attribute_values(format!(":f{number}"), AttributeValue::S(value.clone()));
        }
        let filters = (!filters.is_empty()).then(|| filters.join(" AND "));
        let request = request
            .key_condition_expression(condition)
            .set_filter_expression(filters);
        let answer = request.send().await.map_err(|error| aws("query a list", error))?;
        let next = answer.last_evaluated_key.map(|key| Cursor::new(query, &key));
        Ok((answer.items.unwrap_or_default(), next))
    }
}

/// How many of these records fit into a page; at least one, if there is one.
fn fitting(items: &[Item]) -> usize {
    let mut sum = 0;
    let within = items.iter().take_while(|item| {
        sum += bytes(item);
        sum <= PAGE_BYTES
    });
    within.count().max(1)
}
