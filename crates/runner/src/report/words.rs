//! What people read of a run, in words.

use slipway_model::plan::{Action, PlanSummary};

use crate::stream::{Hook, Version};

pub(super) fn program_name(version: &Version) -> String {
    match (&version.tofu, &version.terraform) {
        (Some(tofu), _) => format!("OpenTofu {tofu}"),
        (None, Some(terraform)) => format!("Terraform {terraform}"),
        (None, None) => "Terraform of an unknown version".to_owned(),
    }
}

pub(super) fn planned(action: Action) -> &'static str {
    match action {
        Action::Create => "to be created",
        Action::Update => "to be changed",
        Action::Replace => "to be destroyed and created anew",
        Action::Delete => "to be destroyed",
        Action::Import => "to be taken into the state",
        Action::Forget => "to be dropped from the state",
        Action::Move => "to be moved in the state",
        Action::Read => "to be read",
        Action::Invoke => "to be invoked",
        Action::Unknown => "to be changed in a way that is not known",
    }
}

/// A plan in one line.
pub(super) fn summary_line(plan: &PlanSummary) -> String {
    let counts = [
        (plan.add, "to create"),
        (plan.change, "to change"),
        (plan.replace, "to replace"),
        (plan.destroy, "to destroy"),
        (plan.imports(), "to import"),
        (plan.forget, "to forget"),
        (plan.moved, "to move"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if counts.is_empty() {
        "Plan: no resource changes".to_owned()
    } else {
        format!("Plan: {}", counts.join(", "))
    }
}

pub(super) fn is_read(hook: &Hook) -> bool {
    hook.action.as_deref() == Some("read")
}

pub(super) fn doing(hook: &Hook) -> &'static str {
    match hook.action.as_deref() {
        Some("create") => "being created",
        Some("update") => "being changed",
        Some("delete") => "being destroyed",
        Some("read") => "being read",
        _ => "being worked on",
    }
}

pub(super) fn done(hook: &Hook) -> &'static str {
    match hook.action.as_deref() {
        Some("create") => "created",
        Some("update") => "changed",
        Some("delete") => "destroyed",
        Some("read") => "read",
        _ => "done",
    }
}

pub(super) fn after(hook: &Hook) -> String {
    match hook.elapsed_seconds {
        Some(seconds) if seconds >= 1.0 => format!(" after {seconds:.0} s"),
        _ => String::new(),
    }
}
