//! Approval sheets as people read them: lines in colours.

use serde_json::Value;
use slipway_model::count::{counted, counted_as};
use slipway_model::terraform::OUTPUT;

use crate::hint;
use crate::output::{Line, Style, text_at};
use crate::plan_view::{attributes, counts, items, legend};

/// The lines of an approval sheet.
pub fn sheet(sheet: &Value) -> Vec<Line> {
    let text = |path: &str| text_at(sheet, path);
    let plain = |text: String| Line::new(Style::Plain, text);
    let mut lines = vec![
        Line::new(
            Style::Bold,
            format!(
                "{} of {} ({}) in {}",
                text("kind"),
                text("stack.name"),
                text("stack.id"),
                text("environment.name")
            ),
        ),
        status(sheet),
        plain(format!("operation    {}", text("operation"))),
        plain(format!(
            "requester    {} at {}",
            text("requested_by"),
            text("requested_at")
        )),
        plain(format!(
            "environment  {} (account {}, {}){}",
            text("environment.name"),
            text("environment.account"),
            text("environment.region"),
            if sheet["environment"]["protected"] == true {
                ", protected"
            } else {
                ""
            }
        )),
        plain(match sheet["blueprint"]["previous_version"].as_str() {
            Some(previous) => format!(
                "blueprint    {}: {previous} -> {}",
                text("blueprint.name"),
                text("blueprint.version")
            ),
            None => format!("blueprint    {}@{}", text("blueprint.name"), text("blueprint.version")),
        }),
    ];
    lines.extend(decision(sheet));
    let lost = losses(sheet);
    lines.push(Line::new(
        lost.style,
        format!("plan         {}", counts(&sheet["plan"])),
    ));
    lines.push(lost);
    lines.extend(caution(sheet));
    lines.extend(cost(sheet));
    for (name, style, what) in [
        ("not_understood", Style::Red, "not understood"),
        ("warnings", Style::Yellow, "warning"),
    ] {
        let texts = sheet["plan"][name].as_array().into_iter().flatten();
        let texts = texts.map(|text| format!("             {what}: {}", text.as_str().unwrap_or_default()));
        lines.extend(texts.map(|text| Line::new(style, text)));
    }
    for policy in sheet["policies"].as_array().into_iter().flatten() {
        let style = match policy["verdict"].as_str() {
            Some("allow") => Style::Green,
            Some("refuse") => Style::Red,
            _ => Style::Yellow,
        };
        let verdict = text_at(policy, "verdict");
        let verdict = match verdict.as_str() {
            "allow" => "allowed",
            "approval_needed" => "approval needed",
            "refuse" => "refused",
            other => other,
        };
        let line = format!(
            "verdict      {}: {verdict} ({})",
            text_at(policy, "policy"),
            text_at(policy, "reason")
        );
        lines.push(Line::new(style, line));
    }
    lines.extend(approvals(sheet));
    lines.extend(runs(sheet));
    part(sheet, "variables", variable, &mut lines);
    part(sheet, "subscriptions", subscription, &mut lines);
    part(sheet, "services", service, &mut lines);
    lines.extend(changes(sheet));
    lines.push(plain(format!("sheet hash   {}", text("hash"))));
    lines
}

/// The counts that are not 0, in words for one and for many.
fn some_of<const N: usize>(counts: [(&Value, &str, &str); N]) -> Vec<String> {
    let found = counts.into_iter().filter_map(|(count, one, many)| {
        let count = count.as_u64().filter(|count| *count > 0)?;
        Some(counted_as(count, one, many))
    });
    found.collect()
}

/// What the apply runs or meets that is no loss by itself, and may have effects that no plan shows.
fn caution(sheet: &Value) -> Option<Line> {
    let plan = &sheet["plan"];
    let found = some_of([
        (
            &plan["provision"],
            "resource may run provisioners",
            "resources may run provisioners",
        ),
        (&plan["invoke"], "action is invoked", "actions are invoked"),
        (&plan["checks_failed"], "check failed", "checks failed"),
    ]);
    let text = format!("caution      {}", found.join("; "));
    (!found.is_empty()).then(|| Line::new(Style::Red, text))
}

