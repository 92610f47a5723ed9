//! Operations as the API shows them, and how people watch one.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Client, LONG_POLL_SECONDS, with_query};
use crate::error::Error;
use crate::output::{Line, Output, Style, harmless};
use crate::rollout_view::Rollout;

/// The steps in which Terraform works.
const TERRAFORMS: [&str; 2] = ["Plan", "Apply"];

/// The fields of an operation that the commands use. The rest passes through as JSON.
#[derive(Debug, Clone, Deserialize)]
pub struct Operation {
    pub id: String,
    pub kind: String,
    pub status: String,
    pub revision: u64,
    pub stack: StackRef,
    pub position: Option<u64>,
    pub waiting_for_build: Option<String>,
    pub cancel: Option<CancelRequest>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub steps: Vec<Step>,
    pub progress: Option<Progress>,
    #[serde(default)]
    pub rollouts: Vec<Rollout>,
    pub plan: Option<Plan>,
    pub drift: Option<Drift>,
    pub release: Option<u32>,
    pub task: Option<String>,
    #[serde(default)]
    pub approvals: Vec<Approval>,
    pub approvals_required: Option<u32>,
    pub decision: Option<String>,
    pub error: Option<Failure>,
    #[serde(default)]
    pub ways_forward: Vec<Way>,
    pub execution_arn: Option<String>,
}

/// A request to cancel the operation, whose build is at work.
#[derive(Debug, Clone, Deserialize)]
pub struct CancelRequest {
    pub requested_by: String,
}

/// An approval of its plan.
#[derive(Debug, Clone, Deserialize)]
pub struct Approval {
    pub by: String,
    pub comment: Option<String>,
}

/// The stack of an operation.
#[derive(Debug, Clone, Deserialize)]
pub struct StackRef {
    pub id: String,
    pub name: String,
}

/// A state of the workflow that the operation went through.
#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    pub name: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub status: String,
}

/// A way on from an operation that needs attention.
#[derive(Debug, Clone, Deserialize)]
pub struct Way {
    pub description: String,
    pub command: String,
}

/// How far Terraform is.
#[derive(Debug, Clone, Deserialize)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
    #[serde(default)]
    pub running: u64,
    pub current: Option<String>,
}

/// What Terraform would change.
#[derive(Debug, Clone, Deserialize)]
pub struct Plan {
    pub add: u64,
    pub change: u64,
    pub destroy: u64,
    pub replace: u64,
    pub import: u64,
    pub forget: u64,
    #[serde(default)]
    pub moved: u64,
    pub outputs_changed: bool,
    /// The first resources that would change.
    pub resources: Vec<ResourceChange>,
}

/// A resource that would change, or was changed.
#[derive(Debug, Clone, Deserialize)]
pub struct ResourceChange {
    pub address: String,
    pub action: String,
}

/// Drift: differences between the resources and the stack's state.
#[derive(Debug, Clone, Deserialize)]
pub struct Drift {
    pub count: u64,
    pub resources: Vec<ResourceChange>,
}

/// Why an operation failed.
#[derive(Debug, Clone, Deserialize)]
pub struct Failure {
    pub name: String,
    pub step: String,
    pub message: String,
    pub address: Option<String>,
}

impl Operation {
    /// Reads an operation out of an answer of the API.
    pub fn read(value: &Value) -> Result<Self, Error> {
        serde_json::from_value(value.clone()).map_err(|error| Error::UnexpectedAnswer {
            request: "an operation".to_owned(),
            status: 200,
            answer: error.to_string(),
        })
    }

    /// What it does, with the release or the task that it is about: `rollback to release 2`, `task load-dump`.
    pub fn title(&self) -> String {
        match (self.kind.as_str(), self.release, &self.task) {
            ("rollback", Some(release), _) => format!("rollback to release {release}"),
            (kind, _, Some(task)) => format!("{kind} {task}"),
            (kind, ..) => kind.to_owned(),
        }
    }

