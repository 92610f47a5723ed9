//! Secrets of webhooks, and signatures as Standard Webhooks defines them
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>), for which there are libraries.
//!
//! The secret of a webhook is derived from the key of the installation and the webhook's ID. So it is shown once, and stored nowhere:
//! the key is not in the table.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use super::WebhookId;

/// How many bytes keys and secrets have.
pub const LENGTH: usize = 32;

/// The key of an installation, from which the secrets of its webhooks are derived.
#[derive(Clone)]
pub struct InstallationKey([u8; LENGTH]);

/// The secret that a webhook's receiver knows.
pub struct Secret([u8; LENGTH]);

/// Bytes that are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key of the installation has {0} bytes, not {LENGTH}")]
pub struct InvalidKey(usize);

impl InstallationKey {
    /// The key of these random bytes.
    pub fn new(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// The key that was stored.
    pub fn read(bytes: &[u8]) -> Result<Self, InvalidKey> {
        bytes.try_into().map(Self).map_err(|_| InvalidKey(bytes.len()))
    }

    /// The key as it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret of a webhook.
    pub fn secret(&self, webhook: &WebhookId) -> Secret {
        Secret(mac(&self.0, &[b"slipway/webhook/", webhook.to_string().as_bytes()]))
    }
}

impl Secret {
    /// The secret as receivers configure it.
    pub fn reveal(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// The header `webhook-signature` of a message.
    pub fn sign(&self, id: &str, time: Timestamp, body: &[u8]) -> String {
        let time = time.as_second().to_string();
        let signature = mac(&self.0, &[id.as_bytes(), b".", time.as_bytes(), b".", body]);
        format!("v1,{}", STANDARD.encode(signature))
    }
}

/// HMAC-SHA256 of some parts, one after the other.
fn mac(key: &[u8; LENGTH], parts: &[&[u8]]) -> [u8; LENGTH] {
    // A key that is shorter than a block of the hash counts as if zeros followed it: RFC 2104.
    let mut block = [0_u8; 64];
    block[..LENGTH].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Never prints a key.
impl fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationKey")
    }
}

/// Never prints a secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
