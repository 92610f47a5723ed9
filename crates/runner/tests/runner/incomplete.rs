//! A Terraform that ends with exit code 0 and did not say everything, as one does whose disk is full.

use std::process::Command;

use serde_json::json;
use slipway_model::environment::Approval;
use slipway_model::operation::Operation;
use slipway_model::operation::work::Work;
use slipway_model::plan::{Verdict, review};
use slipway_store::finish::End;

use crate::support::{UPDATE, World};

const BLUEPRINT: &str = r#"
variable "n" { type = number }
resource "terraform_data" "a" {
  count = var.n
  input = count.index
}
output "slipway" { value = { endpoints = { web = "https://${var.n}.example/" } } }
"#;

pub fn provision(world: &World, n: u32) -> Operation {
    world.provision("one", world.blueprint(&[("main.tf", BLUEPRINT)], &json!({"n": n})))
}

/// From now on `script` runs in place of a command of Terraform's; `"$real" "$@"` in it is the program.
pub fn instead_of(world: &World, command: &str, script: &str) {
    let text = std::fs::read_to_string(world.path("terraform.real")).unwrap_or_else(|_| {
        std::fs::rename(world.path("terraform"), world.path("terraform.real")).expect("a script");
        String::new()
    });
    assert!(text.is_empty() || text.starts_with("#!/bin/sh"), "{text}");
    let real = world.path("terraform.real");
    let script = format!(
        "#!/bin/sh\nreal='{}'\nif [ \"$1\" = {command} ]; then\n{script}\nexit 0\nfi\nexec \"$real\" \"$@\"\n",
        real.display()
    );
    std::fs::write(world.path("terraform"), script).expect("a script");
    let chmod = Command::new("chmod").arg("755").arg(world.path("terraform")).status();
    assert!(chmod.expect("chmod").success());
}

pub fn undo(world: &World) {
    std::fs::copy(world.path("terraform.real"), world.path("terraform")).expect("a script");
}

fn message(world: &World, operation: &Operation, name: &str) -> String {
    let failure = world.operation(operation).failure.expect("a failure");
    assert_eq!(failure.name, name, "{failure:?}");
    failure.message
}

/// A stack with three resources; its provision has ended.
pub fn made(world: &World) -> Operation {
    let operation = provision(world, 3);
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    operation
}

#[test]
fn plan_of_which_a_part_is_missing_fails() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, 3);
    for (case, script, expected) in [
        ("silent", "", "without a `change_summary`"),
        (
            "no summary",
            r#""$real" "$@" | grep -v change_summary"#,
            "without a `change_summary`",
        ),
        (
            "a change less",
            r#""$real" "$@" | sed '0,/planned_change/{/planned_change/d}'"#,
            "names 2 changes",
        ),
        (
            "a cut line",
            r#""$real" "$@" | sed '0,/planned_change/s/\(.*"planned_change.*\)/\1/;/change_summary/s/.\{20\}$//'"#,
            "not whole",
        ),
        (
            "two lines in one",
            r#""$real" "$@" | sed '/"type":"planned_change"/{s/.\{30\}$//;N;s/\n//}'"#,
            "not whole",
        ),
    ] {
        instead_of(&world, "plan", script);
        let printed = world.fail(&operation, "plan", "plan");
        let message = message(&world, &operation, "Slipway.PlanFailed");
        assert!(message.contains(expected), "{case}: {message}\n{printed}");
        assert_eq!(world.operation(&operation).plan, None, "{case}");
    }
    undo(&world);
    world.succeed(&operation, "plan", "plan");
}

