//! What an apply created and did not record is named, and the next update imports it.

use serde_json::{Value, json};
use slipway_model::operation::Operation;
use slipway_model::operation::work::Work;
use slipway_model::stack::Configuration;
use slipway_store::finish::End;

use crate::endings::{
    addresses, failure, failure_of_the_workflow, id_of, kill_with_terraform, kills_terraform_once, provision, signal,
    slow,
};
use crate::incomplete::instead_of;
use crate::support::{STATES, UPDATE, World};

const AT_WORK: &str = "terraform_data.slow: being created";

/// The ID that a message gives of a resource.
fn id_in(message: &str, name: &str) -> String {
    let begin = format!("terraform_data.{name} (created, id ");
    let (_, rest) = message.split_once(&begin).unwrap_or_else(|| panic!("{message}"));
    rest.split(')').next().expect("an ID").to_owned()
}

/// A provision whose second resource kills Terraform, below this script. Returns its failure.
fn killed_below(world: &World, script: &str) -> (Operation, String) {
    let operation = provision(world, &slow("kill -s KILL $PPID"));
    world.succeed(&operation, "plan", "plan");
    instead_of(world, "apply", script);
    world.fail(&operation, "apply", "apply");
    let failure = failure(world, &operation);
    assert_eq!(failure.name, "Slipway.ApplyFailed", "{failure:?}");
    let message = failure.message.clone();
    world.end(&operation, &End::Failed(failure));
    (operation, message)
}

#[test]
fn terraform_that_dies_in_any_way_names_what_it_created() {
    for script in [
        // As after a panic, for lack of memory, and below a script that hides it.
        r#""$real" "$@"; exit 11"#,
        r#""$real" "$@"; exit 2"#,
        r#""$real" "$@"; exit 137"#,
        r#""$real" "$@"; exit 1"#,
        r#""$real" "$@""#,
    ] {
        let Some(world) = World::new() else { return };
        let (operation, message) = killed_below(&world, script);
        assert!(
            message.contains("terraform_data.slow (create begun)"),
            "{script}: {message}"
        );
        let id = id_in(&message, "a");
        assert!(!world.is_locked(&operation), "{script}");

        let update = world.request(UPDATE, &world.stack(&operation), None);
        let printed = world.succeed(&update, "plan", "plan");
        assert!(printed.contains(&format!("terraform_data.a (id {id})")), "{printed}");
        let plan = world.operation(&update).plan.expect("a plan");
        assert_eq!((plan.add, plan.imports()), (2, 1), "{script}: {printed}");
    }
}

#[test]
fn terraform_that_is_killed_during_a_cancel_names_what_it_created() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("sleep 60"));
    world.succeed(&operation, "plan", "plan");
    let script = "trap 'kill -s KILL $pid; wait $pid; exit 137' INT\n\"$real\" \"$@\" & pid=$!\nwait $pid";
    instead_of(&world, "apply", script);
    let mut build = world.start_until(&operation, "apply", "apply", AT_WORK);
    signal(&build, "TERM");
    assert_eq!(build.wait().expect("an end").code(), Some(1));
    let message = failure(&world, &operation).message;
    assert!(message.contains("terraform_data.slow (create begun)"), "{message}");
    assert!(!id_in(&message, "a").is_empty());
}

