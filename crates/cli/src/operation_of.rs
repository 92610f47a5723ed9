//! The operation that a command means: named by its ID, or by its stack.

use serde_json::Value;
use slipway_api_types::{Missing, MissingKind};
use slipway_model::count::counted_as;
use slipway_model::id::{OperationId, StackId};

use crate::args::{OperationRef, StackRef};
use crate::client::Client;
use crate::error::Error;
use crate::hint;
use crate::output::{Output, text_at};
use crate::stack_id::stack_id;

/// Which operation of a stack is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The newest with a plan.
    Planned,
    /// The one in progress; the newest if none is.
    Running,
    /// The only one that has not ended.
    NotEnded,
    /// The one whose plan waits for an approval.
    Waiting,
}

/// The ID of the operation.
pub async fn operation_of(named: &OperationRef, wanted: Wanted, client: &Client) -> Result<OperationId, Error> {
    match named {
        OperationRef::Operation(operation) => Ok(operation.clone()),
        OperationRef::Stack(stack) => {
            let seen = of_stack(&stack_of(stack, client).await?, wanted, client).await?;
            id_of(seen.choose(stack, wanted)?)
        }
    }
}

/// The operation to show: of a stack the one in progress, else the newest. A note says how many others are queued.
pub async fn shown_operation(named: &OperationRef, client: &Client, output: Output) -> Result<OperationId, Error> {
    let OperationRef::Stack(stack) = named else {
        return operation_of(named, Wanted::Running, client).await;
    };
    let seen = of_stack(&stack_of(stack, client).await?, Wanted::Running, client).await?;
    let chosen = seen.choose(stack, Wanted::Running)?;
    if let Some(waiting) = seen.waiting_beside(chosen) {
        let list = hint::command(&format!("operation list {stack}"));
        output.note(&format!("{waiting} in the queue of the stack: {list}"));
    }
    id_of(chosen)
}

async fn stack_of(stack: &StackRef, client: &Client) -> Result<StackId, Error> {
    stack_id(stack, client).await.map_err(|error| match error {
        // The ID of an operation is longer than people type.
        Error::Missing(stack) if stack.name.starts_with("op-") => Error::Missing(Missing {
            kind: MissingKind::Operation,
            ..stack
        }),
        error => error,
    })
}

/// Reads the operations of a stack, the newest first, as far back as the wanted one may be.
async fn of_stack(id: &StackId, wanted: Wanted, client: &Client) -> Result<Seen, Error> {
    let path = format!("/v1/stacks/{id}/operations");
    let (mut seen, mut cursor) = (Seen::default(), None::<String>);
    loop {
        let query: Vec<_> = cursor.take().into_iter().map(|cursor| ("cursor", cursor)).collect();
        let page = client.page(&path, &query).await?;
        let all_ended = page.items.last().is_none_or(is_behind_all);
        seen.take(page.items, wanted);
        cursor = page.next;
        let is_enough = if wanted == Wanted::NotEnded {
            all_ended
        } else {
            !seen.wanted.is_empty()
        };
        if cursor.is_none() || is_enough || (all_ended && wanted != Wanted::Planned) {
            return Ok(seen);
        }
    }
}

/// What the operations of a stack have shown so far.
#[derive(Default)]
struct Seen {
    wanted: Vec<Value>,
    newest: Option<Value>,
    /// The one in progress.
    running: Option<Value>,
    /// The newest with a plan, which has a sheet.
    planned: Option<Value>,
    queued: usize,
}

impl Seen {
    fn take(&mut self, items: Vec<Value>, wanted: Wanted) {
        self.newest = self.newest.take().or_else(|| items.first().cloned());
        let first = |wanted: Wanted| items.iter().find(|operation| is_wanted(operation, wanted)).cloned();
        self.running = self.running.take().or_else(|| first(Wanted::Running));
        self.planned = self.planned.take().or_else(|| first(Wanted::Planned));
        self.queued += items.iter().filter(|operation| is_queued(operation)).count();
        self.wanted
            .extend(items.into_iter().filter(|operation| is_wanted(operation, wanted)));
    }

