//! What a Terraform run says, taken together from its messages, and the plain lines that people read meanwhile.

mod ending;
mod judgement;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};
use slipway_model::operation::Progress;
use slipway_model::plan::{Action, PlanSummary, ResourceChange, address_without_secrets};

use self::words::{after, doing, done, is_read, planned, program_name, summary_line};
use crate::created::{Created, Reported};
use crate::secrets;
use crate::stream::{self, Changes, Diagnostic, Hook, Line, Message, Output, Severity};

/// What a run has said so far.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five facts, of which none follows from another"
)]
pub(crate) struct Report {
    /// What it plans.
    pub(crate) plan: PlanSummary,
    /// The errors, in order.
    pub(crate) errors: Vec<Diagnostic>,
    /// The warnings, in order.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The outputs, by name.
    pub(crate) outputs: BTreeMap<String, Output>,
    /// How Terraform ended a plan.
    planned: Option<Changes>,
    /// Whether Terraform ended an apply.
    pub(crate) applied: bool,
    /// Whether it began to change a resource.
    pub(crate) touched: bool,
    /// What it has begun with a resource and not ended: `create`, say, by address.
    pub(crate) begun: BTreeMap<String, String>,
    /// The resources that it has created.
    pub(crate) created: Reported,
    /// The addresses of those that it failed to create.
    pub(crate) failed: BTreeSet<String>,
    /// The addresses of those that it is to replace.
    pub(crate) replaced: BTreeSet<String>,
    /// The addresses of those that it has destroyed, perhaps to create others there.
    destroyed: BTreeSet<String>,
    /// The addresses of the resources that are not as the state says.
    pub(crate) drifted: BTreeSet<String>,
    /// The addresses of the resources that were read.
    pub(crate) refreshed: BTreeSet<String>,
    /// Whether a resource failed.
    pub(crate) resource_failed: bool,
    /// The types of messages that are not known.
    pub(crate) unknown: BTreeSet<String>,
    /// Whether a message was not whole.
    pub(crate) cut: bool,
    /// Resources that a plan imports, whatever else it does with them.
    importing: u64,
    /// The last lines that are no messages.
    pub(crate) text: String,
    /// For each resource that an apply touches, how many times it is still to say that it is done: twice for a replacement.
    left: HashMap<String, u8>,
    total: u64,
    done: u64,
    current: Option<String>,
    version: Option<stream::Version>,
    /// Whether an earlier command has printed the name and version of the program.
    is_named: bool,
}

/// The longest address that is recorded as the resource at work: a key of a `for_each` may be of any length.
const ADDRESS_SIZE: usize = 4096;

/// The most text without messages that is kept: the end of it says why a program died.
const TEXT_KEPT: usize = 2000;

impl Report {
    /// A report of a program that an earlier command has named or not: the log of a step names it once, and not for each `init`.
    pub(crate) fn of_program(is_named: bool) -> Self {
        Self {
            is_named,
            ..Self::default()
        }
    }

    /// Takes in one line. Returns what to print for it.
    pub(crate) fn take(&mut self, line: Line) -> Option<String> {
        match line {
            Line::Message(message) => self.take_message(*message),
            Line::Unknown(kind) => {
                self.unknown.insert(kind);
                None
            }
            Line::Cut => {
                self.cut = true;
                None
            }
            Line::Text(text) => {
                // Before its beginning is cut off, which could cut a secret in two.
                self.text.push_str(&secrets::hide(text.trim()));
                self.text.push('\n');
                let start = self.text.len().saturating_sub(TEXT_KEPT);
                self.text.drain(..self.text.ceil_char_boundary(start));
                None
            }
        }
    }

