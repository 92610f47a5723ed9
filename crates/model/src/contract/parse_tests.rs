//! The check of the output `slipway`.

use super::*;
use crate::contract::whole::COMMANDS_SECONDS;
use crate::contract::{COMMAND_CHARACTERS, ROLLOUT_SECONDS};
use crate::environment::APPROVAL_SECONDS;
use crate::name::Name;
use serde_json::json;

fn whole() -> Value {
    json!({
        "endpoints": {"web": "https://example.test"},
        "cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/main",
        "network": {"subnets": ["subnet-1"], "security_groups": ["sg-1"], "assign_public_ip": false},
        "database": {"kind": "rds-instance", "id": "main"},
        "services": {
            "web": {"name": "lusab-babad-web", "desired_count": 2, "task_definition": {"containerDefinitions": [{"name": "web"}]}},
            "worker": {"name": "lusab-babad-worker", "desired_count": 1, "quiesce": true, "scaling": {"min": 0, "max": 10}, "task_definition": {"containerDefinitions": [{"name": "worker"}]}},
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
    let quiesces: Vec<bool> = contract.services.values().map(|service| service.quiesce).collect();
    assert_eq!(quiesces, [false, true]);
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
fn misspelled_attribute_is_the_only_problem_and_has_its_name() {
    for (path, written, meant) in [
        ("", "servics", "services"),
        ("", "clustre", "cluster"),
        ("/migrations/0", "comand", "command"),
        ("/services/web", "desired_cuont", "desired_count"),
        ("/network", "security_group", "security_groups"),
        ("/schedules/nightly", "nam", "name"),
    ] {
        let mut wrong = whole();
        let part = wrong.pointer_mut(path).and_then(Value::as_object_mut).expect("a part");
        let value = part.remove(meant).expect("an attribute");
        part.insert(written.to_owned(), value);
        let problems = Contract::parse(&wrong).expect_err("a misspelled attribute");
        let [problem] = problems.as_slice() else {
            panic!("{written}: {problems:?}");
        };
        assert!(problem.field.ends_with(written), "{problem:?}");
        assert_eq!(problem.remedy, format!("write `{meant}`"));
    }
    // What is wrong in the part itself is named as well.
    let services = json!({"web": {"name": "web", "desired_count": 1}});
    assert_eq!(
        fields(&json!({"cluster": "main", "servics": services})),
        ["slipway.servics", "slipway.servics.web.task_definition"]
    );
}

#[test]
fn every_problem_is_named_at_once_by_its_path() {
    let mut wrong = whole();
    wrong["service"] = json!({});
    wrong["health"] = json!({"url": "ftp://x"});
    wrong["bake_seconds"] = json!(3_600);
    wrong["compatible_with_previous"] = json!("no");
    wrong["services"]["web"]["task_definition"] = json!({});
    wrong["services"]["worker"]["desired_count"] = json!(-1);
    wrong["services"]["worker"]["scaling"] = json!({"min": 2, "max": 1});
    wrong["backups"] = json!([{"name": "files", "service": "missing", "command": ["x"]}, {"name": "files", "service": "missing", "command": ["x"]}]);
    wrong["schedules"]["nightly"]["group"] = json!("");
    wrong["schedules"]["nightly"]["quiesce"] = json!("yes");
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
            "slipway.compatible_with_previous",
            "slipway.health.url",
            "slipway.migrations[0].command",
            "slipway.network.subnets",
            "slipway.notes.database",
            "slipway.schedules.nightly.group",
            "slipway.schedules.nightly.quiesce",
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
fn what_follows_from_another_problem_is_not_named() {
    let mut wrong = whole();
    // The service is there, though it cannot be read: what runs in it is right.
    wrong["services"]["web"]["desired_count"] = json!(1.5);
    assert_eq!(fields(&wrong), ["slipway.services.web.desired_count"]);

    let mut wrong = whole();
    wrong["services"] = json!("web");
    assert_eq!(fields(&wrong), ["slipway.services"]);

    // A command keeps its place in the list behind one that cannot be read.
    let mut wrong = whole();
    let command = json!({"name": "second", "service": "missing", "command": ["x"]});
    wrong["migrations"] = json!([{"name": "first", "service": "web"}, command, command]);
    assert_eq!(
        fields(&wrong),
        [
            "slipway.migrations[0].command",
            "slipway.migrations[1].service",
            "slipway.migrations[2].name",
            "slipway.migrations[2].service",
        ]
    );

    let remedies = |value: &Value| {
        let problems = Contract::parse(value).expect_err("problems");
        problems.into_iter().map(|problem| problem.remedy).collect::<Vec<_>>()
    };
    let none = json!({"tasks": {"load": {"service": "web", "command": ["x"]}}});
    assert_eq!(
        remedies(&none),
        ["add the service to the attribute `services`, which has none"]
    );
}

#[test]
fn what_is_not_known_yet_is_no_problem() {
    let known = |mut after: Value, unknown: &Value| {
        after["endpoints"] = Value::Null;
        let found = problems(&Partial::planned(Some(&after), Some(unknown)));
        found.into_iter().map(|problem| problem.field).collect::<Vec<_>>()
    };
    let after = json!({
        "services": {"web": {"desired_count": 2, "task_definition": {"containerDefinitions": [{"name": "web"}]}}},
        "migrations": [{"name": "a", "service": "web", "command": ["x", null]}, {"name": "b", "service": "missing", "command": []}],
        "tasks": {"c": {"command": ["x"]}},
    });
    let unknown = json!({
        "cluster": true,
        "services": {"web": {"name": true}},
        "migrations": [{"command": [false, true]}, {}],
        "tasks": {"c": {"service": true}},
        "network": {"subnets": true, "security_groups": [true]},
    });
    let mut with_network = after.clone();
    with_network["network"] = json!({"security_groups": [null]});
    assert_eq!(
        known(with_network, &unknown),
        ["slipway.migrations[1].command", "slipway.migrations[1].service"]
    );
    assert_eq!(
        known(after, &json!({"services": true, "migrations": true, "tasks": true})),
        [""; 0]
    );
    assert!(problems(&Partial::Unknown).is_empty());
    assert_eq!(problems(&Partial::Text(String::new())).len(), 1);
}

#[test]
fn what_is_no_object_is_refused() {
    for value in [json!(null), json!("text"), json!([])] {
        assert_eq!(fields(&value), ["slipway"]);
    }
}

#[test]
fn command_longer_than_the_overrides_of_ecs_is_a_problem() {
    let with = |field: &str, length: usize| {
        let mut contract = whole();
        let command = json!(["sh", "-c", "x".repeat(length)]);
        match field {
            "tasks" => contract["tasks"]["createsuperuser"]["command"] = command,
            "schedules" => contract["schedules"]["nightly"]["command"] = command,
            list => contract[list][0]["command"] = command,
        }
        fields(&contract)
    };
    // `["sh","-c",""]`
    let longest = COMMAND_CHARACTERS - 14;
    for field in ["migrations", "backups", "tasks", "schedules"] {
        assert_eq!(with(field, longest), [""; 0]);
        let problems = with(field, longest + 1);
        assert!(
            matches!(&problems[..], [only] if only.starts_with(&format!("slipway.{field}")) && only.ends_with("command"))
        );
    }
    // With the JSON around it, and the longest name of a container.
    let command = json!(["sh", "-c", "x".repeat(longest)]);
    let overrides = json!({"containerOverrides": [{"name": "c".repeat(255), "command": command}]});
    assert_eq!(overrides.to_string().len(), 8_192);
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
    // Services are rolled out, and restored.
    let given = u64::from(APPROVAL_SECONDS) + COMMANDS_SECONDS + 2 * u64::from(ROLLOUT_SECONDS);
    assert!(given + limits(&machine["States"]) < whole);
}

#[test]
fn empty_text_is_named_apart_from_what_is_no_text() {
    for (value, detail) in [(json!(""), "is empty"), (json!(7), "is not a text")] {
        let problems = Contract::parse(&json!({"notes": {"a": value}})).expect_err("a problem");
        let [problem] = problems.as_slice() else {
            panic!("{problems:?}")
        };
        assert_eq!(problem.field, "slipway.notes.a");
        assert!(problem.detail.contains(detail), "{problem:?}");
    }
}

#[test]
fn a_contract_that_is_too_long_is_named_with_bytes_and_limit() {
    let container =
        |bytes: usize| json!({"name": "app", "environment": [{"name": "TEXT", "value": "x".repeat(bytes)}]});
    let contract = |bytes: usize| {
        let service =
            json!({"name": "web", "task_definition": {"containerDefinitions": [container(bytes)]}, "desired_count": 1});
        json!({"cluster": "main", "services": {"web": service}})
    };
    let most = Contract::BYTES;
    Contract::parse(&contract(most - 500)).expect("it has room");
    let problems = Contract::parse(&contract(most)).expect_err("it has none");
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert_eq!(problem.field, "slipway");
    assert!(problem.detail.contains(&most.to_string()), "{problem:?}");
    // Also where a part is known after the apply only.
    let planned = Partial::planned(
        Some(&contract(most)),
        Some(&json!({"services": {"web": {"name": true}}})),
    );
    let problems = Contract::problems(&planned);
    assert!(
        matches!(problems.as_slice(), [only] if only.field == "slipway"),
        "{problems:?}"
    );
}

/// The limits of all states, one after the other, of those that are numbers.
fn limits(states: &Value) -> u64 {
    let states = states.as_object().into_iter().flat_map(|states| states.values());
    states
        .map(|state| state["TimeoutSeconds"].as_u64().unwrap_or_default() + limits(&state["ItemProcessor"]["States"]))
        .sum()
}
