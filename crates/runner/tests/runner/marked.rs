//! The list of what Terraform marks as sensitive, for the functions that show what containers print.

use serde_json::json;
use slipway_model::operation::Operation;
use slipway_model::secret::{Marked, Secrets};

use crate::support::{STATES, World};

/// The second value is known only after the apply.
const BLUEPRINT: &str = r#"
resource "terraform_data" "planned" {
  input = sensitive("planned-canary")
}
resource "terraform_data" "generated" {
  input = sensitive("generated-${terraform_data.planned.id}")
}
output "slipway" {
  value = {}
}
output "generated" {
  value     = terraform_data.generated.input
  sensitive = true
}
"#;

const BROKEN: &str = r#"
resource "terraform_data" "broken" {
  input = terraform_data.generated.id
  provisioner "local-exec" {
    command = "exit 1"
  }
}
"#;

/// What a function hides that knows this list alone.
fn listed(world: &World, operation: &Operation) -> Secrets {
    let object = world
        .aws
        .object(STATES, &Marked::key(&operation.stack))
        .expect("a list");
    Secrets::default().with_marked(&Marked::parse(&object).expect("a list"))
}

/// The value that the apply generated.
fn generated(world: &World, operation: &Operation) -> String {
    let state = world.state(operation);
    let resources = state["resources"].as_array().expect("resources").iter();
    let planned = resources.clone().find(|resource| resource["name"] == "planned");
    let id = &planned.expect("the resource")["instances"][0]["attributes"]["id"];
    format!("generated-{}", id.as_str().expect("an ID"))
}

#[test]
fn marked_values_are_listed_beside_the_state() {
    let Some(world) = World::new() else { return };
    let operation = world.provision("one", world.blueprint(&[("main.tf", BLUEPRINT)], &json!({})));
    world.succeed(&operation, "plan", "plan");
    assert_eq!(
        listed(&world, &operation).hide("given planned-canary"),
        "given (sensitive)"
    );
    world.succeed(&operation, "apply", "apply");
    let generated = generated(&world, &operation);
    let text = format!("given planned-canary and {generated}, a string");
    assert_eq!(
        listed(&world, &operation).hide(&text),
        "given (sensitive) and (sensitive), a string"
    );
}

#[test]
fn apply_that_fails_lists_what_it_generated() {
    let Some(world) = World::new() else { return };
    let files = [("main.tf", BLUEPRINT), ("broken.tf", BROKEN)];
    let operation = world.provision("one", world.blueprint(&files, &json!({})));
    world.succeed(&operation, "plan", "plan");
    world.fail(&operation, "apply", "apply");
    let generated = generated(&world, &operation);
    assert_eq!(listed(&world, &operation).hide(&generated), "(sensitive)");
}

#[test]
fn stack_without_marks_has_no_list() {
    let Some(world) = World::new() else { return };
    let files = [("main.tf", "output \"slipway\" {\n  value = {}\n}\n")];
    let operation = world.provision("one", world.blueprint(&files, &json!({})));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    assert!(world.aws.object(STATES, &Marked::key(&operation.stack)).is_none());
}
