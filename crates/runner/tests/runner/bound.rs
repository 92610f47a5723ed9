//! What is applied is what was planned, and what approvers read is the plan.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};
use slipway_model::environment::Environment;
use slipway_model::name::Digest;
use slipway_model::operation::{OperationStatus, StepStatus};
use slipway_model::plan::binding::manifest_name;
use slipway_model::plan::pages;
use slipway_model::plan::{Action, Verdict};
use slipway_model::stack::{Configuration, StackStatus};
use slipway_store::finish::End;

use crate::support::{ARTIFACTS, STATES, UPDATE, World, state_key};

const BLUEPRINT: &str = r#"
variable "text" { type = string }
variable "secret" {
  type      = string
  sensitive = true
  default   = "hunter2-default"
}
module "net" { source = "./net" }
resource "terraform_data" "a" {
  input = { text = var.text, secret = var.secret }
  provisioner "local-exec" { command = "sh ${path.module}/e.sh" }
}
output "slipway" { value = { endpoints = { web = "https://${var.text}.example/" } } }
"#;

const NET: &str = r#"resource "terraform_data" "net" { input = "net" }"#;

fn configuration(world: &World, text: &str) -> Configuration {
    let files = [
        ("main.tf", BLUEPRINT),
        ("net/main.tf", NET),
        ("e.sh", "echo from the blueprint"),
    ];
    world.blueprint(&files, &json!({ "text": text }))
}

/// The archive with a file in it replaced, or added.
fn with_file(archive: &[u8], path: &str, text: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |header: &mut tar::Header, path: &Path, bytes: &[u8]| {
        header.set_size(bytes.len() as u64);
        builder.append_data(header, path, bytes).expect("an entry");
    };
    let mut is_there = false;
    for entry in tar::Archive::new(archive).entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let (mut header, own) = (entry.header().clone(), entry.path().expect("a path").into_owned());
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).expect("bytes");
        if own == Path::new(path) {
            is_there = true;
            bytes = text.as_bytes().to_vec();
        }
        add(&mut header, &own, &bytes);
    }
    if !is_there {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o600);
        add(&mut header, Path::new(path), text.as_bytes());
    }
    builder.into_inner().expect("an archive")
}

#[test]
fn replaced_files_are_refused_by_name() {
    let Some(world) = World::new() else { return };
    let operation = world.provision("one", configuration(&world, "a"));
    world.succeed(&operation, "plan", "plan");
    let work = world.key(&operation, &world.kept_plan(&operation).expect("a plan that is kept"));
    let packed = world.aws.object(ARTIFACTS, &work).expect("an archive");
    let binding = world.operation(&operation).binding.expect("a binding");
    let kept = world.key(&operation, &manifest_name(&binding.manifest));
    let manifest = world.aws.object(ARTIFACTS, &kept).expect("a manifest");
    for (path, expected) in [
        ("blueprint/e.sh", "the work folder (blueprint/e.sh changed)"),
        (
            "blueprint/net/main.tf",
            "the work folder (blueprint/net/main.tf changed)",
        ),
        (
            "blueprint/.terraform/modules/modules.json",
            "the modules (blueprint/.terraform/modules/modules.json changed)",
        ),
        (
            "blueprint/.terraform.lock.hcl",
            "the lock file (blueprint/.terraform.lock.hcl",
        ),
        (
            "blueprint/slipway.auto.tfvars.json",
            "the variables (blueprint/slipway.auto.tfvars.json changed)",
        ),
        (
            "terraform/plan.tfplan",
            "the saved plan (terraform/plan.tfplan changed)",
        ),
    ] {
        world.aws.put(ARTIFACTS, &work, with_file(&packed, path, "swapped"));
        let printed = world.fail(&operation, "apply", "apply");
        assert!(
            printed.contains(&expected.to_string()) && printed.contains("differs from what was planned"),
            "{path}: {printed}"
        );
    }
    // Replacing the manifest as well hides the file, but not the part.
    world
        .aws
        .put(ARTIFACTS, &work, with_file(&packed, "blueprint/e.sh", "swapped"));
    world.aws.put(ARTIFACTS, &kept, "{}");
    let printed = world.fail(&operation, "apply", "apply");
    assert!(
        printed.contains("the work folder differs from what was planned"),
        "{printed}"
    );
    assert!(!world.calls().contains(&"apply".to_owned()));

    world.aws.put(ARTIFACTS, &work, packed);
    world.aws.put(ARTIFACTS, &kept, manifest);
    let printed = world.succeed(&operation, "apply", "apply");
    assert!(printed.contains("from the blueprint"), "{printed}");
}

