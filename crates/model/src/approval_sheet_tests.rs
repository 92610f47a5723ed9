//! The approval sheet.

use serde_json::{Map, json};

use super::*;
use crate::operation::approval::ApprovalRule;
use crate::operation::example;
use crate::plan::show;
use crate::plan::{ResourceChange, pages};

fn environment(approval: Approval) -> Environment {
    serde_json::from_value(json!({
        "name": "live", "account": "111122223333", "region": "eu-west-1", "approval": approval, "protected": true,
    }))
    .expect("an environment")
}

fn configuration(variables: &Value) -> Configuration {
    Configuration {
        blueprint: "web".parse().expect("a name"),
        version: "1.1.0".parse().expect("a version"),
        digest: Digest::of(b"files"),
        draft: false,
        variables: variables.as_object().cloned().unwrap_or_default(),
        sensitive: BTreeSet::from(["password".to_owned()]),
    }
}

fn operation(plan: PlanSummary) -> Operation {
    let mut operation = example::operation(&json!({
        "id": "op-01kaj3v9mz5x0q8r2t4w6y7z9a", "stack": "lusab-babad", "status": "waiting_for_approval", "revision": 3,
        "configuration": configuration(&json!({"size": 2, "password": "hunter2-after", "same": 1})),
        "created_at": "2026-11-29T00:00:00Z",
    }));
    let rules = environment(Approval::WhenDestroying);
    operation.approval_rule = Some(ApprovalRule::of(&plan, &rules, Timestamp::UNIX_EPOCH));
    operation.plan = Some(plan);
    operation
}

fn image(of: &str) -> Image {
    format!("{of}@{}", Digest::of(of.as_bytes())).parse().expect("an image")
}

fn contract() -> PlannedContract {
    let plan = include_str!("../tests/plans/contract.json");
    let shown = show::read(plan.as_bytes(), &|text| text.to_owned()).expect("a plan");
    let (_, objects) = pages::of(shown);
    let index: Index = serde_json::from_slice(&objects.index).expect("an index");
    index.contract.expect("a contract")
}

fn sheet(operation: &Operation, environment: &Environment, images: &BTreeMap<Name, Image>) -> Sheet {
    sheet_of(operation, environment, images, !images.is_empty())
}

fn sheet_of(
    operation: &Operation,
    environment: &Environment,
    images: &BTreeMap<Name, Image>,
    may_repeat_release: bool,
) -> Sheet {
    let mut applied = configuration(&json!({"size": 1, "password": "hunter2-before", "same": 1, "gone": true}));
    applied.version = "1.0.0".parse().expect("a version");
    let index = Index {
        pages: Vec::new(),
        contract: Some(contract()),
    };
    let basis = Basis {
        operation,
        environment,
        applied: Some(&applied),
        images,
        may_repeat_release,
        subscriptions: &subscriptions(&["web", "worker"]),
        index: &index,
        first: vec![json!({"subject": "resource", "address": "a.b"})],
    };
    Sheet::new(basis).expect("a sheet")
}

/// Services that follow a repository of their name.
fn subscriptions(services: &[&str]) -> BTreeMap<Name, Subscription> {
    let follows = |service: &&str| {
        let repository = format!("arn:aws:ecr:eu-west-1:111122223333:repository/{service}");
        let follows = json!({"repository": repository, "tags": "v*"});
        let subscription = serde_json::from_value(follows).expect("a subscription");
        (service.parse().expect("a name"), subscription)
    };
    services.iter().map(follows).collect()
}

fn replacing() -> PlanSummary {
    let mut plan = PlanSummary::default();
    for action in [Action::Replace, Action::Delete, Action::Forget, Action::Create] {
        let address = format!("aws_db_instance.{action}");
        plan.add_change(ResourceChange { address, action });
    }
    plan
}

#[test]
fn statements_of_known_files_run_again_after_a_failed_release() {
    let statement = |file: &str| DangerousStatement {
        migration: "schema".to_owned(),
        file: file.to_owned(),
        line: 1,
        column: 1,
        rule: "slipway-truncate".to_owned(),
        message: "it loses data".to_owned(),
        remedy: "delete later".to_owned(),
    };
    let contract = PlannedContract {
        dangerous: vec![statement("new.sql")],
        dangerous_count: 1,
        dangerous_known: vec![statement("old.sql")],
        dangerous_known_count: 60,
        ..contract()
    };
    let mut waits = operation(replacing());
    for (found, files, all) in [
        (StackStatus::Ready, &["new.sql"][..], 1),
        (StackStatus::Failed, &["new.sql", "old.sql"][..], 61),
    ] {
        waits.found = Some(found);
        let (named, count) = dangerous(Some(&contract), &waits);
        let named: Vec<&str> = named.iter().map(|statement| statement.file.as_str()).collect();
        assert_eq!((named.as_slice(), count), (files, all));
    }
}

