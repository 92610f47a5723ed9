//! Ways to lose a database in a protected environment. Each is refused for every kind of operation that applies, in the workflow and
//! in a build that would go on from Plan to Apply.

use serde_json::{Value, json};

use super::*;
use crate::environment::Approval;
use crate::error_name::ErrorName;
use crate::operation::one_build::{Next, go_on_from_plan};
use crate::operation::{Operation, OperationKind, example};
use crate::plan::{Verdict, review, show};
use crate::policy::PolicyHead;

const DATABASE: &str = "module.data[\"eu.west\"].aws_db_instance.main[0]";

const KINDS: [OperationKind; 5] = [
    OperationKind::Provision,
    OperationKind::Update,
    OperationKind::Release,
    OperationKind::Rollback,
    OperationKind::Task,
];

fn environment(approval: Approval) -> Environment {
    let environment = json!({"name": "live", "account": "111122223333", "region": "eu-west-1", "approval": approval, "protected": true});
    serde_json::from_value(environment).expect("an environment")
}

fn operation(kind: OperationKind) -> Operation {
    example::operation(&json!({
        "kind": kind,
        "release": matches!(kind, OperationKind::Release | OperationKind::Rollback).then_some(2),
        "task": (kind == OperationKind::Task).then_some("seed"),
    }))
}

fn change(address: &str, kind: &str, actions: &[&str]) -> Value {
    json!({"address": address, "mode": "managed", "type": kind, "change": {
        "actions": actions, "before": {"engine": "a"}, "after": {"engine": "b"}, "after_unknown": {},
    }})
}

fn database(actions: &[&str]) -> Value {
    change(DATABASE, "aws_db_instance", actions)
}

fn with(mut change: Value, field: &str, value: &str) -> Value {
    change[field] = value.into();
    change
}

fn plan(changes: &[Value]) -> PlanSummary {
    // Harmless changes around it, and more of them than a summary names.
    let mut all: Vec<Value> = (0..150)
        .map(|index| {
            change(
                &format!("aws_security_group_rule.a[{index}]"),
                "aws_security_group_rule",
                &["delete"],
            )
        })
        .collect();
    all.extend(changes.iter().cloned());
    let document = json!({"format_version": "1.2", "applyable": true, "complete": true, "errored": false, "resource_changes": all});
    show::read(document.to_string().as_bytes(), &str::to_owned)
        .expect("a plan")
        .summary
}

/// Asserts that no operation applies the plan, and that the refusal names the policy and the resource.
fn refused(plan: &PlanSummary, address: &str) {
    for approval in [Approval::Never, Approval::WhenDestroying, Approval::Always] {
        let environment = environment(approval);
        for kind in KINDS {
            let Verdict::Refused(refusal) = review(kind, plan, &environment) else {
                panic!("{kind:?} with {approval}: {:?}", review(kind, plan, &environment))
            };
            assert_eq!(refusal.policy, PROTECTED_TYPES);
            assert!(refusal.to_string().contains(address), "{refusal}");
            assert!(refusal.resources.iter().any(|named| named == address), "{refusal:?}");
            assert_eq!(refusal.error_name(), ErrorName::ResourceProtected);
            let mut operation = operation(kind);
            assert_eq!(
                go_on_from_plan(&operation, plan, &environment, PolicyHead::default()),
                None
            );
            let verdict = Verdict::Refused(refusal);
            assert!(matches!(operation.after_review(&verdict), Next::Refused(_)));
            operation.verdict = Some(verdict);
            assert!(!operation.may_apply());
        }
        assert_ne!(review(OperationKind::Destroy, plan, &environment), Verdict::Apply);
    }
}

#[test]
fn destroy_is_refused_whatever_it_would_delete() {
    for plan in [plan(&[]), plan(&[database(&["delete"])]), PlanSummary::default()] {
        let verdict = review(OperationKind::Destroy, &plan, &environment(Approval::Always));
        assert!(matches!(verdict, Verdict::Refused(refusal) if refusal.policy == PROTECTED));
    }
}

#[test]
fn count_of_zero_is_refused() {
    let change = with(database(&["delete"]), "action_reason", "delete_because_count_index");
    refused(&plan(&[change]), DATABASE);
}

#[test]
fn version_without_the_database_is_refused() {
    let change = with(
        database(&["delete"]),
        "action_reason",
        "delete_because_no_resource_config",
    );
    refused(&plan(&[change]), DATABASE);
}

#[test]
fn version_without_the_module_is_refused() {
    let change = with(database(&["delete"]), "action_reason", "delete_because_no_module");
    refused(&plan(&[change]), DATABASE);
}

