//! What can go wrong with a request, before anybody thinks of HTTP.

use std::collections::HashSet;
use std::error::Error as StdError;

use axum::http::Method;
use slipway_api_types::{Missing, MissingKind};
use slipway_control::admission::Refusal;
use slipway_control::secrets::Unknown;
use slipway_model::id::OperationId;
use slipway_model::name::Digest;
use slipway_model::operation::approval::Undecidable;
use slipway_model::problem::{FieldProblem, shortened};
use slipway_policy::{Denial, gate};

/// Why a requester may not approve its plan.
pub(crate) const OWN_PLAN: &str = "The rule `self_approval` of the environment forbids requesters to approve their own plans. Ask someone \
     else, or an administrator to set `self_approval` of the environment to true for later operations.";

/// The reason for an error response.
///
/// `Display` and `source` are for operators: they go to the log. [`crate::problem`] writes what the caller reads.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is missing or is not JSON.
    #[error("the body cannot be read: {0}")]
    Malformed(String),
    /// Parameters of the query or headers are invalid.
    #[error("wrong parameters: {0:?}")]
    Parameters(Vec<FieldProblem>),
    /// The request has no caller.
    #[error("the request carries no identity")]
    Unauthenticated,
    /// The caller lacks a permission; the text names who has it.
    #[error("refused: {0}")]
    Forbidden(String),
    /// A policy denies it.
    #[error("denied")]
    Denied(#[source] Denial),
    /// A policy denies it, and the caller may not know that what it is about exists.
    #[error("denied")]
    Hidden {
        /// The answer, as if it did not exist.
        answer: Box<Error>,
        /// Why it is denied, for the audit log.
        #[source]
        denial: Denial,
    },
    /// The resource does not exist; the text lists what does.
    #[error("not found: {0}")]
    NotFound(String),
    /// The thing that the request names does not exist; `why` may say how one is named.
    #[error("there is no {} {}", what.kind.noun(), what.name)]
    Missing {
        /// What it is.
        what: Missing,
        /// What its names look like, if the name cannot be one; or where it may be.
        why: &'static str,
    },
    /// The path exists, for other methods.
    #[error("{method} is not one of {allowed:?}")]
    MethodNotAllowed {
        /// The method of the request.
        method: Method,
        /// The methods that the path has.
        allowed: Vec<String>,
    },
    /// The current state does not allow it; the text gives the reason and the remedy.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The approval does not quote the current sheet. The problem has the hash for programs. People get it with the sheet, so that they
    /// read what they approve.
    #[error(
        "{}; nothing was approved. Read the sheet (`slipway sheet {operation}`, or {path}), then approve its hash.",
        fault_of_approval(*is_missing)
    )]
    StaleSheet {
        /// Whether it quotes none.
        is_missing: bool,
        /// The operation whose plan it is about.
        operation: OperationId,
        /// The hash of the current sheet.
        hash: Digest,
        /// The path of the sheet.
        path: String,
    },
    /// The stack has another revision than the request names.
    #[error("the revision is {current}, not the one in If-Match")]
    RevisionMismatch {
        /// The current revision of the stack.
        current: u64,
    },
    /// A precondition of the request does not hold; the text names it.
    #[error("precondition failed: {0}")]
    PreconditionFailed(String),
    /// The body is too long.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The maximum length in bytes.
        limit: usize,
    },
    /// The body is not declared as JSON.
    #[error("the body is declared as {0:?}")]
    UnsupportedMediaType(String),
    /// Fields of the body are invalid.
    #[error("wrong fields: {0:?}")]
    Invalid(Vec<FieldProblem>),
    /// The idempotency key belongs to another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Another program has written into the audit log, and what is recorded there cannot be changed.
    #[error("chain {chain} of the audit log is blocked by its record {sequence}, which Slipway did not write")]
    AuditBlocked {
        /// The chain.
        chain: u8,
        /// The number of the record.
        sequence: u64,
    },
    /// A service throttles, or concurrent requests were first in every attempt; the same request may succeed later.
    #[error("unavailable while {doing}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// What came back.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// An internal error.
    #[error("failed while {doing}")]
    Internal {
        /// What was being done.
        doing: &'static str,
        /// What came back.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

fn fault_of_approval(quotes_none: bool) -> &'static str {
    if quotes_none {
        "The approval quotes no sheet"
    } else {
        "The plan has another sheet now"
    }
}

