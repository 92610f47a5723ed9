//! The check of the output `slipway`.
//!
//! Terraform gives every part as plain JSON. It is taken apart by hand rather than by serde, so that all problems are
//! named at once and each by its whole path.

use serde_json::Value;

use super::at::{At, Problems};
use super::{
    BAKE_SECONDS, Contract, Database, DatabaseKind, Health, NamedOneOff, Network, OneOff, PARTS, ROLLOUT_SECONDS,
    Scaling, Schedule, Service,
};
use super::{default_expected_status, default_group, default_rollout_timeout_seconds, default_timeout_seconds};
use crate::name::Name;
use crate::problem::FieldProblem;

/// See [`Contract::parse`].
pub(super) fn contract(value: &Value) -> Result<Contract, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let contract = read(&At::root(value), &mut problems);
    if problems.is_empty() {
        Ok(contract)
    } else {
        Err(problems)
    }
}

/// The attributes of the contract.
pub(crate) const ATTRIBUTES: [&str; 12] = [
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
    "notes",
];

fn read(root: &At, problems: &mut Problems) -> Contract {
    let Some(fields) = root.object(problems) else {
        return Contract::default();
    };
    root.refuse_others(fields, &ATTRIBUTES, problems);
    let contract = Contract {
        endpoints: root.get("endpoints").map(|at| at.texts(problems)).unwrap_or_default(),
        cluster: root.get("cluster").and_then(|at| at.text(problems)),
        network: root.get("network").and_then(|at| network(&at, problems)),
        database: root.get("database").and_then(|at| database(&at, problems)),
        services: root
            .get("services")
            .map(|at| at.named(problems, service))
            .unwrap_or_default(),
        migrations: root
            .get("migrations")
            .map(|at| in_order(&at, problems))
            .unwrap_or_default(),
        backups: root
            .get("backups")
            .map(|at| in_order(&at, problems))
            .unwrap_or_default(),
        tasks: root.get("tasks").map(|at| at.named(problems, task)).unwrap_or_default(),
        schedules: root
            .get("schedules")
            .map(|at| at.named(problems, schedule))
            .unwrap_or_default(),
        health: root.get("health").and_then(|at| health(&at, problems)),
        bake_seconds: root
            .get("bake_seconds")
            .and_then(|at| at.number(problems, BAKE_SECONDS)),
        notes: root.get("notes").map(|at| at.texts(problems)).unwrap_or_default(),
    };
    check_whole(&contract, problems);
    contract
}

/// How long the migrations and backups of a release may take together, by their own limits: two days. With the three of an
/// approval, and whatever else the workflow waits for, an operation stays within the seven that its execution has.
const COMMANDS_SECONDS: u64 = 2 * 86_400;