/// Terraform ends as always, and its message has the first error and a count.
#[test]
fn resources_of_a_killed_provider_are_named() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("true"));
    world.succeed(&operation, "plan", "plan");
    let hook =
        |kind: &str, address: &str| json!({"type": kind, "hook": {"resource": {"addr": address}, "action": "create"}});
    let error = |summary: &str, address: &str| {
        json!({"type": "diagnostic", "diagnostic": {
            "severity": "error", "summary": summary, "detail": "The plugin encountered an error", "address": address,
        }})
    };
    let both = ["terraform_data.a", "terraform_data.slow"];
    let stream = |summary: &str| {
        let hooks = both.map(|address| [hook("apply_start", address), hook("apply_errored", address)]);
        let messages = hooks
            .into_iter()
            .flatten()
            .chain(both.map(|address| error(summary, address)));
        let lines: Vec<String> = messages.map(|message| message.to_string()).collect();
        std::fs::write(world.path("stream"), lines.join("\n") + "\n").expect("a file");
    };
    stream("Plugin did not respond");
    instead_of(
        &world,
        "apply",
        &format!("cat '{}'; exit 1", world.path("stream").display()),
    );
    world.fail(&operation, "apply", "apply");
    let failed = failure(&world, &operation);
    assert_eq!(failed.address.as_deref(), Some(both[0]));
    for address in both {
        let named = format!("{address} (create failed)");
        assert!(failed.message.contains(&named), "{}", failed.message);
    }
    world.end(&operation, &End::Failed(failed));

    // An error of a resource is no reason to search the account.
    let update = world.request(UPDATE, &world.stack(&operation), None);
    world.succeed(&update, "plan", "plan");
    stream("AccessDenied");
    world.fail(&update, "apply", "apply");
    let message = failure(&world, &update).message;
    assert!(!message.contains("may exist"), "{message}");
}

/// A replaced resource, and one after it that kills Terraform while the file `armed` exists.
fn replaces(world: &World, lifecycle: &str, value: &str) -> Configuration {
    let text = format!(
        r#"
variable "v" {{ type = string }}
resource "terraform_data" "v" {{ input = var.v }}
resource "terraform_data" "a" {{
  input = "a"
  lifecycle {{
    replace_triggered_by = [terraform_data.v]
    {lifecycle}
  }}
}}
resource "terraform_data" "slow" {{
  lifecycle {{ replace_triggered_by = [terraform_data.a] }}
  provisioner "local-exec" {{ command = "if test -e '{}'; then kill -s KILL $PPID; fi" }}
}}
output "slipway" {{ value = {{}} }}
"#,
        world.path("armed").display()
    );
    world.blueprint(&[("main.tf", &text)], &json!({"v": value}))
}

/// The state has the resource that was replaced at the same address. Whether it was destroyed depends on the order.
#[test]
fn update_imports_the_new_one_of_a_replaced_resource() {
    for (lifecycle, destroyed) in [("", 1), ("create_before_destroy = true", 2)] {
        let Some(world) = World::new() else { return };
        let operation = world.provision("one", replaces(&world, lifecycle, "1"));
        world.succeed(&operation, "plan", "plan");
        world.succeed(&operation, "apply", "apply");
        world.end(&operation, &End::Succeeded);
        let old = id_of(&world.state(&operation), "a");
        let stack = world.stack(&operation);

        std::fs::write(world.path("armed"), "").expect("a file");
        let killed = world.request(UPDATE, &stack, Some(replaces(&world, lifecycle, "2")));
        world.succeed(&killed, "plan", "plan");
        world.fail(&killed, "apply", "apply");
        let failed = failure(&world, &killed);
        let id = id_in(&failed.message, "a");
        assert_eq!(id_of(&world.state(&killed), "a"), old, "the state has the one before");
        assert_ne!(id, old);
        world.end(&killed, &End::Failed(failed));
        std::fs::remove_file(world.path("armed")).expect("a file");

        let update = world.request(UPDATE, &stack, Some(replaces(&world, lifecycle, "1")));
        let printed = world.succeed(&update, "plan", "plan");
        let plan = world.operation(&update).plan.expect("a plan");
        assert_eq!(
            (plan.imports(), plan.destroy + plan.replace),
            (1, destroyed),
            "{lifecycle}: {printed}"
        );
        world.succeed(&update, "apply", "apply");
        let state = world.state(&update);
        assert_eq!(id_of(&state, "a"), id, "{lifecycle}: imported, not created again");
        assert_eq!(addresses(&state), ["a", "slow", "v"], "{lifecycle}");
    }
}

