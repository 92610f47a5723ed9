//! Rollouts of every kind of service: how the workflow hears of their end, and what it does not follow.

use asl_interpreter::simulate::Answer;
use serde_json::json;

use crate::aws::{End, Kind, lock};
use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{UPDATE, World, image};

/// The kinds of service whose deployments have no `rolloutState`.
const UNREPORTED: [Kind; 4] = [
    Kind::Classic,
    Kind::Strategy("BLUE_GREEN"),
    Kind::Strategy("LINEAR"),
    Kind::Strategy("CANARY"),
];

fn provisioned_with(kind: Kind) -> World {
    let world = provisioned();
    for service in world.aws().services.values_mut() {
        service.kind = kind;
    }
    world
}

fn release(world: &World, number: u8) -> slipway_model::id::OperationId {
    world.ask_release(&[("web", image(number)), ("worker", image(number))])
}

#[test]
fn a_healthy_service_without_rollout_state_is_released() {
    for kind in UNREPORTED {
        let mut world = provisioned_with(kind);
        let operation = release(&world, 2);
        succeeded(&world.run(&operation));
        assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()], "{kind:?}");
        // The same again begins no deployment.
        let again = release(&world, 2);
        succeeded(&world.run(&again));
    }
}

#[test]
fn a_broken_service_without_rollout_state_is_rolled_back() {
    for kind in UNREPORTED {
        let mut world = provisioned_with(kind);
        world.aws().broken_image = Some(image(2).to_string());
        let operation = release(&world, 2);
        let run = world.run(&operation);
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.RolloutFailed", "{kind:?}");
        assert!(cause.contains("tasks failed to start"), "{cause}");
        assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()], "{kind:?}");
    }
}

#[test]
fn failed_rollout_reports_why_a_task_stopped_and_what_it_printed_last() {
    let mut world = provisioned_with(Kind::Classic);
    {
        let mut aws = world.aws();
        let definition = aws.services[&format!("{}-web", world.stack)].task_definition.clone();
        aws.broken_image = Some(image(2).to_string());
        aws.logs
            .insert("app/app/dead".to_owned(), vec!["fatal: no config\n".to_owned()]);
        aws.stopped = vec![json!({
            "taskArn": "arn:aws:ecs:us-east-1:000000000000:task/main/dead", "taskDefinitionArn": definition,
            "startedBy": "ecs-svc/9", "stopCode": "EssentialContainerExited", "stoppedAt": 4_000_000_000_u64,
            "stoppedReason": "Essential container in task exited", "containers": [{"name": "app", "exitCode": 1}],
        })];
    }
    let operation = world.ask_release(&[("web", image(2)), ("worker", image(1))]);
    let run = world.run(&operation);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RolloutFailed");
    let why = "A task of the service `web` stopped: Essential container in task exited (exit code 1); \
               last line of its log: \"fatal: no config\"";
    assert!(cause.contains(why), "{cause}");
}

/// ECS itself stops a task that fails its health check, as it stops one when it scales in.
#[test]
fn failed_rollout_reports_a_failed_health_check() {
    let mut world = provisioned_with(Kind::Rolling);
    {
        let mut aws = world.aws();
        let definition = aws.services[&format!("{}-web", world.stack)].task_definition.clone();
        aws.broken_image = Some(image(2).to_string());
        let stopped = |task: &str, at: u64, health: &str, reason: &str| {
            json!({
                "taskArn": format!("arn:aws:ecs:us-east-1:000000000000:task/main/{task}"), "taskDefinitionArn": definition,
                "startedBy": "ecs-svc/9", "stopCode": "ServiceSchedulerInitiated", "stoppedAt": at,
                "healthStatus": health, "stoppedReason": reason, "containers": [{"name": "app"}],
            })
        };
        aws.stopped = vec![
            stopped(
                "sick",
                4_000_000_000,
                "UNHEALTHY",
                "Task failed container health checks",
            ),
            stopped(
                "moved",
                4_000_000_001,
                "HEALTHY",
                "Scaling activity initiated by deployment",
            ),
        ];
    }
    let operation = world.ask_release(&[("web", image(2)), ("worker", image(1))]);
    let run = world.run(&operation);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RolloutFailed");
    let why = "A task of the service `web` stopped: Task failed container health checks";
    assert!(cause.contains(why), "{cause}");
}

