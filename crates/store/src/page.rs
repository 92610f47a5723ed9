//! The pages of a list.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::cursor::Cursor;
use crate::item::{Item, bytes, decode, key_of};
use crate::query::Query;
use crate::table::{Key, LISTED, PARTITION_BYTES, PK, SK};
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

impl Store {
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
    pub(crate) async fn records<T: serde::de::DeserializeOwned>(&self, keys: &[Key]) -> Result<Vec<T>, Error> {
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

    pub(crate) async fn query(
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
        let answer = Box::pin(request.send()).await;
        let answer = answer.map_err(|error| aws("query a list", error))?;
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
