//! Texts of notifications for people in a chat.
//!
//! Names, reasons and addresses of resources come from callers, Terraform and AWS. In a chat they must be text: no link, no mention, no
//! formatting, and nothing that makes a line read otherwise than it is written.

use crate::marks;
use crate::notification::{Kind, Notification};
use crate::operation::OperationStatus;
use crate::stack::StackStatus;

/// The most characters of a reason, and of anything else.
const REASON: usize = 600;
const FACT: usize = 200;

/// How a message looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Attention,
    Bad,
    Neutral,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub tone: Tone,
    /// A line that says what happened.
    pub title: String,
    /// Names and values.
    pub facts: Vec<(&'static str, String)>,
    /// The reason of a failure, or the addresses of drifted resources.
    pub detail: Option<String>,
    /// The command that shows or decides more.
    pub command: Option<String>,
}

impl Message {
    pub(super) fn of(notification: &Notification) -> Self {
        let stack = &notification.stack;
        let place = format!("{}/{}", stack.environment, stack.name);
        let operation = notification.operation.as_ref();
        let kind = operation.map_or_else(String::new, |operation| operation.kind.to_string());
        let title = match notification.kind {
            Kind::Operation(OperationStatus::WaitingForApproval) => format!("{kind} of {place} waits for approval"),
            Kind::ApprovalReminder => format!("{kind} of {place} still waits for approval"),
            Kind::Operation(status) => format!("{kind} of {place}: {status}"),
            Kind::Stack(status) => format!("{place} is {status}"),
            Kind::Drifted => format!("{place} has drifted"),
        };
        let mut facts = vec![("Blueprint", format!("{} {}", stack.blueprint, stack.version))];
        facts.extend(operation.map(|operation| ("Requester", operation.requester.clone())));
        facts.extend(stack.owner.clone().map(|owner| ("Owner", owner)));
        if let Some(plan) = &notification.plan {
            let counts = [
                (plan.destroy, "to destroy"),
                (plan.replace, "to replace"),
                (plan.forget, "to forget"),
                (plan.change, "to change"),
                (plan.add, "to add"),
            ];
            let counts = counts.iter().filter(|(count, _)| *count > 0);
            let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
            facts.push(("Plan", counts.join(", ")));
        }
        if let Some(approval) = &notification.approval {
            facts.push(("Approvals", format!("{} of {}", approval.given, approval.required)));
            let expiry = approval
                .expires_at
                .map(|time| time.strftime("%Y-%m-%d %H:%M UTC").to_string());
            facts.extend(expiry.map(|expiry| ("Expires", expiry)));
        }
        let mut detail = None;
        if let Some(failure) = &notification.failure {
            facts.push(("Error", failure.name.clone()));
            detail = Some(failure.message.clone());
        }
        if let Some(drift) = &notification.drift {
            facts.push(("Resources", drift.count.to_string()));
            detail = Some(drift.resources.join("\n"));
        }
        let command = match (notification.kind, operation) {
            (Kind::Operation(OperationStatus::WaitingForApproval) | Kind::ApprovalReminder, Some(operation)) => {
                Some(format!("slipway sheet {}", operation.id))
            }
            (_, Some(operation)) => Some(format!("slipway operation show {}", operation.id)),
            (_, None) => Some(format!("slipway stack show {}", stack.id)),
        };
        let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
        Self {
            tone: tone(notification.kind),
            title: shortened(&plain(&title), FACT),
            facts: facts
                .map(|(name, value)| (name, shortened(&plain(&value), FACT)))
                .collect(),
            detail: detail.map(|detail| shortened(&plain(&detail), REASON)),
            command,
        }
    }
}

fn tone(kind: Kind) -> Tone {
    match kind {
        Kind::Operation(OperationStatus::Failed) | Kind::Stack(StackStatus::Failed) => Tone::Bad,
        Kind::Operation(OperationStatus::WaitingForApproval) | Kind::ApprovalReminder | Kind::Drifted => {
            Tone::Attention
        }
        Kind::Operation(OperationStatus::Succeeded) | Kind::Stack(StackStatus::Ready) => Tone::Good,
        Kind::Operation(_) | Kind::Stack(_) => Tone::Neutral,
    }
}

/// A text without characters that control how it is shown: escape sequences, and [marks]. Line breaks stay.
fn plain(text: &str) -> String {
    let shown = |(letter, is_mark): (char, bool)| {
        if letter == '\n' || !(letter.is_control() || is_mark) {
            letter
        } else {
            '\u{fffd}'
        }
    };
    marks::letters(text).map(shown).collect()
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most).chain(['…']).collect()
}
