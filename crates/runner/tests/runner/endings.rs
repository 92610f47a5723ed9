//! Operations that end otherwise.

use std::process::Child;

use serde_json::{Value, json};
use slipway_model::operation::work::Work;
use slipway_model::operation::{Failure, Operation, StepStatus};
use slipway_store::finish::End;

use crate::support::{UPDATE, World, state_key};

/// A blueprint whose second resource takes as long as `command` does.
pub fn slow(command: &str) -> String {
    format!(
        r#"
resource "terraform_data" "a" {{ input = "a" }}
resource "terraform_data" "slow" {{
  input = terraform_data.a.output
  provisioner "local-exec" {{ command = {command:?} }}
}}
resource "terraform_data" "after" {{ input = terraform_data.slow.output }}
output "slipway" {{ value = {{ endpoints = {{ web = terraform_data.after.output }} }} }}
"#
    )
}

pub fn provision(world: &World, text: &str) -> Operation {
    world.provision("one", world.blueprint(&[("main.tf", text)], &json!({})))
}

pub fn addresses(state: &Value) -> Vec<String> {
    let resources = state["resources"].as_array().into_iter().flatten();
    resources
        .map(|resource| resource["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

pub fn signal(child: &Child, name: &str) {
    let sent = std::process::Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
}

pub fn failure(world: &World, operation: &Operation) -> Failure {
    world.operation(operation).failure.expect("a failure")
}

#[test]
fn error_in_a_blueprint_names_file_and_line() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, "\nresource \"terraform_data\" \"a\" {\n  input = \"x\n}\n");
    let printed = world.fail(&operation, "plan", "plan");
    let failure = failure(&world, &operation);
    assert_eq!(
        (failure.name.as_str(), failure.step.as_str()),
        ("Slipway.PlanFailed", "Plan")
    );
    assert!(failure.message.contains("main.tf:3"), "{}", failure.message);
    assert!(printed.contains("main.tf:3"), "{printed}");
    let step = world.operation(&operation).steps[0].clone();
    assert_eq!(step.status, StepStatus::Failed);
}

#[test]
fn a_sensitive_contract_is_refused_before_anything_is_made() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, "output \"slipway\" {\n  value = \"x\"\n  sensitive = true\n}");
    world.fail(&operation, "plan", "plan");
    assert!(failure(&world, &operation).message.contains("nonsensitive("));
}

/// A version that an earlier Slipway published was checked by the rules of then.
#[test]
fn endpoint_with_an_unsupported_scheme_is_refused_before_anything_is_made() {
    let host = "resource \"terraform_data\" \"host\" { input = \"db.test\" }\n";
    for address in ["postgres://db.test", "postgres://${terraform_data.host.output}"] {
        let Some(world) = World::new() else { return };
        let output = format!("output \"slipway\" {{ value = {{ endpoints = {{ db = \"{address}\" }} }} }}");
        let operation = provision(&world, &format!("{host}{output}"));
        world.fail(&operation, "plan", "plan");
        let failure = failure(&world, &operation);
        assert_eq!(
            (failure.name.as_str(), failure.step.as_str()),
            ("Slipway.ContractInvalid", "Plan")
        );
        assert!(
            failure
                .message
                .contains("`slipway.endpoints.db` has the scheme `postgres`"),
            "{}",
            failure.message
        );
    }
}

#[test]
fn without_terraform_it_says_what_to_install() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("true"));
    let mut build = world.build(&operation, "plan", "plan");
    build.env_remove("SLIPWAY_TERRAFORM").env("PATH", world.path("nothing"));
    assert_eq!(build.status().expect("a build").code(), Some(1));
    let message = failure(&world, &operation).message;
    assert!(
        message.contains("install Terraform 1.11") && message.contains("OpenTofu 1.10"),
        "{message}"
    );
}

/// A dying Terraform prints texts that are no messages. Their end is on the operation, which many people read.
#[test]
fn output_of_a_dying_terraform_is_reported_without_secrets() {
    let Some(world) = World::new() else { return };
    let text = "variable \"secret\" { type = string }\noutput \"slipway\" { value = {} }\n";
    let mut configuration = world.blueprint(&[("main.tf", text)], &json!({"secret": "hunter2-sesame"}));
    configuration.sensitive.insert("secret".to_owned());
    let operation = world.provision("one", configuration);
    let real = std::fs::read_to_string(world.path("terraform")).expect("a script");
    let dies = "#!/bin/sh\nif [ \"$1\" = plan ]; then echo 'panic: hunter2-sesame is odd'; exit 2; fi\n";
    std::fs::write(world.path("terraform"), real.replacen("#!/bin/sh\n", dies, 1)).expect("a script");
    let printed = world.fail(&operation, "plan", "plan");
    let message = failure(&world, &operation).message;
    assert!(message.contains("is odd"), "{message}");
    assert!(
        !message.contains("hunter2") && !printed.contains("hunter2"),
        "{message}"
    );
}