/// `lifecycle { destroy = false }` of Terraform 1.16: its stream says `replace`, and its summary counts nothing.
#[test]
fn replaced_object_that_is_kept_is_counted_by_the_saved_plan() {
    let Some(world) = World::new() else { return };
    let text = r#"
variable "n" { type = number }
resource "terraform_data" "a" { triggers_replace = var.n }
output "slipway" { value = {} }
"#;
    let version = |n: u32| world.blueprint(&[("main.tf", text)], &json!({"n": n}));
    let operation = world.provision("one", version(1));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let update = world.request(UPDATE, &world.stack(&operation), Some(version(2)));

    let uncounted = r#"/change_summary/{s/"add":1,/"add":0,/;s/"remove":1,/"remove":0,/}"#;
    let kept = r#"s/"actions":\["delete","create"\]/"actions":["create","forget"]/"#;
    let both = r#"show ] || [ "$1" = plan"#;
    instead_of(&world, both, &format!(r#""$real" "$@" | sed '{uncounted}'"#));
    let printed = world.fail(&update, "plan", "plan");
    let message = message(&world, &update, "Slipway.PlanFailed");
    assert!(message.contains("names 2 changes"), "{message}\n{printed}");

    instead_of(&world, both, &format!(r#""$real" "$@" | sed '{uncounted};{kept}'"#));
    let printed = world.succeed(&update, "plan", "plan");
    let plan = world.operation(&update).plan.expect("a plan");
    assert_eq!((plan.replace, plan.resource_count()), (1, 1), "{plan:?}\n{printed}");
    assert_eq!(plan.not_understood, Vec::<String>::new(), "{plan:?}");
}

/// What Slipway does not know may be a change: an approver decides.
#[test]
fn plan_that_is_not_understood_needs_an_approval() {
    let Some(world) = World::new() else { return };
    let cases = [
        (
            "plan",
            r#""$real" "$@"; echo '{"type":"planned_action_invocation","invocation":{}}'"#,
            "messages of the type `planned_action_invocation`",
        ),
        (
            "plan",
            r#""$real" "$@" | sed 's/"action":"create"/"action":"conjure"/'"#,
            "messages of the type `planned_change: conjure`",
        ),
        (
            "show",
            r#""$real" "$@" | sed 's/"actions":\["create"\]/"actions":["conjure"]/'"#,
            "the actions [\"conjure\"] are not known",
        ),
        (
            "show",
            r#""$real" "$@" | sed 's/"resource_changes":/"resource_conjurings":/'"#,
            "the plan has `resource_conjurings`",
        ),
        (
            "show",
            r#""$real" "$@" | sed 's/"format_version":"1/"format_version":"7/'"#,
            "format version 7",
        ),
    ];
    for (index, (command, script, expected)) in cases.into_iter().enumerate() {
        // The first plan of an operation stays.
        let configuration = world.blueprint(&[("main.tf", BLUEPRINT)], &json!({"n": 3}));
        let operation = world.provision(&format!("case-{index}"), configuration);
        instead_of(&world, command, script);
        world.succeed(&operation, "plan", "plan");
        let planned = world.operation(&operation);
        let plan = planned.plan.clone().expect("a plan");
        assert!(
            plan.not_understood.join("\n").contains(expected),
            "{expected}: {plan:?}"
        );
        let dev = world.wait(world.store.environment(&planned.environment));
        let mut dev = dev.expect("the environment");
        dev.approval = Approval::Never;
        assert_eq!(
            review(planned.kind(), &plan, &dev),
            Verdict::ApprovalNeeded,
            "{expected}"
        );
    }
}

#[test]
fn saved_plan_that_is_not_shown_whole_fails() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, 3);
    for script in ["", r#""$real" "$@" | head -c 300"#, "echo '{}{}'"] {
        instead_of(&world, "show", script);
        world.fail(&operation, "plan", "plan");
        let message = message(&world, &operation, "Slipway.PlanFailed");
        assert!(
            message.contains("`terraform show -json` is incomplete"),
            "{script}: {message}"
        );
        assert_eq!(world.operation(&operation).plan, None, "{script}");
    }
}

#[test]
fn apply_that_terraform_did_not_end_fails() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, 1);
    world.succeed(&operation, "plan", "plan");
    instead_of(&world, "apply", r#""$real" "$@" | grep -v change_summary"#);
    world.fail(&operation, "apply", "apply");
    let message = message(&world, &operation, "Slipway.ApplyFailed");
    assert!(message.contains("without a `change_summary`"), "{message}");
    assert_eq!(world.artifact(&operation, "outputs.json"), None);
}

#[test]
fn outputs_come_from_the_state() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, 1);
    world.succeed(&operation, "plan", "plan");
    instead_of(&world, "apply", r#""$real" "$@" | grep -v '"type":"outputs"'"#);
    world.succeed(&operation, "apply", "apply");
    let expected = json!({"slipway": {"endpoints": {"web": "https://1.example/"}}});
    assert_eq!(world.outputs(&operation), expected);
}

#[test]
fn destroy_succeeds_only_with_an_empty_state() {
    let Some(world) = World::new() else { return };
    let stack = world.stack(&made(&world));
    let destroy = world.request(Work::Destroy, &stack, None);
    let nothing = r#"echo '{"type":"change_summary","changes":{"add":0,"change":0,"remove":0,"operation":"plan"}}'"#;
    for (script, expected) in [("", "without a `change_summary`"), (nothing, "3 resources")] {
        instead_of(&world, "plan", script);
        world.fail(&destroy, "plan", "plan");
        let message = message(&world, &destroy, "Slipway.PlanFailed");
        assert!(message.contains(expected), "{message}");
    }
    undo(&world);
    world.succeed(&destroy, "plan", "plan");

    let done = r#"echo '{"type":"change_summary","changes":{"add":0,"change":0,"remove":3,"operation":"apply"}}'"#;
    for (script, expected) in [("", "without a `change_summary`"), (done, "3 resources")] {
        instead_of(&world, "apply", script);
        world.fail(&destroy, "apply", "apply");
        let message = message(&world, &destroy, "Slipway.ApplyFailed");
        assert!(message.contains(expected), "{message}");
    }
    undo(&world);
    world.succeed(&destroy, "apply", "apply");
    assert_eq!(world.state(&destroy)["resources"], json!([]));
}

