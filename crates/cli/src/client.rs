//! The API, as the commands use it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use slipway_api_types::Items;
use slipway_model::problem::FieldProblem;

use crate::access::Access;
use crate::error::Error;
use crate::global::Global;
use crate::login::issuer::plain;
use crate::server;

/// Seconds for which the server holds a request for news: below the 30 that API Gateway allows.
pub const LONG_POLL_SECONDS: u32 = 20;

/// How long a connection may take to be made, and an answer to come: longer than the server holds a request.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(LONG_POLL_SECONDS as u64 + 40);

/// How long an upload may take: 25 MB over a slow line.
const UPLOAD: Duration = Duration::from_mins(10);

/// For how long a watch is retried without a response, and the first and the longest pause between attempts.
const PATIENCE: Duration = Duration::from_mins(2);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// For how long a request that was rejected for now is repeated, if the server says when.
const THROTTLED: Duration = Duration::from_secs(30);

/// What a watch reports while it retries without a response.
const NO_ANSWER: &str = "the server does not answer; trying again (Ctrl-C stops watching)";

/// How much of an unexpected response is shown.
const ANSWER_SHOWN: usize = 300;

/// The API of one server.
#[derive(Debug, Clone)]
pub struct Client {
    server: String,
    http: reqwest::Client,
    access: Arc<Access>,
    /// Whether a watch has reported that the server is busy: one that stays busy would be reported with each poll.
    reported_busy: Arc<AtomicBool>,
}

/// The fields that name a resource of the API; each has one of them.
const NAMES: [&str; 4] = ["id", "name", "account", "number"];

/// A resource of the API, with every field that the server gives it: a newer one may have more.
#[derive(Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct Resource(Value);

impl TryFrom<Map<String, Value>> for Resource {
    type Error = String;

    fn try_from(fields: Map<String, Value>) -> Result<Self, Self::Error> {
        let is_name = |name: &&str| {
            let value = fields.get(*name);
            value.is_some_and(|value| value.is_string() || value.is_u64())
        };
        if NAMES.iter().any(is_name) {
            Ok(Self(fields.into()))
        } else {
            Err(format!("missing one of the fields `{}`", NAMES.join("`, `")))
        }
    }
}

/// What has to be so for a request to change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing in particular.
    None,
    /// There is no such resource yet.
    Absent,
    /// The resource has this revision.
    Revision(u64),
}

/// What the server answered.
struct Answer {
    status: StatusCode,
    /// How long it wants to be left in peace, where it says so.
    retry_after: Option<Duration>,
    text: String,
}

/// The body of a problem answer (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<FieldProblem>,
    /// What does not exist. A kind that this version does not know leaves the server's text.
    #[serde(default)]
    missing: Value,
}

impl Client {
    /// The API that was named, or that of the local server.
    pub fn of(global: &Global) -> Result<Self, Error> {
        if let Some(endpoint) = &global.endpoint {
            Self::new(&endpoint.to_string(), Access::to(endpoint, global)?)
        } else {
            Self::new(&server::api(global)?.to_string(), Access::to_local(global)?)
        }
    }

    /// The API at this address, and the way in.
    pub fn new(server: &str, access: Access) -> Result<Self, Error> {
        // A redirect could send a token to an address that the user did not give.
        let http = reqwest::Client::builder().redirect(Policy::none());
        let http = http.connect_timeout(CONNECT).timeout(ANSWER).build();
        let http = http.map_err(|error| Error::Program(format!("cannot make an HTTP client: {error}")))?;
        Ok(Self {
            server: server.to_owned(),
            http,
            access: Arc::new(access),
            reported_busy: Arc::default(),
        })
    }