    /// Whether its plan waits for an approval or a rejection.
    pub fn waits_for_decision(&self) -> bool {
        self.status == "waiting_for_approval" && self.decision.is_none()
    }

    /// The approvals that were given: `by ann: agreed`.
    pub fn approvals(&self) -> impl Iterator<Item = String> {
        self.approvals.iter().map(|approval| {
            let comment = approval.comment.as_ref().map(|comment| format!(": {comment}"));
            format!("by {}{}", approval.by, comment.unwrap_or_default())
        })
    }

    /// What the reader may do about a plan that waits.
    pub fn decide(&self) -> String {
        let id = &self.id;
        let given = self.approvals.len();
        let waits = match self.approvals_required {
            Some(required) if required > 1 && given > 0 => format!("has {given} of {required} approvals"),
            Some(required) if required > 1 => format!("waits for {required} approvals"),
            _ => "waits for an approval".to_owned(),
        };
        format!(
            "{waits}: slipway operation approve {id}\n         or a rejection: slipway operation reject {id} --reason …\n         \
             every change: slipway plan {id}"
        )
    }

    /// That it is going to be cancelled, while its build still saves its state.
    pub fn cancelling(&self) -> Option<String> {
        let request = self.cancel.as_ref().filter(|_| !self.has_ended())?;
        let requester = &request.requested_by;
        Some(format!(
            "cancelling, as {requester} requested: Terraform saves the state first"
        ))
    }

    /// The ways on, if it needs attention.
    pub fn ways(&self) -> impl Iterator<Item = String> {
        let ways = self.ways_forward.iter();
        ways.map(|way| format!("either     {}\n           {}", way.command, way.description))
    }

    pub fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }

    /// An error for scripts unless the operation succeeded.
    pub fn check(&self) -> Result<(), Error> {
        if self.status == "succeeded" {
            return Ok(());
        }
        Err(Error::OperationEnded {
            operation: self.id.clone(),
            status: self.status.clone(),
            reason: self.error.as_ref().map(Failure::line),
        })
    }
}

impl Failure {
    /// The failure in a line: the step, the resource, and what it said.
    pub fn line(&self) -> String {
        let address = self
            .address
            .as_ref()
            .map(|address| format!("{address}: "))
            .unwrap_or_default();
        let step = if self.step.is_empty() {
            String::new()
        } else {
            format!(" in \"{}\"", self.step)
        };
        format!("{}{step}: {address}{}", self.name, self.message)
    }
}

impl Plan {
    /// The plan in a line, as Terraform counts.
    pub fn line(&self) -> String {
        let rare = [
            (self.replace, "replace"),
            (self.import, "import"),
            (self.forget, "forget"),
            (self.moved, "move"),
        ];
        let rare: Vec<String> = rare
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!(", {count} to {what}"))
            .collect();
        let rare = rare.concat();
        let outputs = if self.outputs_changed { ", outputs change" } else { "" };
        format!(
            "{} to add, {} to change, {} to destroy{rare}{outputs}",
            self.add, self.change, self.destroy
        )
    }

    /// Each resource that is named, in a line of its own, and how many are not.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let resources = self.resources.iter();
        let named = resources.map(|resource| format!("{:<8} {}", resource.action, resource.address));
        let all = self.add + self.change + self.destroy + self.replace + self.import + self.forget + self.moved;
        let left = all.saturating_sub(self.resources.len() as u64);
        named.chain((left > 0).then(|| format!("… and {left} more")))
    }
}

impl Drift {
    /// How much differs, in a line.
    pub fn line(&self) -> String {
        match self.count {
            0 => "nothing differs from the state".to_owned(),
            1 => "1 resource differs from the state".to_owned(),
            count => format!("{count} resources differ from the state"),
        }
    }

    /// Each resource that is named, in a line of its own.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.resources.iter().map(|resource| {
            let what = if resource.action == "delete" {
                "no longer exists"
            } else {
                "was changed"
            };
            format!("{} {what}", resource.address)
        })
    }
}

