//! Stacks as people read them.

use serde_json::Value;
use slipway_model::count::counted_as;

use crate::harmless::in_a_line;
use crate::hint;
use crate::output::text_at;

/// Whether there are services or a requested release, and no release has succeeded: what the services run is no image of a release.
pub fn lacks_release(stack: &Value) -> bool {
    let has_services = stack["services"]
        .as_array()
        .is_some_and(|services| !services.is_empty());
    stack["current_release"].is_null() && (has_services || has_requested_release(stack))
}

/// Whether a release of the stack was ever requested.
pub fn has_requested_release(stack: &Value) -> bool {
    stack["last_release"].as_u64().is_some_and(|last| last > 0)
}

/// That a stack lacks a release, as the beginning of a sentence.
pub fn no_release(stack: &Value) -> &'static str {
    if has_requested_release(stack) {
        "No release of the stack has succeeded"
    } else {
        "The stack has no release yet"
    }
}

/// The command that releases images.
pub fn release_create(name: &str) -> String {
    hint::command(&format!("release create {name} --image SERVICE=IMAGE"))
}

/// The command that repairs a failed stack. An update does not settle what a release left, unless the stack has a release to restore.
/// An update with the same values may fail again.
pub fn repair(stack: &Value, name: &str) -> String {
    if stack["unsettled"].is_object() {
        release_create(name)
    } else {
        let update = hint::command(&format!("stack update {name}"));
        format!("{update} (if a value is wrong, add `--var NAME=VALUE`)")
    }
}

/// A stack as people read it, with what needs a person.
pub fn sheet(stack: &Value, needs: &[String]) -> String {
    let fields = [
        ("stack", "id"),
        ("name", "name"),
        ("status", "status"),
        ("environment", "environment"),
        ("blueprint", "blueprint.name"),
        ("version", "blueprint.version"),
        ("release", "current_release"),
        ("owner", "owner"),
    ];
    let mut lines: Vec<String> = fields
        .map(|(name, path)| format!("{name:<13}{}", text_at(stack, path)))
        .into();
    let active = stack["active_operation"].as_str();
    lines.extend(active.map(|active| format!("{:<13}{active}", "in progress")));
    lines.extend_from_slice(needs);
    match stack["draft"].as_str() {
        Some("replaced") => lines.push(format!(
            "{:<13}replaced; run `slipway stack update {}` to get the new files",
            "draft",
            text_at(stack, "id")
        )),
        Some("discarded") => lines.push(format!(
            "{:<13}discarded; update to another version: `slipway stack update {} --version VERSION`",
            "draft",
            text_at(stack, "id")
        )),
        Some(_) => lines.push(format!("{:<13}the version may be replaced", "draft")),
        None => {}
    }
    for (title, path) in [
        ("variables", "variables"),
        ("endpoints", "endpoints"),
        ("notes", "notes"),
        ("subscriptions", "subscriptions"),
    ] {
        let Some(values) = stack
            .get(path)
            .and_then(Value::as_object)
            .filter(|values| !values.is_empty())
        else {
            continue;
        };
        lines.push(title.to_owned());
        lines.extend(
            // Not by `text_at`: a name such as `web.id` has a dot of its own.
            values.iter().map(|(name, value)| {
                format!(
                    "  {name} = {}",
                    value.as_str().map_or_else(|| value.to_string(), in_a_line)
                )
            }),
        );
    }
    if stack["applied"].is_object() && stack["applied"]["variables"] != stack["variables"] {
        lines.push(last_applied(stack).to_owned());
        let applied = stack["applied"]["variables"].as_object().into_iter().flatten();
        lines.extend(applied.map(|(name, value)| format!("  {name} = {value}")));
    }
    let tasks = stack["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tasks: Vec<&str> = tasks.iter().filter_map(Value::as_str).collect();
    if !tasks.is_empty() {
        lines.push(format!("{:<13}{}", "tasks", tasks.join(", ")));
    }
    if stack["drift"].is_object() {
        let drifted = match stack["drift"]["count"].as_u64() {
            None | Some(0) => "none".to_owned(),
            Some(count) => counted_as(count, "resource drifted", "resources drifted"),
        };
        lines.push(format!(
            "{:<13}{drifted} (checked {})",
            "drift",
            text_at(stack, "drift.looked_at")
        ));
        let resources = stack["drift"]["resources"].as_array().map(Vec::as_slice);
        let addresses = resources.unwrap_or_default().iter().filter_map(Value::as_str);
        lines.extend(addresses.map(|address| format!("  {address}")));
    }
    for field in ["unsettled", "quiesced"] {
        if let Some(message) = stack[field]["message"].as_str() {
            lines.push(format!("{field:<13}{}", in_a_line(message)));
        }
    }
    lines.join("\n")
}

/// The heading of the variables of the last successful apply, where those of the stack are others: during an apply, and after one that
/// failed.
fn last_applied(stack: &Value) -> &'static str {
    match stack["status"].as_str() {
        Some("failed") => "last applied (the last apply did not succeed)",
        Some("provisioning" | "updating") => "last applied (a change is in progress)",
        _ => "last applied",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn line_break_in_a_value_makes_no_line() {
        let stack =
            json!({"id": "lusab-babad", "variables": {"text": "a\nstatus ready"}, "notes": {"b": "\r\n\u{1b}[2J"}});
        let shown = sheet(&stack, &[]);
        assert!(shown.contains("  text = a\\nstatus ready\n"), "{shown}");
        assert!(shown.ends_with("  b = \\n\\x1b[2J"), "{shown}");
    }

    #[test]
    fn only_a_failed_stack_says_that_its_apply_failed() {
        let shown = |status: &str| {
            sheet(
                &json!({"status": status, "variables": {"size": 2}, "applied": {"variables": {"size": 1}}}),
                &[],
            )
        };
        let failed = shown("failed");
        assert!(
            failed.ends_with("last applied (the last apply did not succeed)\n  size = 1"),
            "{failed}"
        );
        let updating = shown("updating");
        assert!(
            updating.ends_with("last applied (a change is in progress)\n  size = 1"),
            "{updating}"
        );
        assert!(shown("ready").ends_with("last applied\n  size = 1"));
    }

    #[test]
    fn stack_without_a_release_is_not_said_to_have_failed() {
        assert_eq!(no_release(&json!({"last_release": 0})), "The stack has no release yet");
        assert_eq!(
            no_release(&json!({"last_release": 1})),
            "No release of the stack has succeeded"
        );
    }

    #[test]
    fn operation_in_progress_is_shown_only_if_there_is_one() {
        let mut stack = json!({"id": "lusab-babad", "active_operation": null, "drift": {"count": 0, "looked_at": "2026-11-30T00:00:00Z"}});
        let idle = sheet(&stack, &[]);
        assert!(!idle.contains("in progress"), "{idle}");
        assert!(
            idle.ends_with("drift        none (checked 2026-11-30T00:00:00Z)"),
            "{idle}"
        );
        stack["active_operation"] = json!("op-1");
        assert!(sheet(&stack, &[]).contains("in progress  op-1"));
    }
}
