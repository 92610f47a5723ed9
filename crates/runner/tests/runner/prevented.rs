//! A destroy that the blueprint prevents.

use slipway_model::operation::OperationStatus;
use slipway_model::operation::work::Work;
use slipway_store::finish::End;

use crate::endings::{failure, provision};
use crate::support::{UPDATE, World};

const BLUEPRINT: &str = r#"
resource "terraform_data" "kept" {
  input = "data"
  lifecycle { prevent_destroy = true }
}
resource "terraform_data" "other" {}
output "slipway" { value = {} }
"#;

#[test]
fn destroy_that_prevent_destroy_refuses_changes_nothing() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, BLUEPRINT);
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let (before, state) = (world.stack(&operation), world.state(&operation));

    let destroy = world.request(Work::Destroy, &before, None);
    world.fail(&destroy, "plan", "again");
    let refused = failure(&world, &destroy);
    assert_eq!(
        (refused.name.as_str(), refused.step.as_str()),
        ("Slipway.PlanFailed", "Plan")
    );
    for said in ["Instance cannot be destroyed", "terraform_data.kept", "main.tf:2"] {
        assert!(refused.message.contains(said), "{}", refused.message);
    }
    world.end(&destroy, &End::Failed(refused));
    assert_eq!(world.operation(&destroy).status, OperationStatus::Failed);
    assert_eq!(world.stack(&operation).status, before.status);
    assert_eq!(world.state(&operation), state);

    // It can be updated as before.
    let update = world.request(UPDATE, &world.stack(&operation), None);
    let printed = world.succeed(&update, "plan", "other");
    assert!(world.operation(&update).plan.expect("a plan").is_empty(), "{printed}");
}