    /// Reads a resource.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::GET, path, None, Condition::None).await
    }

    /// Reads a resource to show it.
    pub async fn resource(&self, path: &str) -> Result<Value, Error> {
        let Resource(value) = self.get(path).await?;
        Ok(value)
    }

    /// Reads a resource that is no JSON.
    pub async fn text(&self, path: &str) -> Result<String, Error> {
        let answer = self.exchange(Method::GET, path, None, Condition::None).await?;
        if answer.status.is_success() {
            return Ok(answer.text);
        }
        read_answer(format!("GET {path}"), &answer, &self.access)
    }

    /// Puts a document where the API said, with nothing of the caller's: the address is the right.
    pub async fn upload(&self, url: &str, headers: &BTreeMap<String, String>, text: String) -> Result<(), Error> {
        let unreachable = |source: reqwest::Error| Error::Unreachable {
            server: url.split('?').next().unwrap_or_default().to_owned(),
            source: Box::new(source.without_url()),
        };
        let mut put = self.http.put(url).timeout(UPLOAD).body(text);
        for (name, value) in headers {
            // The client counts the body itself.
            if !name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str()) {
                put = put.header(name, value);
            }
        }
        let answer = put.send().await.map_err(unreachable)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let answer = answer.text().await.map_err(unreachable)?;
        Err(Error::UnexpectedAnswer {
            request: "PUT an upload".to_owned(),
            status: status.as_u16(),
            answer: answer.chars().take(ANSWER_SHOWN).collect(),
        })
    }

    /// Reads a watched resource, whose progress does not depend on this request. So a missing response, or one that says "not now", is
    /// retried for a while. `report` gets why: at the first "not now" of this client, and if the server has not answered twice, because
    /// a connection may break.
    pub async fn watch<T: DeserializeOwned>(&self, path: &str, report: impl FnOnce(&str)) -> Result<T, Error> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut report = Some(report);
        loop {
            let answer = self.exchange(Method::GET, path, None, Condition::None).await;
            let wanted = match &answer {
                Ok(answer) if answer.is_for_now() => Some(answer.pause(pause)),
                Err(Error::Unreachable { .. } | Error::Unanswered { .. }) => Some(pause),
                _ => None,
            };
            let Some(wanted) = wanted.filter(|wanted| start.elapsed().saturating_add(*wanted) < PATIENCE) else {
                let answer = answer?;
                let read = read_answer(format!("GET {path}"), &answer, &self.access);
                // There was no place to wait: the next request is not sent at once.
                if let Some(pause) = answer.retry_after.filter(|_| answer.status.is_success()) {
                    tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                }
                return read;
            };
            let trouble = match &answer {
                Ok(answer) => (!self.reported_busy.swap(true, Ordering::Relaxed)).then(|| busy(answer.status)),
                Err(_) => (pause > FIRST_PAUSE).then(|| NO_ANSWER.to_owned()),
            };
            if let Some(trouble) = trouble
                && let Some(report) = report.take()
            {
                report(&trouble);
            }
            tokio::time::sleep(wanted).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Reads a resource; `None` where there is none.
    pub async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        let answer = self.exchange(Method::GET, path, None, Condition::None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        read_answer(format!("GET {path}"), &answer, &self.access).map(Some)
    }

    /// Rejects what the server does not have, with the server's message. Another rejection does not say whether it exists.
    pub async fn require(&self, path: &str) -> Result<(), Error> {
        let answer = self.exchange(Method::GET, path, None, Condition::None).await?;
        if answer.status != StatusCode::NOT_FOUND {
            return Ok(());
        }
        read_answer(format!("GET {path}"), &answer, &self.access)
    }

    /// Sends a request with a body.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.send_if(method, path, body, Condition::None).await
    }

    /// Sends a request that is refused where the condition does not hold.
    pub async fn send_if<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        condition: Condition,
    ) -> Result<T, Error> {
        let body =
            serde_json::to_vec(body).map_err(|error| Error::Program(format!("cannot write a request: {error}")))?;
        self.call(method, path, Some(body), condition).await
    }

    /// Deletes a resource.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::DELETE, path, None, Condition::None).await
    }

    /// Every item of a list, page after page.
    pub async fn list(&self, path: &str, query: &[(&str, String)]) -> Result<Vec<Value>, Error> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let mut parts = query.to_vec();
            parts.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page = self.page(path, &parts).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(items),
            }
        }
    }

    /// A page of a list. The query has the cursor.
    pub async fn page(&self, path: &str, query: &[(&str, String)]) -> Result<Items<Value>, Error> {
        let page: Items<Resource> = self.get(&with_query(path, query)).await?;
        Ok(Items {
            items: page.items.into_iter().map(|Resource(value)| value).collect(),
            next: following(path, query, page.next)?,
        })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        condition: Condition,
    ) -> Result<T, Error> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self.exchange(method.clone(), path, body.clone(), condition).await?;
            // A throttled request was not carried out, so a change can be repeated too.
            let is_throttled = answer.status == StatusCode::TOO_MANY_REQUESTS && answer.retry_after.is_some();
            let wanted = answer.pause(pause);
            if !is_throttled || start.elapsed().saturating_add(wanted) >= THROTTLED {
                return read_answer(format!("{method} {path}"), &answer, &self.access);
            }
            tokio::time::sleep(wanted).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        condition: Condition,
    ) -> Result<Answer, Error> {
        let (is_change, request) = (method != Method::GET, format!("{method} {path}"));
        let unanswered = |source: reqwest::Error| Error::Unanswered {
            request: request.clone(),
            server: self.server.clone(),
            source: Box::new(source),
        };
        let unreachable = |source: reqwest::Error| {
            // What was sent may have been carried out.
            if is_change && !source.is_connect() && !source.is_builder() {
                return unanswered(source);
            }
            Error::Unreachable {
                server: self.server.clone(),
                source: Box::new(source),
            }
        };
        let mut builder = self.http.request(method, format!("{}{path}", self.server));
        if let Some(body) = body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body);
        }
        builder = match condition {
            Condition::None => builder,
            Condition::Absent => builder.header(IF_NONE_MATCH, "*"),
            Condition::Revision(revision) => builder.header(IF_MATCH, format!("\"{revision}\"")),
        };
        let mut ready = builder.build().map_err(unreachable)?;
        self.access.grant(&mut ready).await?;
        let answer = self.http.execute(ready).await.map_err(unreachable)?;
        let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: answer.status(),
            retry_after: seconds.and_then(|text| text.parse().ok()).map(Duration::from_secs),
            text: answer.text().await.map_err(unanswered)?,
        })
    }
}

