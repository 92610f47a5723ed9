//! `slipway console`: the web console of an API, in a browser that cannot sign requests itself.
//!
//! A proxy on loopback forwards requests to the API, each with the proof of the caller's identity (see [`crate::access`]). Other
//! programs and other users of this machine reach the port too, and pages that the user has open: so every path but those of the static
//! files needs a key, which is in the address that the browser is opened with. It is in the fragment, which browsers send nowhere; the
//! console keeps it for its tab, and sends it as a bearer token.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, HeaderName, IF_MATCH,
    IF_NONE_MATCH, LOCATION, ORIGIN, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use slipway_model::error_chain::chain;
use tokio::net::TcpListener;

use crate::access::Access;
use crate::args::Console;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::global::Global;
use crate::output::Output;
use crate::secret::Secret;
use crate::server;

/// The largest body that is forwarded: API Gateway takes no larger one.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// Longer than the API holds a request for news.
const ANSWER: Duration = Duration::from_secs(40);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What is forwarded of a request, and of an answer.
const ASKED: [HeaderName; 4] = [CONTENT_TYPE, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH];
const ANSWERED: [HeaderName; 8] = [
    CACHE_CONTROL,
    CONTENT_SECURITY_POLICY,
    CONTENT_TYPE,
    ETAG,
    LOCATION,
    REFERRER_POLICY,
    RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
];

/// Serves the console until the process ends. A local server that requires no token needs no proxy: its console is opened.
pub async fn run(console: Console, global: &Global, output: Output) -> Result<(), Error> {
    let (endpoint, access) = if let Some(endpoint) = &global.endpoint {
        (endpoint.clone(), Access::to(endpoint, global)?)
    } else {
        (server::api(global)?, Access::to_local(global)?)
    };
    if global.endpoint.is_none() && matches!(access, Access::Open) {
        announce(&endpoint.to_string(), &console, output);
        return Ok(());
    }
    let failed = |error: std::io::Error| Error::Program(format!("failed to listen on port {}: {error}", console.port));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, console.port))
        .await
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let proxy = Proxy::new(&endpoint, access, address)?;
    announce(
        &format!("http://{address}/#key={}", proxy.key.reveal()),
        &console,
        output,
    );
    output.say("The address contains a key: do not share it. Stop with Ctrl-C.");
    let router = Router::new().fallback(forward).with_state(Arc::new(proxy));
    axum::serve(listener, router).await.map_err(failed)
}

/// Prints the address, and opens it in a browser.
fn announce(address: &str, console: &Console, output: Output) {
    output.answer(&json!({ "console": address }), |_| {
        format!("The console is at {address}")
    });
    if !console.no_browser {
        open_in_browser(address);
    }
}

/// Has the desktop open an address.
pub fn open_in_browser(address: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut open = Command::new(program);
    open.arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Without a desktop, the printed address is all that there is.
    let _ = open.spawn();
}

struct Proxy {
    /// The API, without a slash at the end.
    api: String,
    access: Access,
    http: reqwest::Client,
    address: SocketAddr,
    key: Secret,
}

impl Proxy {
    fn new(endpoint: &Endpoint, access: Access, address: SocketAddr) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER);
        let key = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        Ok(Self {
            api: endpoint.to_string(),
            access,
            http: http
                .build()
                .map_err(|error| Error::Program(format!("failed to make an HTTP client: {error}")))?,
            address,
            key: Secret::new(key),
        })
    }

    /// Rejects what a page of another origin, or a name that resolves to this machine, could send, and what comes without the key.
    fn check(&self, request: &Request) -> Result<(), (StatusCode, &'static str)> {
        let headers = request.headers();
        let own = self.address.to_string();
        if text(headers, &HOST) != own {
            return Err((
                StatusCode::FORBIDDEN,
                "The request is for another host than the console's own.",
            ));
        }
        if headers.contains_key(ORIGIN) && text(headers, &ORIGIN) != format!("http://{own}") {
            return Err((
                StatusCode::FORBIDDEN,
                "The request comes from a page of another origin.",
            ));
        }
        let path = request.uri().path();
        let is_static = path == "/" || path == "/console" || path.starts_with("/console/");
        let given = text(headers, &AUTHORIZATION);
        if is_static || same(given.as_bytes(), format!("Bearer {}", self.key.reveal()).as_bytes()) {
            return Ok(());
        }
        Err((
            StatusCode::UNAUTHORIZED,
            "The request has no key. Open the address that `slipway console` printed.",
        ))
    }

    /// Sends a request on to the API, as the caller.
    async fn forward(&self, request: Request) -> Result<reqwest::Response, String> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let body = to_bytes(body, LARGEST_BODY).await.map_err(|error| chain(&error))?;
        let mut forwarded = self.http.request(parts.method, format!("{}{path}", self.api));
        for name in ASKED {
            for value in parts.headers.get_all(&name) {
                forwarded = forwarded.header(&name, value);
            }
        }
        if !body.is_empty() {
            forwarded = forwarded.body(body);
        }
        let mut forwarded = forwarded.build().map_err(|error| chain(&error))?;
        self.access.grant(&mut forwarded).await.map_err(|error| chain(&error))?;
        self.http
            .execute(forwarded)
            .await
            .map_err(|error| chain(&error.without_url()))
    }
}

async fn forward(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    if let Err((status, detail)) = proxy.check(&request) {
        return problem(status, detail);
    }
    let is_config = request.uri().path() == "/console/config.json";
    let answer = match proxy.forward(request).await {
        Ok(answer) => answer,
        Err(reason) => {
            return problem(
                StatusCode::BAD_GATEWAY,
                &format!("failed to reach {}: {reason}", proxy.api),
            );
        }
    };
    let status = answer.status();
    let kept = ANSWERED
        .iter()
        .filter_map(|name| Some((name.clone(), answer.headers().get(name)?.clone())));
    let headers: HeaderMap = kept.collect();
    let body = match answer.bytes().await {
        Ok(body) if is_config && status.is_success() => with_key(&body),
        Ok(body) => Body::from(body),
        Err(error) => return problem(StatusCode::BAD_GATEWAY, &chain(&error.without_url())),
    };
    (status, headers, body).into_response()
}

/// The console's configuration, less the sign-in: the key stands in for it here.
fn with_key(config: &[u8]) -> Body {
    let mut config: Value = serde_json::from_slice(config).unwrap_or_else(|_| json!({}));
    config["sign_in"] = Value::Null;
    config["key"] = Value::Bool(true);
    Body::from(config.to_string())
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body =
        json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "errors": [] });
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
    (status, kind, body.to_string()).into_response()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Compares in a time that does not depend on where two texts differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}
