//! Policies as they are stored, and what operations keep of the decision about their request. What policies mean is known to the crate
//! `slipway-policy` alone.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{Image, Name};

/// The most bytes of all policies together: they are one item of the table, which has at most 400 KB.
pub const POLICIES_SIZE: usize = 256 * 1024;

/// A policy that administrators stored. One with the name of a default policy replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPolicy {
    /// Its name.
    pub name: Name,
    /// Its text in Cedar. A text without a policy switches a default policy off.
    pub text: String,
    /// Who stored it.
    pub updated_by: String,
    /// When.
    pub updated_at: Timestamp,
}

/// All stored policies as they were at one revision. A revision never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRevision {
    /// 0 before the first change.
    pub revision: u64,
    /// The policies, by name.
    pub policies: Vec<StoredPolicy>,
    /// Whether one of them may refuse a plan. A build then leaves its plan to the workflow.
    pub judges_plans: bool,
    /// Who made this revision.
    pub changed_by: String,
    /// When; none before the first change.
    pub changed_at: Option<Timestamp>,
}

/// The newest revision, without its policies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyHead {
    /// The revision.
    pub revision: u64,
    /// As in [`PolicyRevision`].
    pub judges_plans: bool,
}

/// The caller of a request, as policies see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The name in Slipway ([`crate::principal`]).
    pub name: String,
    /// Names in earlier versions, under which stacks are still owned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<String>,
    /// The groups that the verified token names.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// Whether the deployment names the principal, or a group of it, as an administrator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub administrator: bool,
}

impl Principal {
    /// A principal without groups who is no administrator.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// Where images come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The registries: `111122223333.dkr.ecr.eu-west-1.amazonaws.com`, `docker.io`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub registries: BTreeSet<String>,
    /// The repositories, each with its registry if the image names one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub repositories: BTreeSet<String>,
}

impl<'a> FromIterator<&'a Image> for ImageFacts {
    fn from_iter<I: IntoIterator<Item = &'a Image>>(images: I) -> Self {
        images.into_iter().map(Image::repository).collect()
    }
}

impl<'a> FromIterator<&'a str> for ImageFacts {
    /// From repositories as images name them.
    fn from_iter<I: IntoIterator<Item = &'a str>>(repositories: I) -> Self {
        let mut facts = Self::default();
        for repository in repositories {
            // What Docker takes for a host: https://github.com/distribution/reference
            let host = repository.split_once('/').map(|(host, _)| host);
            let host = host.filter(|host| host.contains(['.', ':']) || *host == "localhost");
            facts.registries.insert(host.unwrap_or("docker.io").to_owned());
            facts.repositories.insert(repository.to_owned());
        }
        facts
    }
}

/// A request about a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFacts {
    /// The variables that it sets or removes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub variables: BTreeSet<String>,
    /// Where its images come from.
    pub images: ImageFacts,
    /// The version that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A request that policies permitted. They are asked again when its operation begins: the token of the requester is no longer there,
/// and the record does not tell a value that was requested from one that the stack had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermittedRequest {
    /// The requester, as the token or the signature of the request says.
    pub principal: Principal,
    /// What the request says.
    pub facts: RequestFacts,
}
