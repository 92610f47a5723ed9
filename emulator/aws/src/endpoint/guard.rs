//! The guard in front of both ports: what a page in a browser could have sent is refused.
//!
//! Listening on loopback keeps other machines out, but not the pages that the user of this machine has open. A page
//! can reach a loopback port by its own name made to resolve there (its `Host` gives it away), or by a request
//! across origins (its `Origin` or `Sec-Fetch-Site` does). Programs send neither.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;

const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets through what is addressed to `localhost` and this port, and comes from nowhere else.
#[derive(Debug, Clone)]
pub struct Guard {
    port: u16,
    token: Option<Token>,
}

/// A token that callers have to send.
#[derive(Clone)]
pub struct Token {
    secret: Arc<str>,
    sent: Sent,
    /// How to send it, for a caller that did not.
    advice: &'static str,
}

/// How a token is sent.
#[derive(Clone, Copy)]
enum Sent {
    /// As a bearer token, or as the password of basic authentication.
    Bearer,
    /// As the session token of a signature.
    Session,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A bearer token, which is also the password of basic authentication.
    pub fn bearer(secret: Arc<str>, advice: &'static str) -> Self {
        Self {
            secret,
            sent: Sent::Bearer,
            advice,
        }
    }

    /// The session token of signatures (`SigV4`).
    pub fn session(secret: Arc<str>, advice: &'static str) -> Self {
        Self {
            secret,
            sent: Sent::Session,
            advice,
        }
    }

    /// Whether a request sends it.
    fn is_in(&self, headers: &HeaderMap, query: Option<&str>) -> bool {
        let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        match self.sent {
            Sent::Bearer => {
                let sent = header(AUTHORIZATION).and_then(|value| {
                    let (scheme, rest) = value.split_once(' ')?;
                    if scheme.eq_ignore_ascii_case("bearer") {
                        return Some(rest.trim().to_owned());
                    }
                    let decoded = STANDARD
                        .decode(rest.trim())
                        .ok()
                        .filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
                    let pair = String::from_utf8(decoded).ok()?;
                    pair.split_once(':').map(|(_, password)| password.to_owned())
                });
                sent.is_some_and(|sent| same(&sent, &self.secret))
            }
            Sent::Session => {
                let presigned = || {
                    let mut pairs = query.unwrap_or_default().split('&');
                    pairs.find_map(|pair| pair.strip_prefix("X-Amz-Security-Token="))
                };
                header(SECURITY_TOKEN)
                    .or_else(presigned)
                    .is_some_and(|sent| same(sent, &self.secret))
            }
        }
    }
}

/// Compares two texts in a time that does not depend on their common prefix.
fn same(one: &str, other: &str) -> bool {
    let differs = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |differs, (one, other)| differs | (one ^ other));
    one.len() == other.len() && differs == 0
}

/// Why a request was refused: the sentence for the person who wonders.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal(String);

impl Guard {
    /// A guard for the port that the server listens on.
    pub fn new(port: u16) -> Self {
        Self { port, token: None }
    }

    /// The same guard, which requires the token.
    #[must_use]
    pub fn with_token(mut self, token: Option<Token>) -> Self {
        self.token = token;
        self
    }

    /// The router behind this guard.
    pub fn around(self, router: Router) -> Router {
        router.layer(from_fn_with_state(self, guard))
    }

    /// Checks a request's headers.
    fn check(&self, method: &Method, headers: &HeaderMap, authority: Option<&str>) -> Result<(), Refusal> {
        let host = headers.get(HOST).map(|host| host.to_str().unwrap_or("?"));
        let host = host.or(authority).unwrap_or_default();
        if !self.is_own(host) {
            return Err(Refusal(format!(
                "The request is addressed to the host `{host}`. This server answers as localhost, 127.0.0.1, [::1] or \
                 a name under .localhost, on port {}.",
                self.port
            )));
        }
        if let Some(origin) = headers.get(ORIGIN) {
            let origin = origin.to_str().unwrap_or("?");
            let own = origin.strip_prefix("http://").is_some_and(|host| self.is_own(host));
            if !own {
                return Err(Refusal(format!(
                    "The request comes from a page of the origin `{origin}`, and other pages may not drive this server."
                )));
            }
        }
        let site = headers.get(SEC_FETCH_SITE).and_then(|site| site.to_str().ok());
        // A link from another page to ours is a GET and does no harm.
        if matches!(site, Some("cross-site" | "same-site")) && !matches!(*method, Method::GET | Method::HEAD) {
            return Err(Refusal(
                "The request comes from a page of another site, and other pages may not drive this server.".to_owned(),
            ));
        }
        Ok(())
    }

    fn is_own(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            // In a bare IPv6 address the last colon is not before a port.
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        let name = name.to_ascii_lowercase();
        let local = matches!(name.as_str(), "localhost" | "127.0.0.1" | "[::1]") || name.ends_with(".localhost");
        local && port == Some(self.port)
    }
}