    fn choose(&self, stack: &StackRef, wanted: Wanted) -> Result<&Value, Error> {
        match self.wanted.as_slice() {
            [operation] => Ok(operation),
            [] => {
                let instead = self.newest.as_ref().filter(|_| wanted == Wanted::Running);
                instead.ok_or_else(|| self.none(stack, wanted))
            }
            [first, ..] if wanted != Wanted::NotEnded => Ok(first),
            several => {
                // The oldest first: the one in progress stands above the queue.
                let lines = several.iter().rev().map(|operation| {
                    let task = operation["task"].as_str().map(|task| format!(" {task}"));
                    format!(
                        "\n  {} ({}{}, {})",
                        text_at(operation, "id"),
                        text_at(operation, "kind"),
                        task.unwrap_or_default(),
                        text_at(operation, "status")
                    )
                });
                Err(Error::Usage(format!(
                    "{} operations of the stack `{stack}` have not ended: name one of{}",
                    several.len(),
                    lines.collect::<String>()
                )))
            }
        }
    }

    /// That there is none; in place of a plan that waits, what is in progress, else the newest operation, and the sheet of the last plan.
    fn none(&self, stack: &StackRef, wanted: Wanted) -> Error {
        let list = hint::command(&format!("operation list {stack}"));
        let (title, detail) = match (wanted, self.newest.as_ref()) {
            (_, None) => ("No such operation", format!("the stack `{stack}` has no operation")),
            (Wanted::Waiting, Some(newest)) => {
                let (which, operation) = match &self.running {
                    Some(running) => ("operation in progress", running),
                    None => ("newest operation", newest),
                };
                let [kind, id, status] = ["kind", "id", "status"].map(|field| text_at(operation, field));
                (
                    "No plan waits",
                    format!("the {which} of the stack `{stack}` ({kind} {id}) has the status `{status}`"),
                )
            }
            (Wanted::Planned, Some(_)) => (
                "No such operation",
                format!("the stack `{stack}` has no operation with a plan"),
            ),
            (Wanted::Running | Wanted::NotEnded, Some(_)) => (
                "No such operation",
                format!("the stack `{stack}` has no operation in progress or queued"),
            ),
        };
        let sheet = self
            .planned
            .as_ref()
            .filter(|_| wanted == Wanted::Waiting)
            .map(|planned| {
                let sheet = hint::command(&format!("sheet {}", text_at(planned, "id")));
                format!("Show the sheet of its last plan with `{sheet}`. ")
            });
        Error::Refused {
            title: title.to_owned(),
            detail: format!(
                "{detail}. {}List its operations with `{list}`.",
                sheet.unwrap_or_default()
            ),
            errors: Vec::new(),
        }
    }

    /// How many operations are queued beside this one, in words.
    fn waiting_beside(&self, chosen: &Value) -> Option<String> {
        let others = self.queued - usize::from(is_queued(chosen));
        (others > 0).then(|| counted_as(others, "more operation waits", "more operations wait"))
    }
}

/// Whether all operations that were requested before this one have ended. Operations that change the infrastructure run in the order in
/// which they were requested; others may pass those, and any may leave the queue.
fn is_behind_all(operation: &Value) -> bool {
    let changes_infrastructure = matches!(operation["kind"].as_str(), Some("provision" | "update" | "destroy"));
    changes_infrastructure && !operation["started_at"].is_null() && !operation["ended_at"].is_null()
}

fn is_queued(operation: &Value) -> bool {
    operation["status"] == "queued"
}

