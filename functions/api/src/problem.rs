//! The answer to a request that went wrong: RFC 9457 `application/problem+json`.

use axum::Json;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use slipway_api_types::{Missing, MissingKind};
use slipway_model::count::counted_as;
use slipway_model::problem::FieldProblem;
use slipway_policy::Denial;
use utoipa::ToSchema;

use crate::error::Error;

/// A problem with a request, for programs and for people.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:slipway:problem:invalid-request",
    "title": "The request is not valid",
    "status": 422,
    "detail": "1 field is wrong; nothing was changed.",
    "errors": [{
        "field": "variables.size",
        "detail": "is a text, not a number",
        "remedy": "give a number"
    }]
}))]
pub struct Problem {
    /// The type of problem: a stable name that programs may compare.
    #[serde(rename = "type")]
    pub kind: String,
    /// The type of problem in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The problem of this request, and its remedy.
    pub detail: String,
    /// Each invalid field, parameter or header.
    pub errors: Vec<WrongField>,
    /// The policies that deny the request; empty if none permits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<String>>,
    /// The current approval sheet, if an approval does not quote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<CurrentSheet>,
    /// What the path names, if the server has no such thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
}

/// A reference to the current approval sheet.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CurrentSheet {
    /// Its hash.
    pub hash: String,
    /// Its path.
    pub href: String,
}

/// One invalid field of a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WrongField {
    /// The path of the field in the body, or the name of the parameter or header.
    pub field: String,
    /// The problem.
    pub detail: String,
    /// The remedy.
    pub remedy: String,
    /// The line of the file that the field names, from 1, where the field is a file of a blueprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in that line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl From<FieldProblem> for WrongField {
    fn from(problem: FieldProblem) -> Self {
        Self {
            field: problem.field,
            detail: problem.detail,
            remedy: problem.remedy,
            line: problem.place.map(|place| place.line),
            column: problem.place.map(|place| place.column),
        }
    }
}

/// What the log contains about a failure of the service. It travels there with the response.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// The reference that the caller received.
    pub reference: String,
    /// The error and its causes.
    pub chain: String,
}

/// Why a request was denied. It travels to the audit log with the response.
#[derive(Debug, Clone)]
pub(crate) struct Denied(pub String);

impl From<&Denial> for Denied {
    fn from(denial: &Denial) -> Self {
        Self(match denial.policies.as_slice() {
            [] => denial.reason.clone(),
            named => format!("{} ({})", denial.reason, named.join(", ")),
        })
    }
}

/// How many fields a response names. A body of 256 KB has up to 30,000, whose problems exceed what Lambda returns.
const NAMED: usize = 100;

/// The caller's view of an error: type, status, title.
fn kind(error: &Error) -> (&'static str, StatusCode, &'static str) {
    match error {
        Error::Malformed(_) => ("malformed-body", StatusCode::BAD_REQUEST, "The body is not readable"),
        Error::Parameters(_) => ("invalid-parameter", StatusCode::BAD_REQUEST, "A parameter is not valid"),
        Error::Unauthenticated => (
            "unauthenticated",
            StatusCode::UNAUTHORIZED,
            "The request has no authenticated caller",
        ),
        Error::Forbidden(_) | Error::Denied(_) => ("forbidden", StatusCode::FORBIDDEN, "The caller may not do this"),
        Error::NotFound(_) | Error::Missing { .. } => ("not-found", StatusCode::NOT_FOUND, "Not found"),
        Error::Hidden { answer, .. } => kind(answer),
        Error::MethodNotAllowed { .. } => (
            "method-not-allowed",
            StatusCode::METHOD_NOT_ALLOWED,
            "The path has no such method",
        ),
        Error::Conflict(_) => ("conflict", StatusCode::CONFLICT, "Conflict"),
        Error::StaleSheet { .. } => ("stale-sheet", StatusCode::CONFLICT, "The approval does not count"),
        Error::RevisionMismatch { .. } => (
            "revision-mismatch",
            StatusCode::PRECONDITION_FAILED,
            "The stack has changed",
        ),
        Error::PreconditionFailed(_) => (
            "precondition-failed",
            StatusCode::PRECONDITION_FAILED,
            "The request is conditional on something else",
        ),
        Error::TooLarge { .. } => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too long"),
        Error::UnsupportedMediaType(_) => (
            "unsupported-media-type",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The body is not declared as JSON",
        ),
        Error::Invalid(_) => (
            "invalid-request",
            StatusCode::UNPROCESSABLE_ENTITY,
            "The request is not valid",
        ),
        Error::KeyReused => (
            "idempotency-key-reused",
            StatusCode::UNPROCESSABLE_ENTITY,
            "The idempotency key belongs to another request",
        ),
        Error::AuditBlocked { .. } => (
            "audit-log-blocked",
            StatusCode::INTERNAL_SERVER_ERROR,
            "The audit log was changed by another program",
        ),
        Error::Unavailable { .. } => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The service is busy"),
        Error::Internal { .. } => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The service failed"),
    }
}

