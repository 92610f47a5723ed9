//! Who sends a request, and what they may do.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use slipway_model::stack::Stack;

use crate::error::Error;

/// Who sends a request: an extension that whoever serves the router puts into every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name under which stacks are owned and operations are requested.
    pub name: String,
    /// Whether they administer the service: publish blueprints, and change the stacks of others.
    pub admin: bool,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        parts.extensions.get::<Self>().cloned().ok_or(Error::Unauthenticated)
    }
}

impl Caller {
    /// Only the owner of a stack and administrators change it; everybody reads.
    pub fn require_owner(&self, stack: &Stack) -> Result<(), Error> {
        if self.admin || self.name == stack.owner {
            return Ok(());
        }
        Err(Error::Forbidden(format!(
            "The stack `{}` belongs to {}; only its owner and administrators may change it.",
            stack.id, stack.owner
        )))
    }

    /// Only administrators do `what`.
    pub fn require_admin(&self, what: &str) -> Result<(), Error> {
        if self.admin {
            return Ok(());
        }
        Err(Error::Forbidden(format!("Only administrators may {what}.")))
    }
}
