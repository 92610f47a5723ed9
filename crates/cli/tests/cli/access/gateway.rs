//! An API Gateway: it checks a signature as AWS documents it (and not by the code that makes it), or a token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use sha2::{Digest, Sha256};

/// The callers that it accepts.
#[derive(Clone)]
pub enum Accepts {
    /// Who signs with this key, for this region; with this session token where there is one.
    Signed {
        id: &'static str,
        secret: &'static str,
        session: Option<&'static str>,
        region: &'static str,
    },
    /// Who has one of these tokens.
    Tokens(Arc<Mutex<Vec<String>>>),
    /// Who shows nothing at all.
    Anonymous,
}

/// A request that was accepted.
#[derive(Debug, Clone)]
pub struct Seen {
    pub request: String,
    pub body: String,
}

#[derive(Clone)]
pub struct Gateway {
    accepts: Accepts,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Gateway {
    /// Starts one; returns its address.
    pub async fn start(accepts: Accepts) -> (Self, String) {
        let gateway = Self {
            accepts,
            seen: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(gateway.clone());
        (gateway, super::serve(router).await)
    }

    /// The requests that were accepted so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("a lock").clone()
    }
}

async fn answer(State(gateway): State<Gateway>, request: Request<Body>) -> (StatusCode, String) {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let allowed = match &gateway.accepts {
        Accepts::Signed {
            id,
            secret,
            session,
            region,
        } => {
            let given = parts.headers.get("x-amz-security-token");
            if given.map(axum::http::HeaderValue::as_bytes) == session.map(str::as_bytes) {
                let uri = &parts.uri;
                check_signature(parts.method.as_str(), uri, &parts.headers, &body, (id, secret, region))
            } else {
                Err("The security token included in the request is invalid.")
            }
        }
        Accepts::Tokens(tokens) => {
            let tokens = tokens.lock().expect("a lock");
            let given = header(&parts.headers, "authorization");
            let known = tokens.iter().any(|token| given == format!("Bearer {token}"));
            if known { Ok(()) } else { Err("Unauthorized") }
        }
        Accepts::Anonymous => {
            let shown = ["authorization", "x-amz-date"]
                .iter()
                .any(|name| parts.headers.contains_key(*name));
            if shown { Err("authenticated") } else { Ok(()) }
        }
    };
    match allowed {
        Ok(()) => {
            gateway.seen.lock().expect("a lock").push(Seen {
                request: format!("{} {}", parts.method, parts.uri),
                body: String::from_utf8_lossy(&body).into_owned(),
            });
            (StatusCode::OK, r#"{"items": [], "next": null}"#.to_owned())
        }
        Err(message) => {
            let status = match gateway.accepts {
                Accepts::Tokens(_) => StatusCode::UNAUTHORIZED,
                _ => StatusCode::FORBIDDEN,
            };
            (status, format!(r#"{{"message":"{message}"}}"#))
        }
    }
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    values.join(",").trim().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::digest([&padded(0x36), message].concat());
    Sha256::digest([&padded(0x5c)[..], &inner].concat()).to_vec()
}

/// `UriEncode` of the documentation: everything but the unreserved characters.
fn encoded(text: &[u8], slash: bool) -> String {
    text.iter()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
            b'/' if !slash => "/".to_owned(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut digit = || {
            bytes
                .next()
                .and_then(|byte| char::from(byte).to_digit(16))
                .expect("a digit")
        };
        decoded.push(match byte {
            b'%' => u8::try_from(digit() * 16 + digit()).expect("a byte"),
            other => other,
        });
    }
    decoded
}

/// "Create a signed AWS API request", step by step.
fn check_signature(
    method: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
    (id, secret, region): (&str, &str, &str),
) -> Result<(), &'static str> {
    let authorization = header(headers, "authorization");
    let Some(parts) = authorization.strip_prefix("AWS4-HMAC-SHA256 ") else {
        return Err("Missing Authentication Token");
    };
    let parts: BTreeMap<&str, &str> = parts
        .split(',')
        .filter_map(|part| part.trim().split_once('='))
        .collect();
    let date = header(headers, "x-amz-date");
    let day = date.get(..8).ok_or("no date")?;
    let scope = format!("{day}/{region}/execute-api/aws4_request");
    if parts.get("Credential") != Some(&format!("{id}/{scope}").as_str()) {
        return Err("Credential should be scoped to correct region and service.");
    }
    let signed = parts.get("SignedHeaders").copied().unwrap_or_default();
    for needed in ["host", "x-amz-date", "x-amz-security-token"] {
        if headers.contains_key(needed) && !signed.split(';').any(|name| name == needed) {
            return Err("a header that has to be signed is not");
        }
    }
    let mut query: Vec<(String, String)> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(&decoded(name), true), encoded(&decoded(value), true))
        })
        .collect();
    query.sort();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let lines: Vec<String> = signed
        .split(';')
        .map(|name| format!("{name}:{}\n", header(headers, name)))
        .collect();
    let lines = lines.concat();
    // Every service but S3: the path as it was sent is encoded once more.
    let path = encoded(uri.path().as_bytes(), false);
    let canonical = format!(
        "{method}\n{path}\n{}\n{lines}\n{signed}\n{}",
        query.join("&"),
        hash(body)
    );
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(canonical.as_bytes()));
    let key = [day, region, "execute-api", "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            hmac(&key, part.as_bytes())
        });
    if parts.get("Signature") == Some(&hex(&hmac(&key, to_sign.as_bytes())).as_str()) {
        Ok(())
    } else {
        Err("The request signature we calculated does not match the signature you provided.")
    }
}

#[test]
fn the_key_is_derived_as_in_the_documentation() {
    // "Examples of how to derive a signing key for Signature Version 4".
    let secret = "AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let key = ["20150830", "us-east-1", "iam", "aws4_request"]
        .iter()
        .fold(secret.as_bytes().to_vec(), |key, part| hmac(&key, part.as_bytes()));
    assert_eq!(
        hex(&key),
        "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    );
}
