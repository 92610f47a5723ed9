//! What no part of the output `slipway` can see alone: references, names, limits that parts share.
//!
//! References and names are compared as they stand. A part that could not be read is there all the same, so nothing is named that
//! only follows from its own problem.

use std::collections::BTreeSet;

use super::at::{At, Problems};
use super::partial::Partial;
use super::{Contract, PARTS};
use crate::name::Name;
use crate::problem::FieldProblem;
use crate::terraform::OUTPUT;

/// The longest that the migrations and backups of a release may take together, by their own limits, in seconds: two days.
pub(super) const COMMANDS_SECONDS: u64 = 2 * 86_400;

/// The lists of commands that a release runs.
const LISTS: [&str; 2] = ["migrations", "backups"];

pub(super) fn check(root: &At, contract: &Contract, problems: &mut Problems) {
    check_time(contract, problems);
    problems.extend(too_long(contract.bytes().max(root.value.known_bytes())));
    check_references(root, problems);
    for list in LISTS.iter().filter_map(|list| root.get(list)) {
        check_names(&list, problems);
    }
    let has_services = root
        .get("services")
        .is_some_and(|services| !services.members().is_empty());
    if has_services && root.get("cluster").is_none() {
        problems.push(FieldProblem::new(
            "slipway.cluster",
            "is missing",
            "name the cluster that the services run in",
        ));
    }
    for field in ["services", "migrations", "backups", "schedules"] {
        let Some(at) = root.get(field) else { continue };
        let count = at.members().len() + at.elements().len();
        if count > PARTS {
            let detail = format!("has {count} entries");
            at.wrong::<()>(problems, &detail, &format!("use at most {PARTS}"));
        }
    }
}

/// What is wrong with a contract of so many bytes, if something is.
fn too_long(bytes: usize) -> Option<FieldProblem> {
    let most = Contract::BYTES;
    (bytes > most).then(|| {
        FieldProblem::new(
            OUTPUT,
            format!("has {bytes} bytes as JSON, and may have {most}"),
            "shorten it: move long commands and values into files of the images, or split the blueprint",
        )
    })
}

/// The commands of a release run one after the other, in one execution.
fn check_time(contract: &Contract, problems: &mut Problems) {
    let migrations = contract.migrations.iter().map(|migration| &migration.run);
    let commands = migrations.chain(contract.backups.iter().map(|backup| &backup.run));
    let seconds: u64 = commands.map(|run| u64::from(run.timeout_seconds)).sum();
    if seconds > COMMANDS_SECONDS {
        let field = if contract.migrations.is_empty() {
            "backups"
        } else {
            "migrations"
        };
        problems.push(FieldProblem::new(
            format!("slipway.{field}"),
            format!(
                "migrations and backups may take {seconds} seconds together, which is more than {COMMANDS_SECONDS}"
            ),
            "give them less `timeout_seconds`, or make what takes days a task",
        ));
    }
}

/// Whatever runs in a service names one that there is.
fn check_references(root: &At, problems: &mut Problems) {
    let services = root.get("services");
    if services
        .as_ref()
        .is_some_and(|at| !matches!(at.value, Partial::Object(_)))
    {
        // Not known yet, or named as a problem.
        return;
    }
    let services = services.iter().flat_map(At::members);
    let services: BTreeSet<&str> = services.map(|(name, _)| name).collect();
    let lists = LISTS.iter().filter_map(|list| root.get(list));
    let lists = lists.flat_map(|list| list.elements());
    let maps = ["tasks", "schedules"].iter().filter_map(|map| root.get(map));
    let maps = maps.flat_map(|map| map.members()).map(|(_, at)| at);
    for command in lists.chain(maps) {
        let Some(at) = command.get("service") else { continue };
        let Some(service) = at.value.as_text() else { continue };
        if services.contains(service) || service.parse::<Name>().is_err() {
            continue;
        }
        let remedy = if services.is_empty() {
            "add the service to the attribute `services`, which has none".to_owned()
        } else {
            let names: Vec<&str> = services.iter().copied().collect();
            format!("name one of the attribute `services`: {}", names.join(", "))
        };
        at.wrong::<()>(problems, &format!("there is no service `{service}`"), &remedy);
    }
}

/// Each command of a list has a name of its own.
fn check_names(list: &At, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for command in list.elements() {
        let Some(at) = command.get("name") else { continue };
        if at.value.as_text().is_some_and(|name| !seen.insert(name)) {
            at.wrong::<()>(
                problems,
                "is the name of an earlier one in the list",
                "give each its own name",
            );
        }
    }
}