#[test]
fn replacement_is_refused_in_both_orders() {
    refused(&plan(&[database(&["delete", "create"])]), DATABASE);
    refused(&plan(&[database(&["create", "delete"])]), DATABASE);
}

#[test]
fn replacement_that_only_forgets_the_old_database_is_refused() {
    refused(&plan(&[database(&["create", "forget"])]), DATABASE);
    refused(&plan(&[database(&["forget", "create"])]), DATABASE);
}

#[test]
fn forgotten_database_is_refused() {
    refused(&plan(&[database(&["forget"])]), DATABASE);
}

#[test]
fn moved_and_dropped_database_is_refused() {
    let change = with(database(&["delete"]), "previous_address", "aws_db_instance.before");
    refused(&plan(&[change]), DATABASE);
}

#[test]
fn database_moved_to_another_type_is_refused() {
    for actions in [&["no-op"][..], &["update"], &["delete"]] {
        let moved = with(
            change("terraform_data.rest", "terraform_data", actions),
            "previous_address",
            DATABASE,
        );
        refused(&plan(&[moved]), "terraform_data.rest");
    }
}

#[test]
fn database_imported_elsewhere_is_refused_where_it_was() {
    let mut imported = change("module.new.aws_db_instance.main", "aws_db_instance", &["no-op"]);
    imported["change"]["importing"] = json!({"id": "main"});
    refused(&plan(&[database(&["forget"]), imported]), DATABASE);
}

#[test]
fn repair_of_drift_by_replacement_is_refused() {
    let repaired = with(
        database(&["delete", "create"]),
        "action_reason",
        "replace_because_cannot_update",
    );
    let document = json!({"format_version": "1.2", "applyable": true, "complete": true, "errored": false,
        "resource_drift": [database(&["update"])], "resource_changes": [repaired]});
    let read = show::read(document.to_string().as_bytes(), &str::to_owned);
    refused(&read.expect("a plan").summary, DATABASE);
}

/// A plan of an environment whose provider does not find these.
fn plan_without(drift: &[Value], changes: &[Value], applyable: bool) -> PlanSummary {
    let document = json!({"format_version": "1.2", "applyable": applyable, "complete": true, "errored": false,
        "resource_drift": drift, "resource_changes": changes});
    let shown = show::read(document.to_string().as_bytes(), &str::to_owned);
    shown.expect("a plan").summary
}

#[test]
fn database_that_is_not_found_needs_an_approval() {
    let plan = plan_without(&[database(&["delete"])], &[database(&["create"])], true);
    assert_eq!(plan.not_found["aws_db_instance"].resources[0].address, DATABASE);
    for approval in [Approval::Never, Approval::WhenDestroying, Approval::Always] {
        for kind in KINDS {
            assert_eq!(review(kind, &plan, &environment(approval)), Verdict::ApprovalNeeded);
        }
    }
    let mut open = environment(Approval::Never);
    open.protected = false;
    assert_eq!(review(OperationKind::Update, &plan, &open), Verdict::Apply);
    // An apply of an empty plan writes the state, too.
    let dropped = plan_without(&[database(&["delete"])], &[], false);
    let live = environment(Approval::Never);
    assert_eq!(review(OperationKind::Update, &dropped, &live), Verdict::ApprovalNeeded);
}

#[test]
fn plan_that_drops_what_is_not_found_counts_as_destroying() {
    let queue = |actions: &[&str]| change("aws_sqs_queue.a", "aws_sqs_queue", actions);
    for (changes, applyable) in [(vec![queue(&["create"])], true), (vec![], false)] {
        let plan = plan_without(&[queue(&["delete"])], &changes, applyable);
        for approval in [Approval::WhenDestroying, Approval::Always] {
            for protected in [true, false] {
                let mut environment = environment(approval);
                environment.protected = protected;
                let verdict = review(OperationKind::Update, &plan, &environment);
                assert_eq!(verdict, Verdict::ApprovalNeeded, "{approval:?} {protected} {applyable}");
            }
        }
    }
    let changed = plan_without(&[queue(&["update"])], &[queue(&["update"])], true);
    assert_eq!(
        review(OperationKind::Update, &changed, &environment(Approval::WhenDestroying)),
        Verdict::Apply
    );
}

#[test]
fn drift_that_loses_no_protected_resource_is_applied() {
    let queue = |actions: &[&str]| change("aws_sqs_queue.a", "aws_sqs_queue", actions);
    let live = environment(Approval::Never);
    for drift in [queue(&["delete"]), database(&["update"])] {
        let plan = plan_without(std::slice::from_ref(&drift), &[queue(&["create"])], true);
        assert_eq!(review(OperationKind::Update, &plan, &live), Verdict::Apply, "{drift}");
    }
    let unknown = plan_without(&[database(&["evict"])], &[queue(&["create"])], true);
    assert_eq!(review(OperationKind::Update, &unknown, &live), Verdict::ApprovalNeeded);
}

