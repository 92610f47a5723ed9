//! What containers print is quoted without the secrets that only builds see: their list is beside the stack's state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use slipway_model::id::OperationId;
use slipway_model::secret::Marked;
use slipway_store::notification::{NotificationFilter, Position};

use crate::kinds::{failed, provisioned, succeeded};
use crate::lock_timeouts::ends;
use crate::world::{UPDATE, World, image};

const LINE: &str = "connecting with password generated-canary-5678";

/// Runs a release whose migration prints [`LINE`] and fails, of a stack with this list; the cause of the execution.
fn fail_with_list(world: &mut World, list: &str) -> (OperationId, String) {
    let key = Marked::key(&world.stack);
    world.aws().objects.insert(key, list.to_owned());
    let id = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let aws = world.aws.clone();
    let run = world.run_with(&id, |task| {
        if task.state == "Check migration" {
            ends(&aws, 3, LINE);
        }
        None
    });
    let (_, cause) = failed(&run);
    (id, cause.to_owned())
}

/// Everything that people and other systems read of an operation.
fn shown(world: &World, id: &OperationId) -> String {
    let operation = world.operation(id);
    let position = Position::after(Timestamp::UNIX_EPOCH);
    let all = NotificationFilter::default();
    let read = world.store.notifications_after(&all, &position, 100);
    format!("{:?} {:?}", operation.failure, World::wait(read).notifications)
}

#[test]
fn failure_hides_values_that_terraform_marks() {
    let mut world = provisioned();
    let (id, cause) = fail_with_list(&mut world, r#"["generated-canary-5678"]"#);
    let quoted = "connecting with password (sensitive)";
    let shown = shown(&world, &id);
    assert!(cause.contains(quoted) && shown.contains(quoted), "{cause} {shown}");
    assert!(
        !cause.contains("canary") && !shown.contains("canary"),
        "{cause} {shown}"
    );
}

#[test]
fn failure_quotes_nothing_if_the_list_cannot_be_read() {
    let mut world = provisioned();
    let (id, cause) = fail_with_list(&mut world, "damaged");
    let shown = shown(&world, &id);
    let why = "because the secrets of the stack could not be read";
    assert!(cause.contains(why) && shown.contains(why), "{cause} {shown}");
    assert!(
        !cause.contains("canary") && !shown.contains("canary"),
        "{cause} {shown}"
    );
    let failure = world.operation(&id).failure.expect("a failure");
    assert_eq!(failure.name, "Slipway.MigrationFailed");
}

#[test]
fn apply_is_recorded_if_the_list_cannot_be_used() {
    let mut world = provisioned();
    let contract = world.contract.as_mut().expect("a contract");
    contract["endpoints"] = json!({"web": "https://generated-canary-5678.example.com"});
    contract["notes"] = json!({"login": "the password is generated-canary-5678"});
    let too_long = json!(["generated-canary-5678".repeat(16_000)]).to_string();
    for (list, why) in [
        ("damaged", "is damaged"),
        (too_long.as_str(), "has more secrets than Slipway can search for"),
    ] {
        let key = Marked::key(&world.stack);
        world.aws().objects.insert(key, list.to_owned());
        let update = world.ask(UPDATE);
        succeeded(&world.run(&update));
        let contract = world.stack().contract.expect("a contract");
        assert_eq!(contract.services.len(), 2);
        assert_eq!(contract.endpoints, BTreeMap::new());
        assert!(contract.notes["hidden"].contains(why), "{:?}", contract.notes);
        assert!(!format!("{contract:?}").contains("canary"), "{contract:?}");
    }
}
