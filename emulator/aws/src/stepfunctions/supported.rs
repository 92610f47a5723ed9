//! The supported service integrations. A machine that names any other is refused when it is created.

use asl_interpreter::{Diagnostic, DiagnosticCode, IntegrationPattern, Resource, StateMachine};

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
    Rds,
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
    "deleteCluster",
    "deleteService",
    "deregisterTaskDefinition",
    "describeClusters",
    "describeServices",
    "describeTaskDefinition",
    "describeTasks",
    "listClusters",
    "listServices",
    "listTaskDefinitions",
    "listTasks",
    "registerTaskDefinition",
    "runTask",
    "stopTask",
    "updateService",
];
const RDS: &[&str] = &[
    "createDBClusterSnapshot",
    "createDBSnapshot",
    "deleteDBSnapshot",
    "describeDBClusterSnapshots",
    "describeDBInstances",
    "describeDBSnapshots",
    "restoreDBInstanceFromDBSnapshot",
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

/// The integration behind a resource, if it is supported.
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
        ("aws-sdk:rds", _, RequestResponse) if known(RDS) => Some(Integration::Sdk(Sdk::Rds)),
        ("aws-sdk:sfn", _, RequestResponse) if known(STEP_FUNCTIONS) => Some(Integration::Sdk(Sdk::StepFunctions)),
        _ => None,
    }
}

/// The tasks of a machine whose resource is not supported.
pub fn refused(machine: &StateMachine) -> Vec<Diagnostic> {
    let refused = machine.tasks().filter(|(_, resource)| integration(resource).is_none());
    refused
        .map(|(state, resource)| Diagnostic {
            code: DiagnosticCode::SchemaValidationFailed,
            message: format!(
                "The resource provided {resource} of the state '{state}' is not supported by this emulator."
            ),
            location: Some(format!("/States/{state}/Resource")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_supported_integrations_pass() {
        for (resource, supported) in [
            ("lambda:invoke", true),
            ("lambda:invoke.waitForTaskToken", true),
            ("codebuild:startBuild.sync", true),
            ("codebuild:startBuild", false),
            ("ecs:runTask.sync", true),
            ("ecs:runTask.waitForTaskToken", false),
            ("events:putEvents", true),
            ("aws-sdk:ecs:updateService", true),
            ("aws-sdk:ecs:updateService.waitForTaskToken", false),
            ("aws-sdk:ecs:updateCluster", false),
            ("aws-sdk:codebuild:stopBuild", true),
            ("aws-sdk:sfn:startExecution", true),
            ("aws-sdk:rds:createDBSnapshot", true),
            ("aws-sdk:rds:createDbSnapshot", false),
            ("sqs:sendMessage", false),
        ] {
            let parsed = format!("arn:aws:states:::{resource}").parse().expect(resource);
            assert_eq!(integration(&parsed).is_some(), supported, "{resource}");
        }
        let function = "arn:aws:lambda:us-east-1:000000000000:function:x"
            .parse()
            .expect("a function");
        assert_eq!(integration(&function), None);
    }
}
