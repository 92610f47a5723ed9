//! The contract of events as docs/events.md shows it, and what is not of its form.

use serde_json::{Value, json};
use slipway_model::event::{Asks, Request, StackReference, content};
use slipway_model::event_result::{EventResult, ResultStatus};
use slipway_model::source_account::Action;

const DOCUMENT: &str = include_str!("../../../docs/events.md");

/// The examples of the document that are of this kind.
fn examples(kind: &str) -> Vec<Value> {
    let blocks = DOCUMENT.split("```").skip(1).step_by(2);
    let ours = blocks.filter_map(|block| block.strip_prefix(&format!("json {kind}\n")));
    ours.map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect()
}

#[test]
fn documented_requests_are_valid_and_show_every_action() {
    let requests: Vec<Request> = examples("request")
        .iter()
        .map(|detail| Request::read(detail).unwrap_or_else(|error| panic!("{error:?}: {detail}")))
        .collect();
    for action in Action::ALL {
        assert!(requests.iter().any(|one| one.asks.action() == action), "{action}");
    }
    let Asks::Provision(draft) = &requests[0].asks else {
        panic!("{:?}", requests[0])
    };
    assert_eq!(requests[0].key, "order-4711");
    assert_eq!(draft.subscriptions.len(), 1);
    let Asks::Release(StackReference::Named { environment, name }, images) = &requests[1].asks else {
        panic!("{:?}", requests[1])
    };
    assert_eq!(
        (environment.as_str(), name.as_str(), images.len()),
        ("staging", "shop", 1)
    );
}

#[test]
fn every_result_of_the_document_is_one_and_every_status_is_shown() {
    let results: Vec<EventResult> = examples("result")
        .into_iter()
        .map(|detail| {
            let result: EventResult = serde_json::from_value(detail.clone()).expect("a result");
            assert_eq!(
                serde_json::to_value(&result).expect("JSON"),
                detail,
                "nothing more and nothing less"
            );
            result
        })
        .collect();
    for status in [
        ResultStatus::Accepted,
        ResultStatus::Refused,
        ResultStatus::Succeeded,
        ResultStatus::Failed,
    ] {
        assert!(results.iter().any(|one| one.status == status), "{status:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let image = "web@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (detail, fields) in [
        (json!(null), &["detail"][..]),
        (json!([1]), &["detail"]),
        (json!({}), &["version"]),
        (
            json!({"version": 2, "key": "a", "action": "destroy", "stack": 7}),
            &["version"],
        ),
        (json!({"version": "1", "key": "a"}), &["version"]),
        (json!({"version": 1.5, "key": "a"}), &["version"]),
        (json!({"version": 1}), &["action", "key"]),
        (
            json!({"version": 1, "key": 7, "action": ["destroy"]}),
            &["action", "key"],
        ),
        (
            json!({"version": 1, "key": "", "action": "explode"}),
            &["action", "key"],
        ),
        (
            json!({"version": 1, "key": "ä", "action": "destroy"}),
            &["key", "stack"],
        ),
        (
            json!({"version": 1, "key": "k".repeat(129), "action": "destroy", "stack": "shop"}),
            &["key", "stack"],
        ),
        (
            json!({"version": 1, "key": "a", "action": "destroy", "stack": "lusab-babad", "request": {}, "force": true}),
            &["force", "request"],
        ),
        (
            json!({"version": 1, "key": "a", "action": "drift", "stack": {"name": 1, "x": 2}}),
            &["stack.environment", "stack.name", "stack.x"],
        ),
        (
            json!({"version": 1, "key": "a", "action": "release", "stack": "lusab-babad"}),
            &["request.images"],
        ),
        (
            json!({"version": 1, "key": "a", "action": "release", "stack": [], "request": {"images": {"web": "web:1", "Db": image}}}),
            &["request.images.Db", "request.images.web", "stack"],
        ),
        (
            json!({"version": 1, "key": "a", "action": "provision", "request": "now"}),
            &["request", "request.blueprint", "request.environment", "request.name"],
        ),
        (
            json!({"version": 1, "key": "a", "action": "provision", "stack": "lusab-babad", "request": {
                "name": "Shop", "blueprint": 1, "environment": "dev", "variables": [], "owner": "admin",
                "subscriptions": {"web": {"repository": "shop/web", "tag": "v1"}, "x y": {}, "worker": true},
            }}),
            &[
                "request.blueprint",
                "request.name",
                "request.owner",
                "request.subscriptions.web.repository",
                "request.subscriptions.web.tag",
                "request.subscriptions.web.tags",
                "request.subscriptions.worker",
                "request.subscriptions.x y",
                "request.variables",
                "stack",
            ],
        ),
    ] {
        let unreadable = Request::read(&detail).expect_err("not of the form");
        let mut named: Vec<&str> = unreadable
            .problems
            .iter()
            .map(|problem| problem.field.as_str())
            .collect();
        named.sort_unstable();
        assert_eq!(named, fields, "{detail}");
    }
}

#[test]
fn what_is_right_of_a_wrong_request_says_what_it_was() {
    let detail = json!({"version": 9, "key": "order-1", "action": "destroy"});
    let unreadable = Request::read(&detail).expect_err("an unknown version");
    assert_eq!(unreadable.key.as_deref(), Some("order-1"));
    let detail = json!({"version": 1, "key": "order-1", "action": "destroy"});
    let unreadable = Request::read(&detail).expect_err("no stack");
    assert_eq!(
        (unreadable.key.as_deref(), unreadable.action),
        (Some("order-1"), Some(Action::Destroy))
    );
}

#[test]
fn the_order_of_fields_is_no_content_and_the_order_of_a_list_is() {
    let content = |text: &str| content(&serde_json::from_str(text).expect("JSON"));
    assert_eq!(
        content(r#"{"a": {"b": 1, "c": 2}, "d": []}"#),
        content(r#"{"d": [], "a": {"c": 2, "b": 1}}"#)
    );
    assert_ne!(content(r#"{"a": [1, 2]}"#), content(r#"{"a": [2, 1]}"#));
    assert_ne!(content(r#"{"a": 1}"#), content(r#"{"a": "1"}"#));
}
