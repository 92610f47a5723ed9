//! Operations that go as they should.

use serde_json::json;
use slipway_model::artifact;
use slipway_model::environment::Approval;
use slipway_model::name::Digest;
use slipway_model::operation::StepStatus;
use slipway_model::operation::work::Work;
use slipway_model::plan::{Action, Verdict};
use slipway_store::finish::End;

use crate::support::{ARTIFACTS, PREVIEW, UPDATE, World};

const BLUEPRINT: &str = r#"
terraform {
  backend "local" { path = "elsewhere.tfstate" }
}
variable "greeting" { type = string }
variable "secret" {
  type      = string
  sensitive = true
}
variable "domain" { type = string }
resource "terraform_data" "a" { input = var.greeting }
resource "terraform_data" "b" {
  input = "${terraform_data.a.output} ${var.domain}"
  provisioner "local-exec" { command = "echo from the inside" }
}
resource "terraform_data" "c" { input = var.secret }
output "slipway" { value = { endpoints = { web = "https://${var.domain}/" } } }
output "greeting" { value = terraform_data.a.output }
output "both" { value = terraform_data.b.output }
output "secret" {
  value     = terraform_data.c.output
  sensitive = true
}
"#;

const GREETING: &str = "${file(\"/etc/passwd\")} $(id) %{ if true }\n\"quoted\" -rf ../../x ü";

#[test]
fn a_stack_is_made_changed_and_destroyed() {
    let Some(world) = World::new() else { return };
    let values = json!({"greeting": GREETING, "secret": "hunter2-sesame"});
    let configuration = world.blueprint(&[("main.tf", BLUEPRINT)], &values);
    let operation = world.provision("one", configuration.clone());

    let printed = world.succeed(&operation, "plan", "plan");
    assert!(printed.contains("terraform_data.b: to be created"), "{printed}");
    let planned = world.operation(&operation);
    let plan = planned.plan.clone().expect("a plan");
    assert_eq!(
        (plan.add, plan.change, plan.destroy, plan.outputs_changed),
        (3, 0, 0, true)
    );
    let named = |address: &str| plan.resources.iter().any(|change| change.address == address);
    assert!(
        ["terraform_data.a", "terraform_data.b", "terraform_data.c"]
            .into_iter()
            .all(named),
        "{plan:?}"
    );
    assert_eq!(
        (planned.steps[0].name.as_str(), planned.steps[0].status),
        ("Plan", StepStatus::Succeeded)
    );
    assert_eq!(
        (planned.logs[0].group.as_str(), planned.logs[0].stream.as_str()),
        ("/slipway/builds", "plan")
    );

    let printed = world.succeed(&operation, "apply", "apply");
    assert!(
        printed.contains("terraform_data.b (local-exec): from the inside"),
        "{printed}"
    );
    assert!(printed.contains("(3 of 3)"), "{printed}");
    let applied = world.operation(&operation);
    let progress = applied.progress.expect("progress");
    assert_eq!((progress.done, progress.total), (3, 3));
    assert_eq!(
        applied.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(),
        ["Plan", "Apply"]
    );
    // The environment's variable is there, the sensitive output is not, and no text was taken for a template.
    assert_eq!(
        world.outputs(&operation),
        json!({
            "slipway": {"endpoints": {"web": "https://dev.example/"}},
            "greeting": GREETING,
            "both": format!("{GREETING} dev.example"),
        })
    );
    assert_eq!(world.state(&operation)["resources"].as_array().map(Vec::len), Some(3));
    assert!(!world.is_locked(&operation));
    assert_eq!(world.calls(), ["init", "plan", "show", "show", "apply"]);

    // Said twice is done once.
    let printed = world.succeed(&operation, "apply", "again");
    assert!(printed.contains("has applied the plan"), "{printed}");
    assert_eq!(world.calls().len(), 5);

    // What init made is there for the next stack.
    let other = world.provision("two", configuration);
    world.succeed(&other, "plan", "other");
    world.succeed(&other, "apply", "other");
    assert_eq!(world.calls()[5..], ["plan", "show", "show", "apply"]);

    // The secret is in the state and in what apply needs, and nowhere else.
    for build in ["plan", "apply", "again", "other"] {
        assert!(!world.printed(build).contains("hunter2"), "{build}");
    }
    for key in world.aws.keys(ARTIFACTS, "") {
        let bytes = world.aws.object(ARTIFACTS, &key).expect("an object");
        let needed = key.contains("/plan-") && key.ends_with(".tar");
        assert!(needed || !String::from_utf8_lossy(&bytes).contains("hunter2"), "{key}");
    }

    world.end(&operation, &End::Succeeded);
    let destroy = world.request(Work::Destroy, &world.stack(&operation), None);
    world.succeed(&destroy, "plan", "plan");
    let plan = world.operation(&destroy).plan.expect("a plan");
    assert_eq!((plan.destroy, plan.resources[0].action), (3, Action::Delete));
    world.succeed(&destroy, "apply", "apply");
    assert_eq!(world.outputs(&destroy), json!({}));
    assert_eq!(world.state(&destroy)["resources"], json!([]));
}