/// Each more often than the SDK tries by itself.
#[test]
fn cut_bodies_and_throttles_are_waited_out() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("true"));
    for (phase, cut, throttled) in [("plan", 2, 0), ("apply", 2, 5)] {
        world.aws.disturb(cut, throttled);
        world.aws.disturb_database(5, 5);
        world.succeed(&operation, phase, phase);
        assert_eq!(world.aws.disturbances(), (0, 0), "{phase}");
        assert_eq!(world.aws.database_disturbances(), (0, 0), "{phase}");
    }
}

/// A plan writes no state, and S3 throttles writes first.
#[test]
fn plan_takes_no_lock_and_succeeds_while_locks_are_throttled() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("true"));
    world.aws.throttle_locks(true);
    world.succeed(&operation, "plan", "plan");
    assert_eq!(world.aws.lock_requests(), 0);
    world.aws.throttle_locks(false);
    world.succeed(&operation, "apply", "apply");
    assert!(world.aws.lock_requests() > 0, "an apply takes the lock");
    world.end(&operation, &End::Succeeded);

    let counted = world.aws.lock_requests();
    world.aws.throttle_locks(true);
    let check = world.request(Work::Drift, &world.stack(&operation), None);
    world.succeed(&check, "plan", "again");
    assert_eq!(world.aws.lock_requests(), counted, "a drift check takes none");
}

/// Terraform writes the state at its end, and every twenty seconds: what was made since is nowhere else.
#[test]
fn killed_terraform_names_what_it_may_have_made() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("kill -s KILL $PPID"));
    world.succeed(&operation, "plan", "plan");
    world.fail(&operation, "apply", "apply");
    let failure = failure(&world, &operation);
    assert_eq!(failure.name, "Slipway.ApplyFailed");
    for named in ["terraform_data.slow (create begun)", "terraform_data.a (created, id "] {
        assert!(failure.message.contains(named), "{}", failure.message);
    }
}

/// A blueprint whose second resource kills Terraform while the file `armed` exists.
pub fn kills_terraform_once(world: &World) -> (Operation, String) {
    let armed = world.path("armed");
    std::fs::write(&armed, "").expect("a file");
    let command = format!("if test -e '{}'; then kill -s KILL $PPID; fi", armed.display());
    let operation = provision(world, &slow(&command));
    world.succeed(&operation, "plan", "plan");
    world.fail(&operation, "apply", "apply");
    let failure = failure(world, &operation);
    let (_, rest) = failure
        .message
        .split_once("terraform_data.a (created, id ")
        .expect("an ID");
    let id = rest.split(')').next().expect("an ID").to_owned();
    world.end(&operation, &End::Failed(failure));
    std::fs::remove_file(&armed).expect("a file");
    (operation, id)
}

pub fn id_of(state: &Value, name: &str) -> Value {
    let mut resources = state["resources"].as_array().into_iter().flatten();
    let found = resources.find(|resource| resource["name"] == name).expect(name);
    found["instances"][0]["attributes"]["id"].clone()
}

#[test]
fn update_imports_what_a_killed_terraform_created() {
    let Some(world) = World::new() else { return };
    let (operation, id) = kills_terraform_once(&world);
    let update = world.request(UPDATE, &world.stack(&operation), None);
    let printed = world.succeed(&update, "plan", "plan");
    assert!(printed.contains("terraform_data.a (id "), "{printed}");
    let plan = world.operation(&update).plan.expect("a plan");
    // An imported `terraform_data` gets its input by an update.
    assert_eq!((plan.add, plan.change), (2, 1), "{printed}");
    world.succeed(&update, "apply", "apply");
    assert_eq!(id_of(&world.state(&update), "a"), id, "imported, not created again");

    world.end(&update, &End::Succeeded);
    let next = world.request(UPDATE, &world.stack(&operation), None);
    let printed = world.succeed(&next, "plan", "plan");
    assert!(!printed.contains("imported"), "{printed}");
}

#[test]
fn destroy_is_refused_while_created_resources_are_not_in_the_state() {
    let Some(world) = World::new() else { return };
    let (operation, id) = kills_terraform_once(&world);
    let destroy = world.request(Work::Destroy, &world.stack(&operation), None);
    world.fail(&destroy, "plan", "plan");
    let message = failure(&world, &destroy).message;
    assert!(message.contains(&format!("terraform_data.a (id {id})")), "{message}");
    assert!(message.contains("Update the stack"), "{message}");
}