/// What the apply loses. What is not understood follows in lines of its own.
fn losses(sheet: &Value) -> Line {
    let plan = &sheet["plan"];
    let counts = [
        (
            &sheet["destroy_count"],
            "resource is destroyed",
            "resources are destroyed",
        ),
        (
            &sheet["forget_count"],
            "resource is removed from the state, not deleted",
            "resources are removed from the state, not deleted",
        ),
        (
            &plan["not_found"],
            "resource was not found and is removed from the state",
            "resources were not found and are removed from the state",
        ),
        (
            &plan["drift_overwritten"],
            "change outside Terraform is overwritten",
            "changes outside Terraform are overwritten",
        ),
    ];
    let found = some_of(counts);
    let is_understood = plan["not_understood"].as_array().is_none_or(Vec::is_empty);
    let not_understood = (!is_understood).then(|| {
        let read = hint::command(&format!("plan {}", text_at(sheet, "operation")));
        format!("this version of Slipway does not know parts of the plan. Read them before you approve: {read}")
    });
    let found: Vec<String> = found.into_iter().chain(not_understood).collect();
    if found.is_empty() {
        Line::new(Style::Plain, "destructive  no".to_owned())
    } else {
        Line::new(Style::Red, format!("destructive  {}", found.join("; ")))
    }
}

/// What has become of the plan: whether there is still something to decide.
fn status(sheet: &Value) -> Line {
    let status = text_at(sheet, "status");
    let (style, what) = match (status.as_str(), sheet["decision"].as_str()) {
        (_, Some("rejected")) => (Style::Red, "the plan was rejected: it is not applied".to_owned()),
        ("waiting_for_approval", None) => (Style::Yellow, "waiting for an approval".to_owned()),
        ("waiting_for_approval" | "running", Some(_)) => (Style::Green, "the plan was approved".to_owned()),
        ("discarded", _) => (Style::Red, "discarded: the plan is not applied".to_owned()),
        ("succeeded", _) if sheet["kind"] == "preview" => {
            (Style::Plain, "a preview: the plan is not applied".to_owned())
        }
        ("succeeded", _) => (Style::Green, "succeeded: the plan was applied".to_owned()),
        _ => (Style::Plain, status.replace('_', " ")),
    };
    Line::new(style, format!("status       {what}"))
}

/// Whose decision the sheet is about. A sheet without a decision is that of now, also if the plan was applied long ago. Servers of earlier
/// versions do not say who decided, and compute every sheet anew.
fn decision(sheet: &Value) -> Option<Line> {
    let text = match (sheet["decision"].as_str(), sheet["decided_by"].as_str()) {
        (Some(decision), Some(by)) => format!("{decision} by {by}: this is the sheet that was {decision}"),
        (None, _) if is_over(sheet) && sheet["kind"] != "preview" => {
            "none: this sheet is computed from the stack as it is now".to_owned()
        }
        _ => return None,
    };
    Some(Line::new(Style::Plain, format!("decision     {text}")))
}

/// Whether the plan can no longer be approved, with or without a decision. Servers of earlier versions give no status.
fn is_over(sheet: &Value) -> bool {
    !matches!(
        sheet["status"].as_str(),
        None | Some("starting" | "running" | "waiting_for_approval")
    )
}

/// The first entries of the plan, what their marks mean, and how many more there are.
fn changes(sheet: &Value) -> Vec<Line> {
    let mut lines = vec![Line::new(Style::Bold, "changes".to_owned())];
    let first = sheet["plan"]["first"].as_array().map(Vec::as_slice).unwrap_or_default();
    for item in first {
        lines.extend(change(item, &sheet["services"]));
    }
    lines.extend(legend(first));
    let items = sheet["plan"]["items"].as_u64().unwrap_or_default();
    let left = items.saturating_sub(first.len() as u64);
    if left > 0 {
        let all = hint::command(&format!("plan {}", text_at(sheet, "operation")));
        lines.push(Line::new(Style::Bold, format!("… and {left} more: {all}")));
    }
    lines
}

/// An entry of the plan. What the output `slipway` says of the services of the sheet stands with them.
fn change(item: &Value, services: &Value) -> Vec<Line> {
    let shown = services.as_array().into_iter().flatten();
    let shown: Vec<&str> = shown.filter_map(|service| service["name"].as_str()).collect();
    let mut item = item.clone();
    let is_contract = item["subject"] == "output" && item["address"] == OUTPUT;
    let mut left_out = false;
    if is_contract && let Some(attributes) = item["attributes"].as_array_mut() {
        let count = attributes.len();
        attributes.retain(|change| !is_of_service(change["path"].as_str().unwrap_or_default(), &shown));
        left_out = attributes.len() < count;
    }
    let mut lines = items(std::slice::from_ref(&item));
    if left_out {
        lines.push(Line::new(Style::Faint, "      services: see above".to_owned()));
    }
    lines
}

