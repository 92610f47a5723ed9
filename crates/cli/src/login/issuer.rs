//! What an identity provider says: where its endpoints are, and what it answers there.
//!
//! Three requests are all that is needed of `OpenID` Connect, OAuth 2.0 (RFC 6749) and its device grant (RFC 8628), so they
//! are made here, by the HTTP client that is there anyway.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::secret::Secret;

/// How long an identity provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of an unexpected response is shown.
const ANSWER_SHOWN: usize = 200;

/// The parts of a provider's metadata (`OpenID` Connect Discovery 1.0) that are of use here.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    issuer: String,
    pub token_endpoint: String,
    device_authorization_endpoint: Option<String>,
    pub revocation_endpoint: Option<String>,
}

impl Metadata {
    /// Where the device flow begins.
    pub fn device_endpoint(&self) -> Result<&str, Error> {
        self.device_authorization_endpoint.as_deref().ok_or_else(|| {
            Error::Login(format!(
                "{} offers no device flow (its metadata has no device_authorization_endpoint): turn it on for this client, or get a \
                 token in another way and set SLIPWAY_TOKEN",
                self.issuer
            ))
        })
    }
}

/// Asks an issuer where its endpoints are.
pub async fn discover(issuer: &str) -> Result<Metadata, Error> {
    let base = Endpoint::parse(issuer).map_err(|what| Error::Usage(format!("--issuer: {what}")))?;
    let url = format!("{base}/.well-known/openid-configuration");
    let answer = http()?.get(&url).send().await.map_err(unreachable(&url))?;
    let (status, text) = (answer.status(), answer.text().await.map_err(unreachable(&url))?);
    if !status.is_success() {
        return Err(Error::Login(format!(
            "{url} answered {status}: --issuer has to be the issuer's URL as its tokens name it"
        )));
    }
    let metadata: Metadata = read(&url, status, &text)?;
    // As Discovery demands: another issuer's metadata would send us elsewhere.
    if metadata.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
        return Err(Error::Login(format!(
            "{url} is the metadata of the issuer {:?}, not of {issuer:?}: give --issuer as the issuer writes it",
            metadata.issuer
        )));
    }
    let endpoints = [
        Some(&metadata.token_endpoint),
        metadata.device_authorization_endpoint.as_ref(),
        metadata.revocation_endpoint.as_ref(),
    ];
    for endpoint in endpoints.into_iter().flatten() {
        Endpoint::parse(endpoint)
            .map_err(|what| Error::Login(format!("{url} names an endpoint that is not safe: {what}")))?;
    }
    Ok(metadata)
}

/// Tokens.
#[derive(Debug, Deserialize)]
pub struct Tokens {
    access_token: Secret,
    id_token: Option<Secret>,
    pub refresh_token: Option<Secret>,
    expires_in: Option<u32>,
}

impl Tokens {
    /// The one that API Gateway can check: the access token if it is a JWT, or else the id token.
    pub fn bearer(&self) -> Result<Secret, Error> {
        let tokens = [Some(&self.access_token), self.id_token.as_ref()];
        let jwt = tokens.into_iter().flatten().find(|token| is_jwt(token.reveal()));
        jwt.cloned().ok_or_else(|| {
            Error::Login(
                "the identity provider gave no token that the API can check (a JWT): name the API with --audience, or ask for the \
                 scope `openid`"
                    .to_owned(),
            )
        })
    }

    /// How long they are good.
    pub fn lifetime(&self) -> Option<Duration> {
        self.expires_in.map(|seconds| Duration::from_secs(seconds.into()))
    }
}

/// Three parts, of which the first two are JSON objects in base64: an object begins with `{"`, which is `eyJ` there.
fn is_jwt(token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    parts.len() == 3 && parts[..2].iter().all(|part| part.starts_with("eyJ"))
}

/// Why it gave none: the answer of an error in OAuth 2.0.
#[derive(Debug, Deserialize)]
pub struct Refusal {
    pub error: String,
    #[serde(default)]
    error_description: String,
}

impl Refusal {
    /// As an error of this program, with what was to be done.
    pub fn into_error(self, doing: &str) -> Error {
        let remedy = match self.error.as_str() {
            "invalid_client" | "unauthorized_client" => {
                ": --client-id has to name a public client that may use the device flow"
            }
            "invalid_scope" => ": name scopes that it knows with --scope",
            "invalid_target" => ": --audience is none that it knows",
            _ => "",
        };
        let described = [&self.error, &self.error_description].map(|text| plain(text));
        let described = described.join(" ");
        Error::Login(format!(
            "the identity provider will not {doing}: {}{remedy}",
            described.trim()
        ))
    }
}

/// The end of a request to the token endpoint, or to the device authorization endpoint.
#[derive(Debug)]
pub enum Answer<T> {
    Given(T),
    Refused(Refusal),
}

/// Sends a form to one of the endpoints.
pub async fn ask<T: DeserializeOwned>(url: &str, form: &[(&str, &str)]) -> Result<Answer<T>, Error> {
    let mut body = reqwest::Url::parse("form:").map_err(|error| Error::Login(error.to_string()))?;
    body.query_pairs_mut().extend_pairs(form);
    let request = http()?
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(body.query().unwrap_or_default().to_owned());
    let answer = request.send().await.map_err(unreachable(url))?;
    let (status, text) = (answer.status(), answer.text().await.map_err(unreachable(url))?);
    if status.is_success() {
        return read(url, status, &text).map(Answer::Given);
    }
    read(url, status, &text).map(Answer::Refused)
}

/// Revokes a token (RFC 7009): the provider accepts it no more.
pub async fn revoke(url: &str, client_id: &str, token: &Secret) -> Result<(), Error> {
    let form = [("token", token.reveal()), ("client_id", client_id)];
    let mut body = reqwest::Url::parse("form:").map_err(|error| Error::Login(error.to_string()))?;
    body.query_pairs_mut().extend_pairs(form);
    let request = http()?
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.query().unwrap_or_default().to_owned());
    let status = request.send().await.map_err(unreachable(url))?.status();
    if status.is_success() {
        return Ok(());
    }
    Err(Error::Login(format!("{url} answered {status}")))
}

fn http() -> Result<reqwest::Client, Error> {
    // A redirect could send secrets to an address that was not checked.
    let client = reqwest::Client::builder().redirect(Policy::none()).timeout(PATIENCE);
    client
        .build()
        .map_err(|error| Error::Program(format!("cannot make an HTTP client: {error}")))
}

fn unreachable(url: &str) -> impl Fn(reqwest::Error) -> Error {
    let url = url.to_owned();
    move |source| Error::IssuerUnreachable {
        url: url.clone(),
        source: Box::new(source),
    }
}

/// Reads an answer. Of one that holds a token, nothing is shown.
fn read<T: DeserializeOwned>(url: &str, status: StatusCode, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        let shown = if status.is_success() {
            error.to_string()
        } else {
            plain(text).chars().take(ANSWER_SHOWN).collect()
        };
        Error::Login(format!("{url} answered {status} with something unexpected: {shown}"))
    })
}

/// A foreign text as a terminal may show it.
pub fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}
