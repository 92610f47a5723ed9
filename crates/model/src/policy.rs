//! Policies as they are stored, and what operations keep of the decision about their request. What policies mean is known to the crate
//! `slipway-policy` alone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::name::{Image, Name};
use crate::request::{Patch, ReleaseRequest, StackDraft};
use crate::subscription::{Push, Subscription};

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
    /// Whether it is the push of an image to which the stack subscribes, and no request of a caller.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pushed: bool,
}

/// The facts of each kind of request, over HTTPS and by event. The requests are taken apart field by field: another field does not
/// compile before it is decided whether policies know it.
impl RequestFacts {
    /// What the request for a new stack says.
    pub fn of_new_stack(draft: &StackDraft) -> Self {
        let StackDraft {
            version,
            variables,
            images,
            subscriptions,
            // Facts of the stack.
            name: _,
            blueprint: _,
            environment: _,
            owner: _,
            problems: _,
        } = draft;
        Self {
            images: images_and_subscriptions(images, subscriptions.values()),
            ..Self::of_configuration(version.as_ref(), variables)
        }
    }

    /// What the request for an update or a preview says.
    pub fn of_patch(patch: &Patch) -> Self {
        let Patch {
            version,
            variables,
            subscriptions,
        } = patch;
        Self {
            images: images_and_subscriptions(&BTreeMap::new(), subscriptions.values().flatten()),
            ..Self::of_configuration(version.as_ref(), variables)
        }
    }

    /// What the request for a release says.
    pub fn of_release(release: &ReleaseRequest) -> Self {
        let ReleaseRequest {
            images,
            snapshot: _,
            compatible_with_previous: _,
        } = release;
        Self::of_images(images)
    }

    /// What a request says that releases these images, such as a rollback.
    pub fn of_images(images: &BTreeMap<Name, Image>) -> Self {
        Self {
            images: images.values().collect(),
            ..Self::default()
        }
    }

    /// What the push of an image says.
    pub fn of_push(push: &Push) -> Self {
        Self {
            images: [push.repository.address().as_str()].into_iter().collect(),
            pushed: true,
            ..Self::default()
        }
    }

    fn of_configuration(version: Option<&Version>, variables: &Map<String, Value>) -> Self {
        Self {
            variables: variables.keys().cloned().collect(),
            version: version.map(ToString::to_string),
            ..Self::default()
        }
    }
}

/// Subscriptions count as images: what is pushed to their repositories is released without another decision.
fn images_and_subscriptions<'a>(
    images: &BTreeMap<Name, Image>,
    subscriptions: impl Iterator<Item = &'a Subscription>,
) -> ImageFacts {
    let mut repositories: Vec<String> = images.values().map(|image| image.repository().to_owned()).collect();
    repositories.extend(subscriptions.map(|subscription| subscription.repository.address()));
    repositories.iter().map(String::as_str).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;
    use crate::name::Digest;
    use crate::request::read_release;
    use serde_json::json;

    fn fields(value: &Value) -> Fields {
        Fields::new(value.as_object().cloned().unwrap_or_default())
    }

    /// The facts as JSON, with each image by repository alone.
    fn facts(variables: &Value, version: &Value, repositories: &Value) -> Value {
        let mut facts = json!({"images": {}});
        for (name, value) in [("variables", variables), ("version", version)] {
            if !value.is_null() {
                facts[name] = value.clone();
            }
        }
        if let Some(repositories) = repositories.as_array().filter(|all| !all.is_empty()) {
            let of = |repository: &Value| {
                let text = repository.as_str().unwrap_or_default();
                text.split_once('/').map_or("docker.io", |(host, _)| host).to_owned()
            };
            let registries: BTreeSet<String> = repositories.iter().map(of).collect();
            facts["images"] = json!({"registries": registries, "repositories": repositories});
        }
        facts
    }

    #[test]
    fn each_field_of_a_request_that_decides_is_a_fact() {
        let digest = Digest::of(b"");
        let (arn, address) = (
            "arn:aws:ecr:us-east-1:999999999999:repository/evil/web",
            "999999999999.dkr.ecr.us-east-1.amazonaws.com/evil/web",
        );
        let subscriptions = json!({"web": {"repository": arn, "tags": "*"}, "worker": null});
        let (variables, none) = (json!({"size": 2, "colour": null}), Value::Null);
        let image = format!("registry.example/web@{digest}");
        let whole = json!({
            "name": "shop", "blueprint": "web", "environment": "live", "version": "1.2.0", "variables": variables,
            "images": {"web": image}, "subscriptions": subscriptions,
        });
        let draft = StackDraft::read(fields(&whole));
        assert!(draft.problems.is_empty(), "{:?}", draft.problems);
        assert_eq!(
            serde_json::to_value(RequestFacts::of_new_stack(&draft)).ok(),
            Some(facts(
                &json!(["colour", "size"]),
                &json!("1.2.0"),
                &json!([address, "registry.example/web"])
            ))
        );
        for (edit, expected) in [
            (json!({"version": "2.0.0"}), facts(&none, &json!("2.0.0"), &none)),
            (
                json!({"variables": variables}),
                facts(&json!(["colour", "size"]), &none, &none),
            ),
            (
                json!({"subscriptions": subscriptions}),
                facts(&none, &none, &json!([address])),
            ),
        ] {
            let patch = Patch::read(fields(&edit)).expect("a patch");
            assert_eq!(
                serde_json::to_value(RequestFacts::of_patch(&patch)).ok(),
                Some(expected),
                "{edit}"
            );
        }
        let release = read_release(fields(&json!({"images": {"web": image}, "snapshot": true}))).expect("a release");
        assert_eq!(
            serde_json::to_value(RequestFacts::of_release(&release)).ok(),
            Some(facts(&none, &none, &json!(["registry.example/web"])))
        );
    }
}