/// Whether a path in the output `slipway` leads into one of these services: `services.web.cpu`, `services["a b"]`.
fn is_of_service(path: &str, services: &[&str]) -> bool {
    let Some(rest) = path.strip_prefix("services") else {
        return false;
    };
    services.iter().any(|name| {
        let dotted = rest.strip_prefix('.').and_then(|rest| rest.strip_prefix(name));
        dotted.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            || rest.starts_with(&format!("[{}]", Value::from(*name)))
    })
}

/// A list of the sheet under its name; nothing if it is empty.
fn part(sheet: &Value, field: &str, show: fn(&Value, &mut Vec<Line>), lines: &mut Vec<Line>) {
    let entries = sheet[field].as_array().map(Vec::as_slice).unwrap_or_default();
    if !entries.is_empty() {
        lines.push(Line::new(Style::Bold, field.to_owned()));
    }
    for entry in entries {
        show(entry, lines);
    }
}

/// How many approvals the plan needs and why, and who gave one. Nothing if it needs none.
fn approvals(sheet: &Value) -> Vec<Line> {
    let rule = &sheet["approval"];
    if rule.is_null() {
        return Vec::new();
    }
    // The environment lets the requester approve, and a policy may still forbid it.
    let requester = if rule["self_approval"] == true {
        ""
    } else {
        ", the requester may not approve"
    };
    let deadline = if sheet["decision"].is_null() && !is_over(sheet) {
        format!(", decide before {}", text_at(rule, "expires_at"))
    } else {
        String::new()
    };
    let head = format!(
        "approvals    {} of {}{deadline}{requester}",
        text_at(sheet, "approvals_given"),
        text_at(rule, "required"),
    );
    let mut lines = vec![Line::new(Style::Yellow, head)];
    for given in sheet["approvals"].as_array().into_iter().flatten() {
        let comment = given["comment"].as_str().map(|comment| format!(": {comment}"));
        let (style, note) = if given["counts"] == true {
            (Style::Green, String::new())
        } else if let Some(reason) = given["denied"].as_str() {
            (Style::Faint, format!(" (does not count: {reason})"))
        } else if given["sheet"] == sheet["hash"] {
            (Style::Faint, " (the plan was rejected: does not count)".to_owned())
        } else {
            (Style::Faint, " (of an earlier sheet: does not count)".to_owned())
        };
        let (by, at) = (text_at(given, "by"), text_at(given, "at"));
        let line = format!(
            "             approved by {by} at {at}{}{note}",
            comment.unwrap_or_default()
        );
        lines.push(Line::new(style, line));
    }
    // The policies above say the same of most.
    let is_said = |required: &Value| {
        let mut policies = sheet["policies"].as_array().into_iter().flatten();
        policies.any(|policy| policy["policy"] == required["policy"] && policy["reason"] == required["reason"])
    };
    let required_by = rule["required_by"].as_array().into_iter().flatten();
    for required in required_by.filter(|required| !is_said(required)) {
        let (policy, reason) = (text_at(required, "policy"), text_at(required, "reason"));
        lines.push(Line::new(Style::Plain, format!("required by  {policy}: {reason}")));
    }
    lines
}

/// What the stack costs a month, if the sheet says it. The prices may be those of another Region.
fn cost(sheet: &Value) -> Option<Line> {
    let cost = &sheet["plan"]["cost"];
    let (before, after) = (cost["before_cents"].as_u64()?, cost["after_cents"].as_u64()?);
    let dollars = |cents: u64| format!("${}.{:02}", cents / 100, cents % 100);
    let (at_least, unpriced) = match cost["without_price"].as_u64()? {
        0 => ("", String::new()),
        count => ("at least ", format!("; {} not counted", counted(count, "resource"))),
    };
    let (prices_in, region) = (text_at(cost, "prices_in"), text_at(sheet, "environment.region"));
    let elsewhere = if prices_in == region {
        String::new()
    } else {
        format!("; the stack is in {region}")
    };
    let text = format!(
        "cost         {at_least}{} -> {} a month ({prices_in} list prices of {}{elsewhere}{unpriced})",
        dollars(before),
        dollars(after),
        text_at(cost, "prices_of"),
    );
    let style = if after > before { Style::Yellow } else { Style::Plain };
    Some(Line::new(style, text))
}

