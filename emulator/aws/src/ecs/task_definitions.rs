//! The calls on task definitions.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::definition::{Definition, Revision};
use super::{Ecs, Shared, client_error, is_name, short_name};
use crate::wire::{AwsError, input};

const DEFINITION: &str = "ecs-task-definition";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ByReference {
    task_definition: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListInput {
    family_prefix: Option<String>,
    status: Option<String>,
    sort: Option<String>,
}

impl Ecs {
    pub(super) fn register_task_definition(&self, body: Value) -> Result<Value, AwsError> {
        let body: Map<String, Value> = input(body)?;
        let definition = Definition::parse(&body)?;
        let family = definition.family;
        if !is_name(&family) {
            return Err(client_error("family: letters, digits, - and _ are taken, up to 255."));
        }
        let revision = self.shared.host.ledger.transaction(|ledger| {
            let earlier = ledger.list_under::<Revision>(DEFINITION, &format!("{family}:"))?;
            let revision = Revision {
                number: earlier.last().map_or(1, |(_, last)| last.number + 1),
                family: family.clone(),
                is_active: true,
                registered_at: Timestamp::now(),
                deregistered_at: None,
                body,
            };
            ledger.put(DEFINITION, &Revision::key(&family, revision.number), &revision)?;
            Ok::<_, AwsError>(revision)
        })?;
        Ok(json!({"taskDefinition": revision.to_json(), "tags": tags(&revision)}))
    }

    pub(super) fn describe_task_definition(&self, body: Value) -> Result<Value, AwsError> {
        let reference = input::<ByReference>(body)?.task_definition;
        let revision = self.shared.revision(&reference)?;
        let revision = revision.ok_or_else(|| client_error("Unable to describe task definition."))?;
        Ok(json!({"taskDefinition": revision.to_json(), "tags": tags(&revision)}))
    }

    pub(super) fn deregister_task_definition(&self, body: Value) -> Result<Value, AwsError> {
        let reference = input::<ByReference>(body)?.task_definition;
        if !short_name(&reference, "task-definition").contains(':') {
            return Err(client_error("A revision is needed: family:revision."));
        }
        let revision = self.shared.revision(&reference)?;
        let mut revision = revision.ok_or_else(|| client_error("The specified task definition does not exist."))?;
        if revision.is_active {
            revision.is_active = false;
            revision.deregistered_at = Some(Timestamp::now());
            let key = Revision::key(&revision.family, revision.number);
            self.shared.host.ledger.put(DEFINITION, &key, &revision)?;
        }
        Ok(json!({"taskDefinition": revision.to_json()}))
    }

    pub(super) fn list_task_definitions(&self, body: Value) -> Result<Value, AwsError> {
        let list: ListInput = input(body)?;
        let mut revisions = self.shared.revisions(&list)?;
        let status = list.status.as_deref().unwrap_or("ACTIVE");
        // A prefix is a whole family here, as on AWS.
        revisions.retain(|it| {
            it.status() == status && list.family_prefix.as_ref().is_none_or(|family| it.family == *family)
        });
        if list.sort.as_deref() == Some("DESC") {
            revisions.reverse();
        }
        let arns: Vec<_> = revisions.iter().map(Revision::arn).collect();
        Ok(json!({"taskDefinitionArns": arns}))
    }
}

impl Shared {
    fn revisions(&self, list: &ListInput) -> Result<Vec<Revision>, AwsError> {
        let prefix = list.family_prefix.as_deref().unwrap_or_default();
        let revisions = self.host.ledger.list_under::<Revision>(DEFINITION, prefix)?;
        Ok(revisions.into_iter().map(|(_, revision)| revision).collect())
    }

    /// The revision that `family`, `family:revision` or an ARN names; a family alone names its newest active one.
    pub(super) fn revision(&self, reference: &str) -> Result<Option<Revision>, AwsError> {
        let name = short_name(reference, "task-definition");
        if let Some((family, revision)) = name.split_once(':') {
            let Ok(revision) = revision.parse() else {
                return Ok(None);
            };
            return Ok(self.host.ledger.get(DEFINITION, &Revision::key(family, revision))?);
        }
        let revisions = self
            .host
            .ledger
            .list_under::<Revision>(DEFINITION, &format!("{name}:"))?;
        let newest = revisions.into_iter().rev().map(|(_, revision)| revision);
        Ok(newest.into_iter().find(|revision| revision.is_active))
    }

    /// A revision that new tasks may be started from.
    pub(super) fn active_revision(&self, reference: &str) -> Result<Revision, AwsError> {
        match self.revision(reference)? {
            Some(revision) if revision.is_active => Ok(revision),
            Some(_) => Err(client_error("TaskDefinition is inactive")),
            None => Err(client_error("TaskDefinition not found.")),
        }
    }
}

fn tags(revision: &Revision) -> Value {
    revision.body.get("tags").cloned().unwrap_or(json!([]))
}