/// The time between two moments as people say it: `850 ms`, `12.3 s`, `4 min 5 s`.
pub fn duration_text(from: Timestamp, to: Timestamp) -> String {
    let duration: SignedDuration = to.duration_since(from);
    let milliseconds = duration.as_millis().max(0);
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1_000),
    }
}

/// Watches an operation to its end, and returns it as the API shows it then. The caller reports failures. Ctrl-C ends only the
/// watch.
pub async fn watch(client: &Client, id: &str, output: Output) -> Result<(Value, Operation), Error> {
    tokio::select! {
        watched = watch_to_end(client, id, output) => watched,
        Ok(()) = tokio::signal::ctrl_c() => Err(Error::Interrupted { operation: id.to_owned() }),
    }
}

async fn watch_to_end(client: &Client, id: &str, output: Output) -> Result<(Value, Operation), Error> {
    let mut watcher = Watcher::new(output);
    let mut seen = None;
    loop {
        let query: Vec<(&str, String)> = match seen {
            Some(revision) => vec![("wait", LONG_POLL_SECONDS.to_string()), ("seen", format!("{revision}"))],
            None => Vec::new(),
        };
        let value: Value = client
            .watch(&with_query(&format!("/v1/operations/{id}"), &query))
            .await?;
        let operation = Operation::read(&value)?;
        watcher.show(&operation, seen == Some(operation.revision));
        if operation.has_ended() {
            watcher.end(&operation);
            return Ok((value, operation));
        }
        seen = Some(operation.revision);
    }
}

/// Prints what is new in an operation: a line for each step that ended, and on a terminal one moving line for the step
/// that runs.
struct Watcher {
    output: Output,
    printed: BTreeSet<String>,
    bar: Option<ProgressBar>,
    /// When the step that runs began, for the moving line.
    began: Arc<Mutex<Option<Timestamp>>>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watcher {
    fn new(output: Output) -> Self {
        let began: Arc<Mutex<Option<Timestamp>>> = Arc::default();
        let bar = output.is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}{step_time}") {
                let began = Arc::clone(&began);
                bar.set_style(
                    style.with_key("step_time", move |_: &ProgressState, line: &mut dyn fmt::Write| {
                        let began = began.lock().map(|began| *began).unwrap_or_default();
                        if let Some(began) = began {
                            let _ = write!(line, " ({})", duration_text(began, Timestamp::now()));
                        }
                    }),
                );
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            output,
            printed: BTreeSet::new(),
            bar,
            began,
        }
    }

    /// `stands` says that the server waited for a change in vain.
    fn show(&mut self, operation: &Operation, stands: bool) {
        if let Some(position) = operation.position {
            self.once(
                "queued",
                &format!("  waits in the queue of its stack, at place {position}"),
            );
        }
        if let Some(step) = operation.waiting_for_build.as_ref().filter(|_| stands) {
            self.once(
                &format!("build {step}"),
                &format!("  waits  {step}: waiting for a build"),
            );
        }
        if let Some(cancelling) = operation.cancelling() {
            self.once("cancelling", &format!("  {cancelling}"));
        }
        // Before the steps that have ended, of which Terraform's may be one by now.
        if self.bar.is_none()
            && !operation.has_ended()
            && let Some(progress) = operation.progress_now()
        {
            let line = format!("         {}", progress.line());
            self.once(&line, &line);
        }
        for rollout in operation.rollouts.iter().filter(|_| !operation.has_ended()) {
            let lines = [Some(rollout.line()), rollout.paused(&operation.id)];
            for line in lines.into_iter().flatten() {
                self.once(&line, &format!("         {line}"));
            }
        }
        for step in &operation.steps {
            if let Some(ended) = step.ended_at {
                let mark = match step.status.as_str() {
                    "failed" => "failed",
                    "cancelled" => "cancelled",
                    _ => "done",
                };
                let plan = operation.plan.as_ref().filter(|_| step.name == "Review plan");
                let plan = plan.map(|plan| format!(": {}", plan.line())).unwrap_or_default();
                let text = format!(
                    "  {mark:<6} {}{plan} ({})",
                    step.name,
                    duration_text(step.started_at, ended)
                );
                let style = match mark {
                    "failed" => Style::Red,
                    "done" => Style::Plain,
                    _ => Style::Yellow,
                };
                self.once_in(style, &format!("{} {}", step.name, step.status), &text);
            }
        }
        if operation.waits_for_decision() {
            let changes = operation.plan.iter().flat_map(Plan::lines);
            let changes = changes.map(|line| format!("           {line}\n"));
            let text = format!("{}  {}", changes.collect::<String>(), operation.decide());
            self.once("approval", &text);
        }
        if let Some(bar) = &self.bar {
            let step = operation.running_step();
            if let Ok(mut began) = self.began.lock() {
                *began = step.map(|step| step.started_at);
            }
            bar.set_message(harmless(&running_line(operation)).into_owned());
        }
    }

    fn end(&mut self, operation: &Operation) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let took = operation
            .ended_at
            .map(|end| duration_text(operation.created_at, end))
            .unwrap_or_default();
        let line = format!(
            "{} {} {} in {took}",
            operation.title(),
            operation.stack.name,
            operation.status
        );
        let style = match operation.status.as_str() {
            "succeeded" => Style::Green,
            "failed" | "needs_attention" => Style::Red,
            _ => Style::Yellow,
        };
        self.output.lines(&[Line::new(style, line)]);
        operation.ways().for_each(|way| self.output.say(&way));
        if let Some(drift) = &operation.drift {
            self.output.say(&format!("  {}", drift.line()));
            drift.lines().for_each(|line| self.output.say(&format!("    {line}")));
        }
    }

    fn once(&mut self, key: &str, text: &str) {
        self.once_in(Style::Plain, key, text);
    }

    fn once_in(&mut self, style: Style, key: &str, text: &str) {
        if self.printed.insert(key.to_owned()) {
            let line = Line::new(style, text.to_owned());
            match &self.bar {
                // The bar is drawn anew below it.
                Some(bar) => bar.suspend(|| self.output.lines(&[line])),
                None => self.output.lines(&[line]),
            }
        }
    }
}