/// Two resources, and one after them that kills Terraform; the next version has `more` in place of the second.
pub fn two_are_created(world: &World, more: &str) -> (Operation, Operation) {
    let text = |second: &str, command: &str| {
        format!(
            r#"
resource "terraform_data" "a" {{ input = "a" }}
{second}
resource "terraform_data" "slow" {{
  input = terraform_data.a.output
  provisioner "local-exec" {{ command = "{command}" }}
}}
output "slipway" {{ value = {{}} }}
"#
        )
    };
    // It comes after both.
    let kills = text(r#"resource "terraform_data" "b" { input = "b" }"#, "kill -s KILL $PPID").replace(
        "terraform_data.a.output\n",
        "\"${terraform_data.a.output}${terraform_data.b.output}\"\n",
    );
    let operation = provision(world, &kills);
    world.succeed(&operation, "plan", "plan");
    world.fail(&operation, "apply", "apply");
    world.end(&operation, &End::Failed(failure(world, &operation)));
    let next = world.blueprint(&[("main.tf", &text(more, "true"))], &json!({}));
    let update = world.request(UPDATE, &world.stack(&operation), Some(next));
    (operation, update)
}

#[test]
fn an_import_that_terraform_rejects_drops_no_other() {
    let second = r#"resource "terraform_data" "b" { input = "b" }"#;
    // An error that no import is named in, as providers give it.
    let error =
        r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"resource x has no import","detail":""}}"#;
    let rejects = format!(
        "if grep -q 'terraform_data.b\"' slipway_import.tf.json 2>/dev/null; then echo '{error}'; exit 1; fi\n\"$real\" \"$@\"; exit $?"
    );
    for (more, script, added) in [("", None, 1), (second, Some(rejects), 2)] {
        let Some(world) = World::new() else { return };
        let (operation, update) = two_are_created(&world, more);
        let failed = world.operation(&operation).failure.expect("a failure").message;
        if let Some(script) = &script {
            instead_of(&world, "plan", script);
        }
        let printed = world.succeed(&update, "plan", "plan");
        let plan = world.operation(&update).plan.expect("a plan");
        assert_eq!((plan.add, plan.imports()), (added, 1), "{printed}");
        let [noted] = plan.not_understood.as_slice() else {
            panic!("{plan:?}\n{printed}")
        };
        let named = format!("terraform_data.b (id {})", id_in(&failed, "b"));
        assert!(noted.contains(&named), "{noted}");

        world.succeed(&update, "apply", "apply");
        assert_eq!(id_of(&world.state(&update), "a"), id_in(&failed, "a"));
        world.end(&update, &End::Succeeded);
        let destroy = world.request(Work::Destroy, &world.stack(&operation), None);
        world.succeed(&destroy, "plan", "plan");
        let plan = world.operation(&destroy).plan.expect("a plan");
        assert_eq!(plan.not_understood, Vec::<String>::new(), "{plan:?}");
    }
}

/// A plan that was not applied has not created it again: the next one names it, too.
#[test]
fn a_rejected_import_is_named_until_a_plan_without_it_is_applied() {
    let Some(world) = World::new() else { return };
    let (operation, update) = two_are_created(&world, "");
    world.succeed(&update, "plan", "plan");
    world.end(&update, &End::Failed(failure_of_the_workflow()));
    let again = world.request(UPDATE, &world.stack(&operation), Some(update.configuration.clone()));
    world.succeed(&again, "plan", "plan");
    let plan = world.operation(&again).plan.expect("a plan");
    assert!(
        plan.not_understood
            .iter()
            .any(|noted| noted.contains("terraform_data.b (id ")),
        "{plan:?}"
    );
}

/// A provision whose runner is killed together with Terraform, once this holds.
fn killed_together(world: &World, holds: impl Fn(&Operation) -> bool) -> (Operation, Operation) {
    let operation = provision(world, &slow("sleep 60"));
    world.succeed(&operation, "plan", "plan");
    let mut build = world.start_until(&operation, "apply", "apply", AT_WORK);
    world.until("the moment of the kill", || holds(&operation));
    kill_with_terraform(&mut build);
    world.aws.end_build("runner:apply");
    world.end(&operation, &End::Failed(failure_of_the_workflow()));
    let next = world.blueprint(&[("main.tf", &slow("true"))], &json!({}));
    let update = world.request(UPDATE, &world.stack(&operation), Some(next));
    (operation, update)
}

