//! The reader, on golden plans and on large and broken ones.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::name::Name;
use crate::plan::pages;
use crate::variable::HIDDEN;

fn plans() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/plans")
}

fn read_text(text: &str) -> Result<Shown, NotAPlan> {
    read(text.as_bytes(), &|text| text.to_owned())
}

/// The values that the plan marks are hidden wherever they stand, as the runner does it.
fn read_without_secrets(text: &str) -> Shown {
    let secrets: Vec<String> = sensitive_values(text.as_bytes())
        .expect("a plan")
        .iter()
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    let hide = |text: &str| {
        secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    };
    read(text.as_bytes(), &hide).expect("a plan")
}

fn read_json(plan: &Value) -> Shown {
    read_text(&plan.to_string()).expect("a plan")
}

/// The summary, the contract and the items, as they are written.
fn written(shown: Shown) -> Value {
    let (summary, objects) = pages::of(shown);
    let page = |page: &Vec<u8>| serde_json::from_slice::<Value>(page).expect("a page")["items"].clone();
    let items: Vec<Value> = objects
        .pages
        .iter()
        .map(page)
        .flat_map(|page| page.as_array().cloned().unwrap_or_default())
        .collect();
    let index: Value = serde_json::from_slice(&objects.index).expect("an index");
    let mut summary = json!(summary);
    // The digests of the items, which are compared themselves.
    summary.as_object_mut().expect("an object").remove("document");
    json!({"summary": summary, "contract": index["contract"], "items": items})
}

/// The actions of each resource, counted by hand: `replace` has two.
fn counted(plan: &Value) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for resource in plan["resource_changes"].as_array().into_iter().flatten() {
        for action in resource["change"]["actions"].as_array().into_iter().flatten() {
            *counts
                .entry(action.as_str().unwrap_or_default().to_owned())
                .or_default() += 1;
        }
    }
    counts
}

#[test]
fn replaced_object_that_is_kept_is_counted() {
    let kept = |name: &str| {
        let text = std::fs::read_to_string(plans().join(name)).expect("a plan");
        read_text(&text).expect("a plan").replaced_and_kept
    };
    assert_eq!(kept("doc_create_then_forget.json"), 1);
    assert_eq!(kept("doc_tofu_forgets.json"), 1);
}