/// What the caller reads about an error. Operators find the reference in the log.
fn detail(error: &Error, reference: &str) -> String {
    match error {
        Error::Malformed(detail)
        | Error::Forbidden(detail)
        | Error::Denied(Denial { reason: detail, .. })
        | Error::NotFound(detail)
        | Error::Conflict(detail)
        | Error::PreconditionFailed(detail) => detail.clone(),
        // Most are of requests that read, which change nothing anyway.
        Error::Parameters(fields) => format!("{}.", wrong(fields.len(), "parameter")),
        Error::Unauthenticated => "Sign the request, or send a token that the API accepts: it needs the claim that `OidcUserClaim` of \
             the deployment names, and `email_verified` if that is `email`. Of IAM, users and sessions of roles have a name; sessions \
             of GetFederationToken choose theirs and have none: assume a role."
            .to_owned(),
        Error::Missing { what, why } => no_such(what, why),
        Error::Hidden { answer, .. } => detail(answer, reference),
        Error::MethodNotAllowed { method, allowed } => {
            format!("{method} is not a method of this path; it has {}.", allowed.join(", "))
        }
        Error::StaleSheet { .. } => error.to_string(),
        Error::RevisionMismatch { current } => format!(
            "If-Match does not name the stack's revision, which is \"{current}\"; nothing was changed. Read the stack again."
        ),
        Error::TooLarge { limit } => format!("A body of this request has at most {limit} bytes."),
        Error::UnsupportedMediaType(given) => {
            format!("The content type is {given:?}; send `Content-Type: application/json`.")
        }
        Error::Invalid(fields) => format!("{}; nothing was changed.", wrong(fields.len(), "field")),
        Error::KeyReused => "This Idempotency-Key was used before for a request with another method, path or body; nothing was \
             changed. Use a new key for a new request."
            .to_owned(),
        Error::AuditBlocked { chain, sequence } => format!(
            "Nothing was changed. Record {sequence} of chain {chain} of the audit log is beyond the head of the chain: another program \
             wrote it, and nothing can be recorded after it. An administrator finds it with `slipway audit verify` and removes it from \
             the table (docs/audit.md)."
        ),
        Error::Unavailable { .. } => {
            format!("Send the same request again in a moment. Operators find this under the reference {reference}.")
        }
        Error::Internal { .. } => {
            format!("This is not the request's fault. Operators find it under the reference {reference}.")
        }
    }
}

/// What does not exist, and the request that lists the things of its kind.
fn no_such(what: &Missing, why: &str) -> String {
    let list = match what.kind {
        MissingKind::Stack => "List the stacks with GET /v1/stacks.",
        MissingKind::Operation => "List the operations of a stack with GET /v1/stacks/{id}/operations.",
        MissingKind::Policy => "List the policies with GET /v1/policies.",
        MissingKind::SourceAccount => "List the source accounts with GET /v1/source-accounts.",
        MissingKind::Webhook => "List the webhooks with GET /v1/webhooks.",
        MissingKind::DeadLetter => "List the events with GET /v1/dead-letters.",
    };
    format!("There is no {} `{}`{why}. {list}", what.kind.noun(), what.name)
}

/// How many fields or parameters are wrong, and how many of them the response lists.
fn wrong(count: usize, noun: &str) -> String {
    let wrong = counted_as(count, &format!("{noun} is wrong"), &format!("{noun}s are wrong"));
    if count > NAMED {
        format!("{wrong}, of which the first {NAMED} are listed")
    } else {
        wrong
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let reference = format!("{:016x}", rand::random::<u64>());
        let (name, status, title) = kind(&self);
        let detail = detail(&self, &reference);
        let chain = slipway_model::error_chain::chain(&self);
        let mut allow = None;
        let mut sheet = None;
        let mut denied = None;
        let mut policies = None;
        let mut missing = None;
        let fields = match self {
            Self::Parameters(fields) | Self::Invalid(fields) => fields,
            Self::MethodNotAllowed { allowed, .. } => {
                allow = HeaderValue::from_str(&allowed.join(", ")).ok();
                Vec::new()
            }
            Self::Denied(denial) => {
                denied = Some(Denied::from(&denial));
                policies = Some(denial.policies);
                Vec::new()
            }
            Self::StaleSheet { hash, path, .. } => {
                let hash = hash.as_str().to_owned();
                sheet = Some(CurrentSheet { hash, href: path });
                Vec::new()
            }
            Self::Forbidden(reason) => {
                denied = Some(Denied(reason));
                Vec::new()
            }
            Self::Missing { what, .. } => {
                missing = Some(what);
                Vec::new()
            }
            Self::Hidden { answer, denial } => {
                denied = Some(Denied::from(&denial));
                match *answer {
                    Self::Missing { what, .. } => missing = Some(what),
                    Self::Denied(shown) => policies = Some(shown.policies),
                    _ => {}
                }
                Vec::new()
            }
            _ => Vec::new(),
        };
        let problem = Problem {
            kind: format!("urn:slipway:problem:{name}"),
            title,
            status: status.as_u16(),
            detail,
            errors: fields.into_iter().take(NAMED).map(WrongField::from).collect(),
            policies,
            sheet,
            missing,
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(allow) = allow {
            headers.insert(ALLOW, allow);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(denied) = denied {
            response.extensions_mut().insert(denied);
        }
        if status.is_server_error() {
            response.extensions_mut().insert(Fault { reference, chain });
        }
        response
    }
}
