//! Watching an operation to its end.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use jiff::Timestamp;
use serde_json::{Value, json};
use slipway_api_types::{Operation, Progress, Step};
use slipway_model::count::counted;
use slipway_model::operation::approval::WAIT_FOR_APPROVAL;
use slipway_model::operation::build::{APPLY, PLAN};
use slipway_model::operation::one_build::REVIEW_PLAN;
use slipway_model::operation::{OperationStatus, StepStatus};

use crate::client::{Client, LONG_POLL_SECONDS, with_query};
use crate::decision::Decision;
use crate::error::Error;
use crate::harmless::harmless;
use crate::operation_text::{
    cancelling, decide, drift_line, drift_lines, duration_text, not_applied, plan_lines, read, step_status, steps,
    title_with_stack, ways,
};
use crate::output::{Line, Output, Style, moment};
use crate::plan_view::counts;
use crate::queue_place::queue_place;
use crate::rollout_view;

/// The key of the line that says that the operation is queued.
const QUEUED: &str = "queued";

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
        let path = with_query(&format!("/v1/operations/{id}"), &query);
        let value: Value = client.watch(&path, |trouble| watcher.note(trouble)).await?;
        let operation = read(&value)?;
        if seen.is_none() {
            watcher.begin(&operation);
        }
        if watcher.says_queue()
            && let Some(place) = Box::pin(queue_place(&operation, client)).await
        {
            watcher.once(QUEUED, &format!("  queued: {place}"));
        }
        if operation.waits_for_decision() && watcher.may.is_none() && !output.is_data() {
            let may = Decision::about(id, client).await;
            watcher.may = Some(may.unwrap_or(Decision::UNKNOWN));
        }
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
    /// What the caller may decide about the plan, since it waits.
    may: Option<Decision>,
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
                        let _ = line.write_str(&step_time(began, Timestamp::now()));
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
            may: None,
        }
    }

    /// Says that an operation had ended before it was watched: a request whose idempotency key was used before gets such an operation.
    fn begin(&mut self, operation: &Operation) {
        if let Some(ended) = operation.ended_at {
            let (requested, ended) = (moment(operation.created_at), moment(ended));
            let text =
                format!("  This operation ended at {ended}, before this watch. It was requested at {requested}.");
            self.once_in(Style::Yellow, "ended before", &text);
        }
    }

    /// Whether it is yet to say that the operation is queued.
    fn says_queue(&self) -> bool {
        !self.output.is_data() && !self.printed.contains(QUEUED)
    }

    /// `stands` says that the server waited for a change in vain.
    fn show(&mut self, operation: &Operation, stands: bool) {
        if let Some(step) = operation.waiting_for_build.as_ref().filter(|_| stands) {
            self.once(
                &format!("build {step}"),
                &format!("  waits     {step}: waiting for a build"),
            );
        }
        if let Some(cancelling) = cancelling(operation) {
            self.once("cancelling", &format!("  {cancelling}"));
        }
        // Before the steps that have ended, of which Terraform's may be one by now.
        if self.bar.is_none()
            && !operation.has_ended()
            && let Some(progress) = progress_now(operation)
        {
            let line = format!("            {}", progress_line(progress));
            self.once(&line, &line);
        }
        for rollout in operation.rollouts.iter().filter(|_| !operation.has_ended()) {
            let stands = rollout_view::line(rollout);
            for lines in [vec![stands], rollout_view::paused(rollout, &operation.id)] {
                let shown = lines
                    .iter()
                    .map(|line| Line::new(Style::Plain, format!("            {line}")));
                self.lines_once(&lines.concat(), &shown.collect::<Vec<_>>());
            }
        }
        for step in steps(operation) {
            // What became of its plan is known at the end.
            let is_undecided = step.name == WAIT_FOR_APPROVAL && !operation.has_ended();
            if is_undecided && step.status == StepStatus::Failed {
                continue;
            }
            if let Some(ended) = step.ended_at {
                let (mark, style) = match (step.status, step_status(operation, step)) {
                    (StepStatus::Failed, "failed") => ("failed", Style::Red),
                    (StepStatus::Failed | StepStatus::Cancelled, status) => (status, Style::Yellow),
                    (StepStatus::Running | StepStatus::Succeeded, _) => ("done", Style::Plain),
                };
                let plan = operation.plan.as_ref().filter(|_| step.name == REVIEW_PLAN);
                let plan = plan
                    .map(|plan| format!(": {}", counts(&json!(plan))))
                    .unwrap_or_default();
                let text = format!(
                    "  {mark:<9} {}{plan} ({})",
                    step.name,
                    duration_text(step.started_at, ended)
                );
                self.once_in(style, &format!("{} {mark}", step.name), &text);
            }
        }
        if operation.waits_for_decision() {
            let changes = operation.plan.iter().flat_map(plan_lines);
            let changes = changes.map(|line| format!("           {line}"));
            let decide = decide(operation, self.may.unwrap_or(Decision::UNKNOWN));
            let decide = decide.into_iter().map(|line| format!("  {line}"));
            let lines = changes.chain(decide).map(|line| Line::new(Style::Plain, line));
            self.lines_once("approval", &lines.collect::<Vec<_>>());
        }
        self.move_line(operation);
    }

    /// Shows the step that runs in the moving line, where there is one.
    fn move_line(&self, operation: &Operation) {
        if let Some(bar) = &self.bar {
            let step = running_step(operation);
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
        let line = format!("{} {} in {took}", title_with_stack(operation), operation.status);
        let style = match operation.status {
            OperationStatus::Succeeded => Style::Green,
            OperationStatus::Failed | OperationStatus::NeedsAttention => Style::Red,
            _ => Style::Yellow,
        };
        self.output.lines(&[Line::new(style, line)]);
        if let Some(result) = not_applied(operation) {
            self.output.say(&format!("  {result}"));
        }
        ways(operation).for_each(|way| self.output.say(&way));
        if let Some(drift) = &operation.drift {
            self.output.say(&format!("  {}", drift_line(drift)));
            drift_lines(drift).for_each(|line| self.output.say(&format!("    {line}")));
        }
    }

    /// Notes why the server gives no answer.
    fn note(&self, trouble: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.output.note(trouble)),
            None => self.output.note(trouble),
        }
    }

    fn print(&self, lines: &[Line]) {
        match &self.bar {
            // The bar is drawn anew below them.
            Some(bar) => bar.suspend(|| self.output.lines(lines)),
            None => self.output.lines(lines),
        }
    }

    fn once(&mut self, key: &str, text: &str) {
        self.once_in(Style::Plain, key, text);
    }

    fn once_in(&mut self, style: Style, key: &str, text: &str) {
        self.lines_once(key, &[Line::new(style, text.to_owned())]);
    }

    fn lines_once(&mut self, key: &str, lines: &[Line]) {
        if self.printed.insert(key.to_owned()) {
            self.print(lines);
        }
    }
}

