//! Operations on a stack with releases: rollbacks, tasks and drift checks. Its schedules and counts are left alone.

use serde_json::json;
use slipway_model::id::ReleaseNumber;
use slipway_model::operation::StepStatus;
use slipway_model::operation::work::Work;
use slipway_model::plan::{Action, Drift, ResourceChange, Verdict};
use slipway_model::release::ReleaseStatus;
use slipway_model::stack::StackStatus;

use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{UPDATE, World, image};

/// Releases the image of this number for both services.
fn release(world: &mut World, number: u8) {
    let asked = world.ask_release(&[("web", image(number)), ("worker", image(number))]);
    succeeded(&world.run(&asked));
}

fn roll_back(world: &World, number: u32) -> slipway_model::id::OperationId {
    world.ask(Work::Rollback {
        release: ReleaseNumber(number),
    })
}

fn statuses(world: &World) -> Vec<ReleaseStatus> {
    let releases = World::wait(world.store.releases(&world.stack, 10, None)).items;
    releases.iter().map(|release| release.status).collect()
}

#[test]
fn rollback_rolls_out_an_earlier_release_without_migrations() {
    let mut world = provisioned();
    release(&mut world, 2);
    release(&mut world, 3);
    // What release 1 ran can be used no more.
    let family = format!("{}-web", world.stack);
    let first = world.aws().task_definitions[&family][0]["taskDefinition"]["taskDefinitionArn"].clone();
    world.aws().deregister(first.as_str().expect("an ARN"));

    let back = roll_back(&world, 1);
    let run = world.run(&back);
    succeeded(&run);
    let visited = run.visited();
    assert!(
        !visited.contains(&"Plan") && !visited.contains(&"Run migration"),
        "{visited:?}"
    );
    assert!(
        visited.contains(&"Verify") && visited.contains(&"Point schedules"),
        "{visited:?}"
    );
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
    let stack = world.stack();
    assert_eq!(
        (stack.status, stack.current_release, stack.last_release),
        (StackStatus::Ready, Some(ReleaseNumber(1)), ReleaseNumber(3))
    );
    let (superseded, current) = (ReleaseStatus::Superseded, ReleaseStatus::Current);
    assert_eq!(statuses(&world), [superseded, superseded, current]);

    // A failed one changes nothing, and can be requested again.
    world.aws().broken_image = Some(image(2).to_string());
    let back = roll_back(&world, 2);
    let run = world.run(&back);
    assert_eq!(failed(&run).0, "Slipway.RolloutFailed");
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
    assert_eq!(statuses(&world), [superseded, superseded, current]);
    assert_eq!(world.stack().current_release, Some(ReleaseNumber(1)));
    world.aws().broken_image = None;
    let back = roll_back(&world, 2);
    succeeded(&world.run(&back));
    assert_eq!(statuses(&world), [superseded, current, superseded]);
}

#[test]
fn task_runs_current_images_and_succeeds_with_exit_code_0_only() {
    let mut world = provisioned();
    release(&mut world, 2);
    let task = world.ask_task("load-dump");
    let run = world.run(&task);
    succeeded(&run);
    let (ran, _) = world.aws().ran.last().expect("a task").clone();
    let definition = ran["taskDefinition"].as_str().expect("an ARN").to_owned();
    let definition = world.aws().definition(&definition).expect("a definition").to_string();
    assert!(definition.contains(&image(2).to_string()), "{definition}");
    let overridden = &ran["overrides"]["containerOverrides"][0];
    assert_eq!(overridden["command"], json!(["load", "dump.sql"]));
    assert_eq!(
        (&ran["startedBy"], &ran["launchType"]),
        (&json!(task), &json!("FARGATE"))
    );
    assert_eq!(
        (&ran["propagateTags"], &ran["enableECSManagedTags"]),
        (&json!("TASK_DEFINITION"), &json!(true)),
        "cost allocation finds it"
    );
    let operation = world.operation(&task);
    let steps: Vec<&str> = operation.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps, ["Prepare task", "Run task: load-dump"]);
    assert_eq!(operation.logs[0].step, "Run task: load-dump");
    assert_eq!(world.stack().status, StackStatus::Ready);

    for (exit_code, says) in [
        (
            Some(3),
            "task `load-dump` exited with code 3; last line of its log: \"no such table: guests\"",
        ),
        (None, "task `load-dump` ended without an exit code"),
    ] {
        world.exit_code = exit_code;
        let task = world.ask_task("load-dump");
        let run = world.run(&task);
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.TaskFailed");
        assert!(cause.contains(says), "{cause}");
        assert_eq!(
            world.operation(&task).failure.expect("a failure").step,
            "Run task: load-dump"
        );
        assert_eq!(world.stack().status, StackStatus::Ready);
    }
}