/// The commands of a release run one after the other, in one execution.
fn check_time(contract: &Contract, problems: &mut Problems) {
    let commands = contract.migrations.iter().chain(&contract.backups);
    let seconds: u64 = commands.map(|command| u64::from(command.run.timeout_seconds)).sum();
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

/// What no part can see alone.
fn check_whole(contract: &Contract, problems: &mut Problems) {
    check_time(contract, problems);
    let lists = [("migrations", &contract.migrations), ("backups", &contract.backups)];
    let commands = lists.iter().flat_map(|(field, list)| {
        let list = list.iter().enumerate();
        list.map(move |(index, command)| (format!("{field}[{index}]"), &command.run))
    });
    let tasks = contract
        .tasks
        .iter()
        .map(|(name, task)| (format!("tasks.{name}"), task));
    let schedules = contract
        .schedules
        .iter()
        .map(|(name, schedule)| (format!("schedules.{name}"), &schedule.run));
    for (path, run) in commands.chain(tasks).chain(schedules) {
        if !contract.services.contains_key(&run.service) {
            let names: Vec<&str> = contract.services.keys().map(Name::as_str).collect();
            problems.push(FieldProblem::new(
                format!("slipway.{path}.service"),
                format!("there is no service `{}`", run.service),
                format!("name one of the attribute `services`: {}", names.join(", ")),
            ));
        }
    }
    for (field, list) in lists {
        for (index, command) in list.iter().enumerate() {
            if list[..index].iter().any(|earlier| earlier.name == command.name) {
                problems.push(FieldProblem::new(
                    format!("slipway.{field}[{index}].name"),
                    "is the name of an earlier one in the list",
                    "give each its own name",
                ));
            }
        }
    }
    if !contract.services.is_empty() && contract.cluster.is_none() {
        problems.push(FieldProblem::new(
            "slipway.cluster",
            "is missing",
            "name the cluster that the services run in",
        ));
    }
    for (field, count) in [
        ("services", contract.services.len()),
        ("migrations", contract.migrations.len()),
        ("backups", contract.backups.len()),
        ("schedules", contract.schedules.len()),
    ] {
        if count > PARTS {
            let detail = format!("has {count} entries");
            problems.push(FieldProblem::new(
                format!("slipway.{field}"),
                detail,
                format!("use at most {PARTS}"),
            ));
        }
    }
}

fn network(at: &At, problems: &mut Problems) -> Option<Network> {
    let fields = at.object(problems)?;
    at.refuse_others(fields, &["subnets", "security_groups", "assign_public_ip"], problems);
    Some(Network {
        subnets: at.require("subnets", problems)?.list(problems),
        security_groups: at.require("security_groups", problems)?.list(problems),
        assign_public_ip: at.get("assign_public_ip").is_some_and(|at| at.flag(problems)),
    })
}

fn database(at: &At, problems: &mut Problems) -> Option<Database> {
    let fields = at.object(problems)?;
    at.refuse_others(fields, &["kind", "id"], problems);
    let kind = at.require("kind", problems)?;
    let kind = match kind.text(problems)?.as_str() {
        "rds-instance" => DatabaseKind::RdsInstance,
        "rds-cluster" => DatabaseKind::RdsCluster,
        _ => {
            return kind.wrong(
                problems,
                "is not a kind of database",
                "use `rds-instance` or `rds-cluster`",
            );
        }
    };
    Some(Database {
        kind,
        id: at.require("id", problems)?.text(problems)?,
    })
}

fn service(at: &At, problems: &mut Problems) -> Option<Service> {
    let fields = at.object(problems)?;
    let known = [
        "name",
        "task_definition",
        "desired_count",
        "scaling",
        "rollout_timeout_seconds",
    ];
    at.refuse_others(fields, &known, problems);
    let bounds = at.get("scaling").and_then(|at| scaling(&at, problems));
    let rollout = rollout_timeout_seconds(at, problems);
    let definition = at.require("task_definition", problems);
    let count = at.require("desired_count", problems);
    let name = at.require("name", problems).and_then(|at| at.text(problems));
    let definition = definition?;
    let containers = definition.require("containerDefinitions", problems)?;
    let has_containers = containers.value.as_array().is_some_and(|containers| {
        !containers.is_empty()
            && containers
                .iter()
                .all(|container| container.get("name").is_some_and(Value::is_string))
    });
    if !has_containers {
        return containers.wrong(
            problems,
            "is not a list of containers with names",
            "give at least one container, each with a `name`",
        );
    }
    Some(Service {
        name: name?,
        task_definition: definition.value.clone(),
        desired_count: count?.number(problems, u32::MAX)?,
        scaling: bounds,
        rollout_timeout_seconds: rollout?,
    })
}

fn rollout_timeout_seconds(service: &At, problems: &mut Problems) -> Option<u32> {
    let Some(at) = service.get("rollout_timeout_seconds") else {
        return Some(default_rollout_timeout_seconds());
    };
    match at.number(problems, ROLLOUT_SECONDS)? {
        0..60 => at.wrong(problems, "is less than a minute", "give at least 60 seconds"),
        seconds => Some(seconds),
    }
}

fn scaling(at: &At, problems: &mut Problems) -> Option<Scaling> {
    let fields = at.object(problems)?;
    at.refuse_others(fields, &["min", "max"], problems);
    let max = at.require("max", problems);
    let min = at.require("min", problems)?.number(problems, u32::MAX)?;
    let max = max?;
    match max.number(problems, u32::MAX)? {
        most if most < min => max.wrong(problems, "is less than `min`", "give at least as many as `min`"),
        max => Some(Scaling { min, max }),
    }
}

fn one_off(at: &At, problems: &mut Problems) -> Option<OneOff> {
    let command = at.require("command", problems);
    let service = at.require("service", problems)?.name(problems)?;
    let command = command?;
    let words = command.list(problems);
    if words.is_empty() {
        return command.wrong(problems, "is empty", "give the program and its arguments");
    }
    let timeout_seconds = match at.get("timeout_seconds") {
        None => default_timeout_seconds(),
        Some(at) => match at.number(problems, 86_400)? {
            0 => return at.wrong(problems, "is 0", "give at least one second"),
            seconds => seconds,
        },
    };
    Some(OneOff {
        service,
        command: words,
        timeout_seconds,
    })
}

fn task(at: &At, problems: &mut Problems) -> Option<OneOff> {
    let fields = at.object(problems)?;
    at.refuse_others(fields, &["service", "command", "timeout_seconds"], problems);
    one_off(at, problems)
}

fn schedule(at: &At, problems: &mut Problems) -> Option<Schedule> {
    let fields = at.object(problems)?;
    let known = ["name", "group", "service", "command", "timeout_seconds"];
    at.refuse_others(fields, &known, problems);
    let name = at.require("name", problems).and_then(|at| at.text(problems));
    let group = match at.get("group") {
        None => Some(default_group()),
        Some(at) => at.text(problems),
    };
    let run = one_off(at, problems)?;
    Some(Schedule {
        name: name?,
        group: group?,
        run,
    })
}

/// Commands that run one after the other.
fn in_order(at: &At, problems: &mut Problems) -> Vec<NamedOneOff> {
    let Some(values) = at.value.as_array() else {
        at.wrong::<()>(
            problems,
            "is not a list",
            "give a list: what is in it runs in this order",
        );
        return Vec::new();
    };
    let mut commands = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let at = At {
            path: format!("{}[{index}]", at.path),
            value,
        };
        let Some(fields) = at.object(problems) else { continue };
        at.refuse_others(fields, &["name", "service", "command", "timeout_seconds"], problems);
        let name = at.require("name", problems).and_then(|at| at.name(problems));
        if let (Some(run), Some(name)) = (one_off(&at, problems), name) {
            commands.push(NamedOneOff { name, run });
        }
    }
    commands
}

