//! Who sends a request.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use slipway_model::name::Digest;
use slipway_model::operation::approval::Approver;
use slipway_model::principal::{self, TEAM};

use crate::error::Error;

/// The caller of a request: an extension that the server of the router puts into every request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The name under which stacks are owned and operations are requested ([`slipway_model::principal`]).
    pub name: String,
    /// Names under which earlier versions recorded the same caller.
    pub former: Vec<String>,
    /// The groups that the verified token names.
    pub groups: BTreeSet<String>,
    /// Whether they administer the service: an attribute that policies read.
    pub admin: bool,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        parts.extensions.get::<Self>().cloned().ok_or(Error::Unauthenticated)
    }
}

impl Caller {
    /// A caller of this name, without groups.
    pub fn named(name: impl Into<String>, admin: bool) -> Self {
        Self {
            name: name.into(),
            admin,
            ..Self::default()
        }
    }

    /// Whether what belongs to `owner` belongs to the caller: by name, or as a member of the team. The audit log records who reads what
    /// belongs to others.
    pub fn is_owner(&self, owner: &str) -> bool {
        let owner = principal::canonical(owner);
        let is_member = owner.strip_prefix(TEAM).is_some_and(|team| self.groups.contains(team));
        is_member || *owner == self.name || self.former.iter().any(|former| *former == *owner)
    }

    /// The caller as an approver of this sheet, who says this.
    pub fn approver<'a>(&'a self, sheet: Option<&'a Digest>, comment: Option<&'a str>) -> Approver<'a> {
        Approver {
            name: &self.name,
            former: &self.former,
            groups: &self.groups,
            administrator: self.admin,
            sheet,
            comment,
        }
    }
}
