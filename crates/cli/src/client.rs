//! The API, as the commands use it.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{IF_MATCH, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use slipway_model::problem::FieldProblem;

use crate::error::Error;

/// Seconds for which the server holds a request for news: below the 30 that API Gateway allows.
pub const LONG_POLL_SECONDS: u32 = 20;

/// How much of an answer that nobody expected is shown.
const ANSWER_SHOWN: usize = 300;

/// The API of one server.
#[derive(Debug, Clone)]
pub struct Client {
    server: String,
    http: reqwest::Client,
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

/// The body of a problem answer (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<FieldProblem>,
}

impl Client {
    /// The API at this address.
    pub fn new(server: &str) -> Self {
        Self {
            server: server.trim_end_matches('/').to_owned(),
            http: reqwest::Client::new(),
        }
    }

    /// Reads a resource.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::GET, path, None, Condition::None).await
    }

    /// Sends a request with a body.
    pub async fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: &Value) -> Result<T, Error> {
        self.call(method, path, Some(body), Condition::None).await
    }

    /// Sends a request that is refused where the condition does not hold.
    pub async fn send_if<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        condition: Condition,
    ) -> Result<T, Error> {
        self.call(method, path, Some(body), condition).await
    }

    /// Deletes a resource.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::DELETE, path, None, Condition::None).await
    }

    /// Every item of a list, page after page.
    pub async fn list(&self, path: &str, query: &[(&str, String)]) -> Result<Vec<Value>, Error> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<Value>,
            next: Option<String>,
        }
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let mut parts = query.to_vec();
            parts.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page: Page = self.get(&with_query(path, &parts)).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(items),
            }
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        condition: Condition,
    ) -> Result<T, Error> {
        let request = format!("{method} {path}");
        let unreachable = |source| Error::Unreachable {
            server: self.server.clone(),
            source: Box::new(source),
        };
        let mut builder = self.http.request(method, format!("{}{path}", self.server));
        if let Some(body) = body {
            builder = builder.json(body);
        }
        builder = match condition {
            Condition::None => builder,
            Condition::Absent => builder.header(IF_NONE_MATCH, "*"),
            Condition::Revision(revision) => builder.header(IF_MATCH, format!("\"{revision}\"")),
        };
        let answer = builder.send().await.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        read_answer(request, status, &text)
    }
}

fn read_answer<T: DeserializeOwned>(request: String, status: StatusCode, text: &str) -> Result<T, Error> {
    let unexpected = || Error::UnexpectedAnswer {
        request,
        status: status.as_u16(),
        answer: text.chars().take(ANSWER_SHOWN).collect(),
    };
    if status.is_success() {
        // An answer without a body says no more than that it is done.
        let text = if text.is_empty() { "null" } else { text };
        return serde_json::from_str(text).map_err(|_| unexpected());
    }
    match serde_json::from_str::<Problem>(text) {
        Ok(problem) if status.is_client_error() => Err(Error::Refused {
            title: problem.title,
            detail: problem.detail,
            errors: problem.errors,
        }),
        _ => Err(unexpected()),
    }
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
mod tests {
    use super::*;

    #[test]
    fn a_query_carries_any_text() {
        let query = [("owner", "ann & bob".to_owned()), ("cursor", "a+b/c=".to_owned())];
        assert_eq!(
            with_query("/v1/stacks", &query),
            "/v1/stacks?owner=ann%20%26%20bob&cursor=a%2Bb%2Fc%3D"
        );
    }

    #[test]
    fn a_problem_names_its_fields() {
        let text = r#"{"title":"Invalid request","status":422,"detail":"1 field is wrong",
            "errors":[{"field":"variables.size","detail":"is a text","remedy":"give a number"}]}"#;
        let error = read_answer::<Value>("POST /v1/stacks".to_owned(), StatusCode::UNPROCESSABLE_ENTITY, text);
        let error = error.expect_err("a problem");
        assert_eq!(error.exit_code(), 3);
        assert!(
            error.report().contains("variables.size: is a text; give a number"),
            "{}",
            error.report()
        );
    }

    #[test]
    fn an_answer_of_something_else_is_shown_as_it_is() {
        let error = read_answer::<Value>("GET /".to_owned(), StatusCode::OK, "<html>").expect_err("no JSON");
        assert_eq!((error.exit_code(), error.to_string().contains("<html>")), (4, true));
    }
}