    fn take_message(&mut self, message: Message) -> Option<String> {
        match message {
            Message::Version(version) => {
                let name = (!self.is_named).then(|| program_name(&version));
                self.version = Some(version);
                name
            }
            Message::Diagnostic { diagnostic } => Some(self.take_diagnostic(diagnostic)),
            Message::PlannedChange { change } => self.take_change(&change),
            Message::ResourceDrift { change } => {
                let address = change.resource.addr;
                let line = format!("{address}: was changed outside Terraform");
                self.drifted.insert(address);
                Some(line)
            }
            Message::ChangeSummary { changes } if changes.operation == "plan" => {
                self.planned = Some(changes);
                Some(summary_line(&self.plan))
            }
            Message::ChangeSummary { .. } => {
                self.applied = true;
                // Of a replaced object that is kept, no destruction comes.
                self.done = self.total;
                self.left.clear();
                None
            }
            Message::Outputs { outputs } => {
                self.plan.outputs_changed = outputs
                    .values()
                    .any(|output| output.action.as_deref().is_some_and(|action| action != "noop"));
                self.outputs = outputs;
                None
            }
            Message::ApplyStart { hook } => {
                if !is_read(&hook) {
                    self.touched = true;
                    let action = hook.action.clone().unwrap_or_default();
                    self.begun.insert(hook.resource.addr.clone(), action);
                }
                self.current = Some(hook.resource.addr.clone());
                Some(format!("{}: {}", hook.resource.addr, doing(&hook)))
            }
            Message::ApplyProgress { hook } => Some(format!(
                "{}: still {}{}",
                hook.resource.addr,
                doing(&hook),
                after(&hook)
            )),
            Message::ApplyComplete { hook } => Some(self.take_complete(&hook)),
            Message::ApplyErrored { hook } => {
                self.resource_failed = true;
                let address = &hook.resource.addr;
                // Some versions say the action only when they begin.
                let action = self.begun.remove(address).or_else(|| hook.action.clone());
                if action.as_deref() == Some("create") {
                    self.failed.insert(address.clone());
                }
                Some(format!("{}: failed{}", hook.resource.addr, after(&hook)))
            }
            // Terraform itself leaves the output out where a sensitive value was given to the provisioner.
            Message::ProvisionProgress { hook } => {
                let provisioner = hook.provisioner.as_deref().unwrap_or("provisioner");
                let output = hook.output.as_deref().unwrap_or_default().trim_end();
                Some(format!("{} ({provisioner}): {output}", hook.resource.addr))
            }
            Message::RefreshComplete { hook } => {
                self.refreshed.insert(hook.resource.addr);
                None
            }
            Message::RefreshStart { .. }
            | Message::ProvisionStart { .. }
            | Message::ProvisionComplete { .. }
            | Message::ProvisionErrored { .. }
            | Message::EphemeralOpStart { .. }
            | Message::EphemeralOpProgress { .. }
            | Message::EphemeralOpComplete { .. }
            | Message::EphemeralOpErrored { .. }
            | Message::StateLockAcquire
            | Message::StateLockRelease
            | Message::InitOutput
            | Message::Log
            // `Line::parse` has given it another name.
            | Message::Unknown => None,
        }
    }

    fn take_diagnostic(&mut self, diagnostic: Diagnostic) -> String {
        let word = match diagnostic.severity {
            Severity::Error => "Error",
            Severity::Warning | Severity::Unknown => "Warning",
        };
        let line = format!("{word}: {}", diagnostic.text());
        match diagnostic.severity {
            Severity::Error => self.errors.push(diagnostic),
            Severity::Warning | Severity::Unknown => self.warnings.push(diagnostic),
        }
        line
    }

    fn take_change(&mut self, change: &stream::Change) -> Option<String> {
        let address = &change.resource.addr;
        self.importing += u64::from(change.importing.is_some() || change.action == "import");
        let action = match change.action.as_str() {
            "create" => Action::Create,
            "update" => Action::Update,
            "replace" => Action::Replace,
            "delete" => Action::Delete,
            "import" => Action::Import,
            "remove" | "forget" => Action::Forget,
            "move" => Action::Move,
            // Neither the state nor a resource changes.
            "noop" | "read" => return None,
            unknown => {
                self.unknown.insert(format!("planned_change: {unknown}"));
                return None;
            }
        };
        let times = match action {
            Action::Create | Action::Update | Action::Delete => 1,
            Action::Replace => 2,
            // Terraform says nothing while it does these, or counts them by themselves.
            Action::Import | Action::Forget | Action::Move | Action::Read | Action::Invoke | Action::Unknown => 0,
        };
        if action == Action::Replace {
            self.replaced.insert(address.clone());
        }
        if times > 0 {
            self.total += 1;
            self.left.insert(address.clone(), times);
        }
        self.plan.add_change(ResourceChange {
            address: address.clone(),
            action,
        });
        Some(format!("{address}: {}", planned(action)))
    }