#[test]
fn sheet_has_what_an_approver_decides_by() {
    let web: Name = "web".parse().expect("a name");
    let images = BTreeMap::from([(web, image("one"))]);
    let mut plan = replacing();
    plan.warn("Argument is deprecated");
    plan.services.push("web: desired_count 2 -> 3".to_owned());
    let sheet = sheet(&operation(plan), &environment(Approval::WhenDestroying), &images).to_json();
    assert_eq!(sheet["plan"]["warnings"], json!(["Argument is deprecated"]));
    assert_eq!(sheet["plan"]["services"], json!(["web: desired_count 2 -> 3"]));
    assert_eq!(
        (&sheet["destroy_count"], &sheet["forget_count"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        sheet["variables"],
        json!([
            {"name": "gone", "before": true},
            {"name": "password", "sensitive": true},
            {"name": "size", "before": 1, "after": 2},
        ])
    );
    assert_eq!(sheet["blueprint"]["previous_version"], "1.0.0");
    let paths: Vec<&Value> = sheet["services"][0]["attributes"]
        .as_array()
        .expect("attributes")
        .iter()
        .map(|change| &change["path"])
        .collect();
    assert_eq!(
        paths,
        [
            "task_definition.containerDefinitions[0].environment[0].value",
            "task_definition.cpu"
        ]
    );
    assert_eq!(
        sheet["runs"],
        json!({"release": true, "migrations": ["schema", "data"], "backups": [], "snapshot": false})
    );
    let policies: Vec<&Value> = sheet["policies"]
        .as_array()
        .expect("policies")
        .iter()
        .map(|policy| &policy["policy"])
        .collect();
    assert_eq!(
        policies,
        [
            "environment.approval",
            "environment.protected",
            "environment.protected_types"
        ]
    );
    assert_eq!(sheet["policies"][0]["verdict"], "approval_needed");
    assert_eq!(
        sheet["approval"],
        json!({"required": 1, "self_approval": false, "expires_at": "1970-01-04T00:00:00Z", "required_by": [{
            "policy": "environment.approval",
            "reason": "the plan destroys, replaces, forgets or does not find resources, invokes actions or runs provisioners",
        }]})
    );
    assert!(!sheet.to_string().contains("hunter2"), "{sheet:#}");
}

#[test]
fn sheet_says_which_rule_protects_what_is_not_found() {
    let drift = json!({"address": "aws_db_instance.main", "mode": "managed", "type": "aws_db_instance", "change": {
        "actions": ["delete"], "before": {"engine": "a"}, "after": null, "after_unknown": {},
    }});
    let document = json!({"format_version": "1.2", "applyable": true, "resource_drift": [drift]}).to_string();
    let shown = show::read(document.as_bytes(), &str::to_owned).expect("a plan");
    let sheet = sheet(
        &operation(shown.summary),
        &environment(Approval::Never),
        &BTreeMap::new(),
    )
    .to_json();
    assert_eq!(sheet["plan"]["not_found"], 1);
    let policies = sheet["policies"].as_array().expect("policies").iter();
    let verdicts: Vec<&Value> = policies
        .filter(|policy| policy["policy"] == "environment.protected_types")
        .map(|policy| &policy["verdict"])
        .collect();
    assert_eq!(verdicts, ["approval_needed"]);
}

/// The database has changes of a later release, with which the current one does not work.
#[test]
fn update_that_may_not_repeat_the_release_says_so() {
    let web: Name = "web".parse().expect("a name");
    let images = BTreeMap::from([(web, image("one"))]);
    let (update, live) = (operation(PlanSummary::default()), environment(Approval::Always));
    let [usual, without] = [true, false].map(|may| sheet_of(&update, &live, &images, may));
    assert_ne!(usual.hash(), without.hash());
    let sheet = without.to_json();
    assert_eq!(
        (&sheet["runs"]["release"], &sheet["runs"]["migrations"]),
        (&json!(false), &json!([]))
    );
}

#[test]
fn preview_shows_what_its_update_would_run() {
    let web: Name = "web".parse().expect("a name");
    let images = BTreeMap::from([(web, image("one"))]);
    let live = environment(Approval::Always);
    let mut previewed = operation(PlanSummary::default());
    let update = sheet(&previewed, &live, &images).runs;
    previewed.work = Work::Preview { patch: None };
    assert!(update.release && !update.migrations.is_empty());
    assert_eq!(sheet(&previewed, &live, &images).runs, update);
    assert!(!sheet_of(&previewed, &live, &images, false).runs.release);

    // Without a change of the services, only the update of a failed stack releases them again.
    let unchanged = Index::default();
    for (found, releases) in [(StackStatus::Ready, false), (StackStatus::Failed, true)] {
        previewed.found = Some(found);
        let basis = Basis {
            operation: &previewed,
            environment: &live,
            applied: None,
            images: &images,
            may_repeat_release: true,
            subscriptions: &BTreeMap::new(),
            index: &unchanged,
            first: Vec::new(),
        };
        assert_eq!(runs(&basis).release, releases, "{found:?}");
    }
}

#[test]
fn hash_is_another_one_when_anything_changes() {
    let web: Name = "web".parse().expect("a name");
    let images = BTreeMap::from([(web.clone(), image("one"))]);
    let waiting = operation(replacing());
    let live = environment(Approval::WhenDestroying);
    let hash = sheet(&waiting, &live, &images).hash();
    assert_eq!(hash, sheet(&waiting, &live, &images).hash());
    // What becomes of the operation itself is not on the sheet, nor are approvals: a second one quotes the sheet of the first.
    let mut later = waiting.clone();
    later.revision = 9;
    later.approve("bob".into(), Timestamp::UNIX_EPOCH).expect("counted");
    assert_eq!(later.approvals.len(), 1);
    assert_eq!(hash, sheet(&later, &live, &images).hash());

    let mut plan = replacing();
    plan.note("something");
    let mut bound = waiting.clone();
    bound.binding = Some(Binding {
        work: Digest::of(b"work"),
        manifest: Digest::of(b"manifest"),
        parts: BTreeMap::new(),
        state: crate::plan::binding::StateVersion::default(),
    });
    let mut two_approvers = waiting.clone();
    two_approvers.approval_rule.as_mut().expect("a rule").required = 2;
    let mut other_variables = waiting.clone();
    other_variables.configuration.variables = Map::new();
    for (what, changed) in [
        ("rules", sheet(&waiting, &environment(Approval::Always), &images)),
        ("images", sheet(&waiting, &live, &BTreeMap::from([(web, image("two"))]))),
        ("plan", sheet(&operation(plan), &live, &images)),
        ("artifacts", sheet(&bound, &live, &images)),
        ("approvers", sheet(&two_approvers, &live, &images)),
        ("variables", sheet(&other_variables, &live, &images)),
    ] {
        assert_ne!(hash, changed.hash(), "{what}");
    }
}

#[test]
fn sheet_shows_the_subscriptions_that_change() {
    let mut operation = operation(replacing());
    let live = environment(Approval::Always);
    let shown = |operation: &Operation| sheet(operation, &live, &BTreeMap::new()).to_json()["subscriptions"].take();
    operation.work = Work::update(None);
    assert_eq!(
        shown(&operation),
        Value::Null,
        "a sheet without changes has the hash that it had"
    );

    let follows = |name: &str, tags: &str| json!({"repository": format!("arn:aws:ecr:eu-west-1:111122223333:repository/{name}"), "tags": tags});
    let patch = json!({"subscriptions": {
        "web": follows("other", "*"), "worker": null, "cron": follows("cron", "v*"), "gone": null,
    }});
    operation.work = Work::update(Some(serde_json::from_value(patch).expect("a patch")));
    assert_eq!(
        shown(&operation),
        json!([
            {"service": "cron", "after": follows("cron", "v*")},
            {"service": "web", "before": follows("web", "v*"), "after": follows("other", "*")},
            {"service": "worker", "before": follows("worker", "v*")},
        ])
    );
    operation.work = Work::Provision { release: None };
    assert_eq!(
        shown(&operation),
        json!([
            {"service": "web", "after": follows("web", "v*")},
            {"service": "worker", "after": follows("worker", "v*")},
        ])
    );
}
