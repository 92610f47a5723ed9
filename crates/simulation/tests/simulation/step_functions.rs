//! Step Functions: executions of the shipped state machine, on the clock of the runtime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use asl_interpreter::{Effect, Event, Execution, ExecutionStart, Outcome, TaskId, TaskRequest, TimerId, Turn};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::sabotage::Sabotage;
use crate::wire::{Answer, error};
use crate::world::{MACHINE, World};

const MACHINE_ARN: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:slipway-operation";
const EXECUTION_ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:slipway-operation:";

/// The timeout of the function of the steps.
const STEP: Duration = Duration::from_mins(1);

/// All executions, by name, and the open task tokens.
#[derive(Debug, Default)]
pub struct Executions {
    by_name: BTreeMap<String, Run>,
    tokens: BTreeMap<String, (String, TaskId)>,
}

#[derive(Debug)]
struct Run {
    execution: Execution,
    input: String,
    timers: BTreeMap<TimerId, AbortHandle>,
    /// The builds that tasks wait for.
    builds: BTreeMap<TaskId, String>,
}

impl Executions {
    /// The names of those that run.
    pub fn running(&self) -> Vec<String> {
        let running = self.by_name.iter().filter(|(_, run)| run.execution.outcome().is_none());
        running.map(|(name, _)| name.clone()).collect()
    }

    /// The build that a task waits for.
    pub fn wait_for_build(&mut self, execution: &str, task: TaskId, build: &str) {
        if let Some(run) = self.by_name.get_mut(execution) {
            run.builds.insert(task, build.to_owned());
        }
    }
}

impl World {
    pub fn of_step_functions(self: &Arc<Self>, action: &str, body: &Value) -> Answer {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let optional = |name: &str| body[name].as_str().map(str::to_owned);
        let name = text("executionArn").trim_start_matches(EXECUTION_ARN);
        match action {
            "StartExecution" => self.start_execution(text("name"), text("input")),
            "DescribeExecution" => self.describe_execution(name),
            "StopExecution" => {
                if !self.executions().by_name.contains_key(name) {
                    return error("ExecutionDoesNotExist");
                }
                let (error, cause) = (optional("error"), optional("cause"));
                self.deliver(name, Event::Abort { error, cause });
                (200, json!({"stopDate": 0}).to_string())
            }
            "SendTaskSuccess" => {
                let output = serde_json::from_str(text("output")).unwrap_or_default();
                self.answer_task(text("taskToken"), |task| Event::TaskSucceeded { task, output })
            }
            "SendTaskFailure" => {
                let (error, cause) = (optional("error"), optional("cause"));
                self.answer_task(text("taskToken"), |task| Event::TaskFailed { task, error, cause })
            }
            other => panic!("Step Functions has no {other}"),
        }
    }

    fn start_execution(self: &Arc<Self>, name: &str, input: &str) -> Answer {
        let started = (
            200,
            json!({"executionArn": format!("{EXECUTION_ARN}{name}"), "startDate": 0}).to_string(),
        );
        if let Some(run) = self.executions().by_name.get(name) {
            let same = run.execution.outcome().is_none() && run.input == input;
            return if same { started } else { error("ExecutionAlreadyExists") };
        }
        let start = ExecutionStart {
            arn: format!("{EXECUTION_ARN}{name}"),
            name: name.to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/slipway".to_owned(),
            state_machine_arn: MACHINE_ARN.to_owned(),
            state_machine_name: "slipway-operation".to_owned(),
            input: serde_json::from_str(input).unwrap_or_default(),
        };
        let seed = self.chance(crate::chance::Chance::next);
        let (execution, turn) = Execution::start(&MACHINE, start, Timestamp::now(), seed);
        let run = Run {
            execution,
            input: input.to_owned(),
            timers: BTreeMap::new(),
            builds: BTreeMap::new(),
        };
        self.executions().by_name.insert(name.to_owned(), run);
        self.carry_out(name, turn);
        started
    }

    fn describe_execution(&self, name: &str) -> Answer {
        let executions = self.executions();
        let Some(run) = executions.by_name.get(name) else {
            return error("ExecutionDoesNotExist");
        };
        let mut described = ended(name, run.execution.outcome());
        described["executionArn"] = format!("{EXECUTION_ARN}{name}").into();
        described["startDate"] = 0.into();
        (200, described.to_string())
    }

    /// Answers a task by its token, if it is open.
    fn answer_task(self: &Arc<Self>, token: &str, event: impl FnOnce(TaskId) -> Event) -> Answer {
        let Some((name, task)) = self.executions().tokens.remove(token) else {
            return error("TaskTimedOut");
        };
        let loses = self.sabotage == Some(Sabotage::LosesTaskAnswers);
        if loses && self.chance(|chance| chance.happens(500)) {
            return (200, "{}".to_owned());
        }
        self.deliver(&name, event(task));
        (200, "{}".to_owned())
    }