impl Error {
    /// Invalid fields of the body. If two checks find the same field, the first one is reported.
    pub fn invalid(problems: Vec<FieldProblem>) -> Self {
        let mut named = HashSet::new();
        let problems = problems.into_iter();
        Self::Invalid(problems.filter(|problem| named.insert(problem.field.clone())).collect())
    }

    /// One invalid field of the body.
    pub fn invalid_field(field: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem::new(field, detail, remedy)])
    }

    /// One invalid parameter.
    pub fn parameter(field: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Parameters(vec![FieldProblem::new(field, detail, remedy)])
    }

    /// The thing of this kind that a request names does not exist.
    pub fn missing(kind: MissingKind, name: &str, why: &'static str) -> Self {
        let name = shortened(name);
        Self::Missing {
            what: Missing { kind, name },
            why,
        }
    }

    /// An internal error while `doing`.
    pub fn internal(doing: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal {
            doing,
            source: source.into(),
        }
    }
}

impl From<slipway_store::Error> for Error {
    fn from(error: slipway_store::Error) -> Self {
        use slipway_store::Error as Store;
        match error {
            Store::NotFound { what } => Self::NotFound(format!("There is no {what}.")),
            Store::InvalidCursor(invalid) => Self::parameter(
                "cursor",
                invalid.to_string(),
                "give `next` of the page before, as it came, with the same filters; or leave it out for the first page",
            ),
            Store::TooLarge { .. } => Self::invalid_field(
                "body",
                "is more than the record of a stack can hold",
                "give shorter values; large data belongs into the blueprint's files or a bucket",
            ),
            Store::IllegalTransition(illegal) => Self::Conflict(format!("Nothing was changed: {illegal}.")),
            Store::Undecidable(Undecidable::OwnRequest) => Self::Forbidden(OWN_PLAN.to_owned()),
            Store::Undecidable(why) => Self::Conflict(format!("Nothing was changed: {why}.")),
            Store::NotPaused(why) => Self::Conflict(format!("Nothing was changed: {why}.")),
            Store::ChainBlocked { chain, sequence } => Self::AuditBlocked { chain, sequence },
            Store::Aws { .. } | Store::Conflict { .. } => Self::Unavailable {
                doing: "using the table",
                source: error.into(),
            },
            Store::NotActive { .. } | Store::Encode { .. } | Store::Decode { .. } => {
                Self::internal("using the table", error)
            }
        }
    }
}

impl From<Unknown> for Error {
    fn from(error: Unknown) -> Self {
        match error {
            Unknown::Record(error) => error.into(),
            Unknown::List(_) | Unknown::Body(_) => Self::Unavailable {
                doing: "reading the secrets of a stack",
                source: error.into(),
            },
            // As a log that nobody keeps: asking again does not help.
            Unknown::Unusable(why) => Self::NotFound(format!("The log is not shown, because {why}.")),
        }
    }
}

impl From<gate::Error> for Error {
    fn from(error: gate::Error) -> Self {
        match error {
            gate::Error::Store(error) => error.into(),
            gate::Error::Invalid(invalid) => Self::internal("reading the policies", invalid),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(problems) => Self::invalid(problems),
            Refusal::Conflict(text) => Self::Conflict(text),
            Refusal::RevisionMismatch { current } => Self::RevisionMismatch { current },
            Refusal::Store(error) => error.into(),
        }
    }
}
