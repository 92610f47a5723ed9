//! A login: the tokens that an identity provider gave for an endpoint, and how they are renewed.

pub mod device;
pub mod issuer;
pub mod saved;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::secret::Secret;
use issuer::{Answer, Tokens};
use saved::Logins;

/// A token that ends within this time is renewed before it is used.
const TOO_SHORT: Duration = Duration::from_secs(30);

/// What is saved of a login.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// The identity provider.
    pub issuer: String,
    /// What the identity provider calls this program.
    pub client_id: String,
    /// For whom the token is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The requested scopes.
    pub scope: String,
    /// Where tokens are renewed.
    pub token_endpoint: String,
    /// Where tokens are given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// What requests are sent with.
    pub token: Secret,
    /// What the token is renewed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// When the token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Session {
    /// Takes in tokens that the identity provider gave. One that gives no new refresh token leaves the old one good.
    pub fn take(&mut self, tokens: Tokens, now: Timestamp) -> Result<(), Error> {
        self.token = tokens.bearer()?;
        self.expires_at = tokens.lifetime().and_then(|lifetime| now.checked_add(lifetime).ok());
        if let Some(refresh_token) = tokens.refresh_token {
            self.refresh_token = Some(refresh_token);
        }
        Ok(())
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now + TOO_SHORT < expires_at)
    }
}

/// The login for an endpoint, in use.
#[derive(Debug)]
pub struct Login {
    endpoint: Endpoint,
    logins: Logins,
    session: Mutex<Session>,
}

impl Login {
    pub fn new(endpoint: Endpoint, logins: Logins, session: Session) -> Self {
        Self {
            endpoint,
            logins,
            session: Mutex::new(session),
        }
    }

    /// For which endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A token that is good now.
    pub async fn token(&self) -> Result<Secret, Error> {
        let mut session = self.session.lock().await;
        if !session.is_fresh(Timestamp::now()) {
            *session = self.renewed().await?;
        }
        Ok(session.token.clone())
    }

    /// Renews the token, unless another `slipway` has done so: a refresh token may be good for one time only.
    async fn renewed(&self) -> Result<Session, Error> {
        let ended = || Error::LoginEnded(self.endpoint.to_string());
        let logins = self.logins.lock()?;
        let mut session = logins.session(&self.endpoint)?.ok_or_else(ended)?;
        if session.is_fresh(Timestamp::now()) {
            return Ok(session);
        }
        let refresh_token = session.refresh_token.clone().ok_or_else(ended)?;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.reveal()),
            ("client_id", &session.client_id),
        ];
        match issuer::ask(&session.token_endpoint, &form).await? {
            Answer::Given(tokens) => session.take(tokens, Timestamp::now())?,
            Answer::Refused(refusal) if refusal.error == "invalid_grant" => return Err(ended()),
            Answer::Refused(refusal) => return Err(refusal.into_error("renew the login")),
        }
        logins.save(&self.endpoint, &session)?;
        Ok(session)
    }
}