fn health(at: &At, problems: &mut Problems) -> Option<Health> {
    let fields = at.object(problems)?;
    at.refuse_others(fields, &["url", "expect"], problems);
    let url = at.require("url", problems)?;
    let text = url.text(problems)?;
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return url.wrong(
            problems,
            "is not a web address",
            "start it with `https://` or `http://`",
        );
    }
    let expect = match at.get("expect") {
        None => default_expected_status(),
        Some(at) => u16::try_from(at.number(problems, 599)?).ok()?,
    };
    Some(Health { url: text, expect })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> Value {
        json!({
            "endpoints": {"web": "https://example.test"},
            "cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/main",
            "network": {"subnets": ["subnet-1"], "security_groups": ["sg-1"], "assign_public_ip": false},
            "database": {"kind": "rds-instance", "id": "main"},
            "services": {
                "web": {"name": "lusab-babad-web", "desired_count": 2, "task_definition": {"containerDefinitions": [{"name": "web"}]}},
                "worker": {"name": "lusab-babad-worker", "desired_count": 1, "scaling": {"min": 0, "max": 10}, "task_definition": {"containerDefinitions": [{"name": "worker"}]}},
            },
            "migrations": [{"name": "migrate", "service": "web", "command": ["./app", "migrate"], "timeout_seconds": 60}],
            "backups": [{"name": "files", "service": "worker", "command": ["./app", "copy-files"]}],
            "tasks": {"createsuperuser": {"service": "web", "command": ["./app", "createsuperuser"]}},
            "schedules": {"nightly": {"name": "lusab-babad-nightly", "group": "lusab-babad", "service": "web", "command": ["./app", "nightly"]}},
            "health": {"url": "https://example.test/healthz", "expect": 204},
            "notes": {"database": "aws ssm start-session --target i-1"},
        })
    }

    fn fields(value: &Value) -> Vec<String> {
        let mut fields: Vec<String> = match Contract::parse(value) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.into_iter().map(|problem| problem.field).collect(),
        };
        fields.sort();
        fields
    }

    #[test]
    fn the_whole_contract_is_read_and_survives_storage() {
        let contract = Contract::parse(&whole()).expect("a contract");
        assert_eq!(contract.migrations[0].run.timeout_seconds, 60);
        assert_eq!(
            contract.tasks.values().next().map(|task| task.timeout_seconds),
            Some(900)
        );
        assert_eq!(
            contract.services[&"worker".parse::<Name>().expect("a name")].scaling,
            Some(Scaling { min: 0, max: 10 })
        );
        let mut ungrouped = whole();
        ungrouped["schedules"]["nightly"]["group"] = Value::Null;
        let ungrouped = Contract::parse(&ungrouped).expect("a contract");
        assert_eq!(
            ungrouped.schedules[&"nightly".parse::<Name>().expect("a name")].group,
            "default"
        );
        let stored = serde_json::to_value(&contract).expect("JSON");
        assert_eq!(
            serde_json::from_value::<Contract>(stored).expect("a contract"),
            contract
        );
    }

    #[test]
    fn every_part_may_be_left_out_or_null() {
        assert_eq!(Contract::parse(&json!({})), Ok(Contract::default()));
        assert_eq!(
            Contract::parse(&json!({"health": null, "services": null})),
            Ok(Contract::default())
        );
    }

    #[test]
    fn every_problem_is_named_at_once_by_its_path() {
        let mut wrong = whole();
        wrong["service"] = json!({});
        wrong["health"] = json!({"url": "ftp://x"});
        wrong["bake_seconds"] = json!(3_600);
        wrong["services"]["web"]["task_definition"] = json!({});
        wrong["services"]["worker"]["desired_count"] = json!(-1);
        wrong["services"]["worker"]["scaling"] = json!({"min": 2, "max": 1});
        wrong["backups"] = json!([{"name": "files", "service": "missing", "command": ["x"]}, {"name": "files", "service": "missing", "command": ["x"]}]);
        wrong["schedules"]["nightly"]["group"] = json!("");
        wrong["notes"]["database"] = json!(["text"]);
        wrong["services"]["Bad Name"] = json!({});
        wrong["migrations"][0]["command"] = json!([]);
        wrong["tasks"]["createsuperuser"]["service"] = json!("missing");
        wrong["network"]["subnets"] = json!("subnet-1");
        assert_eq!(
            fields(&wrong),
            [
                "slipway.backups[0].service",
                "slipway.backups[1].name",
                "slipway.backups[1].service",
                "slipway.bake_seconds",
                "slipway.health.url",
                "slipway.migrations[0].command",
                "slipway.network.subnets",
                "slipway.notes.database",
                "slipway.schedules.nightly.group",
                "slipway.service",
                "slipway.services.Bad Name",
                "slipway.services.web.task_definition.containerDefinitions",
                "slipway.services.worker.desired_count",
                "slipway.services.worker.scaling.max",
                "slipway.tasks.createsuperuser.service",
            ]
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for value in [json!(null), json!("text"), json!([])] {
            assert_eq!(fields(&value), ["slipway"]);
        }
    }

    #[test]
    fn an_operation_stays_within_the_time_of_its_execution() {
        let command = |name: &str, seconds: u64| json!({"name": name, "service": "web", "command": ["./app"], "timeout_seconds": seconds});
        let contract = |last: u64| {
            json!({
                "cluster": "main",
                "services": {"web": {"name": "web", "task_definition": {"containerDefinitions": [{"name": "app"}]}, "desired_count": 1}},
                "migrations": [command("a", 86_400), command("b", 43_200)],
                "backups": [command("c", last)],
            })
        };
        Contract::parse(&contract(43_200)).expect("two days");
        let problems = Contract::parse(&contract(43_201)).expect_err("a second more");
        assert_eq!(problems[0].field, "slipway.migrations");
        assert!(problems[0].remedy.contains("timeout_seconds"), "{problems:?}");

        let machine: Value =
            serde_json::from_str(include_str!("../../../../statemachine/operation.asl.json")).expect("JSON");
        let whole = machine["TimeoutSeconds"].as_u64().expect("a limit");
        assert!(COMMANDS_SECONDS + limits(&machine["States"]) < whole);
    }

    /// The limits of all states, one after the other; those that are not numbers are the commands'.
    fn limits(states: &Value) -> u64 {
        let states = states.as_object().into_iter().flat_map(|states| states.values());
        states
            .map(|state| {
                state["TimeoutSeconds"].as_u64().unwrap_or_default() + limits(&state["ItemProcessor"]["States"])
            })
            .sum()
    }
}