/// How the release of a broken image ends, where ECS knows these stopped tasks and these events of the service.
fn why_rollout_failed(stopped: serde_json::Value, events: &[(u64, &str)]) -> String {
    let mut world = provisioned_with(Kind::Rolling);
    {
        let mut aws = world.aws();
        let definition = aws.services[&format!("{}-web", world.stack)].task_definition.clone();
        aws.broken_image = Some(image(2).to_string());
        let lines = vec!["listening on port 9090\n".to_owned()];
        aws.logs.insert("app/app/broken".to_owned(), lines);
        if let serde_json::Value::Object(mut task) = stopped {
            let arn = "arn:aws:ecs:us-east-1:000000000000:task/main/broken";
            task.insert("taskArn".to_owned(), arn.into());
            task.insert("taskDefinitionArn".to_owned(), definition.into());
            task.insert("stoppedAt".to_owned(), 4_000_000_000_u64.into());
            aws.stopped = vec![task.into()];
        }
        let event = |(at, said): &(u64, &str)| json!({"id": said, "createdAt": at, "message": said});
        aws.events = events.iter().map(event).collect();
    }
    let operation = world.ask_release(&[("web", image(2)), ("worker", image(1))]);
    let run = world.run(&operation);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RolloutFailed");
    cause.to_owned()
}

/// Without a health check of a container, ECS gives no health for a task that its load balancer gives up.
#[test]
fn failed_rollout_reports_a_program_on_another_port() {
    let reason =
        "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/shop/1)";
    let cause = why_rollout_failed(
        json!({
            "stopCode": "ServiceSchedulerInitiated", "stoppedReason": reason, "healthStatus": "UNKNOWN",
            "containers": [{"name": "app", "exitCode": 143}],
        }),
        &[],
    );
    let why =
        format!("A task of the service `web` stopped: {reason}; last line of its log: \"listening on port 9090\"");
    assert!(cause.contains(&why), "{cause}");
}

#[test]
fn failed_rollout_reports_a_container_without_enough_memory() {
    let cause = why_rollout_failed(
        json!({
            "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
            "containers": [
                {"name": "sidecar", "exitCode": 0},
                {"name": "app", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"},
            ],
        }),
        &[],
    );
    let why = "Essential container in task exited: OutOfMemoryError: Container killed due to memory usage (exit code 137); \
               last line of its log: \"listening on port 9090\"";
    assert!(cause.contains(why), "{cause}");
}

#[test]
fn failed_rollout_without_a_task_reports_the_event_of_the_service() {
    let no_room = "(service web) was unable to place a task because no container instance met all of its requirements.";
    let long = format!(
        "(service web) (task 1) (port 80) is unhealthy in (target-group shop) {}",
        "x".repeat(5000)
    );
    for (events, said) in [
        (
            vec![
                (4_000_000_003, "(service web) has reached a steady state."),
                (4_000_000_002, no_room),
                (
                    4_000_000_001,
                    "(service web) failed to launch a task with (error Agent).",
                ),
            ],
            Some(
                "ECS reports of the service `web`: (service web) was unable to place a task because no container instance",
            ),
        ),
        (
            vec![(4_000_000_001, long.as_str())],
            Some(
                "ECS reports of the service `web`: (service web) (task 1) (port 80) is unhealthy in (target-group shop) x",
            ),
        ),
        // Before the operation began.
        (vec![(1_000, no_room)], None),
    ] {
        let cause = why_rollout_failed(json!(null), &events);
        match said {
            Some(said) => assert!(cause.contains(said), "{cause}"),
            None => assert!(!cause.contains("ECS reports"), "{cause}"),
        }
        assert!(cause.len() < 2000, "{} bytes", cause.len());
    }
}

#[test]
fn a_status_that_is_not_known_is_no_success() {
    let mut world = provisioned_with(Kind::Strategy("CANARY"));
    world.rollouts_end(&End::Never);
    let operation = release(&world, 2);
    let mut waits = 0;
    let run = world.run_with(&operation, |task| {
        waits += u32::from(task.state == "Wait until stable");
        None
    });
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RolloutFailed");
    assert!(cause.contains("not stable within 1800 seconds"), "{cause}");
    // Each service checks every minute for half an hour; the first that fails ends the rollout of the other.
    assert!((31..=62).contains(&waits), "{waits}");
}

#[test]
fn the_contract_says_how_long_a_rollout_may_take() {
    let mut world = provisioned();
    for service in ["web", "worker"] {
        world.contract.as_mut().expect("a contract")["services"][service]["rollout_timeout_seconds"] = 7200.into();
    }
    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
    world.rollouts_end(&End::Never);
    let operation = release(&world, 2);
    let run = world.run(&operation);
    let (_, cause) = failed(&run);
    assert!(cause.contains("not stable within 7200 seconds"), "{cause}");
}

#[test]
fn a_deployment_that_ecs_shows_late_is_waited_for() {
    let mut world = provisioned();
    for service in world.aws().services.values_mut() {
        service.shows_late = true;
    }
    let operation = release(&world, 2);
    succeeded(&world.run(&operation));
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);
}

