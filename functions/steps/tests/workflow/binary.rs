//! The function's own binary, under the Lambda Runtime API.

use serde_json::json;
use slipway_model::operation::OperationStatus;

use crate::runtime_stub::Lambda;
use crate::world::{RUNTIME, World};

#[test]
fn binary_reports_errors_by_the_names_of_the_workflow() {
    let (world, id) = World::new();
    let execution = "arn:aws:states:us-east-1:000000000000:execution:slipway-operation:op";
    let (begun, unplanned, unknown) = RUNTIME.block_on(async {
        let mut lambda = Lambda::start(env!("CARGO_BIN_EXE_slipway-steps"), &world.vars).await;
        (
            lambda
                .invoke(json!({"step": "begin", "operation": id, "execution": execution}))
                .await,
            lambda.invoke(json!({"step": "review_plan", "operation": id})).await,
            lambda
                .invoke(json!({"step": "begin", "operation": id, "extra": true}))
                .await,
        )
    });
    let operation = world.operation(&id);
    assert_eq!(begun, Ok(json!({"kind": "provision", "stack": operation.stack})));
    assert_eq!(operation.status, OperationStatus::Running);
    assert_eq!(operation.execution_arn.as_deref(), Some(execution));

    let error = unplanned.expect_err("there is no plan yet");
    assert_eq!(error["errorType"], "Slipway.PlanFailed");
    assert_eq!(error["errorMessage"], "the build ended without a plan");
    let error = unknown.expect_err("an unknown field");
    assert_eq!(error["errorType"], "Slipway.Internal");
    assert!(
        error["errorMessage"]
            .as_str()
            .is_some_and(|text| text.contains("`extra`")),
        "{error}"
    );
}