#[test]
fn plan_goes_on_without_imports_that_terraform_rejects() {
    let Some(world) = World::new() else { return };
    let (operation, _) = kills_terraform_once(&world);
    // The next version no longer has the resource.
    let text = "resource \"terraform_data\" \"other\" {}\noutput \"slipway\" { value = {} }\n";
    let configuration = world.blueprint(&[("main.tf", text)], &json!({}));
    let update = world.request(UPDATE, &world.stack(&operation), Some(configuration));
    let printed = world.succeed(&update, "plan", "plan");
    let plan = world.operation(&update).plan.expect("a plan");
    let [noted] = plan.not_understood.as_slice() else {
        panic!("{plan:?}\n{printed}")
    };
    assert!(noted.contains("terraform_data.a (id "), "{noted}");
    world.succeed(&update, "apply", "apply");
    assert_eq!(addresses(&world.state(&update)), ["other"]);
    world.end(&update, &End::Succeeded);
    let destroy = world.request(Work::Destroy, &world.stack(&operation), None);
    world.succeed(&destroy, "plan", "plan");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("true"));
    let missing = world.path("missing");
    let mut build = world.build(&operation, "plan", "plan");
    build.env("TMPDIR", &missing);
    assert_eq!(build.status().expect("a build").code(), Some(1));
    let message = failure(&world, &operation).message;
    assert!(
        message.starts_with(&format!("cannot make {}", missing.display())),
        "{message}"
    );
}

#[test]
fn failed_apply_names_the_resource_and_the_next_one_continues() {
    let Some(world) = World::new() else { return };
    let switch = world.path("switch");
    let operation = provision(&world, &slow(&format!("test -e '{}'", switch.display())));
    world.succeed(&operation, "plan", "plan");
    world.fail(&operation, "apply", "apply");
    let failure = failure(&world, &operation);
    assert_eq!(
        (failure.name.as_str(), failure.step.as_str()),
        ("Slipway.ApplyFailed", "Apply")
    );
    assert_eq!(failure.address.as_deref(), Some("terraform_data.slow"));
    assert!(failure.message.contains("main.tf:5"), "{}", failure.message);
    assert!(!world.is_locked(&operation));

    // A second build, started because the answer to StartBuild was lost, does not replace the reason.
    let printed = world.fail(&operation, "apply", "again");
    assert!(
        printed.contains("the build runner:apply of this operation failed"),
        "{printed}"
    );
    assert_eq!(world.operation(&operation).failure.as_ref(), Some(&failure));

    world.end(&operation, &End::Failed(failure));
    std::fs::write(switch, "").expect("a file");
    let update = world.request(UPDATE, &world.stack(&operation), None);
    world.succeed(&update, "plan", "plan");
    world.succeed(&update, "apply", "apply");
    assert_eq!(addresses(&world.state(&update)), ["a", "after", "slow"]);
}

#[test]
fn a_signal_lets_terraform_save_the_state() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("sleep 60"));
    world.succeed(&operation, "plan", "plan");
    let mut build = world.start_until(&operation, "apply", "apply", "terraform_data.slow: being created");
    // After a second interrupt, Terraform would drop everything.
    signal(&build, "TERM");
    signal(&build, "TERM");
    signal(&build, "INT");
    assert_eq!(build.wait().expect("an end").code(), Some(1));
    assert_eq!(failure(&world, &operation).name, "Slipway.Cancelled");
    let stream = world.artifact(&operation, "apply.jsonl").expect("a stream");
    assert!(
        stream.contains("Interrupt received") && !stream.contains("Two interrupts"),
        "{stream}"
    );
    assert_eq!(addresses(&world.state(&operation)), ["a", "slow"]);
    assert!(!world.is_locked(&operation));
}

/// A build is killed together with its Terraform. Its lock stays until its operation and its build have ended.
#[test]
fn a_lock_is_released_by_proof() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("sleep 60"));
    world.succeed(&operation, "plan", "plan");
    let mut build = world.start_until(&operation, "apply", "apply", "terraform_data.slow: being created");
    kill_with_terraform(&mut build);
    assert!(world.is_locked(&operation));

    let cancelled = failure_of_the_workflow();
    world.end(&operation, &End::Failed(cancelled));
    let next = world.blueprint(&[("main.tf", &slow("true"))], &json!({}));
    let update = world.request(UPDATE, &world.stack(&operation), Some(next));
    let mut plan = world.start_until(&update, "plan", "plan", "its build still runs");
    assert!(world.printed("plan").contains(operation.id.as_str()));
    assert!(world.is_locked(&operation));
    world.aws.end_build("runner:apply");
    assert_eq!(
        plan.wait().expect("an end").code(),
        Some(0),
        "{}",
        world.printed("plan")
    );
    assert!(world.printed("plan").contains("the lock is released"));
    world.succeed(&update, "apply", "other");
}

