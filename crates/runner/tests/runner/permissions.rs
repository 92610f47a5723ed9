//! The permissions that template.yaml gives to builds are enough: everything that the runner and Terraform do, on moto with IAM
//! enforced.

use serde_json::json;
use slipway_model::operation::StepStatus;
use slipway_model::operation::work::Work;
use slipway_store::finish::End;

use crate::endings::{failure_of_the_workflow, slow};
use crate::isolation::{build, guarded, succeed};
use crate::support::{STATES, UPDATE, World, state_key};

fn blueprint(world: &World, command: &str) -> slipway_model::stack::Configuration {
    world.blueprint(&[("main.tf", &slow(command))], &json!({}))
}

#[test]
fn a_stack_lives_with_the_permissions_of_the_template() {
    let Some(world) = guarded(0) else { return };
    // init, plan, apply
    let operation = world.provision("one", blueprint(&world, "true"));
    succeed(&world, &operation, "plan", "plan");
    succeed(&world, &operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    assert_eq!(world.calls(), ["init", "plan", "show", "show", "apply"]);
    // refresh-only
    let drift = world.request(Work::Drift, &world.stack(&operation), None);
    succeed(&world, &drift, "plan", "again");
    assert_eq!(world.operation(&drift).drift.expect("a look").count, 0);
    world.end(&drift, &End::Succeeded);
    // destroy
    let destroy = world.request(Work::Destroy, &world.stack(&operation), None);
    succeed(&world, &destroy, "plan", "plan");
    succeed(&world, &destroy, "apply", "apply");
    assert_eq!(world.state(&destroy)["resources"], json!([]));
    assert!(!world.is_locked(&destroy));
}

#[test]
fn a_cancel_and_a_lock_repair_need_no_more_permissions() {
    let Some(world) = guarded(0) else { return };
    let operation = world.provision("one", blueprint(&world, "sleep 60"));
    succeed(&world, &operation, "plan", "plan");
    let start = |name: &str| {
        let child = build(&world, &operation, "apply", name).spawn().expect("a build");
        world.until("the apply has begun", || {
            world.printed(name).contains("terraform_data.slow: being created")
        });
        child
    };
    // Killed with everything: the lock stays.
    let mut child = start("apply");
    crate::endings::kill_with_terraform(&mut child);
    assert!(world.is_locked(&operation));
    world.aws.end_build("runner:apply");
    world.end(&operation, &End::Failed(failure_of_the_workflow()));
    let update = world.request(UPDATE, &world.stack(&operation), Some(blueprint(&world, "sleep 61")));
    let printed = succeed(&world, &update, "plan", "again");
    assert!(printed.contains("the lock is released"), "{printed}");
    // Cancelled: the state is saved.
    let mut child = build(&world, &update, "apply", "other").spawn().expect("a build");
    world.until("the apply has begun", || {
        world.printed("other").contains("terraform_data.slow: being created")
    });
    crate::endings::signal(&child, "TERM");
    assert_eq!(
        child.wait().expect("an end").code(),
        Some(1),
        "{}",
        world.printed("other")
    );
    assert!(!world.is_locked(&update));
    assert!(
        world.state(&update)["resources"]
            .as_array()
            .is_some_and(|made| made.len() >= 2)
    );
}

/// Terraform may not write the state for a moment: the runner pushes what Terraform kept.
#[test]
fn a_state_is_pushed_with_the_permissions_of_the_template() {
    let Some(world) = guarded(0) else { return };
    let operation = world.provision("one", blueprint(&world, "sleep 5"));
    succeed(&world, &operation, "plan", "plan");
    let mut child = build(&world, &operation, "apply", "apply").spawn().expect("a build");
    world.until("the apply has begun", || {
        world.printed("apply").contains("terraform_data.slow: being created")
    });
    let deny = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{STATES}/{}", state_key(&operation)),
    }]});
    let role = "Version=2010-05-08&RoleName=slipway-us-east-1-runner&PolicyName=away";
    world
        .aws
        .moto()
        .iam(&format!("Action=PutRolePolicy&{role}&PolicyDocument={deny}"));
    world.until("Terraform could not save the state", || {
        world.printed("apply").contains("the runner does")
    });
    world.aws.moto().iam(&format!("Action=DeleteRolePolicy&{role}"));
    assert_eq!(
        child.wait().expect("an end").code(),
        Some(0),
        "{}",
        world.printed("apply")
    );
    world.aws.end_build("runner:apply");
    assert_eq!(world.state(&operation)["resources"].as_array().map(Vec::len), Some(3));
    assert_eq!(world.operation(&operation).steps[1].status, StepStatus::Succeeded);
    assert!(!world.is_locked(&operation));
}