#[test]
fn refused_files_leave_the_stack_as_it_was() {
    let Some(world) = World::new() else { return };
    let operation = world.provision("one", configuration(&world, "a"));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let before = world.stack(&operation);
    let update = world.request(UPDATE, &before, Some(configuration(&world, "b")));
    world.succeed(&update, "plan", "update");
    let work = world.key(&update, &world.kept_plan(&update).expect("a plan that is kept"));
    let packed = world.aws.object(ARTIFACTS, &work).expect("an archive");
    world
        .aws
        .put(ARTIFACTS, &work, with_file(&packed, "blueprint/extra.tf", "swapped"));
    let printed = world.fail(&update, "apply", "refused");
    assert!(printed.contains("blueprint/extra.tf added"), "{printed}");
    let refused = world.operation(&update);
    assert!(!refused.has_begun_apply(), "{refused:?}");
    assert_eq!(refused.status_of("Apply"), Some(StepStatus::Failed));
    // A second build, started because the answer to StartBuild was lost, does not apply it.
    world.aws.put(ARTIFACTS, &work, packed);
    world.fail(&update, "apply", "again");

    world.end(&update, &End::of(refused.failure.expect("a failure")));
    let after = world.stack(&update);
    assert_eq!(
        (world.operation(&update).status, after.status, &after.configuration),
        (OperationStatus::Failed, StackStatus::Ready, &before.configuration)
    );
    assert_eq!(after.applied(), before.applied());
}

#[test]
fn replaced_state_is_refused_by_name() {
    let Some(world) = World::new() else { return };
    let operation = world.provision("one", configuration(&world, "a"));
    world.succeed(&operation, "plan", "plan");
    let state = world.state(&operation);
    for (field, value, expected) in [
        ("serial", json!(77), "the state's serial was"),
        ("lineage", json!("another"), "the state's lineage was"),
    ] {
        let mut other = state.clone();
        other[field] = value;
        world.aws.put(STATES, &state_key(&operation), other.to_string());
        let printed = world.fail(&operation, "apply", "apply");
        assert!(printed.contains(expected), "{printed}");
    }
    world.aws.put(STATES, &state_key(&operation), state.to_string());
    world.succeed(&operation, "apply", "apply");
}

/// The object alone does not say that the plan was applied.
#[test]
fn planted_outputs_do_not_replace_the_apply() {
    let Some(world) = World::new() else { return };
    let operation = world.provision("one", configuration(&world, "a"));
    world.succeed(&operation, "plan", "plan");
    let planted = json!({"slipway": {"endpoints": {"evil": "https://evil.example"}}});
    world
        .aws
        .put(ARTIFACTS, &world.key(&operation, "outputs.json"), planted.to_string());
    world.succeed(&operation, "apply", "apply");
    assert_eq!(world.calls().last().map(String::as_str), Some("apply"));
    let expected = json!({"slipway": {"endpoints": {"web": "https://a.example/"}}});
    assert_eq!(world.outputs(&operation), expected);
    let kept = world.artifact(&operation, "outputs.json").expect("outputs");
    let recorded = world.operation(&operation).outputs;
    assert_eq!(recorded, Some(Digest::of(kept.as_bytes())));
}