/// CodeBuild started a build of the plan twice, and the second one died with the lock.
#[test]
fn lock_of_a_plan_that_waits_is_released_by_proof() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("true"));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let next = world.blueprint(&[("main.tf", &slow("sleep 1"))], &json!({}));
    let update = world.request(UPDATE, &world.stack(&operation), Some(next));
    // CodeBuild does not say yet that it ended.
    let planned = world.build(&update, "plan", "twice").status().expect("a build");
    assert!(planned.success(), "{}", world.printed("twice"));
    world
        .wait(world.store.ask_approval(&update.id, "a-task-token"))
        .expect("it waits");
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let lock = json!({
        "ID": "1", "Operation": "OperationTypePlan", "Info": "", "Who": format!("root@{host}"), "Version": "1.11.4",
        "Created": jiff::Timestamp::now().to_string(), "Path": "x",
    });
    let key = format!("{}.tflock", state_key(&operation));
    world.aws.put(crate::support::STATES, &key, lock.to_string());

    let drift = world.request(Work::Drift, &world.stack(&operation), None);
    let mut plan = world.start_until(&drift, "plan", "drift", "its build still runs");
    assert!(world.is_locked(&operation));
    world.aws.end_build("runner:twice");
    let printed = || world.printed("drift");
    assert_eq!(plan.wait().expect("an end").code(), Some(0), "{}", printed());
    assert!(printed().contains("the lock is released"));
}

/// A foreign lock is left alone; a cancel ends the wait for it.
#[test]
fn a_strangers_lock_is_never_touched() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("true"));
    let key = format!("{}.tflock", state_key(&operation));
    let lock = json!({
        "ID": "1", "Operation": "OperationTypePlan", "Info": "", "Who": "alice@laptop", "Version": "1.11.4",
        "Created": "2999-01-01T00:00:00Z", "Path": "x",
    });
    world.aws.put(crate::support::STATES, &key, lock.to_string());
    let mut plan = world.start_until(&operation, "plan", "plan", "no build of Slipway made it");
    assert!(world.printed("plan").contains("alice@laptop"));
    signal(&plan, "TERM");
    assert_eq!(plan.wait().expect("an end").code(), Some(1));
    assert_eq!(failure(&world, &operation).name, "Slipway.Cancelled");
    assert!(world.is_locked(&operation));
}

/// The runner is killed, Terraform goes on: the next build of the operation waits for it and takes what it did.
#[test]
fn terraform_outlives_its_runner() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &slow("sleep 3"));
    world.succeed(&operation, "plan", "plan");
    let mut build = world.start_until(&operation, "apply", "apply", "terraform_data.slow: being created");
    build.kill().expect("a build");
    build.wait().expect("an end");
    world.aws.end_build("runner:apply");
    let printed = world.succeed(&operation, "apply", "again");
    assert!(printed.contains("applied the plan to its end"), "{printed}");
    assert_eq!(
        world.outputs(&operation),
        json!({"slipway": {"endpoints": {"web": "a"}}})
    );
    assert_eq!(world.calls(), ["init", "plan", "show", "show", "apply"]);
}

/// All of AWS goes away in the middle of an apply and comes back after Terraform has given up.
#[test]
fn an_apply_survives_the_end_of_the_server() {
    let Some(mut world) = World::new() else { return };
    let operation = provision(&world, &slow("sleep 2"));
    world.succeed(&operation, "plan", "plan");
    let mut build = world.start_until(&operation, "apply", "apply", "terraform_data.slow: being created");
    world.aws.go_away();
    world.until("the state is saved here", || {
        world.printed("apply").contains("the runner does")
    });
    world.aws.come_back();
    assert_eq!(
        build.wait().expect("an end").code(),
        Some(0),
        "{}",
        world.printed("apply")
    );
    assert_eq!(addresses(&world.state(&operation)), ["a", "after", "slow"]);
    assert_eq!(
        world.outputs(&operation),
        json!({"slipway": {"endpoints": {"web": "a"}}})
    );
    assert!(!world.is_locked(&operation));
    assert_eq!(world.operation(&operation).steps[1].status, StepStatus::Succeeded);
}

pub fn failure_of_the_workflow() -> Failure {
    Failure {
        name: "Slipway.ApplyFailed".to_owned(),
        step: "Apply".to_owned(),
        message: "the build was stopped".to_owned(),
        address: None,
    }
}

/// Kills a build and then, in its own group, the Terraform that it started.
pub fn kill_with_terraform(build: &mut Child) {
    let children = std::process::Command::new("pgrep")
        .args(["-P", &build.id().to_string()])
        .output()
        .expect("pgrep");
    build.kill().expect("a build");
    build.wait().expect("an end");
    for pid in String::from_utf8_lossy(&children.stdout).lines() {
        let killed = std::process::Command::new("kill")
            .args(["-s", "KILL", "--", &format!("-{pid}")])
            .status();
        assert!(killed.expect("kill").success());
    }
}
