//! Reading items by their keys: one, or some with one request.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use serde::de::DeserializeOwned;

use crate::item::{Item, decode, key_attributes, key_of};
use crate::table::Key;
use crate::write::{aws, pause, unbuilt};
use crate::{Error, Store};

/// What was found at some keys.
#[derive(Debug)]
pub(crate) struct Found(HashMap<Key, Item>);

impl Found {
    /// The record at a key.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, key: &Key) -> Result<Option<T>, Error> {
        let item = self.0.remove(key);
        item.map(|item| decode(key, item)).transpose()
    }

    /// The items at these keys, in this order, of those that there are.
    pub(crate) fn in_order(mut self, keys: &[Key]) -> impl Iterator<Item = (&Key, Item)> {
        keys.iter().filter_map(move |key| Some((key, self.0.remove(key)?)))
    }
}

impl Store {
    /// The item at a key, as the last write left it.
    pub(crate) async fn get_item(&self, key: &Key) -> Result<Option<Item>, Error> {
        if !key.fits() {
            return Ok(None);
        }
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        // On the heap, as every request of this crate: the futures of all callers would contain this large one, once for each await.
        let answer = Box::pin(request.set_key(Some(key_attributes(key))).send()).await;
        Ok(answer.map_err(|error| aws("read an item", error))?.item)
    }

    /// The record at a key, as the last write left it.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Error> {
        let item = self.get_item(key).await?;
        item.map(|item| decode(key, item)).transpose()
    }

    /// The record at a key; where there is none, the error says that there is no `what`.
    pub(crate) async fn require<T: DeserializeOwned>(
        &self,
        key: &Key,
        what: impl FnOnce() -> String,
    ) -> Result<T, Error> {
        self.get(key).await?.ok_or_else(|| Error::NotFound { what: what() })
    }

    /// What is at these keys, at most a hundred and each only once, as the last writes left it.
    pub(crate) async fn get_some(&self, keys: &[Key]) -> Result<Found, Error> {
        let mut found = HashMap::new();
        let mut wanted: Vec<Item> = keys.iter().filter(|key| key.fits()).map(key_attributes).collect();
        let mut attempt = 0;
        // DynamoDB answers 16 MB at a time, or less when it has much to do, and says which keys it has left.
        while !wanted.is_empty() {
            if attempt > 0 {
                pause(attempt).await;
            }
            attempt += 1;
            let batch = KeysAndAttributes::builder()
                .consistent_read(true)
                .set_keys(Some(wanted));
            let batch = batch.build().map_err(|error| unbuilt("read some items", error))?;
            let request = self.client.batch_get_item().request_items(&self.table, batch);
            let answer = Box::pin(request.send()).await;
            let answer = answer.map_err(|error| aws("read some items", error))?;
            let items = answer.responses.and_then(|mut tables| tables.remove(&self.table));
            found.extend(items.unwrap_or_default().into_iter().map(|item| (key_of(&item), item)));
            let left = answer
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(&self.table));
            wanted = left.map(|keys| keys.keys).unwrap_or_default();
        }
        Ok(Found(found))
    }
}
