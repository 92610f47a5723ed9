//! Plans as people read them: lines in colours, what destroys first.

use std::collections::BTreeSet;

use serde_json::Value;
use slipway_model::count::{counted, counted_as};

use crate::output::{Line, Style, text_at};

/// The widest that a value is shown on a line with its path.
const WIDEST: usize = 160;

/// Why a value is hidden that has no mark of Terraform's.
const WITHOUT_MARK: &str = "hidden: it has a sensitive value that Terraform does not mark";

/// What the marks mean. Those of changes are Terraform's; an import has none there, and `>`, `!` and `?` are Slipway's.
const MARKS: [(&str, &str); 12] = [
    ("+", "create"),
    ("~", "update"),
    ("-", "delete"),
    ("-/+", "replace: destroy first"),
    ("+/-", "replace: create first"),
    ("+/.", "replace: create first, forget the old one"),
    ("./+", "replace: forget the old one first"),
    (".", "forget: it leaves the state, and is not deleted"),
    ("<=", "read"),
    (">", "invoke an action"),
    ("!", "failed check"),
    ("?", "not known to this version of Slipway"),
];

/// The lines of a plan's items.
pub fn items(items: &[Value]) -> Vec<Line> {
    items.iter().flat_map(item).collect()
}

/// What the marks of these items mean, in a line; nothing if none has a mark.
pub fn legend(items: &[Value]) -> Option<Line> {
    let used: BTreeSet<&str> = items.iter().map(|item| mark(item).0).collect();
    let meanings = MARKS.iter().filter(|(mark, _)| used.contains(mark));
    let meanings: Vec<String> = meanings.map(|(mark, meaning)| format!("{mark} {meaning}")).collect();
    (!meanings.is_empty()).then(|| Line::new(Style::Faint, format!("legend: {}", meanings.join("   "))))
}

/// The mark of an item, and its colour.
fn mark(item: &Value) -> (&'static str, Style) {
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    match (text("subject"), text("action")) {
        ("check", _) if matches!(text("status"), "fail" | "error") => ("!", Style::Red),
        ("check", _) => (" ", Style::Plain),
        (_, "unknown") => ("?", Style::Red),
        (_, "delete") => ("-", Style::Red),
        (_, "replace") => match text("replace_order") {
            "create_then_delete" => ("+/-", Style::Red),
            "create_then_forget" => ("+/.", Style::Red),
            "forget_then_create" => ("./+", Style::Red),
            _ => ("-/+", Style::Red),
        },
        (_, "forget") => (".", Style::Yellow),
        (_, "invoke") => (">", Style::Yellow),
        (_, "update") => ("~", Style::Yellow),
        (_, "create") => ("+", Style::Green),
        (_, "import") => (" ", Style::Green),
        (_, "read") => ("<=", Style::Plain),
        _ => (" ", Style::Plain),
    }
}

fn item(item: &Value) -> Vec<Line> {
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    let (subject, action) = (text("subject"), text("action"));
    let (mark, style) = mark(item);
    let what = match subject {
        "resource" => action.to_owned(),
        "check" => format!("check {}", text("status")),
        "drift" if action == "delete" => "drift: not found".to_owned(),
        "drift" => format!("drift: {action} outside Terraform"),
        other => format!("{} {action}", other.replace('_', " ")),
    };
    let part = item["parts"]
        .as_u64()
        .map(|parts| format!(" (part {} of {parts})", item["part"]));
    let mut lines = vec![Line::new(
        style,
        format!("{mark:<3} {what} {}{}", text("address"), part.unwrap_or_default()),
    )];
    let mut note = |text: String| lines.push(Line::new(Style::Faint, format!("      {text}")));
    for (field, word) in [
        ("previous_address", "moved from"),
        ("deposed", "deposed object"),
        ("reason", "because"),
        ("replace_order", "order:"),
        ("import_id", "imported with id"),
        ("not_understood", "not understood:"),
    ] {
        if let Some(value) = item[field].as_str() {
            let value = match field {
                "reason" => reason(value),
                "replace_order" => order(value),
                _ => value,
            };
            note(format!("{word} {value}"));
        }
    }
    if !item["import_identity"].is_null() {
        note(format!("imported with identity {}", item["import_identity"]));
    }
    if let Some(resource) = item["trigger"]["resource"].as_str() {
        note(format!("invoked by {resource}, {}", text_at(&item["trigger"], "event")));
    }
    if item["hidden"] == true {
        note(WITHOUT_MARK.to_owned());
    }
    if item["overwritten"] == true {
        note("the apply overwrites this".to_owned());
    }
    let provisioners = item["provisioners"].as_array().into_iter().flatten();
    let mut provisioners: Vec<&str> = provisioners.filter_map(Value::as_str).collect();
    // A resource may have one for its creation and one for its destruction.
    let mut named = BTreeSet::new();
    provisioners.retain(|kind| named.insert(*kind));
    if !provisioners.is_empty() {
        note(format!("may run provisioner {}", provisioners.join(", ")));
    }
    for problem in item["problems"].as_array().into_iter().flatten() {
        note(problem.as_str().unwrap_or_default().to_owned());
    }
    attributes(&item["attributes"], 6, &mut lines);
    lines
}