    /// Lets an execution take in an event.
    pub fn deliver(self: &Arc<Self>, name: &str, event: Event) {
        let turn = {
            let mut executions = self.executions();
            let Some(run) = executions.by_name.get_mut(name) else {
                return;
            };
            run.execution.handle(&MACHINE, event, Timestamp::now())
        };
        self.carry_out(name, turn);
    }

    fn carry_out(self: &Arc<Self>, name: &str, turn: Turn) {
        for effect in turn.effects {
            match effect {
                Effect::StartTask(request) => self.start_task(name, *request),
                Effect::CancelTask { task } => self.cancel_task(name, task),
                Effect::StartTimer { timer, at } => self.start_timer(name, timer, at),
                Effect::CancelTimer { timer } => {
                    let mut executions = self.executions();
                    let open = executions
                        .by_name
                        .get_mut(name)
                        .and_then(|run| run.timers.remove(&timer));
                    if let Some(open) = open {
                        open.abort();
                    }
                }
            }
        }
        if let Some(outcome) = turn.outcome {
            let end = ended(name, Some(&outcome));
            self.note(&format!("execution {name} {}", end["status"]));
            self.send_end(&end);
        }
    }

    fn start_timer(self: &Arc<Self>, name: &str, timer: TimerId, at: Timestamp) {
        let (world, execution) = (Arc::clone(self), name.to_owned());
        let left = Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default();
        let fires = tokio::spawn(async move {
            sleep(left).await;
            world.deliver(&execution, Event::TimerFired { timer });
        });
        if let Some(run) = self.executions().by_name.get_mut(name) {
            run.timers.insert(timer, fires.abort_handle());
        }
    }

    fn start_task(self: &Arc<Self>, name: &str, request: TaskRequest) {
        if let Some(token) = &request.token {
            let open = (name.to_owned(), request.task);
            self.executions().tokens.insert(token.clone(), open);
        }
        self.note(&format!("execution {name} starts {}", request.state));
        let (world, name) = (Arc::clone(self), name.to_owned());
        tokio::spawn(async move {
            let task = request.task;
            world.deliver(&name, Event::TaskStarted { task });
            match (request.resource.resource_type(), request.token.is_some()) {
                ("lambda", waits) => world.run_step(&name, &request, waits).await,
                _ => world.run_build(&name, task, &request.arguments).await,
            }
        });
    }

    fn cancel_task(self: &Arc<Self>, name: &str, task: TaskId) {
        let build = {
            let mut executions = self.executions();
            executions
                .tokens
                .retain(|_, open| (open.0.as_str(), open.1) != (name, task));
            executions
                .by_name
                .get_mut(name)
                .and_then(|run| run.builds.remove(&task))
        };
        if let Some(build) = build {
            self.end_build(&build, "STOPPED");
        }
    }

    /// A state that invokes the function of the steps, and perhaps waits for the answer to its token.
    async fn run_step(self: &Arc<Self>, name: &str, request: &TaskRequest, waits: bool) {
        let task = request.task;
        let (steps, payload) = (self.functions().steps, request.arguments["Payload"].clone());
        let ran = self.run(STEP, async move { steps.handle(payload).await }).await;
        let failed = |error: &str, cause: String| Event::TaskFailed {
            task,
            error: Some(error.to_owned()),
            cause: Some(cause),
        };
        let event = match ran {
            Ok(Ok(_)) if waits => Event::TaskSubmitted {
                task,
                output: json!({}),
            },
            Ok(Ok(answer)) => Event::TaskSucceeded {
                task,
                output: json!({"StatusCode": 200, "Payload": answer}),
            },
            Ok(Err(error)) => {
                let cause = json!({"errorType": error.name(), "errorMessage": error.text()});
                failed(error.name(), cause.to_string())
            }
            Err(fault) => failed(fault, "simulated".to_owned()),
        };
        if waits && matches!(event, Event::TaskFailed { .. }) {
            // The attempt has ended: its token is no longer accepted.
            self.executions()
                .tokens
                .retain(|_, open| (open.0.as_str(), open.1) != (name, task));
        }
        self.note(&format!("execution {name} {} {}", request.state, kind(&event)));
        self.deliver(name, event);
    }
}

/// The status of an execution, as `DescribeExecution` and the event of its end have it.
fn ended(name: &str, outcome: Option<&Outcome>) -> Value {
    let (status, error, cause) = match outcome {
        None => ("RUNNING", None, None),
        Some(Outcome::Succeeded { .. }) => ("SUCCEEDED", None, None),
        Some(Outcome::Failed { error, cause }) => ("FAILED", error.as_deref(), cause.as_deref()),
        Some(Outcome::TimedOut) => ("TIMED_OUT", None, None),
        Some(Outcome::Aborted { error, cause }) => ("ABORTED", error.as_deref(), cause.as_deref()),
    };
    json!({"name": name, "stateMachineArn": MACHINE_ARN, "status": status, "error": error, "cause": cause})
}

fn kind(event: &Event) -> &str {
    match event {
        Event::TaskSucceeded { .. } => "succeeded",
        Event::TaskSubmitted { .. } => "submitted",
        Event::TaskFailed { error: Some(error), .. } => error,
        _ => "goes on",
    }
}
