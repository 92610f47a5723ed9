//! Sessions of assumed roles: their credentials, and the clients that work in them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

/// Credentials are not used in the last minutes of their hour: what a function does with them takes less.
const MARGIN: Duration = Duration::from_mins(5);

/// How many clients are held at once. Operations and stacks come and go; this many are at work side by side rarely.
const HELD: usize = 16;

/// The credentials that STS gave. An end that cannot be read has passed. `name` is what the SDK's messages call them.
pub fn credentials(given: aws_sdk_sts::types::Credentials, name: &'static str) -> Credentials {
    let end = SystemTime::try_from(given.expiration).unwrap_or(SystemTime::UNIX_EPOCH);
    Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        Some(end),
        name,
    )
}

/// The configuration of clients that work in a session. The SDK keeps nothing: the provider says which credentials are good.
pub fn in_session(sdk: &SdkConfig, credentials: impl ProvideCredentials + 'static) -> SdkConfig {
    sdk.clone()
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::no_cache())
        .build()
}

/// Clients, by what each may reach, until shortly before their credentials end. Clones share them.
#[derive(Debug, Clone)]
pub struct HeldClients<K, C>(Arc<Mutex<Vec<Held<K, C>>>>);

#[derive(Debug)]
struct Held<K, C> {
    key: K,
    /// When the credentials end; none for those that do not.
    end: Option<SystemTime>,
    client: C,
}

impl<K, C> Default for HeldClients<K, C> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: PartialEq, C: Clone> HeldClients<K, C> {
    /// The client under this key, if its credentials are good for a while.
    pub fn get(&self, key: &K) -> Option<C> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let soon = SystemTime::now() + MARGIN;
        held.retain(|one| one.end.is_none_or(|end| end > soon));
        let found = held.iter().find(|one| one.key == *key)?;
        Some(found.client.clone())
    }

    /// Holds a client whose credentials end then. The oldest makes room.
    pub fn hold(&self, key: K, end: Option<SystemTime>, client: C) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD {
            held.remove(0);
        }
        held.push(Held { key, end, client });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_is_held_until_its_credentials_almost_end() {
        let clients = HeldClients::default();
        let in_minutes = |minutes| Some(SystemTime::now() + Duration::from_mins(minutes));
        clients.hold("good", in_minutes(60), 1);
        clients.hold("almost over", in_minutes(4), 2);
        clients.hold("own", None, 3);
        let held = ["good", "almost over", "own", "another"].map(|key| clients.get(&key));
        assert_eq!(held, [Some(1), None, Some(3), None]);
    }

    #[test]
    fn oldest_client_makes_room() {
        let clients = HeldClients::default();
        for number in 0..=HELD {
            clients.hold(number, None, number);
        }
        assert_eq!(
            (clients.get(&0), clients.get(&1), clients.get(&HELD)),
            (None, Some(1), Some(HELD))
        );
    }
}