fn is_wanted(operation: &Value, wanted: Wanted) -> bool {
    let has_ended = !operation["ended_at"].is_null();
    match wanted {
        Wanted::Planned => operation["plan"].is_object(),
        Wanted::Running => !has_ended && !is_queued(operation),
        Wanted::NotEnded => !has_ended,
        Wanted::Waiting => operation["status"] == "waiting_for_approval",
    }
}

fn id_of(operation: &Value) -> Result<OperationId, Error> {
    text_at(operation, "id")
        .parse()
        .map_err(|error| Error::Program(format!("the server's answer has no ID of an operation: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(id: &str, status: &str) -> Value {
        let has_ended = ["succeeded", "failed"].contains(&status);
        let ended_at = has_ended.then_some("2026-11-30T00:00:00Z");
        // Its plan is made before it waits.
        let plan = (status != "queued" && status != "failed").then(|| json!({}));
        json!({"id": id, "kind": "update", "status": status, "ended_at": ended_at, "plan": plan})
    }

    /// What a reference to this stack means.
    fn chosen(operations: &[(&str, &str)], wanted: Wanted) -> Result<(String, Option<String>), String> {
        let stack: StackRef = "shop".parse().expect("a stack");
        let mut seen = Seen::default();
        let items = operations.iter().map(|(id, status)| operation(id, status));
        seen.take(items.collect(), wanted);
        let chosen = seen.choose(&stack, wanted).map_err(|error| error.to_string())?;
        Ok((text_at(chosen, "id"), seen.waiting_beside(chosen)))
    }

    #[test]
    fn stack_means_the_operation_in_progress_else_the_newest() {
        let more = |text: &str| Some(text.to_owned());
        for (operations, id, waiting) in [
            (
                &[
                    ("d", "queued"),
                    ("c", "queued"),
                    ("b", "waiting_for_approval"),
                    ("a", "failed"),
                ][..],
                "b",
                more("2 more operations wait"),
            ),
            (&[("b", "succeeded"), ("a", "failed")], "b", None),
            (&[("b", "queued"), ("a", "failed")], "b", None),
            (&[("c", "queued"), ("b", "queued")], "c", more("1 more operation waits")),
        ] {
            assert_eq!(chosen(operations, Wanted::Running), Ok((id.to_owned(), waiting)));
        }
    }

    #[test]
    fn plan_that_does_not_wait_is_explained_by_the_newest_operation() {
        let waiting = [("c", "queued"), ("b", "waiting_for_approval")];
        assert_eq!(chosen(&waiting, Wanted::Waiting).map(|(id, _)| id), Ok("b".to_owned()));
        let none = chosen(&[("a", "succeeded")], Wanted::Waiting).expect_err("no plan");
        assert!(
            none.starts_with(
                "No plan waits: the newest operation of the stack `shop` (update a) has the status `succeeded`."
            ),
            "{none}"
        );
        assert!(
            none.contains("Show the sheet of its last plan with `slipway sheet a`."),
            "{none}"
        );
        let none = chosen(
            &[("c", "queued"), ("b", "running"), ("a", "succeeded")],
            Wanted::Waiting,
        )
        .expect_err("no plan");
        assert!(
            none.starts_with(
                "No plan waits: the operation in progress of the stack `shop` (update b) has the status `running`."
            ) && none.contains("`slipway sheet b`"),
            "{none}"
        );
        let none = chosen(&[("b", "failed"), ("a", "succeeded")], Wanted::Waiting).expect_err("no plan");
        assert!(none.contains("`slipway sheet a`"), "{none}");
        let none = chosen(&[("a", "failed")], Wanted::Waiting).expect_err("no plan");
        assert!(!none.contains("slipway sheet"), "{none}");
        let none = chosen(&[], Wanted::Running).expect_err("no operation");
        assert!(none.contains("has no operation. List"), "{none}");
        let several = chosen(&waiting, Wanted::NotEnded).expect_err("several");
        assert!(
            several.ends_with("name one of\n  b (update, waiting_for_approval)\n  c (update, queued)"),
            "{several}"
        );
    }
}
