use serde_json::json;

use super::*;

#[test]
fn sheet_says_what_it_leaves_out_and_its_hash() {
    let sheet_of = json!({
        "hash": "sha256:ab", "operation": "op-1", "kind": "update", "status": "waiting_for_approval", "decision": null, "destroy_count": 1, "forget_count": 0,
        "stack": {"id": "lusab-babad", "name": "shop"}, "requested_by": "ann", "requested_at": "2026-11-29T00:00:00Z",
        "environment": {"name": "live", "account": "111122223333", "region": "eu-west-1", "protected": true},
        "blueprint": {"name": "web", "version": "1.1.0", "previous_version": "1.0.0"},
        "variables": [{"name": "size", "before": 1, "after": 2}, {"name": "key", "sensitive": true}],
        "subscriptions": [{"service": "web", "after": {"repository": "arn:aws:ecr:web", "tags": "v*"}}],
        "plan": {"destroy": 1, "items": 151, "outputs_changed": true, "services": ["web: cpu 256 -> 512"], "warnings": ["Check block assertion failed"], "cost": {"before_cents": 3285, "after_cents": 6570, "without_price": 3, "prices_of": "2026-11-29", "prices_in": "us-east-1"}, "first": [{"subject": "resource", "action": "delete", "address": "a.b"},
            {"subject": "output", "action": "update", "address": "slipway", "attributes": [
                {"path": "services.web.cpu", "before": 256, "after": 512},
                {"path": "services.webhook.cpu", "before": 1, "after": 2},
                {"path": "notes.url", "before": "a", "after": "b"}]}]},
        "services": [{"name": "web", "attributes": [{"path": "cpu", "before": 256, "after": 512}], "image_before": "a@sha256:1", "image_after": "a@sha256:2"}],
        "runs": {"release": true, "migrations": ["schema"], "backups": [], "snapshot": true},
        "policies": [{"policy": "environment.approval", "verdict": "approval_needed", "reason": "every plan waits"}],
        "approval": {"required": 2, "self_approval": false, "expires_at": "2026-12-02T00:00:00Z", "required_by": [
            {"policy": "plan.understood", "reason": "Slipway does not understand all of the plan"},
            {"policy": "environment.approval", "reason": "every plan waits"}]},
        "approvals_given": 1, "approvals": [
            {"by": "bob", "at": "2026-11-29T01:00:00Z", "comment": "agreed", "counts": true},
            {"by": "eve", "at": "2026-11-29T00:30:00Z", "comment": null, "counts": false},
            {"by": "dan", "at": "2026-11-29T00:40:00Z", "sheet": "sha256:ab", "comment": null, "counts": false},
            {"by": "kim", "at": "2026-11-29T00:45:00Z", "sheet": "sha256:ab", "comment": null, "counts": false, "denied": "No policy."}],
    });
    let lines: Vec<String> = sheet(&sheet_of).into_iter().map(|line| line.text).collect();
    let text = lines.join("\n");
    for expected in [
        "update of shop (lusab-babad) in live\nstatus       waiting for an approval\n",
        "live (account 111122223333, eu-west-1), protected",
        "web: 1.0.0 -> 1.1.0",
        "plan         0 to add, 0 to change, 1 to destroy, services change (web: cpu 256 -> 512)\ndestructive  1 resource is destroyed\n",
        "cost         at least $32.85 -> $65.70 a month (us-east-1 list prices of 2026-11-29; the stack is in eu-west-1; 3 resources not counted)",
        "\n             warning: Check block assertion failed\n",
        "verdict      environment.approval: approval needed (every plan waits)",
        "approvals    1 of 2, decide before 2026-12-02T00:00:00Z, the requester may not approve",
        "approved by bob at 2026-11-29T01:00:00Z: agreed\n",
        "approved by eve at 2026-11-29T00:30:00Z (of an earlier sheet: does not count)",
        "approved by dan at 2026-11-29T00:40:00Z (the plan was rejected: does not count)",
        "approved by kim at 2026-11-29T00:45:00Z (does not count: No policy.)",
        "required by  plan.understood: Slipway does not understand all of the plan",
        "after apply  snapshot of the database, migration schema, release of the services",
        "~ size: 1 -> 2",
        "~ key: (sensitive)",
        "~ web: (none) -> arn:aws:ecr:web,v*",
        "~ image: a@sha256:1 -> a@sha256:2",
        "-   delete a.b",
        "~ update   - delete\n",
        "~ services.webhook.cpu: 1 -> 2",
        "~ notes.url: \"a\" -> \"b\"",
        "services: see above",
        "… and 149 more: slipway plan op-1",
        "sheet hash   sha256:ab",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    for once in ["cpu: 256 -> 512", "every plan waits"] {
        assert_eq!(text.matches(once).count(), 1, "{text}");
    }
}

#[test]
fn preview_says_what_an_update_would_run() {
    let shown = |kind: &str, release: bool| {
        let migrations = if release { json!(["migrate"]) } else { json!([]) };
        let lines = runs(&json!({"kind": kind, "runs": {"release": release, "migrations": migrations}}));
        lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
    };
    assert_eq!(
        shown("preview", true),
        ["if applied   migration migrate, release of the services"]
    );
    assert_eq!(
        shown("update", true),
        ["after apply  migration migrate, release of the services"]
    );
    assert_eq!(shown("preview", false), [""; 0]);
    assert_eq!(shown("update", false), ["after apply  nothing"]);
}

#[test]
fn sheet_says_what_the_apply_loses() {
    for (sheet, expected) in [
        (json!({"destroy_count": 0, "plan": {"checks_failed": 0}}), "no"),
        (
            json!({"destroy_count": 2, "forget_count": 1, "plan": {"drift_overwritten": 1}}),
            "2 resources are destroyed; 1 resource is removed from the state, not deleted; 1 change outside Terraform is overwritten",
        ),
        (
            json!({"operation": "op-1", "plan": {"not_understood": ["an action"]}}),
            "this version of Slipway does not know parts of the plan. Read them before you approve: slipway plan op-1",
        ),
    ] {
        assert_eq!(losses(&sheet).text, format!("destructive  {expected}"));
        assert_eq!(caution(&sheet), None);
    }
    let creates = json!({"plan": {"provision": 3, "checks_failed": 1}});
    assert_eq!(losses(&creates).text, "destructive  no");
    assert_eq!(
        caution(&creates).map(|line| line.text),
        Some("caution      3 resources may run provisioners; 1 check failed".to_owned())
    );
}

#[test]
fn sheet_promises_no_self_approval_that_a_policy_may_forbid() {
    let rule = json!({"required": 1, "self_approval": true, "expires_at": "2026-12-02T00:00:00Z", "required_by": []});
    let lines = approvals(&json!({"approval": rule, "approvals_given": 0, "approvals": []}));
    let shown: Vec<String> = lines.into_iter().map(|line| line.text).collect();
    assert_eq!(shown, ["approvals    0 of 1, decide before 2026-12-02T00:00:00Z"]);
}

#[test]
fn sheet_has_a_deadline_only_before_the_decision() {
    let rule = json!({"required": 1, "self_approval": true, "expires_at": "2026-12-02T00:00:00Z", "required_by": []});
    let shown = |status: &str, decided: Value| {
        let lines = approvals(&json!({"status": status, "decision": decided, "approval": rule, "approvals_given": 1}));
        lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
    };
    assert_eq!(
        shown("waiting_for_approval", Value::Null),
        ["approvals    1 of 1, decide before 2026-12-02T00:00:00Z"]
    );
    for (status, decided) in [
        ("running", json!("approved")),
        ("waiting_for_approval", json!("rejected")),
        ("cancelled", Value::Null),
    ] {
        assert_eq!(shown(status, decided), ["approvals    1 of 1"]);
    }
}

#[test]
fn decided_sheet_names_who_decided() {
    let shown = |status: &str, decided: Value, by: Value| {
        let sheet = json!({"kind": "update", "status": status, "decision": decided, "decided_by": by});
        decision(&sheet).map(|line| line.text)
    };
    let said = |text: &str| Some(format!("decision     {text}"));
    assert_eq!(
        shown("succeeded", json!("approved"), json!("bob")),
        said("approved by bob: this is the sheet that was approved")
    );
    assert_eq!(
        shown("waiting_for_approval", json!("rejected"), json!("eve")),
        said("rejected by eve: this is the sheet that was rejected")
    );
    assert_eq!(
        shown("discarded", Value::Null, Value::Null),
        said("none: this sheet is computed from the stack as it is now")
    );
    for (status, decided) in [("waiting_for_approval", Value::Null), ("succeeded", json!("approved"))] {
        assert_eq!(shown(status, decided, Value::Null), None);
    }
}

#[test]
fn sheet_says_whether_there_is_something_to_decide() {
    for (kind, status_of_it, decision, expected) in [
        ("update", "waiting_for_approval", Value::Null, "waiting for an approval"),
        (
            "update",
            "waiting_for_approval",
            json!("approved"),
            "the plan was approved",
        ),
        (
            "update",
            "waiting_for_approval",
            json!("rejected"),
            "the plan was rejected: it is not applied",
        ),
        ("update", "running", json!("approved"), "the plan was approved"),
        (
            "update",
            "discarded",
            json!("rejected"),
            "the plan was rejected: it is not applied",
        ),
        ("update", "discarded", Value::Null, "discarded: the plan is not applied"),
        (
            "update",
            "succeeded",
            json!("approved"),
            "succeeded: the plan was applied",
        ),
        (
            "preview",
            "succeeded",
            Value::Null,
            "a preview: the plan is not applied",
        ),
        ("update", "needs_attention", json!("approved"), "needs attention"),
    ] {
        let shown = status(&json!({"kind": kind, "status": status_of_it, "decision": decision}));
        assert_eq!(shown.text, format!("status       {expected}"));
    }
}