/// Terraform's reason for a change, in words. One of a later version stays as it is.
fn reason(reason: &str) -> &str {
    match reason {
        "replace_because_cannot_update" => "a changed attribute forces replacement",
        "replace_because_tainted" => "the resource is tainted",
        "replace_by_request" => "its replacement was requested",
        "replace_by_triggers" => "a resource in its `replace_triggered_by` changes",
        "delete_because_no_resource_config" => "the configuration no longer has the resource",
        "delete_because_no_module" => "the configuration no longer has its module",
        "delete_because_wrong_repetition" => "its `count` or `for_each` was added or removed",
        "delete_because_count_index" => "its index is beyond the new `count`",
        "delete_because_each_key" => "its key is no longer in `for_each`",
        "delete_because_no_move_target" => "the target of its move does not exist",
        "read_because_config_unknown" => "its configuration is known after the apply",
        "read_because_dependency_pending" => "a resource that it depends on changes",
        "read_because_check_nested" => "a check reads it",
        "instance_count_unknown" => "the number of its instances is not known yet",
        "resource_config_unknown" => "its configuration is not known yet",
        "provider_config_unknown" => "the configuration of its provider is not known yet",
        "absent_prereq" => "a prerequisite does not exist yet",
        "deferred_prereq" => "a prerequisite is deferred",
        other => other,
    }
}

/// The order of a replacement, in words.
fn order(order: &str) -> &str {
    match order {
        "delete_then_create" => "destroyed first, then created",
        "create_then_delete" => "created first, then destroyed",
        "create_then_forget" => "created first, then forgotten",
        "forget_then_create" => "forgotten first, then created",
        other => other,
    }
}

/// The lines of attributes that change.
pub fn attributes(changes: &Value, indent: usize, lines: &mut Vec<Line>) {
    for change in changes.as_array().into_iter().flatten() {
        attribute(change, indent, lines);
    }
}

fn attribute(change: &Value, indent: usize, lines: &mut Vec<Line>) {
    let path = match change["path"].as_str() {
        None | Some("") => "value",
        Some(path) => path,
    };
    let is_hidden = ["before_hidden", "after_hidden", "path_hidden"]
        .iter()
        .any(|mark| change[mark] == true);
    let marks = [
        (
            change["forces_replacement"] == true,
            "  # forces replacement".to_owned(),
        ),
        (is_hidden, format!("  # {WITHOUT_MARK}")),
    ];
    let marks = marks.into_iter().filter(|(holds, _)| *holds);
    let marks: String = marks.map(|(_, mark)| mark).collect();
    let pad = " ".repeat(indent);
    let is_there = |name: &str| change.get(name).is_some_and(|value| *value != Value::Bool(false));
    let becomes = if is_there("after_unknown") {
        " -> (known after apply)"
    } else {
        ""
    };
    if let Some(diff) = change["lines"].as_array() {
        lines.push(Line::new(Style::Plain, format!("{pad}{path}{becomes}:{marks}")));
        for line in diff.iter().filter_map(Value::as_str) {
            let style = match line.as_bytes().first() {
                Some(b'-') => Style::Red,
                Some(b'+') => Style::Green,
                Some(b'@') => Style::Faint,
                _ => Style::Plain,
            };
            lines.push(Line::new(style, format!("{pad}  {line}")));
        }
        return;
    }
    if is_there("json") {
        lines.push(Line::new(Style::Plain, format!("{pad}{path} (JSON){becomes}:{marks}")));
        return attributes(&change["json"], indent + 2, lines);
    }
    let before = side(change, "before");
    let after = if is_there("after_unknown") {
        Some("(known after apply)".to_owned())
    } else {
        side(change, "after")
    };
    match (before, after) {
        (Some(before), Some(after)) => {
            let whole = format!("{pad}~ {path}: {before} -> {after}{marks}");
            if whole.len() <= WIDEST {
                return lines.push(Line::new(Style::Yellow, whole));
            }
            lines.push(Line::new(Style::Yellow, format!("{pad}~ {path}:{marks}")));
            lines.push(Line::new(Style::Red, format!("{pad}  - {before}")));
            lines.push(Line::new(Style::Green, format!("{pad}  + {after}")));
        }
        (Some(before), None) => lines.push(Line::new(Style::Red, format!("{pad}- {path}: {before}{marks}"))),
        (None, Some(after)) => lines.push(Line::new(Style::Green, format!("{pad}+ {path}: {after}{marks}"))),
        (None, None) => lines.push(Line::new(Style::Plain, format!("{pad}{path}{marks}"))),
    }
}

