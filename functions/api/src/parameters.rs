//! The parameters of a request: what stands in its path, its query and its headers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use slipway_model::problem::FieldProblem;

use crate::body::shortened;
use crate::error::Error;

/// The longest that a request waits for news, in seconds: API Gateway gives up after 30.
pub const LONGEST_WAIT: u64 = 25;

/// How many items a page of a list has where the request does not say.
pub const PAGE_SIZE: u16 = 50;

/// How many items a page of a list has at most.
pub const LARGEST_PAGE: u16 = 100;

/// What to give where only these can be given.
pub(crate) fn one_of<T: fmt::Display>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    format!("give one of: {}", all.join(", "))
}

/// The parts of the path that stand for something.
#[derive(Debug)]
pub struct InPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(values)) => Ok(Self(values)),
            // The routes fit their handlers, so only a path that is not UTF-8 ends here.
            Err(_) => Err(Error::parameter(
                "path",
                "the path is not UTF-8",
                "percent-encode the path's UTF-8 bytes",
            )),
        }
    }
}

/// The parameters of the query, taken out one by one; what is wrong with them is gathered on the way.
#[derive(Debug)]
pub struct Parameters {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
    problems: Vec<FieldProblem>,
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| {
            Error::parameter(
                "query",
                "the query is not readable",
                "send `name=value` pairs, percent-encoded, with `&` between them",
            )
        })?;
        Ok(Self {
            given,
            known: Vec::new(),
            problems: Vec::new(),
        })
    }
}

impl Parameters {
    /// A parameter that may be left out. `remedy` says what to give.
    pub fn optional<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str, remedy: &str) -> Option<T> {
        self.optional_by(name, remedy, |text| {
            text.parse().map_err(|error: T::Err| error.to_string())
        })
    }

    /// Likewise, by a function that parses it.
    pub fn optional_by<T>(
        &mut self,
        name: &'static str,
        remedy: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(name)?;
        parse(&value)
            .map_err(|detail| self.problems.push(FieldProblem::new(name, detail, remedy)))
            .ok()
    }

    /// Likewise, one of these; `not` says what another one is.
    pub fn one_of<T: fmt::Display>(
        &mut self,
        name: &'static str,
        all: impl IntoIterator<Item = T> + Clone,
        not: &str,
    ) -> Option<T> {
        self.optional_by(name, &one_of(all.clone()), |text| {
            let mut all = all.into_iter();
            all.find(|one| one.to_string() == text).ok_or_else(|| not.to_owned())
        })
    }

    /// A parameter that is a time.
    pub fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        let parse = |text: &str| text.parse().map_err(|_| "is not a time".to_owned());
        self.optional_by(name, "give a time like `2026-11-29T10:00:00Z`", parse)
    }

    /// The parameter `limit`.
    pub fn limit(&mut self) -> u16 {
        let remedy = format!("give a whole number from 1 to {LARGEST_PAGE}");
        let limit = self.optional_by("limit", &remedy, |text| within(text, 1, u64::from(LARGEST_PAGE)));
        limit.and_then(|limit| u16::try_from(limit).ok()).unwrap_or(PAGE_SIZE)
    }

    /// The parameter `cursor`, which only the store reads.
    pub fn cursor(&mut self) -> Option<String> {
        self.take("cursor")
    }

    /// The parameter `wait`.
    pub fn wait(&mut self) -> Duration {
        let remedy = format!("give a whole number of seconds from 0 to {LONGEST_WAIT}");
        let wait = self.optional_by("wait", &remedy, |text| within(text, 0, LONGEST_WAIT));
        Duration::from_secs(wait.unwrap_or_default())
    }

    /// Succeeds if all parameters were valid and known.
    pub fn finish(mut self) -> Result<(), Error> {
        let remedy = match self.known.as_slice() {
            [] => "leave it out: this request has no parameters".to_owned(),
            known => format!("the parameters of this request are: {}", known.join(", ")),
        };
        for (name, _) in &self.given {
            let detail = "there is no such parameter in this request";
            self.problems.push(FieldProblem::new(shortened(name), detail, &*remedy));
        }
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Error::Parameters(self.problems))
        }
    }

    fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let (taken, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.given)
            .into_iter()
            .partition(|(given, _)| given == name);
        self.given = rest;
        if taken.len() > 1 {
            self.problems
                .push(FieldProblem::new(name, "stands here more than once", "give it once"));
            return None;
        }
        taken.into_iter().next().map(|(_, value)| value)
    }
}

fn within(text: &str, lowest: u64, highest: u64) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if (lowest..=highest).contains(&number) => Ok(number),
        Ok(_) => Err(format!("is not between {lowest} and {highest}")),
        Err(_) => Err("is not a whole number".to_owned()),
    }
}

/// The value of the header `Idempotency-Key`.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    const NAME: &str = "Idempotency-Key";
    let wrong = |detail: &str| {
        Error::parameter(
            NAME,
            detail,
            "give 1 to 255 printable ASCII characters, new for each new request (a UUID, say)",
        )
    };
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong("stands here more than once"));
    }
    let key = value.as_bytes();
    if !(1..=255).contains(&key.len()) {
        return Err(wrong("does not have 1 to 255 characters"));
    }
    match value.to_str() {
        Ok(key) if key.bytes().all(|byte| matches!(byte, b' '..=b'~')) => Ok(Some(key.to_owned())),
        _ => Err(wrong("has a character that is not printable ASCII")),
    }
}