#[test]
fn a_service_that_cannot_be_followed_is_rejected_by_name() {
    for (kind, says) in [
        (Kind::Controller("CODE_DEPLOY"), "CODE_DEPLOY"),
        (Kind::Controller("EXTERNAL"), "EXTERNAL"),
        (Kind::Controller("SOMETHING_NEW"), "SOMETHING_NEW"),
        (Kind::Daemon, "DAEMON"),
    ] {
        let mut world = provisioned_with(kind);
        let name = world.aws().services.keys().next().expect("a service").clone();
        let before = world.aws().revisions(&name);
        let operation = release(&world, 2);
        let run = world.run(&operation);
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.ContractInvalid", "{kind:?}");
        assert!(cause.contains(says) && cause.contains(&name), "{cause}");
        assert_eq!(world.aws().revisions(&name), before, "{kind:?}");
    }
}

#[test]
fn a_service_that_is_deleted_in_its_rollout_fails_it() {
    let mut world = provisioned();
    let operation = release(&world, 2);
    let aws = world.aws.clone();
    let run = world.run_with(&operation, |task| match task.state.as_str() {
        "Wait until stable" => {
            lock(&aws).services.retain(|name, _| !name.ends_with("-web"));
            None
        }
        "Restore service" => Some(Answer::fail("Ecs.ServiceNotFoundException", "Service not found.")),
        _ => None,
    });
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RolloutFailed");
    assert!(cause.contains("`web` failed: it no longer exists"), "{cause}");
}

#[test]
fn a_service_that_does_not_exist_is_rejected_by_name() {
    let mut world = provisioned();
    world.aws().services.retain(|name, _| !name.ends_with("-web"));
    let operation = release(&world, 2);
    let run = world.run(&operation);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    assert!(cause.contains("-web"), "{cause}");
}

#[test]
fn a_missing_permission_is_named_with_its_remedy() {
    for (action, state) in [
        ("DescribeServices", "Prepare release"),
        ("RegisterTaskDefinition", "Prepare release"),
        ("ListServiceDeployments", "Wait until stable"),
    ] {
        let mut world = provisioned_with(Kind::Strategy("CANARY"));
        world.aws().denied = Some(action);
        let operation = release(&world, 2);
        let run = world.run(&operation);
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.AccessDenied", "{action}: {cause}");
        for part in ["AccessDeniedException", "aws/target-account"] {
            assert!(cause.contains(part), "{part}: {cause}");
        }
        let failure = world.operation(&operation).failure.expect("a failure");
        assert!(
            failure.step.starts_with(state) || failure.step.contains("services"),
            "{}",
            failure.step
        );
    }
}

#[test]
fn a_cluster_that_is_not_in_the_region_is_named_with_its_remedy() {
    let mut world = provisioned();
    world.aws().has_no_cluster = true;
    let operation = release(&world, 2);
    let run = world.run(&operation);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    for part in ["`main`", "us-east-1", "correct the Region"] {
        assert!(cause.contains(part), "{part}: {cause}");
    }
}
