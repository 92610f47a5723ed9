//! The service integrations that local mode offers. A machine that names any other is refused when it is created.

use serde_json::Value;
use slipway_asl::{Diagnostic, DiagnosticCode, IntegrationPattern, Resource};

/// What a task calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integration {
    /// `lambda:invoke`, with or without a task token.
    Invoke,
    /// `codebuild:startBuild.sync`.
    Build,
    /// `ecs:runTask.sync`.
    Task,
    /// `events:putEvents`.
    PutEvents,
    /// `aws-sdk:SERVICE:ACTION`.
    Sdk(Sdk),
}

/// A service that `aws-sdk:` integrations call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sdk {
    CodeBuild,
    Ecs,
    StepFunctions,
}

const CODEBUILD: &[&str] = &[
    "batchGetBuilds",
    "listBuilds",
    "listBuildsForProject",
    "startBuild",
    "stopBuild",
];
const ECS: &[&str] = &[
    "createCluster",
    "createService",
    "deleteService",
    "deregisterTaskDefinition",
    "describeClusters",
    "describeServices",
    "describeTaskDefinition",
    "describeTasks",
    "listServices",
    "listTaskDefinitions",
    "listTasks",
    "registerTaskDefinition",
    "runTask",
    "stopTask",
    "updateService",
];
const STEP_FUNCTIONS: &[&str] = &[
    "describeExecution",
    "getExecutionHistory",
    "listExecutions",
    "sendTaskFailure",
    "sendTaskHeartbeat",
    "sendTaskSuccess",
    "startExecution",
    "stopExecution",
];

/// The integration behind a resource, if it is offered.
pub fn integration(resource: &Resource) -> Option<Integration> {
    use IntegrationPattern::{RequestResponse, Sync, WaitForTaskToken};
    let Resource::Integration {
        service,
        action,
        pattern,
        ..
    } = resource
    else {
        return None;
    };
    let known = |actions: &[&str]| actions.contains(&action.as_str());
    match (service.as_str(), action.as_str(), pattern) {
        ("lambda", "invoke", RequestResponse | WaitForTaskToken) => Some(Integration::Invoke),
        ("codebuild", "startBuild", Sync) => Some(Integration::Build),
        ("ecs", "runTask", Sync) => Some(Integration::Task),
        ("events", "putEvents", RequestResponse) => Some(Integration::PutEvents),
        ("aws-sdk:codebuild", _, RequestResponse) if known(CODEBUILD) => Some(Integration::Sdk(Sdk::CodeBuild)),
        ("aws-sdk:ecs", _, RequestResponse) if known(ECS) => Some(Integration::Sdk(Sdk::Ecs)),
        ("aws-sdk:sfn", _, RequestResponse) if known(STEP_FUNCTIONS) => Some(Integration::Sdk(Sdk::StepFunctions)),
        _ => None,
    }
}

/// The tasks of a definition whose resource is not offered.
pub fn refused(definition: &str) -> Vec<Diagnostic> {
    let mut refused = Vec::new();
    if let Ok(definition) = serde_json::from_str(definition) {
        walk(&definition, "", &mut refused);
    }
    refused
}

fn walk(scope: &Value, path: &str, refused: &mut Vec<Diagnostic>) {
    for (name, state) in scope["States"].as_object().into_iter().flatten() {
        let path = format!("{path}/States/{name}");
        if let Some(resource) = state["Resource"].as_str() {
            let offered = resource.parse().ok().as_ref().and_then(integration);
            if offered.is_none() {
                refused.push(Diagnostic {
                    code: DiagnosticCode::SchemaValidationFailed,
                    message: format!("The resource provided {resource} is not offered by Slipway's local mode."),
                    location: Some(format!("{path}/Resource")),
                });
            }
        }
        walk(&state["ItemProcessor"], &format!("{path}/ItemProcessor"), refused);
        for (index, branch) in state["Branches"].as_array().into_iter().flatten().enumerate() {
            walk(branch, &format!("{path}/Branches[{index}]"), refused);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_offered_passes_wherever_it_stands() {
        let task = |resource: &str| json!({"Type": "Task", "Resource": format!("arn:aws:states:::{resource}")});
        let definition = json!({"States": {
            "A": task("lambda:invoke.waitForTaskToken"),
            "B": task("codebuild:startBuild.sync"),
            "C": {"Type": "Map", "ItemProcessor": {"States": {"D": task("ecs:runTask.sync"), "E": task("sqs:sendMessage")}}},
            "F": {"Type": "Parallel", "Branches": [{"States": {"G": task("aws-sdk:ecs:updateService")}},
                                                   {"States": {"H": task("aws-sdk:ecs:updateService.waitForTaskToken")}}]},
            "I": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:x"},
            "J": task("ecs:runTask"),
            "K": task("aws-sdk:sfn:startExecution"),
            "L": task("events:putEvents"),
        }});
        let places: Vec<String> = refused(&definition.to_string())
            .into_iter()
            .filter_map(|it| it.location)
            .collect();
        assert_eq!(
            places,
            [
                "/States/C/ItemProcessor/States/E/Resource",
                "/States/F/Branches[1]/States/H/Resource",
                "/States/I/Resource",
                "/States/J/Resource"
            ]
        );
    }
}
