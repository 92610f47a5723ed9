//! The device flow (RFC 8628): a person permits the login in a browser on any device.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::issuer::{Answer, Metadata, Refusal, Tokens, ask, plain};
use crate::error::Error;
use crate::secret::Secret;

/// The default interval of polls in seconds, and how much it grows when the identity provider asks to slow down.
const INTERVAL: u64 = 5;

/// The codes for the person and for the polls.
#[derive(Debug, Deserialize)]
pub struct Grant {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// The request for a login.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub client_id: &'a str,
    pub audience: Option<&'a str>,
    pub scope: &'a str,
}

/// Begins.
pub async fn begin(metadata: &Metadata, wanted: &Wanted<'_>) -> Result<Grant, Error> {
    let mut form = vec![("client_id", wanted.client_id), ("scope", wanted.scope)];
    form.extend(wanted.audience.map(|audience| ("audience", audience)));
    match ask(metadata.device_endpoint()?, &form).await? {
        Answer::Given(grant) => Ok(grant),
        Answer::Refused(refusal) => Err(refusal.into_error("begin a login")),
    }
}

impl Grant {
    /// What a person has to do.
    pub fn instructions(&self) -> String {
        let code = plain(&self.user_code);
        let line = match &self.verification_uri_complete {
            Some(complete) => format!("\n(or, with the code in it: {})", plain(complete)),
            None => String::new(),
        };
        format!("Open {} and enter the code {code}{line}", plain(&self.verification_uri))
    }

    /// Asks until the person has decided, or the time is over.
    pub async fn tokens(&self, metadata: &Metadata, client_id: &str) -> Result<Tokens, Error> {
        let until = Instant::now() + Duration::from_secs(self.expires_in);
        let mut interval = Duration::from_secs(self.interval.unwrap_or(INTERVAL));
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", self.device_code.reveal()),
            ("client_id", client_id),
        ];
        loop {
            sleep(interval).await;
            if Instant::now() >= until {
                return Err(expired());
            }
            match ask(&metadata.token_endpoint, &form).await {
                Ok(Answer::Given(tokens)) => return Ok(tokens),
                Ok(Answer::Refused(refusal)) => interval += longer(refusal)?,
                // The network may be down for a moment: poll less often, until the deadline.
                Err(Error::IssuerUnreachable { .. }) => interval = interval.max(Duration::from_secs(1)) * 2,
                Err(error) => return Err(error),
            }
        }
    }
}

/// By how much longer to wait from now on; an error where there is nothing to wait for.
fn longer(refusal: Refusal) -> Result<Duration, Error> {
    match refusal.error.as_str() {
        "authorization_pending" => Ok(Duration::ZERO),
        "slow_down" => Ok(Duration::from_secs(INTERVAL)),
        "access_denied" => Err(Error::Login(
            "the login was denied in the browser: run `slipway login` again if that was a mistake".to_owned(),
        )),
        "expired_token" => Err(expired()),
        _ => Err(refusal.into_error("end the login")),
    }
}

fn expired() -> Error {
    Error::Login("the code was not entered in time: run `slipway login` again".to_owned())
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
