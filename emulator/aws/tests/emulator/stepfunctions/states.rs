//! States that the tests run.

use serde_json::{Value, json};

pub const LAMBDA: &str = "arn:aws:states:::lambda:invoke";
pub const ASK: &str = "arn:aws:states:::lambda:invoke.waitForTaskToken";
pub const BUILD: &str = "arn:aws:states:::codebuild:startBuild.sync";
pub const TASK: &str = "arn:aws:states:::ecs:runTask.sync";

pub fn pass() -> Value {
    json!({"Pass it on": {"Type": "Pass", "End": true}})
}

pub fn build() -> Value {
    json!({"Plan": {"Type": "Task", "Resource": BUILD, "Arguments": {"ProjectName": "runner"}, "End": true}})
}

pub fn ask() -> Value {
    json!({"Ask": {
        "Type": "Task",
        "Resource": ASK,
        "Arguments": {"FunctionName": "ask", "Payload": {"token": "{% $states.context.Task.Token %}"}},
        "End": true,
    }})
}

/// One state, with more fields.
pub fn task(resource: &str, arguments: &Value) -> Value {
    json!({"Do": {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": true}})
}
