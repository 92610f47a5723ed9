//! What a refresh-only plan says, and what counts of it.

use serde_json::json;

use super::*;

fn shown(mut parts: Value) -> Shown {
    parts["format_version"] = "1.2".into();
    serde_json::from_value(parts).expect("a plan")
}

fn drift(resources: &Value) -> Drift {
    shown(json!({ "resource_drift": resources })).drift(None)
}

fn changed(kind: &str, before: &Value, after: &Value) -> Value {
    json!({"address": format!("{kind}.a"), "type": kind, "change": {"actions": ["update"], "before": before, "after": after}})
}

#[test]
fn what_releases_and_autoscalers_change_is_no_drift() {
    let target = |definition: &str, input: &str| json!([{"input": input, "ecs_parameters": [{"task_definition_arn": definition}]}]);
    let quiet = drift(&json!([
        changed(
            "aws_ecs_service",
            &json!({"desired_count": 0, "task_definition": "x:1", "name": "web"}),
            &json!({"desired_count": 2, "task_definition": "x:2", "name": "web"}),
        ),
        changed(
            "aws_scheduler_schedule",
            &json!({"state": "DISABLED", "target": target("x:1", "{}")}),
            &json!({"state": "ENABLED", "target": target("x:2", "{}")}),
        ),
    ]));
    assert_eq!(quiet, Drift::default());
    let loud = drift(&json!([
        changed(
            "aws_ecs_service",
            &json!({"desired_count": 0, "enable_execute_command": false}),
            &json!({"desired_count": 2, "enable_execute_command": true}),
        ),
        changed(
            "aws_scheduler_schedule",
            &json!({"target": target("x:1", "{}")}),
            &json!({"target": target("x:2", "{\"command\": [\"rm\"]}")}),
        ),
        {"address": "aws_sqs_queue.a", "type": "aws_sqs_queue", "change": {"actions": ["delete"], "before": {}, "after": null}},
        {"address": "aws_sqs_queue.b", "type": "aws_sqs_queue", "change": {"actions": ["no-op"], "before": {}, "after": {}}},
    ]));
    assert_eq!(loud.count, 3);
    let actions: Vec<Action> = loud.resources.iter().map(|resource| resource.action).collect();
    assert_eq!(actions, [Action::Update, Action::Update, Action::Delete]);
}

/// A security group whose rules are resources of their own: its state after the creation has none of them.
#[test]
fn only_what_an_update_would_change_is_drift() {
    let group = |name: &str, ingress: &Value, description: &str| {
        json!({"address": format!("aws_security_group.{name}"), "type": "aws_security_group", "change": {
            "actions": ["update"],
            "before": {"ingress": [], "description": "web", "arn": "a"},
            "after": {"ingress": ingress, "description": description, "arn": "a"},
        }})
    };
    let rules = json!([{"from_port": 443}]);
    let lost = json!({"address": "aws_sqs_queue.a", "type": "aws_sqs_queue", "change": {"actions": ["delete"], "before": {}, "after": null}});
    let shown = shown(json!({"resource_drift": [
        group("refreshed", &rules, "web"),
        group("changed", &rules, "by hand"),
        group("read", &rules, "web"),
        group("unlisted", &rules, "web"),
        lost,
    ]}));
    let change = |name: &str, action: &str| json!({"address": format!("aws_security_group.{name}"), "change": {"actions": [action]}});
    let relevant = |name: &str, attribute: &str| json!({"resource": format!("aws_security_group.{name}"), "attribute": [attribute]});
    let planned = serde_json::from_value(json!({
        "resource_changes": [change("refreshed", "no-op"), change("changed", "update"), change("read", "no-op")],
        "relevant_attributes": [relevant("refreshed", "arn"), relevant("read", "ingress")],
    }));
    let planned: Planned = planned.expect("a plan");
    let drift = shown.drift(Some(&planned));
    let found: Vec<&str> = drift
        .resources
        .iter()
        .map(|resource| resource.address.as_str())
        .collect();
    assert_eq!(
        found,
        [
            "aws_security_group.changed",
            "aws_security_group.read",
            "aws_security_group.unlisted",
            "aws_sqs_queue.a"
        ]
    );
    assert_eq!(shown.drift(None).count, 5);
}

#[test]
fn a_plan_in_which_nothing_differs_has_no_list() {
    assert_eq!(shown(json!({})).drift(None), Drift::default());
    serde_json::from_value::<Shown>(json!({})).expect_err("no format version");
}

#[test]
fn sentence_does_not_claim_what_cannot_be_read() {
    let instance =
        |name: &str, mode: &str, provider: &str| json!({"address": name, "mode": mode, "provider_name": provider});
    let data = instance("data.a.b", "data", "registry.terraform.io/hashicorp/aws");
    let queue = instance("aws_sqs_queue.a", "managed", "registry.terraform.io/hashicorp/aws");
    let text = instance("terraform_data.a", "managed", "terraform.io/builtin/terraform");
    let id = instance("random_id.a", "managed", "registry.opentofu.org/hashicorp/random");
    let sentence = |root: &[&Value], child: &[&Value]| {
        let root = json!({"resources": root, "child_modules": [{"resources": child}]});
        shown(json!({"prior_state": {"values": {"root_module": root}}})).sentence(&Drift::default())
    };
    assert_eq!(sentence(&[&queue], &[]), "Everything is as the state says.");
    assert_eq!(
        sentence(&[&text], &[&id]),
        "Nothing was compared: 2 resources exist in the state alone."
    );
    assert_eq!(
        sentence(&[&text, &data], &[&queue]),
        "Nothing differs in 1 resource. 1 resource exists in the state alone, with nothing to compare."
    );
    assert_eq!(
        sentence(&[&data], &[]),
        "The state has no resources: there is nothing to compare."
    );
}