#[test]
fn one_build_plans_and_applies_without_approval() {
    let Some(world) = World::new() else { return };
    world.ask_approval(Approval::Never);
    let values = json!({"greeting": "hello", "secret": "hunter2-sesame"});
    let operation = world.provision("one", world.blueprint(&[("main.tf", BLUEPRINT)], &values));
    let printed = world.succeed(&operation, "plan", "plan");
    assert!(printed.contains("This plan needs no approval"), "{printed}");

    let applied = world.operation(&operation);
    let steps = applied.steps.iter().map(|step| (step.name.as_str(), step.status));
    let well = ["Plan", "Review plan", "Apply"].map(|name| (name, StepStatus::Succeeded));
    assert_eq!(steps.collect::<Vec<_>>(), well);
    assert_eq!(
        (applied.verdict, applied.plan.map(|plan| plan.add)),
        (Some(Verdict::Apply), Some(3))
    );
    assert_eq!(applied.progress.map(|progress| progress.done), Some(3));
    assert_eq!(world.outputs(&operation)["greeting"], "hello");
    let kept = world.artifact(&operation, "outputs.json").expect("outputs");
    assert_eq!(applied.outputs, Some(Digest::of(kept.as_bytes())));
    // Streams are kept where something failed.
    assert!(world.artifact(&operation, "plan.jsonl").is_none() && world.artifact(&operation, "apply.jsonl").is_none());
    // The plan with its secrets never left the build.
    for key in world.aws.keys(ARTIFACTS, "operations/") {
        let bytes = world.aws.object(ARTIFACTS, &key).expect("an object");
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"), "{key}");
    }
    assert!(!world.is_locked(&operation));
    assert_eq!(world.calls(), ["init", "plan", "show", "apply"]);

    // A second build of Plan, started because the answer to StartBuild was lost.
    let printed = world.succeed(&operation, "plan", "again");
    assert!(printed.contains("Another build of this operation"), "{printed}");
    assert_eq!(world.calls().len(), 4);
    world.end(&operation, &End::Succeeded);

    world.ask_approval(Approval::WhenDestroying);
    let destroy = world.request(Work::Destroy, &world.stack(&operation), None);
    world.succeed(&destroy, "plan", "other");
    let planned = world.operation(&destroy);
    assert_eq!((planned.verdict, planned.steps.len()), (None, 1));
    assert!(world.kept_plan(&destroy).is_some());
    assert_eq!(world.calls()[4..], ["plan", "show"]);
}

#[test]
fn a_preview_keeps_nothing_that_could_be_applied() {
    let Some(world) = World::new() else { return };
    let values = json!({"greeting": "a", "secret": "b"});
    let configuration = world.blueprint(&[("main.tf", BLUEPRINT)], &values);
    let operation = world.provision("one", configuration.clone());
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);

    let mut changed = configuration;
    changed.variables.insert("greeting".to_owned(), "b".into());
    let preview = world.request(PREVIEW, &world.stack(&operation), Some(changed));
    world.succeed(&preview, "plan", "plan");
    let plan = world.operation(&preview).plan.expect("a plan");
    assert_eq!((plan.add, plan.change, plan.outputs_changed), (0, 2, true));
    assert!(
        world
            .fail(&preview, "apply", "apply")
            .contains("the plan of this operation is missing")
    );
}

