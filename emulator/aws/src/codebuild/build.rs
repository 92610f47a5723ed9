//! A build: its record in the ledger, and what AWS shows of it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Project;
use crate::wire::{arn, epoch_seconds};

/// The phases in which the buildspec's commands run.
pub(super) const SHELL_PHASES: [&str; 4] = ["INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"];

/// Who started a build: there is one caller.
pub(super) const INITIATOR: &str = "emulator";

/// How a build stands or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Status {
    InProgress,
    Succeeded,
    Failed,
    /// The build could not be carried out: its process was killed from outside.
    Fault,
    TimedOut,
    Stopped,
}

/// Why a build is to end before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stop {
    /// `StopBuild`.
    Requested,
    Timeout,
    /// The emulator ends, and all builds with it.
    Shutdown,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Phase {
    pub(super) name: String,
    pub(super) status: Option<Status>,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    /// A code and a sentence, when something went wrong.
    pub(super) context: Option<(String, String)>,
}

/// One build, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Build {
    pub(super) uuid: String,
    pub(super) project: String,
    pub(super) number: u64,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    pub(super) status: Status,
    pub(super) phases: Vec<Phase>,
    /// The variables of the project with the caller's over them.
    pub(super) variables: BTreeMap<String, String>,
    /// Set before the process is interrupted, so that a new server knows why it ended.
    pub(super) stop: Option<Stop>,
}

impl Build {
    pub(super) fn new(uuid: String, project: &str, number: u64, variables: BTreeMap<String, String>) -> Self {
        let start = Timestamp::now();
        let submitted = Phase {
            name: "SUBMITTED".to_owned(),
            status: Some(Status::Succeeded),
            start,
            end: Some(start),
            context: None,
        };
        let mut build = Self {
            uuid,
            project: project.to_owned(),
            number,
            start,
            end: None,
            status: Status::InProgress,
            phases: vec![submitted],
            variables,
            stop: None,
        };
        build.begin("QUEUED", start);
        build
    }

    /// `project:uuid`.
    pub(super) fn id(&self) -> String {
        format!("{}:{}", self.project, self.uuid)
    }

    pub(super) fn arn(&self) -> String {
        arn("codebuild", &format!("build/{}", self.id()))
    }

    pub(super) fn is_complete(&self) -> bool {
        self.end.is_some()
    }

    pub(super) fn current_phase(&self) -> &str {
        self.phases.last().map_or("SUBMITTED", |phase| &phase.name)
    }

    pub(super) fn begin(&mut self, name: &str, start: Timestamp) {
        self.phases.push(Phase {
            name: name.to_owned(),
            status: None,
            start,
            end: None,
            context: None,
        });
    }

    /// Ends the phase that is running, if one is.
    pub(super) fn end_phase(&mut self, status: Status, end: Timestamp, context: Option<(String, String)>) {
        if let Some(phase) = self.phases.last_mut().filter(|phase| phase.end.is_none()) {
            phase.status = Some(status);
            phase.end = Some(end);
            phase.context = context;
        }
    }

    /// Takes over what the script has marked since the last look. Says whether there was anything new.
    pub(super) fn read_marks(&mut self, folder: &Path) -> bool {
        let mut is_new = false;
        for name in SHELL_PHASES {
            let known = self.phases.iter().any(|phase| phase.name == name);
            if !known {
                let Some(begun) = modified(&folder.join(format!("{name}.begin"))) else {
                    return is_new;
                };
                self.end_phase(Status::Succeeded, begun, None);
                self.begin(name, begun);
                is_new = true;
            }
            if self.current_phase() == name && self.phases.last().is_some_and(|phase| phase.end.is_none()) {
                let file = folder.join(format!("{name}.end"));
                let (Some(ended), Ok(text)) = (modified(&file), std::fs::read_to_string(&file)) else {
                    return is_new;
                };
                // The file is made first and written a moment later, which is a change of its own.
                if !text.ends_with('\n') {
                    return is_new;
                }
                let (status, context) = outcome(&text);
                self.end_phase(status, ended, context);
                is_new = true;
            }
        }
        is_new
    }