impl Answer {
    /// Whether the same request may have another answer later.
    fn is_for_now(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS || self.status.is_server_error()
    }

    /// How long to wait before the same request: at least `pause`.
    fn pause(&self, pause: Duration) -> Duration {
        self.retry_after.unwrap_or_default().max(pause)
    }
}

/// What a watch reports at an answer that says "not now".
fn busy(status: StatusCode) -> String {
    let what = match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "is busy",
        _ => "failed",
    };
    format!(
        "the server {what} ({}); trying again (Ctrl-C stops watching)",
        status.as_u16()
    )
}

fn read_answer<T: DeserializeOwned>(request: String, answer: &Answer, access: &Access) -> Result<T, Error> {
    let Answer { status, text, .. } = answer;
    let unexpected = |request| Error::UnexpectedAnswer {
        request,
        status: status.as_u16(),
        answer: text.chars().take(ANSWER_SHOWN).collect(),
    };
    if status.is_success() {
        // An answer without a body says no more than that it is done.
        let text = if text.is_empty() { "null" } else { text };
        return match serde_json::from_str::<Value>(text).map(serde_json::from_value::<T>) {
            Ok(read) => read.map_err(|error| incomplete(request, &error.to_string())),
            Err(_) => Err(unexpected(request)),
        };
    }
    match serde_json::from_str::<Problem>(text) {
        Ok(problem) if status.is_client_error() => Err(serde_json::from_value(problem.missing).map_or_else(
            |_| Error::Refused {
                title: problem.title,
                detail: problem.detail,
                errors: problem.errors,
            },
            Error::Missing,
        )),
        // Not one of ours: API Gateway asks who calls before anything of ours runs.
        _ if matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(Error::NotLetIn {
            status: status.as_u16(),
            said: said(text),
            remedy: access.remedy(),
        }),
        _ => Err(unexpected(request)),
    }
}

/// That an answer is JSON, and not what the API answers. The reason may quote it.
fn incomplete(request: String, reason: &str) -> Error {
    Error::IncompleteAnswer {
        request,
        what: reason.chars().take(ANSWER_SHOWN).collect(),
    }
}

/// Reads what the answer to a `GET` of this path has to have. It may have more, from a newer server.
pub fn read_as<T: DeserializeOwned>(path: &str, answer: &Value) -> Result<T, Error> {
    T::deserialize(answer).map_err(|error| incomplete(format!("GET {path}"), &error.to_string()))
}

/// The cursor of the next page; none after the last one. A page that is followed by itself would be read for ever.
pub fn following(path: &str, query: &[(&str, String)], next: Option<String>) -> Result<Option<String>, Error> {
    let is_cursor = |name: &str| ["cursor", "after"].contains(&name);
    let mut sent = query.iter().filter(|(name, _)| is_cursor(name));
    if sent.any(|(_, cursor)| next.as_ref() == Some(cursor)) {
        let reason = "its field `next` is the cursor of the same page";
        return Err(incomplete(format!("GET {path}"), reason));
    }
    Ok(next)
}

/// The message of API Gateway's rejection.
fn said(text: &str) -> String {
    let message = serde_json::from_str::<Value>(text).ok();
    let message = message.and_then(|value| {
        value["message"]
            .as_str()
            .or(value["Message"].as_str())
            .map(str::to_owned)
    });
    plain(&message.unwrap_or_else(|| text.chars().take(ANSWER_SHOWN).collect()))
}

/// The path with these query parameters, each escaped.
pub fn with_query(path: &str, query: &[(&str, String)]) -> String {
    let mut text = path.to_owned();
    for (index, (name, value)) in query.iter().enumerate() {
        let separator = if index == 0 { '?' } else { '&' };
        let _ = write!(
            text,
            "{separator}{name}={}",
            utf8_percent_encode(value, NON_ALPHANUMERIC)
        );
    }
    text
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