/// Plans and applies an update, which imports what was created with this ID.
fn imports(world: &World, update: &Operation, id: &str) {
    let printed = world.succeed(update, "plan", "plan");
    let plan = world.operation(update).plan.expect("a plan");
    assert_eq!((plan.add, plan.imports()), (2, 1), "{printed}");
    world.succeed(update, "apply", "apply");
    assert_eq!(
        id_of(&world.state(update), "a"),
        id,
        "imported, not created again: {printed}"
    );
    assert_eq!(created(world, update), None, "nothing is left to import");
}

/// The record of what the state may lack.
pub fn created(world: &World, operation: &Operation) -> Option<Value> {
    let key = format!("stacks/{}/created.json", operation.stack);
    let object = world.aws.object(STATES, &key)?;
    Some(serde_json::from_slice(&object).expect("JSON"))
}

/// The stream of the apply is on the machine still.
#[test]
fn update_imports_what_was_created_before_everything_was_killed() {
    let Some(world) = World::new() else { return };
    let (operation, update) = killed_together(&world, |_| true);
    let folder = world.path(&format!("slipway-{}", operation.stack));
    let stream = std::fs::read_to_string(folder.join("apply.jsonl")).expect("a stream");
    let mut messages = stream
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let made = messages.find(|message| message["type"] == "apply_complete").expect("a");
    let id = made["hook"]["id_value"].as_str().expect("an ID");

    // A build that dies before it has recorded what the stream says leaves it to the next.
    let mut build = world.build(&update, "plan", "plan");
    build.env("SLIPWAY_TERRAFORM", world.path("missing"));
    assert_eq!(build.status().expect("a build").code(), Some(1));
    imports(&world, &update, id);
}

/// Of a build in CodeBuild, nothing is left but what it recorded.
#[test]
fn update_imports_what_a_lost_machine_created() {
    let Some(world) = World::new() else { return };
    let (operation, update) = killed_together(&world, |operation| created(&world, operation).is_some());
    std::fs::remove_dir_all(world.path(&format!("slipway-{}", operation.stack))).expect("the work folder");
    let recorded = created(&world, &operation).expect("a record");
    let id = recorded["terraform_data.a"]["id"].as_str().expect("an ID").to_owned();
    imports(&world, &update, &id);
}

/// A second build of the operation would create everything again.
#[test]
fn second_build_names_what_the_first_created_before_it_was_killed() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("sleep 60"));
    world.succeed(&operation, "plan", "plan");
    let mut build = world.start_until(&operation, "apply", "apply", AT_WORK);
    kill_with_terraform(&mut build);
    world.aws.end_build("runner:apply");
    world.fail(&operation, "apply", "again");
    let message = failure(&world, &operation).message;
    assert!(
        message.contains("an earlier build of this operation was killed"),
        "{message}"
    );
    assert!(message.contains("terraform_data.slow (create begun)"), "{message}");
    assert!(!id_in(&message, "a").is_empty());
}

/// An update that failed in order has recorded everything: nothing is imported, and a destroy is not refused.
#[test]
fn failed_apply_leaves_nothing_to_import() {
    let Some(world) = World::new() else { return };
    let waits = world.path("go");
    let operation = provision(
        &world,
        &slow(&format!(
            "while ! test -e '{}'; do sleep 0.1; done; exit 1",
            waits.display()
        )),
    );
    world.succeed(&operation, "plan", "plan");
    let mut build = world.start_until(&operation, "apply", "apply", AT_WORK);
    world.until("what was created is recorded", || created(&world, &operation).is_some());
    std::fs::write(&waits, "").expect("a file");
    assert_eq!(build.wait().expect("an end").code(), Some(1));
    let message = failure(&world, &operation).message;
    assert!(!message.contains("may exist"), "{message}");
    assert_eq!(created(&world, &operation), None);
}

#[test]
fn preview_shows_the_imports_and_leaves_the_record() {
    let Some(world) = World::new() else { return };
    let (operation, id) = kills_terraform_once(&world);
    let preview = world.request(crate::support::PREVIEW, &world.stack(&operation), None);
    let printed = world.succeed(&preview, "plan", "plan");
    assert_eq!(
        world.operation(&preview).plan.expect("a plan").imports(),
        1,
        "{printed}"
    );
    let recorded = created(&world, &operation).expect("a record");
    assert_eq!(recorded["terraform_data.a"]["id"], id);
}
