//! The check of the output `slipway`.
//!
//! Terraform gives every part as plain JSON. It is taken apart by hand rather than by serde, so that all problems are
//! named at once and each by its whole path. A problem that only follows from another is not named.

use serde_json::Value;

use super::at::{At, Problems};
use super::partial::Partial;
use super::rollout::rollout;
use super::{BAKE_SECONDS, Contract, Database, DatabaseKind, Health, Network, Scaling, Service};
use super::{command, default_expected_status, endpoints, migration, whole};
use crate::problem::FieldProblem;

/// See [`Contract::parse`].
pub(super) fn contract(value: &Value) -> Result<Contract, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let contract = read(&At::root(&Partial::of(value)), &mut problems);
    if problems.is_empty() {
        Ok(contract)
    } else {
        Err(problems)
    }
}

/// See [`Contract::problems`].
pub(super) fn problems(value: &Partial) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let _ = read(&At::root(value), &mut problems);
    problems
}

/// The attributes of the contract.
pub(super) const ATTRIBUTES: [&str; 13] = [
    "endpoints",
    "cluster",
    "network",
    "database",
    "services",
    "migrations",
    "backups",
    "tasks",
    "schedules",
    "health",
    "bake_seconds",
    "compatible_with_previous",
    "notes",
];

/// Reads what is known; what has a problem, or is not known yet, is left out.
fn read(root: &At, problems: &mut Problems) -> Contract {
    let Some(root) = root.attributes(&ATTRIBUTES, problems) else {
        return Contract::default();
    };
    let contract = Contract {
        endpoints: root
            .get("endpoints")
            .map(|at| endpoints::read(&at, problems))
            .unwrap_or_default(),
        cluster: root.get("cluster").and_then(|at| at.text(problems)),
        network: root.get("network").and_then(|at| network(&at, problems)),
        database: root.get("database").and_then(|at| database(&at, problems)),
        services: root
            .get("services")
            .map(|at| at.named(problems, service))
            .unwrap_or_default(),
        migrations: root
            .get("migrations")
            .map(|at| migration::read(&at, problems))
            .unwrap_or_default(),
        backups: root
            .get("backups")
            .map(|at| command::in_order(&at, problems))
            .unwrap_or_default(),
        tasks: root
            .get("tasks")
            .map(|at| at.named(problems, command::task))
            .unwrap_or_default(),
        schedules: root
            .get("schedules")
            .map(|at| at.named(problems, command::schedule))
            .unwrap_or_default(),
        health: root.get("health").and_then(|at| health(&at, problems)),
        bake_seconds: root
            .get("bake_seconds")
            .and_then(|at| at.number(problems, BAKE_SECONDS)),
        compatible_with_previous: root.get("compatible_with_previous").map(|at| at.flag(problems)),
        notes: root.get("notes").map(|at| at.texts(problems)).unwrap_or_default(),
    };
    whole::check(&root, &contract, problems);
    contract
}

fn network(at: &At, problems: &mut Problems) -> Option<Network> {
    let at = &at.attributes(&["subnets", "security_groups", "assign_public_ip"], problems)?;
    let subnets = at.require("subnets", problems).and_then(|at| at.list(problems));
    let groups = at.require("security_groups", problems).and_then(|at| at.list(problems));
    let assign_public_ip = at.get("assign_public_ip").is_some_and(|at| at.flag(problems));
    Some(Network {
        subnets: subnets?,
        security_groups: groups?,
        assign_public_ip,
    })
}

fn database(at: &At, problems: &mut Problems) -> Option<Database> {
    let at = &at.attributes(&["kind", "id"], problems)?;
    let kind = at.require("kind", problems).and_then(|at| {
        Some(match at.text(problems)?.as_str() {
            "rds-instance" => DatabaseKind::RdsInstance,
            "rds-cluster" => DatabaseKind::RdsCluster,
            _ => {
                return at.wrong(
                    problems,
                    "is not a kind of database",
                    "use `rds-instance` or `rds-cluster`",
                );
            }
        })
    });
    let id = at.require("id", problems).and_then(|at| at.text(problems));
    Some(Database { kind: kind?, id: id? })
}

fn service(at: &At, problems: &mut Problems) -> Option<Service> {
    let known = [
        "name",
        "task_definition",
        "desired_count",
        "scaling",
        "strategy",
        "quiesce",
        "rollout_timeout_seconds",
    ];
    let at = &at.attributes(&known, problems)?;
    let bounds = at.get("scaling").and_then(|at| scaling(&at, problems));
    let rollout = rollout(at, problems);
    let quiesce = at.get("quiesce").is_some_and(|at| at.flag(problems));
    let definition = at.require("task_definition", problems);
    let definition = definition.and_then(|at| task_definition(&at, problems));
    let count = at.require("desired_count", problems);
    let count = count.and_then(|at| at.number(problems, u32::MAX));
    let name = at.require("name", problems).and_then(|at| at.text(problems));
    let (strategy, rollout_timeout_seconds) = rollout?;
    Some(Service {
        name: name?,
        task_definition: definition?,
        desired_count: count?,
        scaling: bounds,
        strategy,
        quiesce,
        rollout_timeout_seconds,
    })
}

/// What `ecs:RegisterTaskDefinition` takes. Only the containers are checked, because a release puts images into them.
fn task_definition(at: &At, problems: &mut Problems) -> Option<Value> {
    at.object(problems)?;
    let containers = at.require("containerDefinitions", problems)?;
    match containers.value {
        Partial::Unknown => {}
        Partial::List(list) if !list.is_empty() => {
            for container in containers.elements() {
                if container.object(problems).is_some() {
                    container.require("name", problems).and_then(|at| at.text(problems));
                }
            }
        }
        _ => {
            return containers.wrong(
                problems,
                "is not a list of containers with names",
                "give at least one container, each with a `name`",
            );
        }
    }
    at.value.whole()
}

fn scaling(at: &At, problems: &mut Problems) -> Option<Scaling> {
    let at = &at.attributes(&["min", "max"], problems)?;
    let most = at.require("max", problems);
    let max = most.as_ref().and_then(|at| at.number(problems, u32::MAX));
    let min = at.require("min", problems).and_then(|at| at.number(problems, u32::MAX));
    let (max, min) = (max?, min?);
    match most {
        Some(most) if max < min => most.wrong(problems, "is less than `min`", "give at least as many as `min`"),
        _ => Some(Scaling { min, max }),
    }
}

fn health(at: &At, problems: &mut Problems) -> Option<Health> {
    let at = &at.attributes(&["url", "expect"], problems)?;
    let url = at.require("url", problems).and_then(|at| {
        let text = at.text(problems)?;
        if text.starts_with("http://") || text.starts_with("https://") {
            return Some(text);
        }
        at.wrong(
            problems,
            "is not a web address",
            "start it with `https://` or `http://`",
        )
    });
    let expect = match at.get("expect") {
        None => Some(default_expected_status()),
        Some(at) => match at.number(problems, 599) {
            Some(0..100) => at.wrong(problems, "is not an HTTP status", "give a status from 100 to 599"),
            status => status.and_then(|status| u16::try_from(status).ok()),
        },
    };
    Some(Health {
        url: url?,
        expect: expect?,
    })
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