#[test]
fn every_golden_plan_is_read_as_recorded() {
    let records = std::env::var_os("SLIPWAY_RECORD").is_some();
    let mut names: Vec<PathBuf> = std::fs::read_dir(plans())
        .expect("plans")
        .map(|entry| entry.expect("a plan").path())
        .collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    names.sort();
    assert!(names.len() >= 50, "{}", names.len());
    for path in names {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a plan");
        let read = written(read_without_secrets(&text));
        let golden = plans().join("read").join(&name);
        if records {
            std::fs::write(&golden, format!("{read:#}\n")).expect("a file");
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_else(|_| panic!("no {}", golden.display()));
        let expected: Value = serde_json::from_str(&expected).expect("JSON");
        assert_eq!(read, expected, "{name}: {read:#}");
        assert!(!read.to_string().contains("hunter2"), "{name}: {read:#}");

        let plan: Value = serde_json::from_str(&text).expect("JSON");
        let count = |action: &str| counted(&plan).get(action).copied().unwrap_or_default();
        let summed = |names: &[&str]| {
            names
                .iter()
                .map(|name| read["summary"][name].as_u64().unwrap_or_default())
                .sum::<u64>()
        };
        if name.starts_with("odd_") {
            assert!(read["summary"].get("not_understood").is_some(), "{name}: {read:#}");
        } else {
            assert_eq!(count("create"), summed(&["add", "replace"]), "{name}");
            assert_eq!(
                count("delete") + count("forget"),
                summed(&["destroy", "replace", "forget"]),
                "{name}"
            );
            assert_eq!(count("update"), summed(&["change"]), "{name}");
            let is_odd = read["summary"].get("not_understood").is_some();
            assert_eq!(is_odd, plan["complete"] == json!(false), "{name}: {read:#}");
        }
    }
}

fn resource(address: &str, actions: &[&str], before: &Value, after: &Value) -> Value {
    let kind = address.split(['.', '[']).next().expect("a type");
    json!({"address": address, "type": kind, "change": {"actions": actions, "before": before, "after": after, "after_unknown": {}}})
}

#[test]
fn replaced_database_is_the_first_of_1500_changes() {
    let text = "x".repeat(800);
    let mut changes: Vec<Value> = (0..1_499)
        .map(|index| {
            let value = json!({"text": format!("{text}{index}"), "tags": {"a": "1"}});
            resource(&format!("aws_a.r[{index}]"), &["create"], &Value::Null, &value)
        })
        .collect();
    changes.push(resource(
        "aws_db_instance.z",
        &["delete", "create"],
        &json!({"engine": "a"}),
        &json!({"engine": "b"}),
    ));
    // As much again in parts that hold no changes.
    let plan = json!({"format_version": "1.2", "applyable": true, "complete": true, "errored": false,
        "planned_values": {"root_module": {"resources": changes}}, "resource_changes": changes});
    let shown = read_json(&plan);
    let (summary, objects) = pages::of(shown);
    assert_eq!((summary.add, summary.replace, summary.resources.len()), (1_499, 1, 100));
    assert_eq!(summary.resources[0].address, "aws_db_instance.z");
    assert_eq!(summary.lost_types().collect::<Vec<_>>(), ["aws_db_instance"]);
    assert!(serde_json::to_vec(&summary).expect("JSON").len() < 32 * 1024);
    let first: Value = serde_json::from_slice(&objects.pages[0]).expect("a page");
    assert_eq!(
        first["items"][0],
        json!({"subject": "resource", "action": "replace", "address": "aws_db_instance.z", "type": "aws_db_instance",
            "replace_order": "delete_then_create", "attributes": [{"path": "engine", "before": "a", "after": "b"}]})
    );
    let items: usize = objects
        .pages
        .iter()
        .map(|page| {
            serde_json::from_slice::<Value>(page).expect("a page")["items"]
                .as_array()
                .map_or(0, Vec::len)
        })
        .sum();
    assert_eq!((items, summary.document.expect("a document").items), (1_500, 1_500));
    assert!(objects.pages.iter().all(|page| page.len() < 2 * 1024 * 1024));
}

#[test]
fn item_is_never_larger_than_400_kb_and_loses_nothing() {
    let many: serde_json::Map<String, Value> = (0..5_000)
        .map(|index| (format!("key {index}"), Value::from("\u{1}".repeat(60))))
        .collect();
    let huge =
        json!({"many": many, "one": "\u{1}".repeat(1_000_000), "json": json!({"a": "y".repeat(500_000)}).to_string()});
    let plan =
        json!({"format_version": "1.2", "resource_changes": [resource("aws_a.b", &["create"], &Value::Null, &huge)]});
    let (summary, objects) = pages::of(read_json(&plan));
    assert_eq!((summary.add, summary.resources.len()), (1, 1));
    let items: Vec<Value> = objects
        .pages
        .iter()
        .flat_map(|page| {
            let page: Value = serde_json::from_slice(page).expect("a page");
            page["items"].as_array().cloned().unwrap_or_default()
        })
        .collect();
    assert!(items.len() > 1);
    assert!(
        items
            .iter()
            .all(|item| item.to_string().len() < 400_000 && item["parts"] == items.len())
    );
    let attributes: Vec<&Value> = items
        .iter()
        .flat_map(|item| item["attributes"].as_array().expect("attributes"))
        .collect();
    assert_eq!(attributes.len(), 5_002);
    let one = attributes
        .iter()
        .find(|attribute| attribute["path"] == "one")
        .expect("the text");
    assert_eq!(one["after_cut"]["bytes"], 1_000_000);
}

#[test]
fn sensitive_values_are_found_wherever_they_are_marked() {
    let plan = json!({
        "format_version": "1.2",
        "variables": {"key": {"value": "of a variable"}, "open": {"value": "open"}},
        "resource_changes": [{"address": "a.b", "change": {
            "actions": ["update"], "before": {"a": "before", "b": ["x", "in a list"]}, "before_sensitive": {"a": true, "b": [false, true]},
            "after": {"a": {"k": "after", "n": 4711}, "b": [true, null]}, "after_sensitive": {"a": true, "b": true}, "after_unknown": {},
        }}],
        "output_changes": {"o": {"actions": ["create"], "after": "of an output", "after_sensitive": true}},
        "action_invocations": [{"address": "action.a.b", "config_values": {"t": "of an action"}, "config_sensitive": {"t": true}}],
        "configuration": {"root_module": {"variables": {"key": {"sensitive": true}, "open": {}}}},
    });
    let mut found = sensitive_values(plan.to_string().as_bytes()).expect("a plan");
    found.sort_by_key(ToString::to_string);
    assert_eq!(
        json!(found),
        json!([
            "after",
            "before",
            "in a list",
            "of a variable",
            "of an action",
            "of an output",
            4711
        ])
    );
}

#[test]
fn provisioners_are_found_in_modules_and_by_any_key() {
    let local = |kind: &str| json!([{"type": kind, "expressions": {"command": {"constant_value": "true"}}}]);
    let configured = |name: &str, provisioners: Value| json!({"type": "aws_a", "name": name, "mode": "managed", "provisioners": provisioners});
    let inner = json!({"resources": [configured("b", local("remote-exec")), {"type": "aws_a", "name": "c", "mode": "managed"}]});
    let module = json!({"module_calls": {"inner": {"module": inner}}});
    let root =
        json!({"resources": [configured("a", local("local-exec"))], "module_calls": {"outer": {"module": module}}});
    let one = |address: &str, action: &str| resource(address, &[action], &json!({"x": 1}), &json!({"x": 2}));
    let plan = json!({"format_version": "1.2", "resource_changes": [
        one("aws_a.a", "delete"),
        one("aws_a.a[\"x.y\"]", "update"),
        one("module.outer[\"a].b\"].module.inner[0].aws_a.b[\"\\\"]\"]", "create"),
        one("module.outer.module.inner.aws_a.c", "create"),
        one("aws_a.b", "create"),
    ], "configuration": {"root_module": root}});
    let read = written(read_json(&plan));
    assert_eq!(read["summary"]["provision"], 2);
    let items = read["items"].as_array().expect("items").iter();
    let found: Vec<(&Value, &Value)> = items
        .filter(|item| item.get("provisioners").is_some())
        .map(|item| (&item["address"], &item["provisioners"]))
        .collect();
    assert_eq!(
        found,
        [
            (&json!("aws_a.a"), &json!(["local-exec"])),
            (
                &json!("module.outer[\"a].b\"].module.inner[0].aws_a.b[\"\\\"]\"]"),
                &json!(["remote-exec"])
            ),
        ]
    );
}

#[test]
fn configuration_that_cannot_be_read_is_not_understood() {
    let plan = json!({"format_version": "1.2", "configuration": {"root_module": {"resources": 7}}});
    let noted = read_json(&plan).summary.not_understood;
    assert!(noted[0].starts_with("the configuration in the plan: "), "{noted:?}");
}

#[test]
fn value_that_is_hidden_without_a_mark_is_not_understood() {
    let hide = |text: &str| text.replace("0.0.0.0/0", HIDDEN).replace("the-key", HIDDEN);
    let read_hiding = |plan: &Value| read(plan.to_string().as_bytes(), &hide).expect("a plan");
    let rule = |actions: &[&str], before: &str, after: &str| {
        let side = |cidr: &str| json!({"cidr": cidr});
        resource("aws_rule.a", actions, &side(before), &side(after))
    };
    let change = rule(&["update"], "10.0.0.0/8", "0.0.0.0/0");
    let opened = read_hiding(&json!({"format_version": "1.2", "resource_changes": [change]}));
    assert_eq!(
        opened.summary.not_understood,
        ["Slipway hides sensitive values that Terraform does not mark, in 1 place. The first is in aws_rule.a (cidr)"]
    );
    assert_eq!(
        written(opened)["items"][0]["attributes"],
        json!([{"path": "cidr", "before": "10.0.0.0/8", "after": HIDDEN, "after_hidden": true}])
    );

    let mut import = resource("aws_a.b", &["no-op"], &json!({"a": 1}), &json!({"a": 1}));
    import["change"]["importing"] = json!({"id": "the-key"});
    let check = json!({"address": {"to_display": "check.c", "kind": "check"}, "status": "fail",
        "instances": [{"problems": [{"message": "it is the-key"}]}]});
    let key = resource("aws_a.b[\"the-key\"]", &["create"], &Value::Null, &json!({"a": 1}));
    for (part, element) in [
        ("resource_changes", &import),
        ("resource_changes", &key),
        ("checks", &check),
    ] {
        let shown = read_hiding(&json!({"format_version": "1.2", part: [element]}));
        assert_eq!(shown.summary.not_understood.len(), 1, "{element}");
        assert_eq!(written(shown)["items"][0]["hidden"], true, "{element}");
    }
}

#[test]
fn hidden_value_that_the_apply_does_not_make_is_understood() {
    let hide = |text: &str| text.replace("hunter2", HIDDEN);
    let side = |text: &str| json!({"text": text});
    let marks = json!({"text": true});
    let mut marked = resource("aws_a.b", &["update"], &side("a"), &side("hunter2"));
    marked["change"]["after_sensitive"] = marks;
    let drift = resource("aws_a.c", &["update"], &side("a"), &side("hunter2"));
    let plan = json!({"format_version": "1.2", "resource_drift": [drift], "resource_changes": [
        marked,
        resource("aws_a.d", &["update"], &side("hunter2"), &side("b")),
        resource("aws_a.e", &["delete"], &side("hunter2"), &Value::Null),
    ]});
    let shown = read(plan.to_string().as_bytes(), &hide).expect("a plan");
    assert_eq!(shown.summary.not_understood, Vec::<String>::new());
    let items = written(shown)["items"].clone();
    assert_eq!(items[0]["attributes"][0]["before_hidden"], true, "{items:#}");
}

#[test]
fn document_that_is_not_whole_is_no_plan() {
    let whole = json!({"format_version": "1.2", "applyable": false, "complete": true, "errored": false}).to_string();
    read_text(&whole).expect("a plan");
    for broken in [
        &whole[..whole.len() - 1],
        "",
        "[]",
        "null",
        "7",
        r#"{"format_version":"1.2"}x"#,
        r#"{"resource_changes":{"a":1}}"#,
        r#"{"resource_changes":[],"resource_changes":[]}"#,
    ] {
        assert!(read_text(broken).is_err(), "{broken}");
    }
}

#[test]
fn plan_that_says_nothing_of_itself_is_not_understood() {
    let shown = read_text("{}").expect("a plan");
    assert_eq!(shown.summary.not_understood, ["the plan names no format version"]);
    let errored = read_text(r#"{"format_version":"1.2","errored":true}"#).expect("a plan");
    assert_eq!(errored.summary.not_understood, ["Terraform marks the plan as errored"]);
}

#[test]
fn services_that_the_apply_deploys_are_counted() {
    let deploys = |kind: &str, actions: Value, before: Value, after: Value| {
        let change = json!({"actions": actions, "before": before, "after": after, "after_unknown": {}});
        let resource = json!({
            "address": format!("{kind}.a"), "mode": "managed", "type": kind, "name": "a",
            "provider_name": "registry.terraform.io/hashicorp/aws", "change": change,
        });
        read_json(&json!({"format_version": "1.2", "resource_changes": [resource]}))
            .summary
            .deploys
    };
    let (update, made) = (json!(["update"]), json!(["create"]));
    let (before, none) = (json!({"network": "a", "tags": {"a": "b"}}), Value::Null);
    let (network, tags) = (
        json!({"network": "b", "tags": {"a": "b"}}),
        json!({"network": "a", "tags": {"a": "c"}}),
    );
    let service = "aws_ecs_service";
    assert_eq!(deploys(service, update.clone(), before.clone(), network.clone()), 1);
    assert_eq!(deploys(service, update.clone(), before.clone(), tags), 0);
    assert_eq!(
        deploys(service, json!(["delete", "create"]), before.clone(), network.clone()),
        1
    );
    assert_eq!(deploys(service, json!(["delete"]), before.clone(), none.clone()), 0);
    let schedule = "aws_scheduler_schedule";
    assert_eq!(deploys(schedule, made.clone(), none.clone(), before.clone()), 1);
    assert_eq!(deploys(schedule, update.clone(), before.clone(), network.clone()), 0);
    assert_eq!(deploys("aws_sqs_queue", made, none, before), 0);
}

#[test]
fn a_number_of_many_digits_is_compared_by_all_of_them() {
    let numbers = |number: &str| json!({"account": 1, "limits": [number, 2], "version": number});
    let change = resource(
        "terraform_data.a",
        &["update"],
        &numbers("@100000000000000000001@"),
        &numbers("@100000000000000000009@"),
    );
    let plan = json!({"format_version": "1.2", "resource_changes": [change]}).to_string();
    let shown = read_text(&plan.replace("\"@", "").replace("@\"", "")).expect("a plan");
    assert!(shown.summary.not_understood.is_empty());
    let item = written(shown)["items"][0].clone();
    assert_eq!(
        item["attributes"],
        json!([
            {"path": "limits[0]", "before": "100000000000000000001", "after": "100000000000000000009"},
            {"path": "version", "before": "100000000000000000001", "after": "100000000000000000009"},
        ]),
        "{item:#}"
    );
}

#[test]
fn an_import_counts_beside_another_change() {
    let mut change = resource(
        "terraform_data.a",
        &["update"],
        &json!({"input": 1}),
        &json!({"input": 2}),
    );
    change["change"]["importing"] = json!({"id": "a-1"});
    let summary = read_json(&json!({"format_version": "1.2", "resource_changes": [change]})).summary;
    assert_eq!((summary.change, summary.imports(), summary.resource_count()), (1, 1, 1));
}

#[test]
fn a_service_that_leaves_the_contract_is_deleted() {
    let service = json!({"name": "s", "container": "c"});
    let output = json!({
        "actions": ["update"],
        "before": {"services": {"web": service, "gone": service}}, "after": {"services": {"web": service}},
        "after_unknown": false, "before_sensitive": false, "after_sensitive": false,
    });
    let shown = read_json(&json!({"format_version": "1.2", "output_changes": {"slipway": output}}));
    let contract = shown.contract.expect("a contract");
    let actions: Vec<_> = contract
        .services
        .iter()
        .map(|(name, change)| (name.as_str(), change.action))
        .collect();
    assert_eq!(actions, [("gone", Action::Delete)]);
    let named = |name: &str| name.parse::<Name>().expect("a name");
    let images = [named("web"), named("gone")];
    let problems = contract.problems_of_images(images.iter());
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].field.as_str(), problems[0].remedy.as_str()),
        ("images.gone", "its services are web")
    );
}
