//! What a task does: the call of its service, and the messages that report it to the driver.

use asl_interpreter::{Event, IntegrationPattern, TaskRequest};
use serde_json::{Value, json};

use super::driver::{Mailbox, Message};
use super::jobs::Job;
use super::key_case::{Times, from_wire, rds_from_wire, rds_to_wire, to_wire};
use super::progress::Open;
use super::supported::{Integration, Sdk, integration};
use super::{StepFunctions, lambda};
use crate::wire::{AwsError, request_id};

/// Why a task failed: what `ErrorEquals` matches, and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub error: String,
    pub cause: String,
}

impl Failure {
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            cause: cause.into(),
        }
    }

    /// A refused call of an optimized integration: `ECS.ClusterNotFoundException`, in the words of version 1 of the
    /// AWS SDK for Java. `service` is that SDK's name for the service.
    ///
    /// `ThrottlingException` is in none of the models of these services, so that the SDK knows it as the service's own exception.
    pub fn optimized(prefix: &str, service: &str, error: &AwsError) -> Self {
        let (code, status) = (&error.code, error.status.as_u16());
        let name = match code.as_ref() {
            "ThrottlingException" => format!("{service}Exception"),
            code => exception(code),
        };
        Self::new(
            format!("{prefix}.{name}"),
            format!(
                "{} (Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {}; Proxy: null)",
                error.message,
                request_id()
            ),
        )
    }

    /// A refused call of an `aws-sdk:` integration: `Ecs.ServiceNotFoundException`, in the words of version 2.
    pub fn sdk(service: &str, error: &AwsError) -> Self {
        Self::new(
            format!("{service}.{}", exception(&error.code)),
            format!(
                "{} (Service: {service}, Status Code: {}, Request ID: {})",
                error.message,
                error.status.as_u16(),
                request_id()
            ),
        )
    }
}

/// The SDK for Java ends the name of every exception so, and writes no two capitals together but at the start of a word;
/// `StateMachineDoesNotExist` of Step Functions and `DBClusterNotFoundFault` of RDS are called otherwise.
fn exception(code: &str) -> String {
    let code = code.strip_suffix("Fault").unwrap_or(code).replace("DB", "Db");
    if code.ends_with("Exception") {
        code
    } else {
        format!("{code}Exception")
    }
}

/// The answer of an optimized integration, with what the SDK for Java adds to it.
pub fn with_metadata(mut answer: Value) -> Value {
    let id = request_id();
    answer["SdkHttpMetadata"] = json!({
        "AllHttpHeaders": {"x-amzn-RequestId": [id]},
        "HttpHeaders": {"x-amzn-RequestId": id},
        "HttpStatusCode": 200,
    });
    answer["SdkResponseMetadata"] = json!({"RequestId": id});
    answer
}

/// One attempt of a task.
pub struct TaskRun {
    pub service: StepFunctions,
    pub execution: String,
    pub request: TaskRequest,
    pub mailbox: Mailbox,
}

impl TaskRun {
    /// Starts it, for the first time.
    pub fn start(self) {
        let service = self.service.clone();
        service.spawn(async move { self.run().await });
    }

    /// Takes it up after a restart.
    pub fn resume(self, open: Open) {
        let service = self.service.clone();
        match (open.job, open.submitted) {
            (Some(job), _) => drop(service.spawn(async move { self.follow(&job).await })),
            // The holder of the token answers.
            (None, true) => {}
            (None, false) if integration(&self.request.resource) == Some(Integration::Invoke) => {
                // How far the function came is unknown. Lambda says no more than this either.
                let cause = "The invocation was interrupted because the emulator was restarted.";
                self.failed(Failure::new("Lambda.ServiceException", cause));
            }
            // Starts of jobs have their idempotency token; the other calls may be made again.
            (None, false) => self.start(),
        }
    }

