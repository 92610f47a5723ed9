//! Where a reader of a list is, as a text that only Slipway reads.
//!
//! A page may end at a record that its reader may not see. So the text is encrypted, and its length does not depend on the length of a
//! name. It is authenticated, too: a reader who could write one would find the names between two pages by trying. One position has one
//! text: a client that follows notifications knows by it that nothing is new.

use std::error::Error as StdError;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::InvalidCursor;
use crate::item::{Item, key_attributes, text};
use crate::table::Key;
use crate::write::{Condition, Write};
use crate::{Error, Store};

/// The longest text that is read: a key has at most 3 KB, a list's name repeats some of it, and Base64 adds a third.
const LENGTH: usize = 16 * 1024;

/// What is sealed has a multiple of so many bytes: names have at most 40.
const BLOCK: usize = 512;

/// The attribute with the key, in Base64.
const SECRET: &str = "secret";

/// The bytes of the secret.
const SECRET_BYTES: usize = 32;

/// What positions are encrypted with. Their nonces are made of themselves, so two positions never share one, and one position has one text.
#[derive(Debug)]
pub(crate) struct SealingKey {
    cipher: LessSafeKey,
    nonces: hmac::Key,
}

impl SealingKey {
    /// The keys that a secret stands for; `None` if it has another length.
    fn of(secret: &[u8]) -> Option<Self> {
        let secret = (secret.len() == SECRET_BYTES).then(|| hmac::Key::new(hmac::HMAC_SHA256, secret))?;
        let cipher = UnboundKey::new(&CHACHA20_POLY1305, hmac::sign(&secret, b"cipher").as_ref()).ok()?;
        Some(Self {
            cipher: LessSafeKey::new(cipher),
            nonces: hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, b"nonces").as_ref()),
        })
    }

    fn nonce_of(&self, position: &[u8]) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&hmac::sign(&self.nonces, position).as_ref()[..NONCE_LEN]);
        nonce
    }
}

impl Store {
    /// The text of a position in a list, for its reader.
    pub async fn seal(&self, position: &impl Serialize) -> Result<String, Error> {
        let failed = |source: Box<dyn StdError + Send + Sync>| Error::Encode {
            what: "a position in a list".to_owned(),
            source,
        };
        let mut sealed = serde_json::to_vec(position).map_err(|error| failed(error.into()))?;
        // JSON ends where its spaces begin.
        sealed.resize(sealed.len().next_multiple_of(BLOCK), b' ');
        let key = self.sealing_key_or_new().await?;
        let nonce = key.nonce_of(&sealed);
        key.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .map_err(|_| failed("it is too long".into()))?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), sealed.as_slice()].concat()))
    }

    /// The position in a text of [`Store::seal`]; [`Error::InvalidCursor`] for another text.
    pub async fn open<T: DeserializeOwned>(&self, text: &str) -> Result<T, Error> {
        let key = self.sealing_key().await?;
        let position = key.and_then(|key| opened(key, text));
        Ok(position.ok_or(InvalidCursor)?)
    }

    /// The key of this table, if it has one.
    async fn sealing_key(&self) -> Result<Option<&SealingKey>, Error> {
        if let Some(key) = self.sealing_key.get() {
            return Ok(Some(key));
        }
        let place = Key::sealing();
        let Some(item) = self.get_item(&place).await? else {
            return Ok(None);
        };
        let key = kept(&place, &item)?;
        Ok(Some(self.sealing_key.get_or_init(|| key)))
    }

    /// The key of this table, which the first text makes.
    async fn sealing_key_or_new(&self) -> Result<&SealingKey, Error> {
        if let Some(key) = self.sealing_key().await? {
            return Ok(key);
        }
        let place = Key::sealing();
        let secret: [u8; SECRET_BYTES] = rand::random();
        let mut item = key_attributes(&place);
        item.insert(SECRET.to_owned(), AttributeValue::S(URL_SAFE_NO_PAD.encode(secret)));
        // If another request comes first, its key counts.
        let made = self.write("make the key of cursors", vec![Write::Put(item, Condition::New)]);
        made.await.map(drop)?;
        self.sealing_key().await?.ok_or_else(|| Error::Conflict {
            what: place.to_string(),
        })
    }
}

fn kept(place: &Key, item: &Item) -> Result<SealingKey, Error> {
    let secret = URL_SAFE_NO_PAD.decode(text(place, item, SECRET)?).ok();
    let key = secret.and_then(|secret| SealingKey::of(&secret));
    key.ok_or_else(|| Error::Decode {
        what: place.to_string(),
        source: format!("`{SECRET}` is not a key").into(),
    })
}

fn opened<T: DeserializeOwned>(key: &SealingKey, text: &str) -> Option<T> {
    if text.len() > LENGTH {
        return None;
    }
    let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let position = key.cipher.open_in_place(nonce, Aad::empty(), sealed).ok()?;
    serde_json::from_slice(position).ok()
}
