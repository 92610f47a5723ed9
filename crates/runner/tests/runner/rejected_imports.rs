//! Which imports count as rejected, and how many plans the search for them takes.

use serde_json::{Value, json};
use slipway_model::operation::Operation;
use slipway_model::operation::work::Work;
use slipway_store::finish::End;

use crate::adoption::{created, two_are_created};
use crate::endings::{failure, failure_of_the_workflow, provision};
use crate::incomplete::instead_of;
use crate::support::{UPDATE, World};

/// The resources on the record whose import was rejected.
fn rejected(world: &World, operation: &Operation) -> Vec<String> {
    let recorded = created(world, operation).expect("a record");
    let recorded = recorded.as_object().expect("an object").iter();
    recorded
        .filter(|(_, created)| created.get("rejected").is_some_and(Value::is_string))
        .map(|(address, _)| address.clone())
        .collect()
}

/// The error names the resource, and would be there without its import, too.
#[test]
fn plan_that_fails_for_another_reason_rejects_no_import() {
    let Some(world) = World::new() else { return };
    let second = r#"
resource "terraform_data" "b" {
  input = "b"
  lifecycle {
    precondition {
      condition     = terraform_data.a.input == "never"
      error_message = "terraform_data.b is never right"
    }
  }
}"#;
    let (operation, update) = two_are_created(&world, second);
    let printed = world.fail(&update, "plan", "plan");
    let failed = failure(&world, &update);
    assert!(
        failed.message.contains("is never right"),
        "{}\n{printed}",
        failed.message
    );
    assert_eq!(rejected(&world, &operation), Vec::<String>::new(), "{printed}");
    world.end(&update, &End::Failed(failed));

    let destroy = world.request(Work::Destroy, &world.stack(&operation), None);
    world.fail(&destroy, "plan", "plan");
    let message = failure(&world, &destroy).message;
    assert!(message.contains("terraform_data.b (id "), "{message}");
}

/// A throttle, say: of a resource that the error names, or of any.
#[test]
fn error_of_one_plan_rejects_no_import() {
    let second = r#"resource "terraform_data" "b" { input = "b" }"#;
    for (summary, times) in [("reading terraform_data.b: throttled", 1), ("throttled", 2)] {
        let Some(world) = World::new() else { return };
        let (operation, update) = two_are_created(&world, second);
        let failures = world.path("failures");
        std::fs::write(&failures, "").expect("a file");
        let error = json!({"severity": "error", "summary": summary, "detail": ""});
        let error = json!({"type": "diagnostic", "diagnostic": error});
        let script = format!(
            "if test -e slipway_import.tf.json && test $(wc -l <'{failures}') -lt {times}; then echo >>'{failures}'; echo '{error}'; exit 1; fi\n\
             \"$real\" \"$@\"; exit $?",
            failures = failures.display()
        );
        instead_of(&world, "plan", &script);
        let printed = world.succeed(&update, "plan", "plan");
        let plan = world.operation(&update).plan.expect("a plan");
        assert_eq!((plan.add, plan.imports()), (1, 2), "{summary}: {printed}");
        assert_eq!(
            rejected(&world, &operation),
            Vec::<String>::new(),
            "{summary}: {printed}"
        );
    }
}

/// Thirty-two resources, of which Terraform rejects every import and names none.
#[test]
fn search_for_rejected_imports_is_bounded_and_goes_on() {
    let Some(world) = World::new() else { return };
    let text = |command: &str| {
        format!(
            r#"
resource "terraform_data" "b" {{ count = 32 }}
resource "terraform_data" "slow" {{
  input = length(terraform_data.b)
  provisioner "local-exec" {{ command = "{command}" }}
}}
output "slipway" {{ value = {{}} }}
"#
        )
    };
    let operation = provision(&world, &text("kill -s KILL $PPID"));
    world.succeed(&operation, "plan", "plan");
    world.fail(&operation, "apply", "apply");
    world.end(&operation, &End::Failed(failure(&world, &operation)));

    let plans = world.path("plans");
    let error = r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"no such object","detail":""}}"#;
    let script = format!(
        "echo >>'{}'\nif test -e slipway_import.tf.json; then echo '{error}'; exit 1; fi\n\"$real\" \"$@\"; exit $?",
        plans.display()
    );
    instead_of(&world, "plan", &script);
    let next = world.blueprint(&[("main.tf", &text("true"))], &json!({}));
    let mut known = Vec::new();
    for _ in 0..2 {
        let update = world.request(UPDATE, &world.stack(&operation), Some(next.clone()));
        std::fs::write(&plans, "").expect("a file");
        let printed = world.succeed(&update, "plan", "plan");
        let run = std::fs::read_to_string(&plans).expect("a count").lines().count();
        assert!(run <= 22, "{run} plans");
        let plan = world.operation(&update).plan.expect("a plan");
        assert_eq!((plan.add, plan.imports()), (33, 0), "{printed}");
        assert!(!plan.not_understood.is_empty(), "{plan:?}");

        let now = rejected(&world, &operation);
        assert!(now.len() > known.len() && now.len() < 32, "{known:?} {now:?}");
        assert!(known.iter().all(|address| now.contains(address)), "{known:?} {now:?}");
        known = now;
        world.end(&update, &End::Failed(failure_of_the_workflow()));
    }
}