#[test]
fn deposed_database_is_refused() {
    refused(&plan(&[with(database(&["delete"]), "deposed", "4a2f1c9e")]), DATABASE);
}

#[test]
fn unknown_action_on_a_database_is_refused() {
    refused(&plan(&[database(&["evict"])]), DATABASE);
    refused(&plan(&[database(&[])]), DATABASE);
}

#[test]
fn change_that_cannot_be_read_is_refused() {
    refused(
        &plan(&[json!({"address": DATABASE, "type": "aws_db_instance", "change": "gone"})]),
        DATABASE,
    );
    refused(&plan(&[json!({"address": "aws_x.y", "change": 7})]), "aws_x.y");
}

#[test]
fn database_among_more_types_than_are_counted_is_refused() {
    let many = (0..700).map(|index| change(&format!("a{index}.a"), &format!("a{index}"), &["delete"]));
    let many: Vec<Value> = many.chain([database(&["delete"])]).collect();
    let summary = plan(&many);
    assert!(matches!(
        review(OperationKind::Update, &summary, &environment(Approval::Never)),
        Verdict::Refused(refusal) if refusal.policy == PROTECTED_TYPES
    ));
    assert!(serde_json::to_vec(&summary).expect("JSON").len() < 100 * 1024);
}

#[test]
fn losses_of_records_of_earlier_versions_are_refused() {
    let environment = environment(Approval::Never);
    let counted = PlanSummary {
        destroy: 1,
        types: BTreeMap::from([("aws_db_instance".to_owned(), BTreeMap::from([(Action::Delete, 1)]))]),
        ..PlanSummary::default()
    };
    let uncounted = PlanSummary {
        replace: 1,
        ..PlanSummary::default()
    };
    for plan in [counted, uncounted] {
        assert!(refusal(&plan, &environment).is_some(), "{plan:?}");
    }
}

#[test]
fn what_is_not_protected_is_applied() {
    let judge = |plan: &PlanSummary, environment: &Environment| review(OperationKind::Update, plan, environment);
    let live = environment(Approval::Never);
    for harmless in [
        change("aws_security_group.a", "aws_security_group", &["delete", "create"]),
        change(
            "aws_rds_cluster_parameter_group.a",
            "aws_rds_cluster_parameter_group",
            &["delete"],
        ),
        database(&["update"]),
        database(&["create"]),
        with(database(&["no-op"]), "previous_address", "aws_db_instance.before"),
        with(
            database(&["update"]),
            "previous_address",
            "module.a[\"x.aws_s3_bucket\"].aws_db_instance.before[\"a.b\"]",
        ),
    ] {
        assert_eq!(
            judge(&plan(std::slice::from_ref(&harmless)), &live),
            Verdict::Apply,
            "{harmless}"
        );
    }
    let mut open = live;
    open.protected = false;
    assert_eq!(judge(&plan(&[database(&["delete"])]), &open), Verdict::Apply);
}

#[test]
fn action_of_a_provider_needs_an_approval_in_a_protected_environment() {
    let document = json!({"format_version": "1.2", "applyable": true, "complete": true, "errored": false,
        "action_invocations": [{"address": "action.aws_lambda_invoke.a", "type": "aws_lambda_invoke"}]});
    let plan = show::read(document.to_string().as_bytes(), &str::to_owned)
        .expect("a plan")
        .summary;
    let mut live = environment(Approval::Never);
    assert_eq!(review(OperationKind::Update, &plan, &live), Verdict::ApprovalNeeded);
    live.protected = false;
    assert_eq!(review(OperationKind::Update, &plan, &live), Verdict::Apply);
}

#[test]
fn type_is_found_in_every_address() {
    for (address, kind) in [
        ("aws_s3_bucket.a", "aws_s3_bucket"),
        ("aws_s3_bucket.a[\"x.y\"]", "aws_s3_bucket"),
        ("module.a.module.b[0].aws_s3_bucket.a", "aws_s3_bucket"),
        ("module.a[\"q\\\"].aws_db_instance\"].aws_s3_bucket.a", "aws_s3_bucket"),
        ("data.aws_vpc.a", "aws_vpc"),
        ("module.a.data.aws_vpc.a", "aws_vpc"),
        ("", UNKNOWN),
    ] {
        assert_eq!(type_in(address), kind, "{address}");
    }
}
