//! What Terraform warns of.

use serde_json::json;

use crate::support::World;

const BLUEPRINT: &str = r#"
variable "key" { type = string }
check "key" {
  assert {
    condition     = length(var.key) > 100
    error_message = "The key ${var.key} ends soon."
  }
}
resource "terraform_data" "a" {}
output "slipway" { value = {} }
"#;

#[test]
fn warnings_of_a_plan_are_on_its_record_without_secrets() {
    let Some(world) = World::new() else { return };
    let mut configuration = world.blueprint(&[("main.tf", BLUEPRINT)], &json!({"key": "hunter2-sesame"}));
    configuration.sensitive.insert("key".to_owned());
    let operation = world.provision("one", configuration);
    let printed = world.succeed(&operation, "plan", "plan");
    let plan = world.operation(&operation).plan.expect("a plan");
    let [warning] = plan.warnings.as_slice() else {
        panic!("{plan:?}\n{printed}")
    };
    for said in ["Check block assertion failed: The key ", " ends soon.", "main.tf:"] {
        assert!(warning.contains(said), "{warning}");
    }
    let applied = world.succeed(&operation, "apply", "apply");
    for text in [warning, &printed, &applied] {
        assert!(text.contains(" ends soon.") && !text.contains("hunter2"), "{text}");
    }
}