/// A build died after it recorded the digest of the outputs: whether it kept them is not known.
#[test]
fn repeated_apply_keeps_the_recorded_outputs() {
    let Some(world) = World::new() else { return };
    let operation = world.provision("one", configuration(&world, "a"));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    let (key, calls) = (world.key(&operation, "outputs.json"), world.calls().len());
    let outputs = world.outputs(&operation);
    let die = || {
        let running = world.store.update_operation(&operation.id, |operation| {
            operation.begin_step("Apply", Timestamp::UNIX_EPOCH);
            Ok(())
        });
        world.wait(running).expect("a record");
    };
    die();
    let printed = world.succeed(&operation, "apply", "again");
    assert!(printed.contains("This plan was applied before"), "{printed}");

    die();
    world.aws.put(ARTIFACTS, &key, "{}");
    world.succeed(&operation, "apply", "third");
    assert_eq!(world.outputs(&operation), outputs);

    die();
    world.aws.put(ARTIFACTS, &key, "{}");
    let mut state = world.state(&operation);
    state["outputs"]["slipway"]["value"] = json!({});
    world.aws.put(STATES, &state_key(&operation), state.to_string());
    let printed = world.fail(&operation, "apply", "fourth");
    assert!(
        printed.contains("outputs.json differs from the digest on the operation's record"),
        "{printed}"
    );
    assert!(world.operation(&operation).has_begun_apply());
    assert_eq!(world.calls().len(), calls);
}

#[test]
fn replaced_prepared_folder_is_refused_by_name() {
    let Some(world) = World::new() else { return };
    let operation = world.provision("one", configuration(&world, "a"));
    world.succeed(&operation, "plan", "plan");
    let keys = world.aws.keys(ARTIFACTS, "prepared/");
    let [prepared] = keys.as_slice() else {
        panic!("{keys:?}")
    };
    let packed = world.aws.object(ARTIFACTS, prepared).expect("a prepared folder");
    let poisoned = with_file(&packed, ".terraform/modules/modules.json", "{}");
    world.aws.put(ARTIFACTS, prepared, poisoned);
    let other = world.provision("two", configuration(&world, "a"));
    let printed = world.succeed(&other, "plan", "other");
    assert!(
        printed.contains(&format!("The prepared folder {prepared} is refused")),
        "{printed}"
    );
    // It was made again, and is good for the next.
    assert_eq!(world.calls(), ["init", "plan", "show", "init", "plan", "show"]);
    let third = world.provision("three", configuration(&world, "a"));
    world.succeed(&third, "plan", "third");
    assert_eq!(world.calls()[6..], ["plan", "show"]);
}

/// The state has the default of the earlier files, which the new ones no longer say.
#[test]
fn defaults_of_the_earlier_files_stay_secret() {
    let Some(world) = World::new() else { return };
    let made = |default: &str| {
        let text = format!(
            "variable \"token\" {{\n  sensitive = true\n  default   = \"{default}\"\n}}\n\
             resource \"terraform_data\" \"x\" {{ input = \"uses ${{nonsensitive(var.token)}}\" }}\n\
             output \"slipway\" {{ value = {{}} }}\n"
        );
        world.blueprint(&[("main.tf", &text)], &json!({}))
    };
    let operation = world.provision("one", made("hunter2-first"));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let update = world.request(UPDATE, &world.stack(&operation), Some(made("hunter2-second")));
    world.succeed(&update, "plan", "update");
    let plan = world.operation(&update).plan.expect("a plan");
    assert_eq!(plan.change, 1);
    let pages = world.aws.keys(ARTIFACTS, &world.key(&update, ""));
    let shown = pages.iter().filter(|key| !key.contains("/plan-"));
    let texts: Vec<String> = shown
        .map(|key| String::from_utf8_lossy(&world.aws.object(ARTIFACTS, key).expect("an object")).into_owned())
        .collect();
    assert!(texts.iter().any(|text| text.contains("uses (sensitive)")), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("hunter2")), "{texts:?}");
}