    fn take_complete(&mut self, hook: &Hook) -> String {
        let address = &hook.resource.addr;
        self.begun.remove(address);
        self.note_change(hook);
        let finished = self.left.get_mut(address).is_some_and(|left| {
            *left = left.saturating_sub(1);
            *left == 0
        });
        if finished {
            self.left.remove(address);
            self.done += 1;
        }
        let count = if finished {
            format!(" ({} of {})", self.done, self.total)
        } else {
            String::new()
        };
        format!("{address}: {}{}{count}", done(hook), after(hook))
    }

    /// Notes which resource there is now. A replaced one is destroyed before the new one is created, or after that.
    fn note_change(&mut self, hook: &Hook) {
        let address = &hook.resource.addr;
        match hook.action.as_deref() {
            Some("create") => {
                let created = Created::reported(hook, self.destroyed.contains(address));
                self.created.insert(address.clone(), created);
            }
            Some("delete") => {
                self.destroyed.insert(address.clone());
                if let Some(Some(created)) = self.created.get_mut(address) {
                    created.has_replaced = true;
                }
            }
            _ => {}
        }
    }

    /// How far an apply is; `None` before it says what it is going to do.
    pub(crate) fn progress(&self) -> Option<Progress> {
        (self.total > 0).then(|| Progress {
            done: self.done,
            total: self.total,
            running: self.begun.len() as u64,
            current: self
                .current
                .as_deref()
                .map(|address| address_without_secrets(address, &secrets::hide))
                .filter(|address| address.len() <= ADDRESS_SIZE),
        })
    }

    /// The values of the outputs that are not sensitive.
    pub(crate) fn plain_outputs(&self) -> Map<String, Value> {
        plain(&self.outputs)
    }
}

/// The values among outputs that are not sensitive.
pub(crate) fn plain(outputs: &BTreeMap<String, Output>) -> Map<String, Value> {
    let plain = outputs.iter().filter(|(_, output)| !output.sensitive);
    plain
        .filter_map(|(name, output)| Some((name.clone(), output.value.clone()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A report of these messages, and what was printed for them.
    pub(super) fn report(messages: &[Value]) -> (Report, Vec<String>) {
        let mut report = Report::default();
        let lines = messages.iter().map(|message| Line::parse(&message.to_string()));
        let printed = lines.filter_map(|line| report.take(line)).collect();
        (report, printed)
    }

    fn change(address: &str, action: &str) -> Value {
        json!({"type": "planned_change", "change": {"resource": {"addr": address}, "action": action}})
    }

    fn complete(address: &str, action: &str) -> Value {
        json!({"type": "apply_complete", "hook": {"resource": {"addr": address}, "action": action, "elapsed_seconds": 3}})
    }

    #[test]
    fn program_is_named_by_its_first_command_only() {
        let message = json!({"type": "version", "terraform": "1.11.4", "ui": "1.2"}).to_string();
        for (is_named, printed) in [(false, Some("Terraform 1.11.4")), (true, None)] {
            let line = Report::of_program(is_named).take(Line::parse(&message));
            assert_eq!(line.as_deref(), printed);
        }
    }

    #[test]
    fn a_replaced_resource_is_done_when_the_new_one_is_there() {
        let planned = [
            change("r.a", "replace"),
            change("r.b", "move"),
            change("r.c", "remove"),
            change("r.d", "update"),
        ];
        let (mut report, _) = report(&planned);
        assert_eq!((report.plan.replace, report.plan.forget, report.plan.change), (1, 1, 1));
        let mut done = |message: Value| {
            let printed = report.take(Line::parse(&message.to_string()));
            (printed.expect("a line"), report.progress().expect("progress").done)
        };
        assert_eq!(
            done(complete("r.a", "delete")),
            ("r.a: destroyed after 3 s".to_owned(), 0)
        );
        assert_eq!(
            done(complete("data.x", "read")),
            ("data.x: read after 3 s".to_owned(), 0)
        );
        assert_eq!(
            done(complete("r.a", "create")),
            ("r.a: created after 3 s (1 of 2)".to_owned(), 1)
        );
        assert_eq!(
            done(complete("r.d", "update")),
            ("r.d: changed after 3 s (2 of 2)".to_owned(), 2)
        );
    }
}
