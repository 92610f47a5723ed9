//! What Step Functions keeps in the ledger.

use asl_interpreter::Outcome;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::arns;
use crate::wire::epoch_seconds;

/// State machines by ARN: [`Machine`].
pub const MACHINE: &str = "sfn-machine";
/// Aliases of machines by ARN, each with the ARN of its machine.
pub const ALIAS: &str = "sfn-alias";
/// Every definition that a machine has had, by [`revision_id`]: [`Revision`]. Executions keep the one that they
/// were started with.
pub const REVISION: &str = "sfn-revision";
/// Executions by ARN: [`Execution`].
pub const EXECUTION: &str = "sfn-execution";
/// What the driver needs of a running execution, by ARN: [`super::progress::Progress`].
pub const RUNNING: &str = "sfn-running";
/// History events by the ARN of the execution, in order: entries.
pub const HISTORY: &str = "sfn-history";
/// Task tokens: [`Token`].
pub const TOKEN: &str = "sfn-token";
/// Builds and tasks that have to be stopped, because no task waits for them any more: [`super::jobs::Job`].
pub const STOP: &str = "sfn-stop";

/// A state machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    pub arn: String,
    pub name: String,
    pub created: Timestamp,
    /// The number of its present [`Revision`].
    pub revision: u64,
    /// The settings that mean nothing here, given back as they came.
    pub settings: Settings,
}

/// Settings of a state machine that the emulator keeps and does not follow: the history is always there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    #[serde(rename = "loggingConfiguration")]
    pub logging: Option<Value>,
    #[serde(rename = "tracingConfiguration")]
    pub tracing: Option<Value>,
    #[serde(rename = "encryptionConfiguration")]
    pub encryption: Option<Value>,
}

/// One definition of a state machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Revision {
    pub definition: String,
    pub role_arn: String,
    pub updated: Timestamp,
}

/// The id of a revision in the ledger.
pub fn revision_id(machine_arn: &str, revision: u64) -> String {
    format!("{machine_arn}#{revision}")
}

/// One execution.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Execution {
    pub arn: String,
    pub name: String,
    pub machine_arn: String,
    pub machine_name: String,
    pub revision: u64,
    pub status: Status,
    pub start_date: Timestamp,
    pub stop_date: Option<Timestamp>,
    /// The text that `StartExecution` got.
    pub input: String,
    pub output: Option<String>,
    pub error: Option<String>,
    pub cause: Option<String>,
}

/// The status of an execution, as AWS names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
    /// Only ever asked for: nothing here can be redriven.
    PendingRedrive,
}

/// Whose answer a task token is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    pub execution: String,
    pub task: u64,
}

impl Execution {
    /// Takes in how it ended.
    pub fn end(&mut self, outcome: &Outcome, now: Timestamp) {
        self.stop_date = Some(now);
        match outcome {
            Outcome::Succeeded { output } => {
                self.status = Status::Succeeded;
                self.output = Some(output.to_string());
            }
            Outcome::Failed { error, cause } => {
                self.status = Status::Failed;
                (self.error, self.cause) = (error.clone(), cause.clone());
            }
            Outcome::TimedOut => self.status = Status::TimedOut,
            Outcome::Aborted { error, cause } => {
                self.status = Status::Aborted;
                (self.error, self.cause) = (error.clone(), cause.clone());
            }
        }
    }

    /// The answer of `DescribeExecution`.
    pub fn description(&self) -> Value {
        let included = json!({"included": true});
        let mut description = self.list_item();
        let mut put = |name: &str, value: Value| description[name] = value;
        put("input", json!(self.input));
        put("inputDetails", included.clone());
        if let Some(output) = &self.output {
            put("output", json!(output));
            put("outputDetails", included);
        }
        for (name, value) in [("error", &self.error), ("cause", &self.cause)] {
            if let Some(value) = value {
                put(name, json!(value));
            }
        }
        put("redriveStatus", json!("NOT_REDRIVABLE"));
        put(
            "redriveStatusReason",
            json!("Executions of this emulator cannot be redriven"),
        );
        description
    }

    /// The item of `ListExecutions`.
    pub fn list_item(&self) -> Value {
        let mut item = json!({
            "executionArn": self.arn,
            "stateMachineArn": self.machine_arn,
            "name": self.name,
            "status": self.status,
            "startDate": epoch_seconds(self.start_date),
            "redriveCount": 0,
        });
        if let Some(stop_date) = self.stop_date {
            item["stopDate"] = epoch_seconds(stop_date);
        }
        item
    }

    /// The detail of the event "Step Functions Execution Status Change".
    pub fn event_detail(&self) -> Value {
        let included = |text: Option<&String>| text.map(|_| json!({"included": true}));
        json!({
            "executionArn": self.arn,
            "stateMachineArn": self.machine_arn,
            "name": self.name,
            "status": self.status,
            "startDate": self.start_date.as_millisecond(),
            "stopDate": self.stop_date.map(Timestamp::as_millisecond),
            "input": self.input,
            "inputDetails": included(Some(&self.input)),
            "output": self.output,
            "outputDetails": included(self.output.as_ref()),
            "error": self.error,
            "cause": self.cause,
            "stateMachineVersionArn": null,
            "stateMachineAliasArn": null,
            "redriveCount": 0,
            "redriveDate": null,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": null,
        })
    }
}

/// An execution whose record cannot be read, as far as its ARN says. When it began, with what and on which definition is lost.
pub fn lost_execution(arn: &str, now: Timestamp) -> Option<Execution> {
    let (machine, name) = arns::split_execution(arn)?;
    Some(Execution {
        arn: arn.to_owned(),
        name: name.to_owned(),
        machine_arn: arns::machine(machine),
        machine_name: machine.to_owned(),
        revision: 0,
        status: Status::Running,
        start_date: now,
        stop_date: None,
        input: "{}".to_owned(),
        output: None,
        error: None,
        cause: None,
    })
}

/// A new execution of a machine.
pub fn new_execution(machine: &Machine, name: String, input: String, now: Timestamp) -> Execution {
    Execution {
        arn: arns::execution(&machine.name, &name),
        name,
        machine_arn: machine.arn.clone(),
        machine_name: machine.name.clone(),
        revision: machine.revision,
        status: Status::Running,
        start_date: now,
        stop_date: None,
        input,
        output: None,
        error: None,
        cause: None,
    }
}
