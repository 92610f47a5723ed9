//! What the workflow would do with a stack of a blueprint, as far as the plan knows it.

use serde_json::Value;
use slipway_model::contract::Partial;
use slipway_model::plan::PlanSummary;

use crate::output::{Line, Style};

/// What stands for a value that only the apply knows.
const UNKNOWN: &str = "(known after apply)";

/// The outline, in the order of the workflow.
pub fn of(plan: &PlanSummary, contract: &Partial) -> Vec<Line> {
    let mut outline = Outline(Vec::new());
    let created = plan.add + plan.import;
    let noun = if created == 1 { "resource" } else { "resources" };
    outline.part("Provision", &[format!("creates {created} {noun}")]);
    let services: Vec<String> = members(contract, "services")
        .map(|(name, it)| service(name, it))
        .collect();
    if services.is_empty() && !is_unknown(contract, "services") {
        outline.part("Release", &["none: the contract has no services".to_owned()]);
        outline.rest(contract);
        return outline.0;
    }
    let database = get(contract, "database").map(|database| {
        format!(
            "snapshot of the {} {}, if the release requests one",
            text(get(database, "kind")),
            text(get(database, "id"))
        )
    });
    outline.part(
        "Before migrations",
        &database
            .into_iter()
            .chain(commands(contract, "backups"))
            .collect::<Vec<_>>(),
    );
    outline.part(
        "Migrations, one after another",
        &commands(contract, "migrations").collect::<Vec<_>>(),
    );
    outline.part("Services", &services);
    let health = get(contract, "health").map(|health| {
        let expected = get(health, "expect").map_or_else(|| "200".to_owned(), |status| text(Some(status)));
        format!("GET {} answers {expected}", text(get(health, "url")))
    });
    let bake = get(contract, "bake_seconds").map_or_else(|| "10".to_owned(), |seconds| text(Some(seconds)));
    let healthy = format!("the release stays healthy for {bake} s");
    outline.part("Verify", &health.into_iter().chain([healthy]).collect::<Vec<_>>());
    let schedules = members(contract, "schedules").map(|(name, it)| format!("{name}: {}", run(it)));
    outline.part("Schedules, pointed at the release", &schedules.collect::<Vec<_>>());
    outline.rest(contract);
    outline.0
}

struct Outline(Vec<Line>);

impl Outline {
    /// A heading and its lines, if there are any.
    fn part(&mut self, heading: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.0.push(Line::new(Style::Bold, heading.to_owned()));
        let lines = lines.iter().map(|line| Line::new(Style::Plain, format!("  {line}")));
        self.0.extend(lines);
    }

    /// What people use.
    fn rest(&mut self, contract: &Partial) {
        let tasks = members(contract, "tasks").map(|(name, it)| format!("{name}: {}", run(it)));
        self.part("Tasks that people may run", &tasks.collect::<Vec<_>>());
        for (heading, field) in [("Endpoints", "endpoints"), ("Notes", "notes")] {
            let lines = members(contract, field).map(|(name, value)| format!("{name}: {}", text(Some(value))));
            self.part(heading, &lines.collect::<Vec<_>>());
        }
    }
}

fn service(name: &str, service: &Partial) -> String {
    let containers = get(service, "task_definition").and_then(|definition| get(definition, "containerDefinitions"));
    let containers: Vec<String> = match containers {
        Some(Partial::List(containers)) => containers
            .iter()
            .map(|container| {
                let image = get(container, "image").map_or_else(
                    || "the image of the release".to_owned(),
                    |image| format!("its own image {}", text(Some(image))),
                );
                format!("container {} with {image}", text(get(container, "name")))
            })
            .collect(),
        _ => vec![format!("containers {UNKNOWN}")],
    };
    let count = match get(service, "scaling") {
        Some(scaling) => format!("{} to {}", text(get(scaling, "min")), text(get(scaling, "max"))),
        None => text(get(service, "desired_count")),
    };
    let tasks = if count == "1" { "task" } else { "tasks" };
    format!("{name}: {count} {tasks}, {}", containers.join(", "))
}

