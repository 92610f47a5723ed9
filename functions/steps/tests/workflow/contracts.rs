//! Contracts that can be read, and that the record of the stack or AWS does not take.

use serde_json::json;

use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{UPDATE, image};

#[test]
fn contract_without_room_is_invalid() {
    let mut world = provisioned();
    let before = world.stack().contract;
    world.contract.as_mut().expect("a contract")["notes"] = json!({"long": "x".repeat(410_000)});
    let update = world.ask(UPDATE);
    let run = world.run(&update);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    assert!(
        cause.contains("`slipway` has 41") && cause.contains("may have 262144"),
        "{cause}"
    );
    let stack = world.stack();
    assert_eq!((stack.contract, stack.active_operation), (before, None));

    // Shortened, it is recorded.
    world.contract.as_mut().expect("a contract")["notes"] = json!({"long": "x".repeat(100_000)});
    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
}

#[test]
fn schedule_that_aws_rejects_is_named() {
    let mut world = provisioned();
    let (before, tick) = (images(&world), format!("{}-tick", world.stack));
    world.aws().schedules.get_mut(&tick).expect("it")["EndDate"] = json!(1_000_000_000);
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    assert!(
        cause.contains(&format!("EventBridge Scheduler could not point the schedule `{tick}`"))
            && cause.contains("ValidationException"),
        "{cause}"
    );
    assert_eq!(images(&world), before);
}
