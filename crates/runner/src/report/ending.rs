//! How an apply ended, as far as that says what its state has.

use std::fs::File;
use std::path::Path;

use super::Report;
use crate::error::Error;
use crate::stream::Tail;

/// The summaries of errors with which Terraform reports that a provider ended, or did not answer as a provider does.
const LOST_PROVIDERS: [&str; 3] = ["Plugin did not respond", "Plugin error", "Request cancelled"];

impl Report {
    /// What the stream says that an earlier build left. It is read in parts.
    pub(crate) fn of_stream(stream: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File {
            action: "read",
            path: stream.to_owned(),
            source,
        };
        let mut tail = Tail::new(File::open(stream).map_err(failed)?);
        let mut report = Self::default();
        while let Some(lines) = tail.lines().map_err(failed)? {
            for line in lines {
                report.take(line);
            }
        }
        if let Some(rest) = tail.rest() {
            report.take(rest);
        }
        Ok(report)
    }

    /// What a stream of these messages says, whose last line has no break.
    #[cfg(test)]
    pub(crate) fn of_messages(messages: &[serde_json::Value]) -> Self {
        let lines: Vec<String> = messages.iter().map(ToString::to_string).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let stream = folder.path().join("stream");
        std::fs::write(&stream, lines.join("\n")).expect("a file");
        Self::of_stream(&stream).expect("a report")
    }

    /// Whether Terraform came to its end, where it saves the state: it says its errors after that. One that was killed, or
    /// interrupted twice, leaves something begun, or says neither an error nor a summary.
    pub(crate) fn came_to_its_end(&self) -> bool {
        self.applied || (self.begun.is_empty() && !self.errors.is_empty())
    }

    /// Whether a provider was killed: what it was creating may exist, and Terraform got nothing of it that it could save.
    pub(crate) fn lost_a_provider(&self) -> bool {
        self.errors
            .iter()
            .any(|error| LOST_PROVIDERS.contains(&error.summary.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn hook(kind: &str, action: &str, id: Option<&str>) -> Value {
        json!({"type": kind, "hook": {
            "resource": {"addr": "r.a"}, "action": action, "id_key": id.map(|_| "id"), "id_value": id,
        }})
    }

    fn error(summary: &str) -> Value {
        json!({"type": "diagnostic", "diagnostic": {"severity": "error", "summary": summary, "detail": ""}})
    }

    #[test]
    fn only_an_apply_that_says_its_end_has_saved_the_state() {
        let (begun, made) = (
            hook("apply_start", "create", None),
            hook("apply_complete", "create", Some("1")),
        );
        let ended =
            json!({"type": "change_summary", "changes": {"operation": "apply", "add": 1, "change": 0, "remove": 0}});
        assert!(Report::of_messages(&[begun.clone(), made.clone(), ended]).came_to_its_end());
        assert!(Report::of_messages(&[begun.clone(), made.clone(), error("AccessDenied")]).came_to_its_end());
        assert!(!Report::of_messages(&[begun.clone(), made]).came_to_its_end());
        assert!(!Report::of_messages(&[begun, error("Two interrupts received")]).came_to_its_end());
    }

    #[test]
    fn a_replaced_resource_is_known_whichever_comes_first() {
        let (destroyed, created) = (
            [
                hook("apply_start", "delete", Some("1")),
                hook("apply_complete", "delete", None),
            ],
            [
                hook("apply_start", "create", None),
                hook("apply_complete", "create", Some("2")),
            ],
        );
        let has_replaced = |messages: &[Value]| {
            let report = Report::of_messages(messages);
            let created = report.created["r.a"].clone().expect("an ID");
            (created.id, created.has_replaced)
        };
        assert_eq!(
            has_replaced(&[destroyed.as_slice(), &created].concat()),
            ("2".to_owned(), true)
        );
        assert_eq!(
            has_replaced(&[created.as_slice(), &destroyed].concat()),
            ("2".to_owned(), true)
        );
        assert_eq!(has_replaced(&created), ("2".to_owned(), false));
    }

    #[test]
    fn a_killed_provider_is_known_by_its_errors() {
        let failed = [
            hook("apply_start", "create", None),
            hook("apply_errored", "create", None),
        ];
        let lost = Report::of_messages(&[failed.as_slice(), &[error("Plugin did not respond")]].concat());
        assert!(lost.lost_a_provider() && lost.failed.contains("r.a"));
        let denied = Report::of_messages(&[failed.as_slice(), &[error("AccessDenied")]].concat());
        assert!(!denied.lost_a_provider());
    }
}