    async fn run(self) {
        let (service, request) = (&self.service, &self.request);
        let arguments = &request.arguments;
        let answer = match integration(&request.resource) {
            Some(Integration::Build) => {
                return self
                    .started(service.start_build(&self.execution, request.task, arguments).await)
                    .await;
            }
            Some(Integration::Task) => {
                return self
                    .started(service.run_tasks(&self.execution, request.task, arguments).await)
                    .await;
            }
            Some(Integration::Invoke) => lambda::invoke(&service.shared.services.functions, arguments).await,
            Some(Integration::PutEvents) => self.put_events().await,
            Some(Integration::Sdk(sdk)) => self.call(sdk).await,
            // Such a machine is refused when it is created; this one is from another version.
            None => Err(Failure::new(
                "States.Runtime",
                format!("The resource {} is not supported.", request.resource),
            )),
        };
        match (answer, request.resource.pattern()) {
            (Err(failure), _) => self.failed(failure),
            (Ok(output), IntegrationPattern::WaitForTaskToken) => {
                self.send(Message::Submitted {
                    task: request.task,
                    output,
                    job: None,
                });
            }
            (Ok(output), _) => self.send(Message::Event(Event::TaskSucceeded {
                task: request.task,
                output,
            })),
        }
    }

    async fn started(&self, answer: Result<(Value, Job), Failure>) {
        let (output, job) = match answer {
            Ok(started) => started,
            Err(failure) => return self.failed(failure),
        };
        let message = Message::Submitted {
            task: self.request.task,
            output,
            job: Some(job.clone()),
        };
        match self.mailbox.send(message) {
            Ok(()) => self.follow(&job).await,
            // The execution ended while the call was on its way.
            Err(_) => self.service.stop_unwritten(&self.execution, self.request.task, job),
        }
    }

    async fn follow(&self, job: &Job) {
        let task = self.request.task;
        self.send(Message::Event(match self.service.follow(job).await {
            Ok(output) => Event::TaskSucceeded { task, output },
            Err(Failure { error, cause }) => Event::TaskFailed {
                task,
                error: Some(error),
                cause: Some(cause),
            },
        }));
    }

    /// A call that was refused: `TaskSubmitFailed` where the task would have waited for something after it.
    fn failed(&self, Failure { error, cause }: Failure) {
        let (task, error, cause) = (self.request.task, Some(error), Some(cause));
        self.send(Message::Event(match self.request.resource.pattern() {
            IntegrationPattern::RequestResponse => Event::TaskFailed { task, error, cause },
            _ => Event::TaskSubmitFailed { task, error, cause },
        }));
    }

    /// An execution that has ended takes no messages.
    fn send(&self, message: Message) {
        let _ = self.mailbox.send(message);
    }

    async fn call(&self, sdk: Sdk) -> Result<Value, Failure> {
        let arguments = &self.request.arguments;
        let body = match sdk {
            Sdk::Rds => rds_to_wire(arguments).map_err(|name| {
                Failure::new(
                    "States.Runtime",
                    format!("The field '{name}' is not supported by Step Functions"),
                )
            })?,
            Sdk::CodeBuild | Sdk::Ecs | Sdk::StepFunctions => to_wire(arguments),
        };
        let action = self.request.resource.action_with_pattern();
        let action = action[..1].to_ascii_uppercase() + &action[1..];
        let services = &self.service.shared.services;
        let (name, answer) = match sdk {
            Sdk::CodeBuild => ("CodeBuild", (services.codebuild)(action, body).await),
            Sdk::Ecs => ("Ecs", (services.ecs)(action, body).await),
            Sdk::Rds => ("Rds", (services.rds)(action, body).await),
            // Boxed, because calls of Step Functions start executions that make such calls.
            Sdk::StepFunctions => ("Sfn", Box::pin(self.service.call(&action, body)).await),
        };
        let answer = answer.map_err(|error| Failure::sdk(name, &error))?;
        Ok(match sdk {
            Sdk::Rds => rds_from_wire(&answer),
            Sdk::CodeBuild | Sdk::Ecs | Sdk::StepFunctions => from_wire(&answer, Times::Text),
        })
    }

    /// `events:putEvents` takes `Detail` as an object too, and fails when one of its entries does.
    async fn put_events(&self) -> Result<Value, Failure> {
        let mut body = self.request.arguments.clone();
        for entry in body["Entries"].as_array_mut().into_iter().flatten() {
            if entry["Detail"].is_object() {
                entry["Detail"] = Value::String(entry["Detail"].to_string());
            }
        }
        let answer = self.service.shared.services.events.call("PutEvents", body).await;
        let answer = answer.map_err(|error| Failure::optimized("EventBridge", "AmazonEventBridge", &error))?;
        if answer["FailedEntryCount"] == 0 {
            Ok(with_metadata(answer))
        } else {
            Err(Failure::new("EventBridge.FailedEntry", answer.to_string()))
        }
    }
}