#[test]
fn schedules_run_a_release_once_it_has_proved_itself() {
    let mut world = provisioned();
    let tick = format!("{}-tick", world.stack);
    let runs = |world: &World| {
        world
            .aws()
            .services
            .values()
            .next()
            .expect("web")
            .task_definition
            .clone()
    };
    let current = runs(&world);
    assert_eq!(world.aws().scheduled(&tick), (current, true));
    // Everything else is as Terraform made it.
    let (mut made, mut now) = {
        let mut aws = world.aws();
        let now = aws.schedules[&tick].clone();
        aws.add_schedule("made");
        (aws.schedules["made"].clone(), now)
    };
    for schedule in [&mut made, &mut now] {
        schedule["Target"]["EcsParameters"]["TaskDefinitionArn"] = json!(null);
        schedule["State"] = json!(null);
        schedule["Name"] = json!(null);
    }
    assert_eq!(now, made);

    let before = world.aws().scheduled(&tick);
    world.aws().health = vec![503];
    let broken = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    assert_eq!(failed(&world.run(&broken)).0, "Slipway.Unhealthy");
    assert_eq!(world.aws().scheduled(&tick), before);

    // The schedule cannot be pointed at the release: it and the services go back.
    world.aws().health = vec![200];
    let release = world.ask_release(&[("web", image(3)), ("worker", image(3))]);
    let run = world.run_with(&release, |task| {
        let cause = r#"{"errorMessage": "AccessDeniedException"}"#;
        (task.state == "Point schedules").then(|| asl_interpreter::simulate::Answer::fail("Slipway.Internal", cause))
    });
    let (_, cause) = failed(&run);
    assert!(cause.starts_with("Point schedules: AccessDenied"), "{cause}");
    assert_eq!(world.aws().scheduled(&tick), before);
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);

    // A missing schedule is an error before anything runs.
    world.aws().schedules.remove(&tick);
    let release = world.ask_release(&[("web", image(4)), ("worker", image(4))]);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    assert!(
        cause.contains(&format!("no schedule `{tick}` in the group `default`")),
        "{cause}"
    );
    assert!(!run.visited().contains(&"Run migration"));
}

/// EventBridge Scheduler rejects a start in the past, also that of a schedule which it has.
#[test]
fn a_schedule_whose_start_is_past_is_pointed_at_the_release() {
    let mut world = provisioned();
    let tick = format!("{}-tick", world.stack);
    world.aws().schedules.get_mut(&tick).expect("a schedule")["StartDate"] = json!(1_000_000_000);
    let before = world.aws().scheduled(&tick);
    release(&mut world, 2);
    let (definition, ticks) = world.aws().scheduled(&tick);
    assert!(ticks && definition != before.0, "{definition}");
    let aws = world.aws();
    assert_eq!(aws.schedules[&tick]["EndDate"].as_f64(), Some(5_000_000_000.0));
}

#[test]
fn an_autoscaler_keeps_its_count_from_the_first_release_on() {
    let (mut world, provision) = World::new();
    let contract = world.contract.as_mut().expect("a contract");
    contract["services"]["worker"]["scaling"] = json!({"min": 0, "max": 10});
    let counts = |world: &World| -> Vec<i64> {
        let aws = world.aws();
        aws.services.values().map(|service| service.desired_count).collect()
    };
    // The first release fails: the service returns to zero tasks, and counts as not released.
    world.aws().broken_image = Some(image(1).to_string());
    assert_eq!(failed(&world.run(&provision)).0, "Slipway.RolloutFailed");
    assert_eq!(counts(&world), [0, 0]);
    release(&mut world, 2);
    assert_eq!(counts(&world), [2, 1]);

    let worker = format!("{}-worker", world.stack);
    world.aws().services.get_mut(&worker).expect("a worker").desired_count = 7;
    release(&mut world, 3);
    assert_eq!(counts(&world), [2, 7]);
    // Rolled back by hand, and by a failure.
    let back = roll_back(&world, 2);
    succeeded(&world.run(&back));
    world.aws().broken_image = Some(image(4).to_string());
    let broken = world.ask_release(&[("web", image(4)), ("worker", image(4))]);
    assert_eq!(failed(&world.run(&broken)).0, "Slipway.RolloutFailed");
    assert_eq!(counts(&world), [2, 7]);
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);
    // The same images are rolled out with the revision that the failed release registered.
    world.aws().broken_image = None;
    release(&mut world, 4);
    release(&mut world, 5);
    assert_eq!(counts(&world), [2, 7]);
}

#[test]
fn drift_check_needs_no_approval_and_changes_nothing() {
    let (mut world, provision) = World::new();
    succeeded(&world.run(&provision));
    world.drift.add(ResourceChange {
        address: "aws_sqs_queue.jobs".to_owned(),
        action: Action::Delete,
    });
    let looked = world.ask(Work::Drift);
    let run = world.run(&looked);
    succeeded(&run);
    let visited = run.visited();
    assert!(
        !visited.contains(&"Wait for approval") && !visited.contains(&"Apply"),
        "{visited:?}"
    );
    let operation = world.operation(&looked);
    assert_eq!(operation.verdict, Some(Verdict::ShownOnly));
    assert!(operation.steps.iter().all(|step| step.status == StepStatus::Succeeded));
    let stack = world.stack();
    let seen = stack.drift.expect("what was seen");
    assert_eq!((seen.count, seen.operation), (1, looked));
    assert_eq!(seen.resources, ["aws_sqs_queue.jobs"]);
    assert_eq!(stack.status, StackStatus::Ready);

    // What was seen of the infrastructure is old once that has been changed.
    world.drift = Drift::default();
    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
    assert_eq!(world.stack().drift, None);
}
