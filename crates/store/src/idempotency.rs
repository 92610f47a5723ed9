//! Answers that are given again, byte for byte.
//!
//! DynamoDB's own client token lasts ten minutes, and people come back later than that: the record is ours.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use slipway_model::name::Digest;

use crate::item::{Item, check_size, key_attributes, text};
use crate::table::{EXPIRES_AT, Key};
use crate::write::{Condition, Write, Written};
use crate::{Error, Store};

/// How long an answer is kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A caller's `Idempotency-Key`, and what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Whose key it is: two callers may use the same one.
    pub caller: String,
    /// The key.
    pub key: String,
    /// The digest of the request: method, path and body.
    pub request: Digest,
}

/// An HTTP answer, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    New,
    /// The same request was answered so.
    Replayed(Answer),
    /// Another request came with the key.
    KeyReused,
}

impl Store {
    /// What is known of a key. Ask before anything is validated: a request that is repeated is answered as it was, whatever
    /// has happened to the stack since.
    pub async fn answered(&self, idempotency: &Idempotency) -> Result<Known, Error> {
        let key = Key::answer(&idempotency.caller, &idempotency.key);
        let Some(item) = self.get_item(&key).await? else {
            return Ok(Known::New);
        };
        if expired(&item, Timestamp::now()) {
            return Ok(Known::New);
        }
        if text(&key, &item, "request")? != idempotency.request.as_str() {
            return Ok(Known::KeyReused);
        }
        Ok(Known::Replayed(answer(&key, &item)?))
    }

    /// Keeps the answer to a request that creates no operation. The first answer stays: what comes back is
    /// [`Known::New`] when it was this one.
    pub async fn remember(&self, idempotency: &Idempotency, answer: &Answer) -> Result<Known, Error> {
        let write = record(idempotency, answer, Timestamp::now())?;
        match self.write("keep an answer", vec![write]).await? {
            Written::Yes => Ok(Known::New),
            Written::Conflict => self.answered(idempotency).await,
        }
    }
}

/// The write that keeps an answer, unless there is one.
pub(crate) fn record(idempotency: &Idempotency, answer: &Answer, now: Timestamp) -> Result<Write, Error> {
    let key = Key::answer(&idempotency.caller, &idempotency.key);
    let pair = |(name, value): &(String, String)| {
        AttributeValue::L(vec![AttributeValue::S(name.clone()), AttributeValue::S(value.clone())])
    };
    let mut item = key_attributes(&key);
    item.extend([
        ("request".to_owned(), AttributeValue::S(idempotency.request.to_string())),
        ("status".to_owned(), AttributeValue::N(answer.status.to_string())),
        (
            "headers".to_owned(),
            AttributeValue::L(answer.headers.iter().map(pair).collect()),
        ),
        ("body".to_owned(), AttributeValue::B(Blob::new(answer.body.clone()))),
        (EXPIRES_AT.to_owned(), expiry(now, KEPT)),
    ]);
    check_size(&key, &item)?;
    Ok(Write::Put(item, Condition::NewOrExpired(now)))
}

/// The value of [`EXPIRES_AT`] for what is kept this long.
pub(crate) fn expiry(now: Timestamp, kept: SignedDuration) -> AttributeValue {
    AttributeValue::N((now.as_second() + kept.as_secs()).to_string())
}

fn expired(item: &Item, now: Timestamp) -> bool {
    let expires_at = item.get(EXPIRES_AT).and_then(|value| value.as_n().ok());
    expires_at
        .and_then(|digits| digits.parse().ok())
        .is_some_and(|at: i64| at < now.as_second())
}

fn answer(key: &Key, item: &Item) -> Result<Answer, Error> {
    let pair = |value: &AttributeValue| match value.as_l().ok()?.as_slice() {
        [AttributeValue::S(name), AttributeValue::S(value)] => Some((name.clone(), value.clone())),
        _ => None,
    };
    let read = || {
        Some(Answer {
            status: item.get("status")?.as_n().ok()?.parse().ok()?,
            headers: item
                .get("headers")?
                .as_l()
                .ok()?
                .iter()
                .map(pair)
                .collect::<Option<_>>()?,
            body: item.get("body")?.as_b().ok()?.clone().into_inner(),
        })
    };
    read().ok_or_else(|| Error::Decode {
        what: key.to_string(),
        source: "it is not an answer".into(),
    })
}
