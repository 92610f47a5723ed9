//! What a Terraform run says, taken together from its messages, and the plain lines that people read meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use semver::Version;
use serde_json::{Map, Value};
use slipway_model::operation::Progress;
use slipway_model::plan::{Action, PlanSummary, ResourceChange};
use slipway_model::terraform::{OLDEST_TERRAFORM, OLDEST_TOFU, OUTPUT};

use crate::error::Error;
use crate::secrets;
use crate::stream::{self, Changes, Diagnostic, Hook, Line, Message, Output, Severity, UI_MAJOR};

/// What a run has said so far.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts, of which none follows from another"
)]
pub(crate) struct Report {
    /// What it plans.
    pub(crate) plan: PlanSummary,
    /// The errors, in order.
    pub(crate) errors: Vec<Diagnostic>,
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
    /// The resources that it has created, by address, with their ids where it says them.
    pub(crate) created: BTreeMap<String, Option<String>>,
    /// Whether a resource is not as the state says.
    pub(crate) drifted: bool,
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
}

/// The most text without messages that is kept: the end of it says why a program died.
const TEXT_KEPT: usize = 2000;

impl Report {
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
                let name = program_name(&version);
                self.version = Some(version);
                Some(name)
            }
            Message::Diagnostic { diagnostic } => Some(self.take_diagnostic(diagnostic)),
            Message::PlannedChange { change } => self.take_change(&change),
            Message::ResourceDrift { change } => {
                self.drifted = true;
                Some(format!("{}: was changed outside Terraform", change.resource.addr))
            }
            Message::ChangeSummary { changes } if changes.operation == "plan" => {
                self.planned = Some(changes);
                Some(summary_line(&self.plan))
            }
            Message::ChangeSummary { .. } => {
                self.applied = true;
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
                self.begun.remove(&hook.resource.addr);
                Some(format!("{}: failed{}", hook.resource.addr, after(&hook)))
            }
            // Terraform itself leaves the output out where a sensitive value was given to the provisioner.
            Message::ProvisionProgress { hook } => {
                let provisioner = hook.provisioner.as_deref().unwrap_or("provisioner");
                let output = hook.output.as_deref().unwrap_or_default().trim_end();
                Some(format!("{} ({provisioner}): {output}", hook.resource.addr))
            }
            Message::RefreshStart { .. }
            | Message::RefreshComplete { .. }
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
        if diagnostic.severity == Severity::Error {
            self.errors.push(diagnostic);
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
        if hook.action.as_deref() == Some("create") {
            self.created.insert(address.clone(), hook.id_value.clone());
        }
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

    /// How far an apply is; `None` before it says what it is going to do.
    pub(crate) fn progress(&self) -> Option<Progress> {
        (self.total > 0).then(|| Progress {
            done: self.done,
            total: self.total,
            running: self.begun.len() as u64,
            current: self.current.clone(),
        })
    }

    /// Refuses a program that is too old, or whose stream is not understood. Its first message says so.
    pub(crate) fn check_program(&self) -> Result<(), Error> {
        let Some(version) = &self.version else { return Ok(()) };
        let found = program_name(version);
        let major = version.ui.split('.').next();
        if major != Some(UI_MAJOR) {
            return Err(Error::UnknownStream {
                found,
                version: version.ui.clone(),
            });
        }
        let (text, oldest) = match (&version.tofu, &version.terraform) {
            (Some(tofu), _) => (tofu, OLDEST_TOFU),
            (None, Some(terraform)) => (terraform, OLDEST_TERRAFORM),
            (None, None) => return Ok(()),
        };
        match Version::parse(text) {
            // A pre-release of the oldest version has what it takes.
            Ok(version) if (version.major, version.minor) < (oldest.major, oldest.minor) => {
                Err(Error::TerraformTooOld { found })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a plan of which Terraform did not say everything: it would be reviewed and approved as less than what is applied. Terraform 1.11.4 ends with exit code 0 also where it could not write.
    pub(crate) fn check_plan(&self) -> Result<(), Error> {
        let incomplete = |why: String| Err(Error::StreamIncomplete { command: "plan", why });
        if self.cut {
            return incomplete("a message in it is not whole".to_owned());
        }
        let Some(said) = &self.planned else {
            return incomplete("it ends without a `change_summary`".to_owned());
        };
        if !self.unknown.is_empty() {
            // It may be among what is counted. The saved plan is read after this, and what is not understood needs an approval.
            return Ok(());
        }
        let PlanSummary {
            add,
            change,
            destroy,
            replace,
            ..
        } = self.plan;
        let named = (add + replace, change, destroy + replace, self.importing);
        let counted = (said.add, said.change, said.remove, said.import);
        if named == counted {
            return Ok(());
        }
        incomplete(format!(
            "it names {} changes to create, update, destroy and import, and its `change_summary` counts {}",
            named.0 + named.1 + named.2 + named.3,
            counted.0 + counted.1 + counted.2 + counted.3,
        ))
    }

    /// Refuses an apply that Terraform did not end.
    pub(crate) fn check_apply(&self) -> Result<(), Error> {
        let why = match (self.cut, self.applied) {
            (true, _) => "a message in it is not whole",
            (false, false) => "it ends without a `change_summary`",
            (false, true) => return Ok(()),
        };
        Err(Error::StreamIncomplete {
            command: "apply",
            why: why.to_owned(),
        })
    }

    /// Whether the output that the workflow reads cannot be read.
    pub(crate) fn contract_is_sensitive(&self) -> bool {
        let gone = |output: &Output| output.action.as_deref() == Some("delete");
        self.outputs
            .get(OUTPUT)
            .is_some_and(|output| output.sensitive && !gone(output))
    }

    /// The values of the outputs that are not sensitive.
    pub(crate) fn plain_outputs(&self) -> Map<String, Value> {
        plain(&self.outputs)
    }

    /// Whether the errors are only about keeping the state, after resources had been dealt with.
    pub(crate) fn only_the_state_failed(&self) -> bool {
        !self.resource_failed
            && !self.errors.is_empty()
            && self.errors.iter().all(|error| {
                matches!(
                    error.summary.as_str(),
                    "Failed to save state"
                        | "Failed to persist state to backend"
                        | "Error saving state"
                        | "Error releasing the state lock"
                )
            })
    }

    /// Whether Terraform failed because the state's store did not answer, or throttled it for longer than its own attempts.
    /// Errors of resources have an address.
    pub(crate) fn lost_the_state_store(&self) -> bool {
        let passing = [
            "connection refused",
            "connection reset",
            "request send failed",
            "SlowDown",
            "ServiceUnavailable",
            "InternalError",
            "RequestTimeout",
        ];
        self.errors.iter().filter(|error| error.address.is_none()).any(|error| {
            let text = error.text();
            passing.iter().any(|words| text.contains(words))
        })
    }

    /// Whether a refresh found everything out, and only expressions of the blueprint failed afterwards, because of a resource
    /// that no longer exists: an output that indexes it, say. Terraform then ends its plan as always, and fails at last.
    pub(crate) fn failed_over_drift(&self) -> bool {
        let evaluation = [
            "Invalid index",
            "Unsupported attribute",
            "Attempt to get attribute from null value",
            "Attempt to index null value",
        ];
        let is_evaluation = |error: &Diagnostic| error.range.is_some() && evaluation.contains(&error.summary.as_str());
        self.drifted && !self.errors.is_empty() && self.errors.iter().all(is_evaluation)
    }

    /// Whether an error has this summary.
    pub(crate) fn has_error(&self, summary: &str) -> bool {
        self.errors.iter().any(|error| error.summary.starts_with(summary))
    }
}

/// The values among outputs that are not sensitive.
pub(crate) fn plain(outputs: &BTreeMap<String, Output>) -> Map<String, Value> {
    let plain = outputs.iter().filter(|(_, output)| !output.sensitive);
    plain
        .filter_map(|(name, output)| Some((name.clone(), output.value.clone()?)))
        .collect()
}

fn program_name(version: &stream::Version) -> String {
    match (&version.tofu, &version.terraform) {
        (Some(tofu), _) => format!("OpenTofu {tofu}"),
        (None, Some(terraform)) => format!("Terraform {terraform}"),
        (None, None) => "Terraform of an unknown version".to_owned(),
    }
}

fn planned(action: Action) -> &'static str {
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
fn summary_line(plan: &PlanSummary) -> String {
    let counts = [
        (plan.add, "to create"),
        (plan.change, "to change"),
        (plan.replace, "to replace"),
        (plan.destroy, "to destroy"),
        (plan.import, "to import"),
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

fn is_read(hook: &Hook) -> bool {
    hook.action.as_deref() == Some("read")
}

fn doing(hook: &Hook) -> &'static str {
    match hook.action.as_deref() {
        Some("create") => "being created",
        Some("update") => "being changed",
        Some("delete") => "being destroyed",
        Some("read") => "being read",
        _ => "being worked on",
    }
}

fn done(hook: &Hook) -> &'static str {
    match hook.action.as_deref() {
        Some("create") => "created",
        Some("update") => "changed",
        Some("delete") => "destroyed",
        Some("read") => "read",
        _ => "done",
    }
}

fn after(hook: &Hook) -> String {
    match hook.elapsed_seconds {
        Some(seconds) if seconds >= 1.0 => format!(" after {seconds:.0} s"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A report of these messages, and what was printed for them.
    fn report(messages: &[Value]) -> (Report, Vec<String>) {
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

    fn error(summary: &str) -> Value {
        json!({"type": "diagnostic", "diagnostic": {"severity": "error", "summary": summary, "detail": ""}})
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

    #[test]
    fn unsaved_state_is_distinguished_from_a_failed_apply() {
        let unsaved = [error("Failed to save state"), error("Error releasing the state lock")];
        assert!(report(&unsaved).0.only_the_state_failed());
        let failed = json!({"type": "apply_errored", "hook": {"resource": {"addr": "r.a"}}});
        assert!(
            !report(&[failed, error("Failed to save state")])
                .0
                .only_the_state_failed()
        );
        assert!(
            !report(&[error("execution halted"), error("Failed to save state")])
                .0
                .only_the_state_failed()
        );
    }

    #[test]
    fn only_expressions_may_fail_over_drift() {
        let drifted = json!({"type": "resource_drift", "change": {"resource": {"addr": "r.a"}, "action": "delete"}});
        let index = json!({"type": "diagnostic", "diagnostic": {
            "severity": "error", "summary": "Invalid index", "detail": "",
            "range": {"filename": "main.tf", "start": {"line": 1}},
        }});
        let all = |messages: &[&Value]| {
            let messages: Vec<Value> = messages.iter().copied().cloned().collect();
            report(&messages).0.failed_over_drift()
        };
        assert!(all(&[&drifted, &index]));
        let denied = error("Failed to read the queue");
        for other in [
            vec![&index],
            vec![&drifted],
            vec![&drifted, &denied],
            vec![&drifted, &index, &denied],
        ] {
            assert!(!all(&other), "{other:?}");
        }
    }

    #[test]
    fn an_old_program_is_refused() {
        let check = |message: Value| report(&[message]).0.check_program();
        let terraform = |version: &str| json!({"type": "version", "terraform": version, "ui": "1.2"});
        let tofu = |version: &str| json!({"type": "version", "tofu": version, "ui": "1.2"});
        assert!(
            matches!(check(terraform("1.10.5")), Err(Error::TerraformTooOld { found }) if found == "Terraform 1.10.5")
        );
        assert!(matches!(check(tofu("1.9.0")), Err(Error::TerraformTooOld { .. })));
        for right in [terraform("1.11.0-rc1"), terraform("2.0.0"), tofu("1.10.0")] {
            check(right).expect("a program that will do");
        }
        let unknown = json!({"type": "version", "terraform": "9.0.0", "ui": "2.0"});
        assert!(matches!(check(unknown), Err(Error::UnknownStream { .. })));
    }
}