/// A file system of its own with three megabytes, for which a test has to be root.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn small_disk() -> Option<tempfile::TempDir> {
    let disk = tempfile::tempdir().expect("a folder");
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=3m", "none"])
        .arg(disk.path())
        .output();
    if mount.is_ok_and(|output| output.status.success()) {
        return Some(disk);
    }
    println!("skipped: mounting a small file system needs root; run the tests as root");
    None
}

fn unmount(disk: &tempfile::TempDir) {
    let unmounted = Command::new("umount").arg("-l").arg(disk.path()).status();
    assert!(unmounted.expect("umount").success());
}

#[test]
fn plan_on_a_full_disk_is_whole_or_fails() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, 59);
    let Some(disk) = small_disk() else { return };
    for pages in [2_u32, 4, 6, 8, 12, 32] {
        // Just before Terraform writes its first line.
        let fill = format!(
            "free=$(df --output=avail -k '{0}' | tail -1)\nhead -c $(( (free - {pages} * 4) * 1024 )) /dev/zero >'{0}/filler'\n\
             \"$real\" \"$@\"; code=$?\nrm -f '{0}/filler'\nexit $code",
            disk.path().display()
        );
        instead_of(&world, "plan", &fill);
        let mut build = world.build(&operation, "plan", "plan");
        let status = build.env("TMPDIR", disk.path()).status().expect("a build");
        let operation = world.operation(&operation);
        match (status.code(), &operation.plan) {
            (Some(0), Some(plan)) => assert_eq!((plan.add, plan.resources.len()), (59, 59), "{pages} pages"),
            (Some(1), None) => {}
            other => panic!("{pages} pages: {other:?}"),
        }
    }
    unmount(&disk);
}

/// The runner writes nothing more once Terraform has ended: the apply that succeeded counts, and what is kept of the one that failed
/// has no secret.
#[test]
fn apply_that_fills_the_disk_keeps_its_end() {
    let Some(world) = World::new() else { return };
    let Some(disk) = small_disk() else { return };
    let filler = disk.path().join("filler");
    let fill = format!(
        "\"$real\" \"$@\"; code=$?\ncat /dev/zero >'{}' 2>/dev/null\nexit $code",
        filler.display()
    );
    for (end, expected) in [("true", 0), ("exit 1", 1)] {
        let text = format!(
            r#"
resource "terraform_data" "secret" {{ input = sensitive("hunter2-sesame-open") }}
resource "terraform_data" "b" {{
  input = terraform_data.secret.id
  provisioner "local-exec" {{ command = "echo hunter2-sesame-open; {end}" }}
}}
output "slipway" {{ value = {{}} }}
"#
        );
        let configuration = world.blueprint(&[("main.tf", &text)], &json!({}));
        let operation = world.provision(&format!("stack-{expected}"), configuration);
        let run = |phase: &str| {
            let mut build = world.build(&operation, phase, phase);
            let status = build.env("TMPDIR", disk.path()).status().expect("a build");
            world.aws.end_build(&format!("runner:{phase}"));
            status.code()
        };
        assert_eq!(run("plan"), Some(0), "{}", world.printed("plan"));
        instead_of(&world, "apply", &fill);
        assert_eq!(run("apply"), Some(expected), "{}", world.printed("apply"));
        std::fs::remove_file(&filler).expect("the disk was filled");
        let stream = world.artifact(&operation, "apply.jsonl");
        assert_eq!(stream.is_some(), expected == 1);
        assert!(!stream.unwrap_or_default().contains("hunter2"));
    }
    unmount(&disk);
}

/// Without the move the next version, which needs no `moved` block any more, destroys the resource.
#[test]
fn plan_that_only_moves_is_applied() {
    let Some(world) = World::new() else { return };
    let version = |resource: &str, moved: &str| {
        let text = format!(
            "resource \"terraform_data\" \"{resource}\" {{ input = \"x\" }}\n{moved}\noutput \"slipway\" {{ value = {{}} }}\n"
        );
        world.blueprint(&[("main.tf", &text)], &json!({}))
    };
    let operation = world.provision("one", version("a", ""));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let stack = world.stack(&operation);
    let block = "moved {\n  from = terraform_data.a\n  to = terraform_data.b\n}";
    let moves = world.request(UPDATE, &stack, Some(version("b", block)));
    world.succeed(&moves, "plan", "plan");
    let plan = world.operation(&moves).plan.expect("a plan");
    assert_eq!(
        (plan.moved, plan.resource_count(), plan.is_empty()),
        (1, 1, false),
        "{plan:?}"
    );
    world.succeed(&moves, "apply", "apply");
    world.end(&moves, &End::Succeeded);
    let next = world.request(UPDATE, &stack, Some(version("b", "")));
    world.succeed(&next, "plan", "plan");
    let plan = world.operation(&next).plan.expect("a plan");
    assert!(plan.is_empty(), "{plan:?}");
}
