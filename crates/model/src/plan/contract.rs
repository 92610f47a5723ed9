//! What becomes of the output `slipway`, as far as a plan knows it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Action;
use super::attribute::AttributeChange;
use super::difference::{self, Sides};
use super::migration::DangerousStatement;
use super::summary::is_zero;
use crate::contract::Partial;
use crate::contract::migration::{NamedSql, sql_of};
use crate::name::Name;
use crate::problem::FieldProblem;

/// The parts of the contract that a release depends on. If they change, the current release is rolled out again.
const SHAPE: [&str; 3] = ["cluster", "schedules", "services"];

/// How many attributes of a service its line names.
const ATTRIBUTES_NAMED: usize = 3;

/// The output `slipway` of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlannedContract {
    /// What changes in services and their task definitions, by service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, ServiceChange>,
    /// The services after the apply, where the plan knows their names.
    #[serde(skip)]
    pub service_names: Option<BTreeSet<String>>,
    /// Whether services, schedules or the cluster change or may change, so that the current release is rolled out again.
    pub shape_changes: bool,
    /// The names of the migrations, in order.
    #[serde(default)]
    pub migrations: Vec<String>,
    /// The names of the backups, in order.
    #[serde(default)]
    pub backups: Vec<String>,
    /// The SQL of the migrations, as far as it is known.
    #[serde(skip)]
    pub sql: Vec<NamedSql>,
    /// The dangerous statements in the SQL of migrations that this blueprint version adds or changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dangerous: Vec<DangerousStatement>,
    /// How many dangerous statements were found: more than are named, if there are many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dangerous_count: u64,
    /// The dangerous statements in files that the stack was made from. They run again if a release fails beside the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dangerous_known: Vec<DangerousStatement>,
    /// How many of these were found, likewise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dangerous_known_count: u64,
}

/// What changes in a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceChange {
    /// `create`, `update` or `delete`.
    pub action: Action,
    /// What changes in it.
    pub attributes: Vec<AttributeChange>,
}

impl PlannedContract {
    /// What is wrong with the images of a request: services that the stack will not have. Otherwise the release would show it, when the
    /// resources exist.
    pub fn problems_of_images<'n>(&self, services: impl Iterator<Item = &'n Name>) -> Vec<FieldProblem> {
        let Some(names) = &self.service_names else {
            return Vec::new();
        };
        let remedy = if names.is_empty() {
            "it has no services: leave out the image".to_owned()
        } else {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("its services are {}", names.join(", "))
        };
        let unknown = services.filter(|service| !names.contains(service.as_str()));
        let problem = |service: &Name| {
            let field = format!("images.{service}");
            FieldProblem::new(field, "names no service of the stack", remedy.as_str())
        };
        unknown.map(problem).collect()
    }

    /// What changes in each service, as a line of the summary: `web: desired_count 2 -> 3`.
    pub(super) fn service_lines(&self) -> impl Iterator<Item = String> {
        self.services.iter().map(|(name, change)| match change.action {
            Action::Update => format!("{name}: {}", named(&change.attributes)),
            action => format!("{name}: {action}"),
        })
    }

    pub(super) fn of(sides: Sides<'_>, hide: &dyn Fn(&str) -> String) -> Self {
        let part = |name: &str| sides.at(name);
        let services = part("services");
        let sets = [services.before, services.after, services.unknown];
        let names = sets.iter().flatten().filter_map(|set| set.as_object());
        let names: BTreeSet<&String> = names.flat_map(serde_json::Map::keys).collect();
        let change = |name: &String| {
            let service = services.at(name);
            let attributes = difference::attributes(service, hide);
            let unknown = service.unknown.filter(|mark| !difference::is_clear(mark));
            let action = match (service.before, service.after.or(unknown)) {
                (None, _) => Action::Create,
                (Some(_), None) => Action::Delete,
                (Some(_), Some(_)) if attributes.is_empty() => return None,
                (Some(_), Some(_)) => Action::Update,
            };
            Some((hide(name), ServiceChange { action, attributes }))
        };
        let changes = |name: &&str| !difference::attributes(part(name), hide).is_empty();
        Self {
            services: names.into_iter().filter_map(change).collect(),
            service_names: names_after(services),
            shape_changes: SHAPE.iter().any(changes) || sides.unknown == Some(&Value::Bool(true)),
            migrations: names_in(part("migrations").after, hide),
            backups: names_in(part("backups").after, hide),
            sql: sql_of(&Partial::planned(sides.after, sides.unknown)),
            dangerous: Vec::new(),
            dangerous_count: 0,
            dangerous_known: Vec::new(),
            dangerous_known_count: 0,
        }
    }
}

/// The first attributes that change. Texts can be long, so only numbers and truth values are shown.
fn named(attributes: &[AttributeChange]) -> String {
    let is_short = |value: &Value| value.is_number() || value.is_boolean();
    let attribute = |change: &AttributeChange| match (&change.before, &change.after) {
        (Some(before), Some(after)) if is_short(before) && is_short(after) => {
            format!("{} {before} -> {after}", change.path)
        }
        _ => change.path.clone(),
    };
    let mut named: Vec<String> = attributes.iter().take(ATTRIBUTES_NAMED).map(attribute).collect();
    let left = attributes.len().saturating_sub(ATTRIBUTES_NAMED);
    named.extend((left > 0).then(|| format!("{left} more")));
    named.join(", ")
}

/// The names of the services after the apply; none where the plan does not know all of them.
fn names_after(services: Sides<'_>) -> Option<BTreeSet<String>> {
    let keys = |part: Option<&Value>| -> BTreeSet<String> {
        let members = part.and_then(Value::as_object);
        members
            .into_iter()
            .flat_map(|members| members.keys().cloned())
            .collect()
    };
    match services.unknown {
        Some(Value::Bool(true)) => None,
        Some(unknown) => {
            let is_later = |name: &String| !difference::is_clear(&unknown[name.as_str()]);
            let later = keys(services.unknown).into_iter().filter(is_later);
            Some(keys(services.after).into_iter().chain(later).collect())
        }
        None => Some(keys(services.after)),
    }
}

/// The names of the commands in a list.
fn names_in(list: Option<&Value>, hide: &dyn Fn(&str) -> String) -> Vec<String> {
    let commands = list.and_then(Value::as_array).into_iter().flatten();
    let name = |command: &Value| hide(command["name"].as_str().unwrap_or("(known after apply)"));
    commands.map(name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn line_of_a_service_names_what_changes() {
        let change = |path: &str, before: Value, after: Value| AttributeChange {
            path: path.to_owned(),
            before: Some(before),
            after: Some(after),
            ..AttributeChange::default()
        };
        let update = |attributes| ServiceChange {
            action: Action::Update,
            attributes,
        };
        let count = change("desired_count", json!(2), json!(3));
        let cpu = change("task_definition.cpu", json!("256"), json!("512"));
        let many = vec![count.clone(), cpu.clone(), cpu.clone(), cpu.clone(), cpu];
        let new = ServiceChange {
            action: Action::Create,
            attributes: many.clone(),
        };
        let services = [("api", update(vec![count])), ("new", new), ("web", update(many))];
        let contract = PlannedContract {
            services: services.map(|(name, change)| (name.to_owned(), change)).into(),
            ..PlannedContract::default()
        };
        let lines: Vec<String> = contract.service_lines().collect();
        assert_eq!(
            lines,
            [
                "api: desired_count 2 -> 3",
                "new: create",
                "web: desired_count 2 -> 3, task_definition.cpu, task_definition.cpu, 2 more",
            ]
        );
    }
}
