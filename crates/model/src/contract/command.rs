//! The commands of the output `slipway`: one-off tasks and schedules.

use serde_json::Value;

use super::at::{At, Problems};
use super::partial::Partial;
use super::{COMMAND_CHARACTERS, NamedOneOff, OneOff, Schedule, default_group, default_timeout_seconds};

pub(super) fn one_off(at: &At, problems: &mut Problems) -> Option<OneOff> {
    let command = at.require("command", problems).and_then(|at| {
        let words = at.list(problems)?;
        if words.is_empty() {
            return at.wrong(problems, "is empty", "give the program and its arguments");
        }
        let characters = Value::from(words.clone()).to_string().chars().count();
        if characters > COMMAND_CHARACTERS {
            let detail = format!("has {characters} characters as JSON, and ECS takes at most {COMMAND_CHARACTERS}");
            return at.wrong(
                problems,
                &detail,
                "move the text into a script of the image, or into a variable of the container",
            );
        }
        Some(words)
    });
    let service = at.require("service", problems).and_then(|at| at.name(problems));
    let timeout_seconds = match at.get("timeout_seconds") {
        None => Some(default_timeout_seconds()),
        Some(at) => match at.number(problems, 86_400) {
            Some(0) => at.wrong(problems, "is 0", "give at least one second"),
            seconds => seconds,
        },
    };
    Some(OneOff {
        service: service?,
        command: command?,
        timeout_seconds: timeout_seconds?,
    })
}

pub(super) fn task(at: &At, problems: &mut Problems) -> Option<OneOff> {
    let at = &at.attributes(&["service", "command", "timeout_seconds"], problems)?;
    one_off(at, problems)
}

pub(super) fn schedule(at: &At, problems: &mut Problems) -> Option<Schedule> {
    let known = ["name", "group", "quiesce", "service", "command", "timeout_seconds"];
    let at = &at.attributes(&known, problems)?;
    let name = at.require("name", problems).and_then(|at| at.text(problems));
    let group = match at.get("group") {
        None => Some(default_group()),
        Some(at) => at.text(problems),
    };
    let quiesce = at.get("quiesce").is_some_and(|at| at.flag(problems));
    let run = one_off(at, problems)?;
    Some(Schedule {
        name: name?,
        group: group?,
        quiesce,
        run,
    })
}

/// Commands run one after the other.
pub(super) fn require_list(at: &At, problems: &mut Problems) {
    if !matches!(at.value, Partial::List(_) | Partial::Unknown) {
        at.wrong::<()>(
            problems,
            "is not a list",
            "give a list: what is in it runs in this order",
        );
    }
}

pub(super) fn in_order(at: &At, problems: &mut Problems) -> Vec<NamedOneOff> {
    require_list(at, problems);
    let mut commands = Vec::new();
    for at in at.elements() {
        let known = ["name", "service", "command", "timeout_seconds"];
        let Some(at) = at.attributes(&known, problems) else {
            continue;
        };
        let name = at.require("name", problems).and_then(|at| at.name(problems));
        if let (Some(run), Some(name)) = (one_off(&at, problems), name) {
            commands.push(NamedOneOff { name, run });
        }
    }
    commands
}