/// How long the step that runs has taken, behind it in the moving line.
fn step_time(began: Option<Timestamp>, now: Timestamp) -> String {
    began.map_or_else(String::new, |began| format!(" ({})", duration_text(began, now)))
}

/// The step that runs.
fn running_step(operation: &Operation) -> Option<&Step> {
    operation.steps.iter().rev().find(|step| step.ended_at.is_none())
}

/// How far Terraform is, if the step that runs is one of Terraform's.
fn progress_now(operation: &Operation) -> Option<&Progress> {
    let step = running_step(operation).filter(|step| [PLAN, APPLY].contains(&step.name.as_str()));
    let progress = operation.progress.as_ref().filter(|progress| progress.total > 0);
    progress.filter(|_| step.is_some())
}

fn progress_line(progress: &Progress) -> String {
    let running = match progress.running {
        0 => String::new(),
        running => format!(", {running} in progress"),
    };
    format!("{} of {}{running}", progress.done, counted(progress.total, "resource"))
}

/// What the step that runs is doing.
fn running_line(operation: &Operation) -> String {
    if let Some(step) = &operation.waiting_for_build {
        return format!("{step}: waiting for a build");
    }
    let step = running_step(operation);
    let step = step.map_or(operation.status.as_str(), |step| step.name.as_str());
    match progress_now(operation) {
        Some(progress) => {
            let current = progress.current.as_ref().map(|current| format!(": {current}"));
            format!("{step}: {}{}", progress_line(progress), current.unwrap_or_default())
        }
        None => step.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::output::Format;

    /// An update whose plan took a minute, and which is at this step.
    fn update(step: Option<&str>, waiting_for_build: Option<&str>) -> Operation {
        let mut steps = vec![json!({
            "name": PLAN, "started_at": "2026-11-30T00:00:00Z", "ended_at": "2026-11-30T00:01:00Z", "status": "succeeded",
        })];
        steps.extend(step.map(|name| json!({"name": name, "started_at": "2026-11-30T00:01:02Z", "status": "running"})));
        example::operation(&json!({
            "steps": steps, "waiting_for_build": waiting_for_build,
            "progress": {"done": 12, "total": 300, "running": 3, "current": "aws_sqs_queue.jobs"},
        }))
    }

    /// The moving line at a time, as it stands behind the spinner.
    fn moving_line(operation: &Operation, now: &str) -> String {
        let watcher = Watcher {
            output: Output::new(Format::Table, None),
            printed: BTreeSet::new(),
            bar: Some(ProgressBar::hidden()),
            began: Arc::default(),
            may: None,
        };
        watcher.move_line(operation);
        let message = watcher.bar.as_ref().expect("a bar").message();
        let began = *watcher.began.lock().expect("the time");
        message + &step_time(began, now.parse().expect("a time"))
    }

    #[test]
    fn moving_line_counts_resources_and_times_its_own_step() {
        assert_eq!(
            moving_line(&update(Some(APPLY), None), "2026-11-30T00:02:07Z"),
            "Apply: 12 of 300 resources, 3 in progress: aws_sqs_queue.jobs (1 min 5 s)"
        );
    }

    /// Terraform's last progress stays on the record after its step.
    #[test]
    fn later_step_has_no_progress_of_terraform() {
        let migration = update(Some("Run migration: migrate"), None);
        assert_eq!(
            moving_line(&migration, "2026-11-30T00:01:05Z"),
            "Run migration: migrate (3.0 s)"
        );
        assert!(progress_now(&migration).is_none());
        assert_eq!(moving_line(&update(None, None), "2026-11-30T00:01:05Z"), "running");
        assert_eq!(
            moving_line(&update(None, Some(APPLY)), "2026-11-30T00:01:05Z"),
            "Apply: waiting for a build"
        );
    }

    #[test]
    fn progress_says_how_many_resources_are_at_work() {
        let line = |done, total, running| {
            progress_line(&Progress {
                done,
                total,
                running,
                current: None,
            })
        };
        assert_eq!(line(12, 300, 3), "12 of 300 resources, 3 in progress");
        assert_eq!(line(1, 1, 0), "1 of 1 resource");
    }
}