/// A path of the machine in a trigger is the same in every operation, in modules too.
#[test]
fn update_with_its_folders_in_triggers_changes_nothing() {
    let Some(world) = World::new() else { return };
    let folders = "[path.cwd, abspath(path.module), abspath(path.root)]";
    let resource = format!(
        "resource \"terraform_data\" \"folders\" {{\n  input = {folders}\n  triggers_replace = {folders}\n}}\n"
    );
    let root = format!("{resource}module \"m\" {{\n  source = \"./m\"\n}}\noutput \"slipway\" {{ value = {{}} }}\n");
    let version = |more: &str| {
        let files = [
            ("main.tf", root.as_str()),
            ("m/main.tf", resource.as_str()),
            ("more.tf", more),
        ];
        world.blueprint(&files, &json!({}))
    };
    let operation = world.provision("one", version(""));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    assert_eq!(world.state(&operation)["resources"].as_array().map(Vec::len), Some(2));

    for configuration in [None, Some(version("locals {}\n"))] {
        let update = world.request(UPDATE, &world.stack(&operation), configuration);
        let printed = world.succeed(&update, "plan", "again");
        let plan = world.operation(&update).plan.expect("a plan");
        assert!(plan.is_empty(), "{printed}");
        world.end(&update, &End::Succeeded);
    }
}

/// CodeBuild unpacks the toolchain into another folder for each build: what `init` made is found all the same.
#[test]
fn a_moved_program_finds_what_init_made() {
    let Some(world) = World::new() else { return };
    let configuration = world.blueprint(&[("main.tf", BLUEPRINT)], &json!({"greeting": "a", "secret": "b"}));
    let build = |called: &str, folder: &str| {
        std::fs::create_dir(world.path(folder)).expect("a folder");
        let moved = world.path(folder).join("terraform");
        std::fs::copy(world.path("terraform"), &moved).expect("a copy");
        let operation = world.provision(called, configuration.clone());
        let mut build = world.build(&operation, "plan", called);
        let status = build.env("SLIPWAY_TERRAFORM", moved).status().expect("a build");
        assert!(status.success(), "{}", world.printed(called));
    };
    build("one", "src965005462");
    assert_eq!(world.calls(), ["init", "plan", "show"]);
    build("two", "src623956017");
    assert_eq!(world.calls()[3..], ["plan", "show"], "{}", world.printed("two"));
}

/// A plan whose folder was prepared for the states' earlier keys is not applied: it would write to where the state was.
#[test]
fn a_plan_for_the_earlier_layout_is_not_applied() {
    let Some(world) = World::new() else { return };
    let configuration = world.blueprint(&[("main.tf", BLUEPRINT)], &json!({"greeting": "a", "secret": "b"}));
    let operation = world.provision("one", configuration);
    world.succeed(&operation, "plan", "plan");
    let key = |name: &str| world.key(&operation, name);
    let kept = key(&world.kept_plan(&operation).expect("a plan"));
    let packed = world.aws.object(ARTIFACTS, &kept).expect("a work folder");
    let prefix = format!("stacks/{}\"", operation.stack);
    let earlier = format!("stacks\"{}", " ".repeat(prefix.len() - "stacks\"".len()));
    let replaced = replace(&packed, prefix.as_bytes(), earlier.as_bytes());
    // Write access to the object is not enough to change what is applied.
    world.aws.put(ARTIFACTS, &kept, replaced.clone());
    let printed = world.fail(&operation, "apply", "apply");
    assert!(printed.contains("differs from what was planned"), "{printed}");
    // As the earlier version called it, whose records say nothing of it.
    world.aws.put(ARTIFACTS, &key(artifact::EARLIER_PLAN), replaced);
    world.forget_plan(&operation);
    let printed = world.fail(&operation, "apply", "again");
    assert!(printed.contains("an earlier version of Slipway made it"), "{printed}");
    assert_eq!(world.calls(), ["init", "plan", "show"]);
}

fn replace(bytes: &[u8], text: &[u8], with: &[u8]) -> Vec<u8> {
    let mut replaced = bytes.to_vec();
    for at in 0..bytes.len().saturating_sub(text.len()) {
        if bytes[at..].starts_with(text) {
            replaced[at..at + text.len()].copy_from_slice(with);
        }
    }
    replaced
}