/// The commands of a list, numbered.
fn commands(contract: &Partial, field: &str) -> impl Iterator<Item = String> {
    let list = match get(contract, field) {
        Some(Partial::List(commands)) => commands
            .iter()
            .enumerate()
            .map(|(index, command)| format!("{}. {}: {}", index + 1, text(get(command, "name")), run(command)))
            .collect(),
        Some(_) => vec![UNKNOWN.to_owned()],
        None => Vec::new(),
    };
    list.into_iter()
}

/// A command: what it runs, and where.
fn run(command: &Partial) -> String {
    let words = match get(command, "command") {
        Some(Partial::List(words)) => words.iter().map(|word| text(Some(word))).collect::<Vec<_>>().join(" "),
        _ => UNKNOWN.to_owned(),
    };
    let timeout = get(command, "timeout_seconds").map_or_else(|| "900".to_owned(), |seconds| text(Some(seconds)));
    format!(
        "`{words}` with the image of {} (at most {timeout} s)",
        text(get(command, "service"))
    )
}

fn get<'a>(value: &'a Partial, name: &str) -> Option<&'a Partial> {
    match value {
        Partial::Object(fields) => fields.get(name).filter(|value| !value.is_null()),
        _ => None,
    }
}

fn is_unknown(contract: &Partial, field: &str) -> bool {
    matches!(contract, Partial::Unknown) || matches!(get(contract, field), Some(Partial::Unknown))
}

fn members<'a>(contract: &'a Partial, field: &str) -> impl Iterator<Item = (&'a str, &'a Partial)> {
    let fields = match get(contract, field) {
        Some(Partial::Object(fields)) => Some(fields),
        _ => None,
    };
    let members = fields.into_iter().flatten().filter(|(_, value)| !value.is_null());
    members.map(|(name, value)| (name.as_str(), value))
}

fn text(value: Option<&Partial>) -> String {
    match value {
        Some(Partial::Known(Value::String(text))) => text.clone(),
        Some(Partial::Known(value)) => value.to_string(),
        None | Some(_) => UNKNOWN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn outline_has_each_part_in_the_order_of_the_workflow() {
        let after = json!({
            "database": {"kind": "rds-instance", "id": "main"},
            "services": {"web": {"desired_count": 2, "task_definition": {"containerDefinitions": [{"name": "web"}, {"name": "proxy", "image": "nginx"}]}}},
            "migrations": [{"name": "migrate", "service": "web", "command": ["./app", "migrate"]}],
            "schedules": {"nightly": {"service": "web", "command": ["./app", "nightly"], "timeout_seconds": 60}},
            "health": {"url": "https://x.test"},
            "endpoints": {"web": "https://x.test"},
        });
        let contract = Partial::planned(Some(&after), Some(&json!({"notes": {"a": true}})));
        let plan = PlanSummary {
            add: 3,
            ..PlanSummary::default()
        };
        let lines: Vec<String> = of(&plan, &contract).into_iter().map(|line| line.text).collect();
        assert_eq!(
            lines,
            [
                "Provision",
                "  creates 3 resources",
                "Before migrations",
                "  snapshot of the rds-instance main, if the release requests one",
                "Migrations, one after another",
                "  1. migrate: `./app migrate` with the image of web (at most 900 s)",
                "Services",
                "  web: 2 tasks, container web with the image of the release, container proxy with its own image nginx",
                "Verify",
                "  GET https://x.test answers 200",
                "  the release stays healthy for 10 s",
                "Schedules, pointed at the release",
                "  nightly: `./app nightly` with the image of web (at most 60 s)",
                "Endpoints",
                "  web: https://x.test",
                "Notes",
                "  a: (known after apply)",
            ]
        );
        let none: Vec<String> = of(&plan, &Partial::of(&json!({})))
            .into_iter()
            .map(|line| line.text)
            .collect();
        assert_eq!(none[2..], ["Release", "  none: the contract has no services"]);
    }
}