/// What runs after the apply; of a preview, what an update would run. Servers of earlier versions do not say it of a preview, so nothing
/// said is not nothing run.
fn runs(sheet: &Value) -> Vec<Line> {
    let runs = &sheet["runs"];
    let is_preview = sheet["kind"] == "preview";
    let names = |field: &str| -> Vec<String> {
        let all = runs[field].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut said = Vec::new();
    if runs["snapshot"] == true {
        said.push("snapshot of the database".to_owned());
    }
    for (field, word) in [("backups", "backup"), ("migrations", "migration")] {
        said.extend(names(field).into_iter().map(|name| format!("{word} {name}")));
    }
    if runs["release"] == true {
        said.push("release of the services".to_owned());
    }
    said.extend(runs["task"].as_str().map(|task| format!("task {task}")));
    let text = match (is_preview, said.is_empty()) {
        (false, true) => Some("after apply  nothing".to_owned()),
        (false, false) => Some(format!("after apply  {}", said.join(", "))),
        (true, true) => None,
        (true, false) => Some(format!("if applied   {}", said.join(", "))),
    };
    let line = text.map(|text| Line::new(Style::Plain, text));
    line.into_iter().chain(dangerous(runs)).collect()
}

/// The dangerous statements of migrations, each with its place and its remedy.
fn dangerous(runs: &Value) -> Vec<Line> {
    let named: Vec<&Value> = runs["dangerous"].as_array().into_iter().flatten().collect();
    let count = runs["dangerous_count"].as_u64().unwrap_or(named.len() as u64);
    if count == 0 {
        return Vec::new();
    }
    let mut lines = vec![Line::new(
        Style::Red,
        format!("migrations   {}", counted(count, "dangerous statement")),
    )];
    for statement in &named {
        let text = |name: &str| text_at(statement, name);
        let place = format!("{}:{}:{}", text("file"), text("line"), text("column"));
        let line = format!("      {place}: {} [{}]", text("message"), text("rule"));
        lines.push(Line::new(Style::Yellow, line));
        lines.push(Line::new(Style::Faint, format!("          {}", text("remedy"))));
    }
    if count > named.len() as u64 {
        let rest = count - named.len() as u64;
        lines.push(Line::new(
            Style::Bold,
            format!("      … and {rest} more. In the folder of the blueprint: slipway blueprint check ."),
        ));
    }
    lines
}

fn variable(change: &Value, lines: &mut Vec<Line>) {
    let name = text_at(change, "name");
    if change["sensitive"] == true {
        return lines.push(Line::new(Style::Yellow, format!("      ~ {name}: (sensitive)")));
    }
    let value = |side: &str| {
        change
            .get(side)
            .map_or_else(|| "(default)".to_owned(), Value::to_string)
    };
    lines.push(Line::new(
        Style::Yellow,
        format!("      ~ {name}: {} -> {}", value("before"), value("after")),
    ));
}

fn subscription(change: &Value, lines: &mut Vec<Line>) {
    let follows = |side: &str| match &change[side] {
        Value::Null => "(none)".to_owned(),
        follows => format!("{},{}", text_at(follows, "repository"), text_at(follows, "tags")),
    };
    let service = text_at(change, "service");
    lines.push(Line::new(
        Style::Yellow,
        format!("      ~ {service}: {} -> {}", follows("before"), follows("after")),
    ));
}

fn service(change: &Value, lines: &mut Vec<Line>) {
    lines.push(Line::new(
        Style::Plain,
        format!(
            "      {} {}",
            text_at(change, "name"),
            change["action"].as_str().unwrap_or_default()
        ),
    ));
    if let Some(after) = change["image_after"].as_str() {
        let before = change["image_before"].as_str().unwrap_or("(none)");
        lines.push(Line::new(
            Style::Yellow,
            format!("        ~ image: {before} -> {after}"),
        ));
    }
    attributes(&change["attributes"], 8, lines);
}

#[cfg(test)]
#[path = "sheet_view_tests.rs"]
mod tests;
