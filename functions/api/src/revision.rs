//! The revision of a stack or of a configured record in HTTP: `ETag`, `If-Match` and `If-None-Match` (RFC 9110, section 13).

use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use slipway_store::configured;

use crate::error::Error;

/// What the caller knows of a stack that it asks to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It did not say.
    Any,
    /// This revision.
    Revision(u64),
}

impl Expected {
    /// The revision that the stack must have, where there is one.
    pub fn revision(self) -> Option<u64> {
        match self {
            Self::Any => None,
            Self::Revision(revision) => Some(revision),
        }
    }
}

/// The entity tag of a revision.
pub fn tag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// The condition in `If-Match`. `*` requires only that the stack exists.
///
/// A list of tags is as good as the newest revision in it: the stack has only one.
pub fn expected(headers: &HeaderMap) -> Result<Expected, Error> {
    let mut expected = None;
    for text in headers.get_all(IF_MATCH) {
        for tag in text.to_str().unwrap_or("?").split(',').map(str::trim) {
            if tag == "*" {
                return Ok(Expected::Any);
            }
            let revision = revision_of(tag).ok_or_else(|| {
                Error::parameter(
                    "If-Match",
                    "is not an entity tag of a revision",
                    "give the ETag as it came, with its quotes: \"4\"",
                )
            })?;
            expected = expected.max(Some(revision));
        }
    }
    Ok(expected.map_or(Expected::Any, Expected::Revision))
}

/// Whether the caller has this revision already, by `If-None-Match`.
pub fn is_known(headers: &HeaderMap, revision: u64) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter();
    let tags = values
        .filter_map(|text| text.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(str::trim);
    // The weak comparison, as the specification of the header requires.
    tags.into_iter()
        .any(|tag| tag == "*" || revision_of(tag.strip_prefix("W/").unwrap_or(tag)) == Some(revision))
}

/// Refuses a request that is conditional on something else than is there.
pub(crate) fn require(headers: &HeaderMap, there: configured::Expected) -> Result<(), Error> {
    let current = match there {
        configured::Expected::Revision(revision) => Some(revision),
        configured::Expected::Nothing | configured::Expected::Anything => None,
    };
    let expected = expected(headers)?;
    let Some(revision) = current else {
        if headers.contains_key(IF_MATCH) {
            let detail = "If-Match requires an existing record, and there is none; nothing was changed.";
            return Err(Error::PreconditionFailed(detail.to_owned()));
        }
        return Ok(());
    };
    let matches = match expected {
        Expected::Any => true,
        Expected::Revision(expected) => expected == revision,
    };
    if matches && !is_known(headers, revision) {
        return Ok(());
    }
    Err(Error::PreconditionFailed(format!(
        "The revision is \"{revision}\", and the request is conditional on another; nothing was changed. Read it again."
    )))
}

/// Refuses a change whose body says the revision of the record that it was read from, if there is another record. `GET` shows it, so
/// that what was read, edited and put overwrites no other change.
pub(crate) fn require_shown(shown: Option<u64>, there: configured::Expected) -> Result<(), Error> {
    let Some(shown) = shown else { return Ok(()) };
    let detail = match there {
        configured::Expected::Revision(current) if current == shown => return Ok(()),
        configured::Expected::Revision(current) => format!(
            "The revision is \"{current}\", and the body has the revision \"{shown}\"; nothing was changed. Read the record again, and \
             repeat the change."
        ),
        configured::Expected::Nothing | configured::Expected::Anything => format!(
            "The body has the revision \"{shown}\" of an existing record, and there is none; nothing was changed. Leave `revision` out to \
             create one."
        ),
    };
    Err(Error::PreconditionFailed(detail))
}

fn revision_of(tag: &str) -> Option<u64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}