#[test]
fn environment_protected_after_the_review_loses_nothing() {
    let Some(world) = World::new() else { return };
    let operation = world.provision("one", configuration(&world, "a"));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let before = world.state(&operation);
    let smaller = world.blueprint(
        &[("main.tf", "output \"slipway\" { value = { endpoints = {} } }\n")],
        &json!({}),
    );
    let update = world.request(UPDATE, &world.stack(&operation), Some(smaller));
    world.succeed(&update, "plan", "update");
    world.review(&update);
    world.protect("terraform_data");
    let printed = world.fail(&update, "apply", "refused");
    assert!(printed.contains("protected"), "{printed}");
    let refused = world.operation(&update);
    let failure = refused.failure.clone().expect("a failure");
    assert_eq!(failure.name, "Slipway.ResourceProtected");
    assert!(!refused.has_begun_apply(), "{refused:?}");
    assert_eq!(world.state(&operation)["resources"], before["resources"]);
    world.end(&update, &End::of(failure));
    assert_eq!(
        (world.operation(&update).status, world.stack(&update).status),
        (OperationStatus::Discarded, StackStatus::Ready)
    );
}

/// A change of the environment.
type Change = fn(&mut Environment);

/// Builds wait in the queue of the account for hours: the rules that hold are those of the environment when the apply begins.
#[test]
fn environment_stricter_after_the_review_needs_its_approvals() {
    let Some(world) = World::new() else { return };
    let operation = world.provision("one", configuration(&world, "a"));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let calls = world.calls().len();
    let stack = world.stack(&operation);
    let cases: [(Verdict, Option<&str>, Change, &str); 3] = [
        (Verdict::Apply, None, |_| {}, "the plan has no approval"),
        (
            Verdict::ApprovalNeeded,
            Some("grace"),
            |environment| environment.approvals_required = 2,
            "the plan has 1 of 2 approvals",
        ),
        (
            Verdict::ApprovalNeeded,
            Some("ada"),
            |environment| environment.approvals_required = 1,
            "the requester approved the plan",
        ),
    ];
    for (verdict, approver, change, expected) in cases {
        let update = world.request(UPDATE, &stack, Some(configuration(&world, "b")));
        world.succeed(&update, "plan", "update");
        world.review_as(&update, &verdict, approver);
        world.change_environment(change);
        let printed = world.fail(&update, "apply", "refused");
        assert!(printed.contains(expected), "{printed}");
        let refused = world.operation(&update);
        let failure = refused.failure.clone().expect("a failure");
        assert_eq!(failure.name, "Slipway.PlanRefused");
        assert!(failure.message.contains("policy `environment.approval`"), "{failure:?}");
        assert!(!refused.has_begun_apply(), "{refused:?}");
        world.end(&update, &End::of(failure));
        let after = world.stack(&update);
        assert_eq!(
            (world.operation(&update).status, after.status, after.configuration),
            (
                OperationStatus::Discarded,
                StackStatus::Ready,
                stack.configuration.clone()
            )
        );
    }
    assert!(!world.calls()[calls..].contains(&"apply".to_owned()));

    // The requester may approve now.
    world.change_environment(|environment| environment.self_approval = true);
    let update = world.request(UPDATE, &stack, Some(configuration(&world, "b")));
    world.succeed(&update, "plan", "update");
    world.review_as(&update, &Verdict::ApprovalNeeded, Some("ada"));
    world.succeed(&update, "apply", "last");
}

#[test]
fn apply_of_its_own_hides_what_the_plan_marks() {
    let Some(world) = World::new() else { return };
    let files = [(
        "main.tf",
        r#"
resource "terraform_data" "generated" { input = sensitive("GeneratedCanary02") }
resource "terraform_data" "prints" {
  provisioner "local-exec" { command = "echo it is ${nonsensitive(terraform_data.generated.output)}" }
}
output "slipway" { value = { endpoints = {} } }
"#,
    )];
    let operation = world.provision("one", world.blueprint(&files, &json!({})));
    world.succeed(&operation, "plan", "plan");
    let printed = world.succeed(&operation, "apply", "apply");
    assert!(printed.contains("it is (sensitive)"), "{printed}");
    assert!(!printed.contains("GeneratedCanary02"), "{printed}");
}

