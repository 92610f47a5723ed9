//! The SHA-256 of what `init` made for a blueprint version, which is kept in the artifacts bucket for all its stacks.
//!
//! Every build may write the object. The table alone says what it has to be: what is in the bucket and not on the record is not
//! used.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use slipway_model::name::Digest;

use crate::idempotency::expiry;
use crate::item::encode;
use crate::table::{EXPIRES_AT, Key};
use crate::write::{Condition, Write, Written};
use crate::{Error, Store};

/// For how long it is known: a day longer than the bucket keeps the object.
const KEPT: SignedDuration = SignedDuration::from_hours(31 * 24);

/// What the object has to be.
#[derive(Debug, Serialize, Deserialize)]
struct Prepared {
    sha256: Digest,
}

impl Store {
    /// The SHA-256 of the prepared folder with this key; none where no build has recorded one.
    pub async fn prepared(&self, key: &str) -> Result<Option<Digest>, Error> {
        let prepared: Option<Prepared> = self.get(&Key::prepared(key)).await?;
        Ok(prepared.map(|prepared| prepared.sha256))
    }

    /// Records the prepared folder that a build is about to keep under this key.
    pub async fn record_prepared(&self, key: &str, sha256: &Digest) -> Result<(), Error> {
        let sha256 = sha256.clone();
        let mut item = encode(&Key::prepared(key), Vec::new(), &Prepared { sha256 })?;
        item.insert(EXPIRES_AT.to_owned(), expiry(Timestamp::now(), KEPT));
        let write = Write::Put(item, Condition::Always);
        match self.write("record a prepared folder", vec![write]).await? {
            Written::Yes => Ok(()),
            Written::Conflict => Err(Error::Conflict {
                what: format!("the prepared folder {key}"),
            }),
        }
    }
}
