//! Which imports errors blame, and how the others are found.

use serde_json::Value;

use super::*;

fn resources(addresses: &[&str]) -> Resources {
    let resources = addresses.iter().map(|address| ((*address).to_owned(), json!("1")));
    serde_json::from_value(Value::Object(resources.collect())).expect("resources")
}

fn error(more: &Value) -> Diagnostic {
    let mut error = json!({"severity": "error", "summary": "failed", "detail": ""});
    error
        .as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    serde_json::from_value(error).expect("a diagnostic")
}

fn search_of(wanted: Resources) -> Search {
    Search::of(wanted, Digest::of(b"1"))
}

fn addresses(resources: &Resources) -> Vec<&str> {
    resources.keys().map(String::as_str).collect()
}

#[test]
fn import_blocks_take_ids_literally_each_in_its_line() {
    let resources = json!({"aws_s3_bucket.b[\"x y\"]": "${path.root}-%{if true}", "aws_s3_bucket.c": "c"});
    let text = blocks(&serde_json::from_value(resources).expect("resources"));
    let read: Value = serde_json::from_str(&text).expect("JSON");
    let expected = json!([
        {"to": "aws_s3_bucket.b[\"x y\"]", "id": "$${path.root}-%%{if true}"},
        {"to": "aws_s3_bucket.c", "id": "c"},
    ]);
    assert_eq!(read["import"], expected);
    assert!(text.lines().nth(2).is_some_and(|line| line.contains("aws_s3_bucket.c")));
}

/// The errors of Terraform 1.11.4.
#[test]
fn errors_name_the_import_that_fails() {
    let tried = resources(&["a.a", "a.a[0]", "a.ab", "b.b[\"x y\"]", "module.m.a.a"]);
    let blamed_by = |more: Value| {
        let blamed = blamed(&[error(&more)], &tried).into_iter();
        blamed.map(|(address, _)| address).collect::<Vec<_>>()
    };
    let range = json!({"filename": FILE, "start": {"line": 4}});
    assert_eq!(blamed_by(json!({"range": range})), ["a.ab"]);
    let elsewhere = json!({"filename": "main.tf", "start": {"line": 4}});
    assert_eq!(blamed_by(json!({"range": elsewhere})), Vec::<String>::new());
    assert_eq!(blamed_by(json!({"address": "a.a[0]"})), ["a.a[0]"]);
    let detail = "The configuration for the given import b.b[\"x y\"] does not exist.";
    assert_eq!(blamed_by(json!({"detail": detail})), ["b.b[\"x y\"]"]);
    let detail = "While attempting to import an existing object to \"module.m.a.a\", the provider detected that no object exists.";
    assert_eq!(blamed_by(json!({"detail": detail})), ["module.m.a.a"]);
    assert_eq!(blamed_by(json!({"detail": "There is no a.a."})), ["a.a"]);
    let detail =
        "This resource does not support import. Please contact the provider developer for additional information.";
    assert_eq!(blamed_by(json!({"detail": detail})), Vec::<String>::new());
    let detail = "resource a doesn't support import";
    assert_eq!(
        blamed_by(json!({"detail": detail})),
        ["a.a", "a.a[0]", "a.ab", "module.m.a.a"]
    );
}

#[test]
fn halves_find_the_import_that_no_error_names() {
    let mut search = search_of(resources(&["a.a", "a.b", "a.c", "a.d", "a.e"]));
    let failed = error(&json!({"detail": "no such object"}));
    let mut plans = 0;
    while let Some(group) = search.groups.pop() {
        plans += 1;
        let tried = search.with(&group);
        if tried.contains_key("a.b") || tried.contains_key("a.e") {
            search.halve(group, &failed);
        } else {
            search.accepted = tried;
        }
    }
    assert_eq!(addresses(&search.accepted), ["a.a", "a.c", "a.d"]);
    assert_eq!(addresses(&search.rejected), ["a.b", "a.e"]);
    assert!(plans <= 9, "{plans}");
}

#[test]
fn type_without_import_is_rejected_at_once() {
    let failed = error(&json!({"detail": "This resource does not support import."}));
    let mut search = search_of(Resources::new());
    search.groups = vec![resources(&["a.a", "b.a", "module.m.a.b[0]"])];
    let rejected = search.halve(resources(&["a.c"]), &failed);
    assert_eq!(addresses(&rejected), ["a.a", "a.c", "module.m.a.b[0]"]);
    assert_eq!(search.groups, [resources(&["b.a"])]);
    let other = error(&json!({"detail": "no such object"}));
    let mut search = search_of(resources(&["a.a"]));
    assert_eq!(addresses(&search.halve(resources(&["a.c"]), &other)), ["a.c"]);
    assert_eq!(addresses(&search.left_out()), ["a.a", "a.c"]);
}

#[test]
fn an_accepted_import_may_be_blamed_later() {
    let mut search = search_of(Resources::new());
    search.accepted = resources(&["a.a", "a.b"]);
    search.groups.clear();
    search.reject(resources(&["a.c"]), vec![("a.a".to_owned(), "throttled".to_owned())]);
    assert_eq!(addresses(&search.accepted), ["a.b"]);
    assert_eq!(search.groups, [resources(&["a.c"])]);
    assert!(search.rejected["a.a"].is_rejected_with(&Digest::of(b"1")));
}

#[test]
fn what_one_of_two_plans_blames_is_not_rejected() {
    let of = |addresses: &[&str]| -> Vec<(String, String)> {
        let named = addresses.iter().map(|address| ((*address).to_owned(), "no".to_owned()));
        named.collect()
    };
    let twice = |now: &[&str], before: &[&str]| blamed_twice(of(now), &of(before), &resources(&["a.a"]));
    assert_eq!(twice(&["a.a", "a.b"], &["a.b", "a.c"]), of(&["a.b"]));
    assert_eq!(twice(&[], &["a.a"]), of(&[]));
    // The first plan blamed nothing, with one import more than the one that was accepted.
    assert_eq!(twice(&["a.a"], &[]), of(&["a.a"]));
    assert_eq!(twice(&["a.b"], &[]), of(&[]));
}

#[test]
fn a_plan_names_what_it_does_not_import_and_counts_the_rest() {
    let many: Vec<String> = (0..12).map(|number| format!("a.a[{number}]")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut summary = PlanSummary::default();
    note(&mut summary, &resources(&many));
    assert_eq!(summary.not_understood.len(), NAMED + 1, "{:?}", summary.not_understood);
    assert!(
        summary.not_understood[0].contains("a.a[0] (id 1)"),
        "{:?}",
        summary.not_understood
    );
    assert!(
        summary.not_understood[NAMED].contains("4 more resources"),
        "{:?}",
        summary.not_understood
    );
    let mut none = PlanSummary::default();
    note(&mut none, &Resources::new());
    assert_eq!(none.not_understood, Vec::<String>::new());
}