#[test]
fn keys_of_sensitive_maps_are_in_no_address() {
    let Some(world) = World::new() else { return };
    let files = [(
        "main.tf",
        r#"
variable "users" {
  type      = map(string)
  sensitive = true
}
resource "terraform_data" "user" {
  for_each = nonsensitive(toset(keys(var.users)))
  input    = { (each.key) = "x" }
}
output "slipway" { value = { endpoints = {} } }
"#,
    )];
    let users = json!({"users": {"UserKeyCanary03": "password-of-it"}});
    let operation = world.provision("one", world.blueprint(&files, &users));
    let printed = world.succeed(&operation, "plan", "plan");
    let planned = world.operation(&operation);
    let plan = planned.plan.clone().expect("a plan");
    assert_eq!(plan.resources[0].address, "terraform_data.user[\"(sensitive)\"]");
    let keys = world.aws.keys(ARTIFACTS, &world.key(&operation, "plan/"));
    let pages: Vec<String> = keys
        .iter()
        .filter_map(|key| world.aws.object(ARTIFACTS, key))
        .map(|page| String::from_utf8_lossy(&page).into_owned())
        .collect();
    assert!(pages.iter().any(|page| page.contains("(sensitive)")), "{pages:?}");
    world.succeed(&operation, "apply", "apply");
    let shown = [printed, serde_json::to_string(&plan).expect("JSON"), pages.concat()];
    let progress = serde_json::to_string(&world.operation(&operation).progress).expect("JSON");
    for text in shown.iter().chain([&progress]) {
        assert!(!text.contains("UserKeyCanary03"), "{text}");
    }
}

#[test]
fn complete_plan_is_kept_without_secrets() {
    let Some(world) = World::new() else { return };
    let operation = world.provision("one", configuration(&world, "a"));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let mut changed = configuration(&world, "b");
    changed.variables.insert("secret".to_owned(), "hunter2-given".into());
    changed.sensitive.insert("secret".to_owned());
    let update = world.request(UPDATE, &world.stack(&operation), Some(changed));
    world.succeed(&update, "plan", "update");

    let plan = world.operation(&update).plan.expect("a plan");
    assert_eq!(
        (plan.change, plan.applyable, plan.outputs_changed),
        (1, Some(true), true)
    );
    assert_eq!(plan.resources[0].action, Action::Update);
    let document = plan.document.expect("a document");
    assert_eq!(document.items, 2);
    let read = |name: &str| -> Value {
        serde_json::from_str(&world.artifact(&update, name).expect("an object")).expect("JSON")
    };
    let index: pages::Index = serde_json::from_value(read(&pages::name(&document.index))).expect("an index");
    let page = read(&pages::name(&index.pages[0].sha256));
    let attributes = &page["items"][0]["attributes"];
    assert_eq!(
        attributes[0],
        json!({"path": "input.secret", "before_sensitive": true, "after_sensitive": true})
    );
    assert_eq!(
        attributes[1],
        json!({"path": "input.text", "before": "a", "after": "b"})
    );
    // Terraform does not mark what the provider makes of a sensitive value.
    assert_eq!(
        attributes[2],
        json!({"path": "output.secret", "before": "(sensitive)", "after_unknown": true, "before_hidden": true})
    );
    assert_eq!(page["items"][1]["address"], "slipway");
    for key in world.aws.keys(ARTIFACTS, "") {
        let bytes = world.aws.object(ARTIFACTS, &key).expect("an object");
        // The archive has what Terraform needs, and a blueprint its defaults.
        let needed = key.contains("/plan-") || key.starts_with("blueprints/");
        assert!(needed || !String::from_utf8_lossy(&bytes).contains("hunter2"), "{key}");
    }
}
