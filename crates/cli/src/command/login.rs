//! `slipway login` and `slipway logout`

use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use crate::args::Login;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::login::device::{self, Wanted};
use crate::login::saved::Logins;
use crate::login::{Session, issuer};
use crate::output::Output;

/// The default scopes: the caller's identity and name, and a renewable login.
const SCOPE: &str = "openid email offline_access";

/// Logs in, and saves the login for the endpoint.
pub async fn login(login: Login, endpoint: &Endpoint, output: Output) -> Result<(), Error> {
    let logins = Logins::of_this_user()?;
    let last = logins.lock()?.session(endpoint)?;
    let wanted = Wants::of(login, last)?;
    let metadata = issuer::discover(&wanted.issuer).await?;
    let asked = Wanted {
        client_id: &wanted.client_id,
        audience: wanted.audience.as_deref(),
        scope: &wanted.scope,
    };
    let grant = device::begin(&metadata, &asked).await?;
    // To a person in either case, also where a program reads the answer.
    let _ = writeln!(std::io::stderr(), "{}", grant.instructions());
    let tokens = grant.tokens(&metadata, &wanted.client_id).await?;
    let mut session = Session {
        token: tokens.bearer()?,
        issuer: wanted.issuer,
        client_id: wanted.client_id,
        audience: wanted.audience,
        scope: wanted.scope,
        token_endpoint: metadata.token_endpoint,
        revocation_endpoint: metadata.revocation_endpoint,
        refresh_token: None,
        expires_at: None,
    };
    session.take(tokens, Timestamp::now())?;
    logins.lock()?.save(endpoint, &session)?;
    let answer = json!({
        "endpoint": endpoint.to_string(),
        "issuer": session.issuer,
        "expires_at": session.expires_at,
        "renewable": session.refresh_token.is_some(),
    });
    output.answer(&answer, |_| {
        let lasts = match (session.expires_at, session.refresh_token.is_some()) {
            (_, true) => "; it is renewed by itself".to_owned(),
            (Some(at), false) => format!(" until {at}: the identity provider gave nothing to renew it with"),
            (None, false) => String::new(),
        };
        format!("Logged in to {endpoint}{lasts}")
    });
    Ok(())
}

/// Forgets the login for the endpoint, and gives its token back to the identity provider.
pub async fn logout(endpoint: &Endpoint, output: Output) -> Result<(), Error> {
    let logins = Logins::of_this_user()?;
    let session = logins.lock()?.remove(endpoint)?;
    let Some(session) = session else {
        output.answer(
            &json!({ "endpoint": endpoint.to_string(), "logged_out": false }),
            |_| format!("There is no login for {endpoint}"),
        );
        return Ok(());
    };
    let token = session.refresh_token.as_ref().unwrap_or(&session.token);
    let given_back = match &session.revocation_endpoint {
        Some(url) => issuer::revoke(url, &session.client_id, token).await,
        None => Err(Error::Login("it has no way to do so".to_owned())),
    };
    let answer = json!({ "endpoint": endpoint.to_string(), "logged_out": true, "revoked": given_back.is_ok() });
    output.answer(&answer, |_| match given_back {
        Ok(()) => format!("Logged out of {endpoint}"),
        Err(why) => format!(
            "The login for {endpoint} is deleted here. {} did not revoke it ({why}), so it remains valid until it expires.",
            session.issuer
        ),
    });
    Ok(())
}

/// What to log in with: what is said, or else as at the last login for this endpoint.
struct Wants {
    issuer: String,
    client_id: String,
    audience: Option<String>,
    scope: String,
}

impl Wants {
    fn of(given: Login, last: Option<Session>) -> Result<Self, Error> {
        // Those of another issuer are of no use.
        let last = last.filter(|last| given.issuer.as_ref().is_none_or(|issuer| *issuer == last.issuer));
        let (issuer, client_id, audience, scope) = match last {
            Some(last) => (Some(last.issuer), Some(last.client_id), last.audience, Some(last.scope)),
            None => (None, None, None, None),
        };
        match (given.issuer.or(issuer), given.client_id.or(client_id)) {
            (Some(issuer), Some(client_id)) => Ok(Self {
                issuer,
                client_id,
                audience: given.audience.or(audience),
                scope: given.scope.or(scope).unwrap_or_else(|| SCOPE.to_owned()),
            }),
            _ => Err(Error::Usage(
                "the first login for an endpoint needs --issuer and --client-id: ask your Slipway administrators (the parameter \
                 OidcIssuer, and a public client there that may use the device flow)"
                    .to_owned(),
            )),
        }
    }
}