/// A side of a change, if there is one.
fn side(change: &Value, name: &str) -> Option<String> {
    if change[format!("{name}_sensitive")] == true {
        return Some("(sensitive)".to_owned());
    }
    let value = change.get(name)?.to_string();
    let cut = &change[format!("{name}_cut")];
    Some(match cut["bytes"].as_u64() {
        Some(bytes) => format!("{value} (cut: {bytes} bytes, {})", text_at(cut, "sha256")),
        None => value,
    })
}

/// The summary of a plan without changes.
pub const NO_CHANGES: &str = "no changes";

/// The counts of a plan, of an operation or a sheet, in a line, in the order of Terraform's own summary. A replacement counts apart;
/// Terraform counts it as an addition and a destruction.
pub fn counts(plan: &Value) -> String {
    let count = |name: &str| plan[name].as_u64().unwrap_or_default();
    let some = |(name, word): &(&str, &str)| match count(name) {
        0 => None,
        count => Some(format!("{count} {word}")),
    };
    let rare = [
        ("replace", "to replace"),
        ("import", "to import"),
        ("forget", "to forget"),
        ("moved", "to move"),
        ("invoke", "to invoke"),
        ("deferred", "deferred"),
        ("provision", "with provisioners"),
        ("not_found", "not found"),
        ("drifted", "drifted"),
    ];
    let mut others: Vec<String> = rare.iter().filter_map(some).collect();
    let failed = Some(count("checks_failed")).filter(|failed| *failed > 0);
    others.extend(failed.map(|failed| counted_as(failed, "check failed", "checks failed")));
    let not_understood = plan["not_understood"].as_array().map_or(0, Vec::len);
    if not_understood > 0 {
        others.push(format!("{} not known to Slipway", counted(not_understood, "part")));
    }
    let services = plan["services"].as_array().into_iter().flatten();
    let services: Vec<&str> = services.filter_map(Value::as_str).collect();
    if !services.is_empty() {
        others.push(format!("services change ({})", services.join("; ")));
    } else if plan["outputs_changed"] == true {
        others.push("outputs change".to_owned());
    }
    let (add, change, destroy) = (count("add"), count("change"), count("destroy"));
    if add + change + destroy == 0 && others.is_empty() {
        return NO_CHANGES.to_owned();
    }
    let main = format!("{add} to add, {change} to change, {destroy} to destroy");
    [vec![main], others].concat().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.text.clone()).collect()
    }

    #[test]
    fn replacement_shows_what_forces_it() {
        let item = json!({"subject": "resource", "action": "replace", "address": "aws_db_instance.main",
        "reason": "replace_because_cannot_update", "replace_order": "delete_then_create", "attributes": [
            {"path": "engine", "before": "mysql", "after": "postgres", "forces_replacement": true},
            {"path": "password", "before_sensitive": true, "after_sensitive": true},
            {"path": "arn", "before": "arn:a", "after_unknown": true},
            {"path": "tags.a", "before": "1"},
            {"path": "text", "lines": ["@@ -1 +1 @@", "-a", "+b"]},
            {"path": "policy", "json": [{"path": "Action", "before": "x", "after": "y"}]},
            {"path": "long", "after": "x", "after_cut": {"bytes": 9, "sha256": "sha256:ab"}},
        ]});
        let lines = items(&[item]);
        assert_eq!(
            shown(&lines),
            [
                "-/+ replace aws_db_instance.main",
                "      because a changed attribute forces replacement",
                "      order: destroyed first, then created",
                "      ~ engine: \"mysql\" -> \"postgres\"  # forces replacement",
                "      ~ password: (sensitive) -> (sensitive)",
                "      ~ arn: \"arn:a\" -> (known after apply)",
                "      - tags.a: \"1\"",
                "      text:",
                "        @@ -1 +1 @@",
                "        -a",
                "        +b",
                "      policy (JSON):",
                "        ~ Action: \"x\" -> \"y\"",
                "      + long: \"x\" (cut: 9 bytes, sha256:ab)",
            ]
        );
        assert_eq!(lines[0].style, Style::Red);
    }

    #[test]
    fn unknown_reason_stays_as_it_is() {
        assert_eq!((reason("of_later"), order("of_later")), ("of_later", "of_later"));
    }

    #[test]
    fn hidden_value_without_a_mark_says_so() {
        let item = json!({"subject": "resource", "action": "update", "address": "aws_a.b[\"(sensitive)\"]", "hidden": true,
            "attributes": [{"path": "cidr", "before": "10.0.0.0/8", "after": "(sensitive)", "after_hidden": true}]});
        let why = "hidden: it has a sensitive value that Terraform does not mark";
        assert_eq!(
            shown(&items(&[item])),
            [
                "~   update aws_a.b[\"(sensitive)\"]".to_owned(),
                format!("      {why}"),
                format!("      ~ cidr: \"10.0.0.0/8\" -> \"(sensitive)\"  # {why}"),
            ]
        );
    }

    #[test]
    fn provisioners_are_shown_with_their_resource() {
        let item = json!({"subject": "resource", "action": "create", "address": "terraform_data.a",
            "provisioners": ["local-exec", "file", "local-exec"]});
        assert_eq!(
            shown(&items(&[item])),
            [
                "+   create terraform_data.a",
                "      may run provisioner local-exec, file"
            ]
        );
        assert_eq!(
            counts(&json!({"add": 1, "provision": 1})),
            "1 to add, 0 to change, 0 to destroy, 1 with provisioners"
        );
    }

    #[test]
    fn drift_that_is_not_found_says_so() {
        let item = json!({"subject": "drift", "action": "delete", "address": "aws_db_instance.main"});
        let lines = items(&[item]);
        assert_eq!(shown(&lines), ["-   drift: not found aws_db_instance.main"]);
        assert_eq!(lines[0].style, Style::Red);
        assert_eq!(
            counts(&json!({"add": 1, "drifted": 1, "not_found": 1})),
            "1 to add, 0 to change, 0 to destroy, 1 not found, 1 drifted"
        );
    }

    #[test]
    fn marks_are_terraforms_and_explained() {
        fn item(action: &str, order: Option<&str>) -> Value {
            json!({"subject": "resource", "action": action, "address": "a.b", "replace_order": order})
        }
        for (action, order, mark) in [
            ("replace", Some("create_then_delete"), "+/- replace a.b"),
            ("replace", Some("delete_then_create"), "-/+ replace a.b"),
            ("forget", None, ".   forget a.b"),
            ("import", None, "    import a.b"),
            ("read", None, "<=  read a.b"),
        ] {
            assert_eq!(shown(&items(&[item(action, order)]))[0], mark);
        }
        let mixed = [item("replace", Some("create_then_delete")), item("create", None)];
        let explained = legend(&mixed).map(|line| line.text);
        assert_eq!(
            explained.as_deref(),
            Some("legend: + create   +/- replace: create first")
        );
        assert_eq!(legend(&[item("import", None)]), None);
    }

    #[test]
    fn summary_has_the_order_of_terraform() {
        let plan = json!({"destroy": 1, "replace": 1, "drifted": 2, "checks_failed": 1, "outputs_changed": true, "not_understood": ["x"]});
        assert_eq!(
            counts(&plan),
            "0 to add, 0 to change, 1 to destroy, 1 to replace, 2 drifted, 1 check failed, 1 part not known to Slipway, outputs change"
        );
        assert_eq!(counts(&json!({"add": 0, "not_understood": []})), NO_CHANGES);
        for (services, end) in [
            (json!([]), "outputs change"),
            (
                json!(["web: desired_count 2 -> 3", "old: delete"]),
                "services change (web: desired_count 2 -> 3; old: delete)",
            ),
        ] {
            let plan = json!({"outputs_changed": true, "services": services});
            assert_eq!(counts(&plan), format!("0 to add, 0 to change, 0 to destroy, {end}"));
        }
    }
}
