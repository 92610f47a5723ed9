//! The guard in front of both ports: what a page in a browser could have sent is refused.
//!
//! Listening on loopback keeps other machines out, but not the pages that the user of this machine has open. A page
//! can reach a loopback port by its own name made to resolve there (its `Host` gives it away), or by a request
//! across origins (its `Origin` or `Sec-Fetch-Site` does). Programs send neither.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets through what is addressed to `localhost` and this port, and comes from nowhere else.
#[derive(Debug, Clone)]
pub struct Guard {
    port: u16,
}

/// Why a request was refused: the sentence for the person who wonders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl Guard {
    /// A guard for the port that the server listens on.
    pub fn new(port: u16) -> Self {
        Self { port }
    }

    /// Checks a request's headers.
    pub fn check(&self, method: &Method, headers: &HeaderMap, authority: Option<&str>) -> Result<(), Refusal> {
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

/// The guard as middleware: `axum::middleware::from_fn_with_state(Guard::new(port), guard)`.
pub async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    match guard.check(request.method(), request.headers(), authority) {
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
