//! A resource that Terraform created in an apply, as it reported it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use slipway_model::name::Digest;

use crate::stream::Hook;

/// Resources that were created, by address; none for one without an ID that it could be imported with.
pub(crate) type Reported = BTreeMap<String, Option<Created>>;

/// The attribute that most often is the ID.
const ID: &str = "id";

/// The attribute that is reported of a resource without one.
const NAME: &str = "name";

/// The ID of resources that have none. Some providers give it to each, `random_password` for example, and would import it as a value.
const NO_ID: &str = "none";

/// A resource that was created, and that can be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(crate) struct Created {
    /// The ID.
    pub(crate) id: String,
    /// The attribute that has it.
    key: String,
    /// Whether Terraform destroyed the resource that it replaces.
    pub(crate) has_replaced: bool,
    /// That Terraform rejected its import.
    pub(crate) rejected: Option<Rejected>,
}

/// A rejected import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// What Terraform said.
    pub(crate) reason: String,
    /// The configuration of the stack: another one may import the resource. None on a record of an earlier version.
    pub(crate) with: Option<Digest>,
}

/// A record of it. Earlier versions wrote the ID alone, or a rejection without its configuration.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Id(String),
    Whole {
        id: String,
        key: String,
        has_replaced: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        rejected: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        rejected_with: Option<Digest>,
    },
}

impl From<Written> for Created {
    fn from(written: Written) -> Self {
        match written {
            Written::Id(id) => Self {
                id,
                key: ID.to_owned(),
                has_replaced: false,
                rejected: None,
            },
            Written::Whole {
                id,
                key,
                has_replaced,
                rejected,
                rejected_with,
            } => Self {
                id,
                key,
                has_replaced,
                rejected: rejected.map(|reason| Rejected {
                    reason,
                    with: rejected_with,
                }),
            },
        }
    }
}

impl From<Created> for Written {
    fn from(created: Created) -> Self {
        let (rejected, rejected_with) = match created.rejected {
            Some(rejected) => (Some(rejected.reason), rejected.with),
            None => (None, None),
        };
        Self::Whole {
            id: created.id,
            key: created.key,
            has_replaced: created.has_replaced,
            rejected,
            rejected_with,
        }
    }
}

impl Created {
    /// Whether Terraform rejected its import with this configuration.
    pub(crate) fn is_rejected_with(&self, configuration: &Digest) -> bool {
        let rejected = self.rejected.as_ref();
        rejected.is_some_and(|rejected| rejected.with.as_ref() == Some(configuration))
    }

    /// What a message says that ends a creation.
    pub(crate) fn reported(hook: &Hook, has_replaced: bool) -> Option<Self> {
        let id = hook.id_value.clone().filter(|id| !id.is_empty() && id != NO_ID)?;
        let key = hook.id_key.clone().unwrap_or_else(|| ID.to_owned());
        // Of a resource that is known by a tag, the ID is not known.
        matches!(key.as_str(), ID | NAME).then_some(Self {
            id,
            key,
            has_replaced,
            rejected: None,
        })
    }
}

/// The attributes of an object in a state by which it is known.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Attributes {
    id: Option<serde_json::Value>,
    name: Option<serde_json::Value>,
}

impl Attributes {
    /// Whether these are those of a resource that was created.
    pub(crate) fn are_of(&self, created: &Created) -> bool {
        let value = if created.key == NAME { &self.name } else { &self.id };
        match value {
            Some(serde_json::Value::String(text)) => *text == created.id,
            Some(serde_json::Value::Number(number)) => number.to_string() == created.id,
            _ => false,
        }
    }
}

/// Those of the resources that can be imported.
pub(crate) fn importable(reported: &Reported) -> BTreeMap<String, Created> {
    let known = reported.iter();
    known
        .filter_map(|(address, created)| Some((address.clone(), created.clone()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reported(more: &serde_json::Value) -> Option<Created> {
        let mut hook = json!({"resource": {"addr": "r.a"}, "action": "create"});
        hook.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        Created::reported(&serde_json::from_value(hook).expect("a hook"), false)
    }

    #[test]
    fn only_an_id_that_names_one_resource_is_imported() {
        assert_eq!(
            reported(&json!({"id_key": "id", "id_value": "i-1"})).expect("an ID").id,
            "i-1"
        );
        assert_eq!(
            reported(&json!({"id_key": "name", "id_value": "web"}))
                .expect("a name")
                .id,
            "web"
        );
        for without in [
            json!({}),
            json!({"id_key": "id", "id_value": ""}),
            json!({"id_key": "id", "id_value": "none"}),
            json!({"id_key": "tags.Name", "id_value": "web"}),
        ] {
            assert_eq!(reported(&without), None, "{without}");
        }
    }

    #[test]
    fn an_object_is_known_by_the_attribute_that_was_reported() {
        let attributes: Attributes = serde_json::from_value(json!({"id": "i-1", "name": "web"})).expect("attributes");
        let created = |key: &str, id: &str| reported(&json!({"id_key": key, "id_value": id})).expect("an ID");
        assert!(attributes.are_of(&created("id", "i-1")));
        assert!(!attributes.are_of(&created("id", "web")));
        assert!(attributes.are_of(&created("name", "web")));
        assert!(!Attributes::default().are_of(&created("id", "i-1")));
    }

    #[test]
    fn a_record_of_an_earlier_version_has_the_id_alone() {
        let created = reported(&json!({"id_key": "id", "id_value": "i-1"})).expect("an ID");
        let earlier: Created = serde_json::from_value(json!("i-1")).expect("a record");
        assert_eq!(earlier, created);
        let read = |written: serde_json::Value| -> Created { serde_json::from_value(written).expect("a record") };
        assert_eq!(read(json!(created)), created);
        let mut whole = json!({"id": "i-1", "key": "id", "has_replaced": false, "rejected": "no import"});
        let rejected = |with| {
            Some(Rejected {
                reason: "no import".to_owned(),
                with,
            })
        };
        assert_eq!(read(whole.clone()).rejected, rejected(None));
        let configuration = Digest::of(b"1");
        whole["rejected_with"] = json!(configuration);
        assert_eq!(json!(read(whole.clone())), whole);
        assert_eq!(read(whole).rejected, rejected(Some(configuration)));
    }
}
