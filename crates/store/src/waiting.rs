//! How many requests wait at once: each holds one of Lambda's concurrent executions, which all functions of an account share.
//!
//! A function knows nothing of its other instances, so the places are items of the table. One that is not given back, because its
//! function ended early, expires.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use crate::idempotency::expiry;
use crate::item::key_attributes;
use crate::table::{EXPIRES_AT, Key};
use crate::write::{Condition, Write, Written};
use crate::{Error, Store};

/// How many places are tried: of many, one of a few is free unless nearly all are taken.
const TRIES: u16 = 5;

/// How much longer than its wait a place is kept: an answer takes some time, and clocks differ.
const SPARE: SignedDuration = SignedDuration::from_secs(5);

/// Who holds the place.
const HOLDER: &str = "holder";

/// A place to wait in.
#[derive(Debug)]
pub struct WaitingPlace {
    key: Key,
    holder: String,
}

impl Store {
    /// Takes one of so many places, for this long; `None` where none was found free.
    pub async fn take_waiting_place(&self, places: u16, longest: Duration) -> Result<Option<WaitingPlace>, Error> {
        if places == 0 {
            return Ok(None);
        }
        let first: u16 = rand::random_range(0..places);
        let holder = format!("{:032x}", rand::random::<u128>());
        let kept = SignedDuration::try_from(longest)
            .unwrap_or(SignedDuration::MAX)
            .saturating_add(SPARE);
        for offset in 0..TRIES.min(places) {
            let key =
                Key::waiting(u16::try_from((u32::from(first) + u32::from(offset)) % u32::from(places)).unwrap_or(0));
            let now = Timestamp::now();
            let mut item = key_attributes(&key);
            item.insert(HOLDER.to_owned(), AttributeValue::S(holder.clone()));
            item.insert(EXPIRES_AT.to_owned(), expiry(now, kept));
            let write = Write::Put(item, Condition::NewOrExpired(now));
            if self.write("take a place to wait", vec![write]).await? == Written::Yes {
                return Ok(Some(WaitingPlace { key, holder }));
            }
        }
        Ok(None)
    }

    /// Releases a waiting place, unless it has expired and belongs to another request.
    pub async fn leave_waiting_place(&self, place: WaitingPlace) -> Result<(), Error> {
        let write = Write::Delete(place.key, Condition::Text(HOLDER, place.holder));
        self.write("leave a place to wait", vec![write]).await.map(drop)
    }
}