impl Operation {
    /// The step that runs.
    fn running_step(&self) -> Option<&Step> {
        self.steps.iter().rev().find(|step| step.ended_at.is_none())
    }

    /// How far Terraform is, if the step that runs is one of Terraform's.
    fn progress_now(&self) -> Option<&Progress> {
        let step = self
            .running_step()
            .filter(|step| TERRAFORMS.contains(&step.name.as_str()));
        let progress = self.progress.as_ref().filter(|progress| progress.total > 0);
        progress.filter(|_| step.is_some())
    }
}

impl Progress {
    fn line(&self) -> String {
        let running = match self.running {
            0 => String::new(),
            running => format!(", {running} in progress"),
        };
        format!("{} of {} resources{running}", self.done, self.total)
    }
}

/// What the step that runs is doing.
fn running_line(operation: &Operation) -> String {
    if let Some(step) = &operation.waiting_for_build {
        return format!("{step}: waiting for a build");
    }
    let step = operation.running_step();
    let step = step.map_or(operation.status.as_str(), |step| step.name.as_str());
    match operation.progress_now() {
        Some(progress) => {
            let current = progress.current.as_ref().map(|current| format!(": {current}"));
            format!("{step}: {}{}", progress.line(), current.unwrap_or_default())
        }
        None => step.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_as_people_say_them() {
        let start = Timestamp::UNIX_EPOCH;
        for (milliseconds, text) in [(0, "0 ms"), (850, "850 ms"), (12_345, "12.3 s"), (245_000, "4 min 5 s")] {
            let end = start + SignedDuration::from_millis(milliseconds);
            assert_eq!(duration_text(start, end), text);
        }
    }
}