    /// Ends the build as a whole, with the phases that AWS shows last.
    pub(super) fn complete(&mut self, status: Status, context: Option<(String, String)>) {
        let now = Timestamp::now();
        self.end_phase(status, now, context);
        if self.phases.iter().any(|phase| phase.name == SHELL_PHASES[0]) {
            for name in ["UPLOAD_ARTIFACTS", "FINALIZING"] {
                self.begin(name, now);
                self.end_phase(Status::Succeeded, now, None);
            }
        }
        self.begin("COMPLETED", now);
        self.status = status;
        self.end = Some(now);
    }

    /// The build in the shape of AWS's API.
    pub(super) fn to_json(&self, project: &Project) -> Value {
        let variables = self.variables_json();
        let mut build = json!({
            "id": self.id(),
            "arn": self.arn(),
            "buildNumber": self.number,
            "startTime": epoch_seconds(self.start),
            "currentPhase": self.current_phase(),
            "buildStatus": self.status,
            "projectName": self.project,
            "phases": self.phases.iter().map(Phase::to_json).collect::<Vec<_>>(),
            "source": project.source_json(),
            "artifacts": {"location": ""},
            "cache": {"type": "NO_CACHE"},
            "environment": Project::environment_json(&variables),
            "logs": {
                "groupName": project.log_group,
                "streamName": self.uuid,
                "cloudWatchLogsArn": arn(
                    "logs",
                    &format!("log-group:{}:log-stream:{}", project.log_group, self.uuid)
                ),
                "cloudWatchLogs": {"status": "ENABLED", "groupName": project.log_group},
            },
            "timeoutInMinutes": project.timeout_minutes,
            "queuedTimeoutInMinutes": project.queued_timeout_minutes,
            "buildComplete": self.is_complete(),
            "initiator": INITIATOR,
        });
        if let Some(end) = self.end {
            build["endTime"] = epoch_seconds(end);
        }
        build
    }

    fn variables_json(&self) -> Vec<Value> {
        self.variables
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value, "type": "PLAINTEXT"}))
            .collect()
    }

    /// The detail of the event that AWS publishes when a build's status changes.
    pub(super) fn event_detail(&self, project: &Project) -> Value {
        json!({
            "build-status": self.status,
            "project-name": self.project,
            "build-id": self.arn(),
            "current-phase": self.current_phase(),
            "current-phase-context": "[]",
            "version": "1",
            "additional-information": {
                "build-complete": self.is_complete(),
                "build-number": self.number,
                "initiator": INITIATOR,
                "timeout-in-minutes": project.timeout_minutes,
                "queued-timeout-in-minutes": project.queued_timeout_minutes,
                "logs": {"group-name": project.log_group, "stream-name": self.uuid},
                "environment": {"environment-variables": self.variables_json()},
            },
        })
    }
}

impl Phase {
    fn to_json(&self) -> Value {
        let mut phase = json!({"phaseType": self.name, "startTime": epoch_seconds(self.start)});
        if let Some(status) = self.status {
            phase["phaseStatus"] = json!(status);
        }
        if let Some(end) = self.end {
            phase["endTime"] = epoch_seconds(end);
            phase["durationInSeconds"] = json!(end.duration_since(self.start).as_secs());
        }
        if let Some((code, message)) = &self.context {
            phase["contexts"] = json!([{"statusCode": code, "message": message}]);
        }
        phase
    }
}

/// What the script wrote at the end of a phase: an exit code, and the command that failed.
fn outcome(text: &str) -> (Status, Option<(String, String)>) {
    match text.trim_end().split_once('\n') {
        None => (Status::Succeeded, None),
        Some((code, command)) => {
            let message = format!("Error while executing command: {command}. Reason: exit status {code}");
            (Status::Failed, Some(("COMMAND_EXECUTION_ERROR".to_owned(), message)))
        }
    }
}

fn modified(file: &Path) -> Option<Timestamp> {
    Timestamp::try_from(file.metadata().ok()?.modified().ok()?).ok()
}
