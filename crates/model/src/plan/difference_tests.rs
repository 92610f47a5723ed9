//! What differs between two values.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn plain(text: &str) -> String {
    text.to_owned()
}

/// Before, after, unknown, sensitive before, sensitive after.
fn differ(sides: [&Value; 5]) -> Vec<Value> {
    let given = |value: &'_ Value| (!value.is_null()).then_some(value).cloned();
    let [before, after, unknown, before_sensitive, after_sensitive] = sides.map(given);
    let found = attributes(
        Sides {
            before: before.as_ref(),
            after: after.as_ref(),
            unknown: unknown.as_ref(),
            before_sensitive: before_sensitive.as_ref(),
            after_sensitive: after_sensitive.as_ref(),
        },
        &plain,
    );
    found.iter().map(|change| json!(change)).collect()
}

const NONE: &Value = &Value::Null;

#[test]
fn each_changed_leaf_has_its_path() {
    let before = json!({"name": "a", "size": 1, "gone": true, "tags": {"x": "1", "y y": "2"}, "same": {"a": [1, 2]}, "nothing": null});
    let after = json!({"name": "a", "size": 2, "new": [], "tags": {"x": "3"}, "same": {"a": [1, 2]}});
    assert_eq!(
        differ([&before, &after, NONE, NONE, NONE]),
        [
            json!({"path": "gone", "before": true}),
            json!({"path": "new", "after": []}),
            json!({"path": "size", "before": 1, "after": 2}),
            json!({"path": "tags.x", "before": "1", "after": "3"}),
            json!({"path": "tags[\"y y\"]", "before": "2"}),
        ]
    );
}

#[test]
fn element_that_leaves_a_list_is_all_that_changes() {
    let rule = |port: u32| json!({"port": port, "cidr": ["10.0.0.0/8"]});
    let before = json!({"ingress": [rule(22), rule(80), rule(443)]});
    let after = json!({"ingress": [rule(80), {"port": 443, "cidr": ["0.0.0.0/0"]}]});
    assert_eq!(
        differ([&before, &after, NONE, NONE, NONE]),
        [
            json!({"path": "ingress[0].cidr[0]", "before": "10.0.0.0/8"}),
            json!({"path": "ingress[0].port", "before": 22}),
            json!({"path": "ingress[1].cidr[0]", "before": "10.0.0.0/8", "after": "0.0.0.0/0"}),
        ]
    );
}

#[test]
fn unknown_value_is_marked_beside_what_it_was() {
    let before = json!({"arn": "arn:a", "list": [{"id": "1"}], "map": {"a": 1}});
    let after = json!({"list": [{}], "map": {"a": 1}});
    let unknown = json!({"arn": true, "list": [{"id": true}], "map": {}, "new": true, "many": {"deep": [false, true]}});
    assert_eq!(
        differ([&before, &after, &unknown, NONE, NONE]),
        [
            json!({"path": "arn", "before": "arn:a", "after_unknown": true}),
            json!({"path": "list[0].id", "before": "1", "after_unknown": true}),
            json!({"path": "many.deep[1]", "after_unknown": true}),
            json!({"path": "new", "after_unknown": true}),
        ]
    );
}

#[test]
fn sensitive_value_is_only_a_mark() {
    let secret = |value: &str| json!({"password": value, "user": {"key": value, "name": "ann"}, "list": [value]});
    let marks = json!({"password": true, "user": {"key": true}, "list": [true]});
    let found = differ([&secret("hunter2"), &secret("hunter3"), NONE, &marks, &marks]);
    assert_eq!(
        found,
        ["list[0]", "password", "user.key"]
            .map(|path| json!({"path": path, "before_sensitive": true, "after_sensitive": true}))
    );
    assert_eq!(
        differ([&secret("a"), &secret("a"), NONE, &marks, &marks]),
        [] as [Value; 0]
    );
    // What is sensitive on one side alone is hidden on both, also where the value is the same.
    let found = differ([
        &json!({"a": "hunter2"}),
        &json!({"a": "hunter2"}),
        NONE,
        NONE,
        &json!({"a": true}),
    ]);
    assert_eq!(
        found,
        [json!({"path": "a", "before_sensitive": true, "after_sensitive": true, "before_hidden": true})]
    );
    // A requester could choose a side to hide the other one, so that one says that Terraform does not mark it.
    let opened = json!({"a": "0.0.0.0/0"});
    let found = differ([&json!({"a": "hunter2"}), &opened, NONE, &json!({"a": true}), NONE]);
    assert_eq!(
        found,
        [json!({"path": "a", "before_sensitive": true, "after_sensitive": true, "after_hidden": true})]
    );
}

#[test]
fn json_text_differs_as_json() {
    let policy =
        |action: &str| json!({"policy": json!({"Statement": [{"Action": action, "Effect": "Allow"}]}).to_string()});
    assert_eq!(
        differ([&policy("s3:Get*"), &policy("s3:*"), NONE, NONE, NONE]),
        [json!({"path": "policy", "json": [{"path": "Statement[0].Action", "before": "s3:Get*", "after": "s3:*"}]})]
    );
    // Numbers that a computer takes for one: the texts are shown.
    let (one, other) = (
        json!("{\"n\":12345678901234567890123}"),
        json!("{\"n\":12345678901234567890124}"),
    );
    assert_eq!(
        differ([&one, &other, NONE, NONE, NONE]),
        [json!({"path": "", "before": one, "after": other})]
    );
}