/// The content types that a page may send without asking the browser's leave, or no type at all. A request whose
/// body is to be JSON must have another one.
pub fn is_simple_content_type(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let essence = value.split(';').next().unwrap_or_default().trim();
    matches!(
        essence,
        "" | "text/plain" | "application/x-www-form-urlencoded" | "multipart/form-data"
    )
}

async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let checked = guard.check(request.method(), request.headers(), authority);
    if let (Ok(()), Some(token)) = (&checked, &guard.token)
        && !token.is_in(request.headers(), request.uri().query())
    {
        return unauthorized(token);
    }
    match checked {
        Ok(()) => next.run(request).await,
        Err(Refusal(reason)) => {
            tracing::warn!(%reason, "a request was refused");
            // Readable for clients of the API (`detail`) and of AWS (`message`).
            let body = json!({
                "type": "about:blank",
                "title": "Forbidden",
                "status": 403,
                "detail": reason,
                "__type": "AccessDeniedException",
                "message": reason,
            });
            let headers = [(CONTENT_TYPE, "application/problem+json")];
            (StatusCode::FORBIDDEN, headers, body.to_string()).into_response()
        }
    }
}

/// The answer to a caller that does not send the token.
fn unauthorized(token: &Token) -> Response {
    let reason = token.advice;
    let body = json!({
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": reason,
        "__type": "UnrecognizedClientException",
        "message": reason,
    });
    // A browser asks its user for the password.
    let headers = [
        (CONTENT_TYPE, "application/problem+json"),
        (WWW_AUTHENTICATE, "Basic realm=\"The token is the password\""),
    ];
    (StatusCode::UNAUTHORIZED, headers, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = value.parse().expect("a header's value");
            (HeaderName::from_static(name), value)
        });
        pairs.collect()
    }

    #[test]
    fn a_token_is_known_in_each_form_in_which_it_is_sent() {
        let (api, aws) = (Token::bearer("secret".into(), ""), Token::session("secret".into(), ""));
        for (value, known) in [
            ("Bearer secret", true),
            ("bearer secret", true),
            ("Basic dXNlcjpzZWNyZXQ=", true),
            ("Basic c2VjcmV0", false),
            ("Bearer secre", false),
            ("Bearer secrets", false),
            ("secret", false),
        ] {
            assert_eq!(api.is_in(&headers(&[("authorization", value)]), None), known, "{value}");
        }
        assert!(!api.is_in(&HeaderMap::new(), Some("X-Amz-Security-Token=secret")));
        assert!(aws.is_in(&headers(&[("x-amz-security-token", "secret")]), None));
        assert!(aws.is_in(&HeaderMap::new(), Some("a=b&X-Amz-Security-Token=secret")));
        assert!(!aws.is_in(
            &headers(&[("authorization", "Bearer secret")]),
            Some("X-Amz-Security-Token=")
        ));
    }

    #[test]
    fn only_local_names_with_the_own_port_and_no_other_origin_pass() {
        let guard = Guard::new(4700);
        let own = ("host", "localhost:4700");
        let passing = [
            vec![own],
            vec![("host", "127.0.0.1:4700")],
            vec![("host", "[::1]:4700")],
            vec![("host", "bucket.localhost:4700")],
            vec![own, ("origin", "http://localhost:4700")],
            vec![own, ("sec-fetch-site", "same-origin")],
            vec![own, ("sec-fetch-site", "none")],
        ];
        for pairs in passing {
            assert_eq!(guard.check(&Method::POST, &headers(&pairs), None), Ok(()), "{pairs:?}");
        }
        let refused = [
            vec![],
            vec![("host", "localhost")],
            vec![("host", "localhost:80")],
            vec![("host", "evil.example:4700")],
            vec![("host", "localhost.evil.example:4700")],
            vec![("host", "evillocalhost:4700")],
            vec![("host", "[::1]")],
            vec![own, ("origin", "https://localhost:4700")],
            vec![own, ("origin", "http://localhost:3000")],
            vec![own, ("origin", "http://evil.example")],
            vec![own, ("origin", "null")],
            vec![own, ("sec-fetch-site", "cross-site")],
        ];
        for pairs in refused {
            assert!(guard.check(&Method::POST, &headers(&pairs), None).is_err(), "{pairs:?}");
        }
        let link = headers(&[own, ("sec-fetch-site", "cross-site")]);
        assert_eq!(guard.check(&Method::GET, &link, None), Ok(()));
    }

    #[test]
    fn what_a_form_can_send_is_simple() {
        for value in [
            "text/plain;charset=UTF-8",
            "Application/X-WWW-Form-Urlencoded",
            "multipart/form-data; boundary=x",
        ] {
            assert!(is_simple_content_type(&headers(&[("content-type", value)])), "{value}");
        }
        assert!(is_simple_content_type(&HeaderMap::new()));
        for value in [
            "application/json",
            "application/x-amz-json-1.1",
            "application/json; charset=utf-8",
        ] {
            assert!(!is_simple_content_type(&headers(&[("content-type", value)])), "{value}");
        }
    }
}