#[test]
fn known_secret_is_hidden_wherever_it_stands() {
    let hide = |text: &str| text.replace("hunter2", "(sensitive)").replace("4711", "(sensitive)");
    let after =
        json!({"url": "postgres://u:hunter2@db", "pin": 4711, "json": "{\"k\": \"hunter2\"}", "lines": "a\nhunter2\n"});
    let sides = Sides {
        before: Some(NONE),
        after: Some(&after),
        ..Sides::default()
    };
    let found = json!(attributes(sides, &hide)).to_string();
    assert!(!found.contains("hunter2") && !found.contains("4711"), "{found}");
}

#[test]
fn hidden_value_without_a_mark_is_flagged() {
    let hide = |text: &str| text.replace("0.0.0.0/0", "(sensitive)").replace("4711", "(sensitive)");
    let before = json!({"cidr": ["10.0.0.0/8"], "port": 4711, "policy": "{\"a\":\"0.0.0.0/0\"}", "same": "0.0.0.0/0", "secret": "a"});
    let after = json!({"cidr": ["0.0.0.0/0"], "port": 1, "policy": "{\"a\":\"b\"}", "same": "0.0.0.0/0",
        "tags": {"0.0.0.0/0": "x"}, "nulls": {"0.0.0.0/0": null}, "secret": "0.0.0.0/0"});
    let marks = json!({"secret": true});
    let sides = Sides {
        before: Some(&before),
        after: Some(&after),
        after_sensitive: Some(&marks),
        ..Sides::default()
    };
    assert_eq!(
        json!(attributes(sides, &hide)),
        json!([
            {"path": "cidr[0]", "before": "10.0.0.0/8", "after": "(sensitive)", "after_hidden": true},
            {"path": "nulls", "after": {"(sensitive)": null}, "after_hidden": true},
            {"path": "policy", "json": [{"path": "a", "before": "(sensitive)", "after": "b"}], "before_hidden": true},
            {"path": "port", "before": "(sensitive)", "after": 1, "before_hidden": true},
            {"path": "secret", "before_sensitive": true, "after_sensitive": true, "before_hidden": true},
            {"path": "tags[\"(sensitive)\"]", "after": "x", "path_hidden": true},
        ])
    );
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u8>().prop_map(Value::from),
        "[a-z\n{]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Marks of any shape, also of one that does not fit the value.
fn marks() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        Just(json!("odd"))
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Replaces every leaf that is marked, as a reader of Terraform's marks would.
fn plant(value: &mut Value, mark: &Value) {
    match (value, mark) {
        (value, Value::Bool(true)) => *value = json!("SECRET"),
        (Value::Object(fields), Value::Object(marks)) => {
            for (name, mark) in marks {
                fields.get_mut(name).into_iter().for_each(|value| plant(value, mark));
            }
        }
        (Value::Array(elements), Value::Array(marks)) => elements
            .iter_mut()
            .zip(marks)
            .for_each(|(value, mark)| plant(value, mark)),
        _ => {}
    }
}

proptest! {
    /// For all values and marks, nothing that is marked as sensitive is shown.
    #[test]
    fn marked_values_are_never_shown(mut before in value(), mut after in value(), old in marks(), new in marks(), unknown in marks()) {
        plant(&mut before, &old);
        plant(&mut after, &new);
        let found = differ([&before, &after, &unknown, &old, &new]);
        prop_assert!(!json!(found).to_string().contains("SECRET"), "{found:?}");
    }

    /// Two values differ where something is found, and only there.
    #[test]
    fn something_is_found_where_two_values_differ(before in value(), after in value()) {
        let same = without_nulls(&before) == without_nulls(&after);
        prop_assert_eq!(differ([&before, &after, NONE, NONE, NONE]).is_empty(), same);
    }
}

/// A field that is null, and one that is not there, are the same.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        Value::Array(elements) => elements.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[test]
fn a_json_text_in_which_something_would_not_be_seen_is_compared_as_text() {
    for (before, after) in [
        (
            r#"{"Effect":"Deny","Effect":"Allow","v":1}"#,
            r#"{"Effect":"Allow","Effect":"Allow","v":2}"#,
        ),
        (
            r#"{"a":100000000000000000001,"v":1}"#,
            r#"{"a":100000000000000000009,"v":2}"#,
        ),
    ] {
        let sides = [json!({"policy": before}), json!({"policy": after})];
        assert_eq!(
            differ([&sides[0], &sides[1], NONE, NONE, NONE]),
            [json!({"path": "policy", "before": before, "after": after})]
        );
    }
}

#[test]
fn a_null_in_a_json_text_is_a_value() {
    let before = json!({"text": r#"{"a":{"b":null},"n":1,"q":1}"#});
    let after = json!({"text": r#"{"a":{},"n":null,"nul":null,"q":2}"#});
    let found = differ([&before, &after, NONE, NONE, NONE]);
    assert_eq!(
        found[0]["json"],
        json!([
            {"path": "a.b", "before": null},
            {"path": "n", "before": 1, "after": null},
            {"path": "nul", "after": null},
            {"path": "q", "before": 1, "after": 2},
        ])
    );
}
