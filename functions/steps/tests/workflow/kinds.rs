//! Every kind of operation, as it goes well and as it really goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use asl_interpreter::Outcome;
use asl_interpreter::history::EventDetails;
use asl_interpreter::simulate::Simulation;
use serde_json::{Value, json};
use slipway_model::artifact;
use slipway_model::contract::PARTS;
use slipway_model::environment::Approval;
use slipway_model::event::{Delivery, Origin};
use slipway_model::id::{OperationId, ReleaseNumber};
use slipway_model::name::Image;
use slipway_model::operation::work::Work;
use slipway_model::operation::{Failure, Operation, OperationStatus, StepStatus};
use slipway_model::plan::{self, PlanSummary, Verdict};
use slipway_model::policy::{PermittedRequest, Principal, RequestFacts};
use slipway_model::release::{NewRelease, ReleaseStatus};
use slipway_model::source_account;
use slipway_model::stack::StackStatus;
use slipway_store::Store;
use slipway_store::create::NewOperation;

use crate::aws::{self, End, Shared};
use crate::ground::{answer, created};
use crate::world::{Build, PREVIEW, People, UPDATE, World, image, name};

/// Everything that is in flight at one time stays below this.
const IN_FLIGHT: usize = 32 * 1024;

/// A stack that has been provisioned, with release 1, and whose plans are applied at once from now on.
pub fn provisioned() -> World {
    provisioned_with(|_| {})
}

/// Likewise, in a world that is changed before.
pub fn provisioned_with(change: impl FnOnce(&mut World)) -> World {
    let (mut world, id) = World::in_environment(Approval::Never, false);
    change(&mut world);
    succeeded(&world.run(&id));
    world
}

pub fn succeeded(run: &Simulation) {
    assert!(matches!(run.outcome, Outcome::Succeeded { .. }), "{:?}", run.outcome);
}

/// The error and the cause of an operation that did not succeed. The execution of a discarded or cancelled one does not fail with
/// them: it ends with them as its output.
pub fn failed(run: &Simulation) -> (&str, &str) {
    match &run.outcome {
        Outcome::Failed { error, cause } => (error.as_deref().expect("an error"), cause.as_deref().expect("a cause")),
        Outcome::Succeeded { output } if output["status"] == "discarded" || output["status"] == "cancelled" => {
            let text = |name: &str| output[name].as_str().expect("a text");
            assert!(run.visited().contains(&"Discarded or cancelled"), "{output}");
            (text("error"), text("cause"))
        }
        other => panic!("{other:?}"),
    }
}

/// The images that the services run.
pub fn images(world: &World) -> Vec<String> {
    let aws = world.aws();
    let definition =
        |arn| aws.definition(arn).expect("a definition")["taskDefinition"]["containerDefinitions"][0]["image"].clone();
    aws.services
        .values()
        .map(|service| {
            definition(&service.task_definition)
                .as_str()
                .expect("an image")
                .to_owned()
        })
        .collect()
}

#[test]
fn a_provision_goes_through_every_state_in_the_one_safe_order() {
    let (mut world, id) = World::new();
    let run = world.run(&id);
    succeeded(&run);
    let visited = run.visited();
    assert_eq!(visited.iter().filter(|name| **name == "Update service").count(), 2);
    let position = |name: &str| {
        visited
            .iter()
            .position(|visited| *visited == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    let order = [
        "Begin operation",
        "Plan",
        "Review plan",
        "Wait for approval",
        "Apply",
        "Record outputs",
        "Prepare release",
        "Run migration",
        "Check migration",
        "Update service",
        "Wait until stable",
        "Verify",
        "Point schedules",
        "Complete",
        "Succeeded",
    ];
    assert!(order.is_sorted_by_key(|name| position(name)), "{visited:?}");

    let operation = world.operation(&id);
    assert_eq!(operation.status, OperationStatus::Succeeded);
    assert_eq!(operation.verdict, Some(Verdict::ApprovalNeeded));
    let steps: Vec<&str> = operation.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        steps,
        [
            "Plan",
            "Review plan",
            "Wait for approval",
            "Apply",
            "Record outputs",
            "Prepare release",
            "Run migration: migrate",
            "Wait until stable: web",
            "Wait until stable: worker",
            "Verify",
            "Point schedules",
        ]
    );
    assert!(
        operation
            .steps
            .iter()
            .all(|step| step.status == StepStatus::Succeeded && step.ended_at.is_some())
    );
    let migration = &operation.steps[6];
    assert_eq!(migration.started_at.as_second(), 1_001, "ECS's clock");
    assert_eq!(migration.ended_at.map(jiff::Timestamp::as_second), Some(1_009));
    assert_eq!(operation.logs[0].stream, format!("app/app/{:032x}", 1));

    let stack = world.stack();
    assert_eq!(
        (stack.status, stack.current_release.map(|number| number.0)),
        (StackStatus::Ready, Some(1))
    );
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
    let counts: Vec<i64> = world
        .aws()
        .services
        .values()
        .map(|service| service.desired_count)
        .collect();
    assert_eq!(counts, [2, 1]);
}

#[test]
fn plan_without_approval_is_applied_in_its_build() {
    let (mut world, id) = World::in_environment(Approval::Never, false);
    world.one_build = true;
    let run = world.run(&id);
    succeeded(&run);
    let visited = run.visited();
    assert!(visited.contains(&"Applied in the build of Plan") && visited.contains(&"Record outputs"));
    assert!(!visited.contains(&"Apply"), "{visited:?}");
    let operation = world.operation(&id);
    assert_eq!(operation.verdict, Some(Verdict::Apply));
    let steps: Vec<&str> = operation.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps[..4], ["Plan", "Review plan", "Apply", "Record outputs"]);

    for (build, says) in [
        (
            Build::Fails(Failure {
                name: "Slipway.ApplyFailed".to_owned(),
                step: "Apply".to_owned(),
                message: "no such subnet".to_owned(),
                address: Some("aws_lb.this".to_owned()),
            }),
            "Apply: no such subnet (resource aws_lb.this)",
        ),
        (Build::Dies, "Apply: the build of Apply ended without a report"),
    ] {
        world.apply_build = build;
        let update = world.ask(UPDATE);
        let run = world.run(&update);
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.ApplyFailed");
        assert!(cause.starts_with(says), "{cause}");
        let operation = world.operation(&update);
        let failure = operation.failure.as_ref().expect("a failure");
        assert_eq!(failure.address.as_deref(), Some("aws_lb.this"), "{failure:?}");
        if world.apply_build == Build::Dies {
            let says = [
                "of 3 resources, 1 was reported as done",
                "Terraform may continue",
                "It was to create aws_ecs_cluster.this",
                "Update the stack",
            ];
            assert!(says.iter().all(|says| failure.message.contains(says)), "{failure:?}");
        }
        let steps: Vec<_> = operation
            .steps
            .iter()
            .map(|step| (step.name.as_str(), step.status))
            .collect();
        let (succeeded, failed) = (StepStatus::Succeeded, StepStatus::Failed);
        assert_eq!(
            steps,
            [("Plan", succeeded), ("Review plan", succeeded), ("Apply", failed)]
        );
    }
}

#[test]
fn release_runs_no_terraform_and_starts_the_next_operation() {
    let mut world = provisioned();
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let next = world.ask(PREVIEW);
    assert_eq!(world.operation(&next).status, OperationStatus::Queued);
    let run = world.run(&release);
    succeeded(&run);
    assert!(!run.visited().contains(&"Plan"));
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);
    assert_eq!(world.operation(&next).status, OperationStatus::Starting);
    assert_eq!(world.aws().started, [next.as_str()]);
}

#[test]
fn an_update_releases_again_only_what_has_a_new_shape() {
    let mut world = provisioned();
    let same = world.ask(UPDATE);
    let run = world.run(&same);
    succeeded(&run);
    assert!(run.visited().contains(&"Record outputs") && !run.visited().contains(&"Prepare release"));

    world.contract.as_mut().expect("a contract")["services"]["web"]["desired_count"] = json!(5);
    let changed = world.ask(UPDATE);
    let run = world.run(&changed);
    succeeded(&run);
    assert!(run.visited().contains(&"Run migration"));
    assert_eq!(world.stack().current_release.map(|number| number.0), Some(1));
    assert_eq!(world.aws().services.values().next().expect("web").desired_count, 5);

    world.plan.deploys = 1;
    let deployed = world.ask(UPDATE);
    let run = world.run(&deployed);
    succeeded(&run);
    assert!(
        run.visited().contains(&"Wait until stable"),
        "Terraform's deployment is followed"
    );

    world.plan = PlanSummary::default();
    let nothing = world.ask(UPDATE);
    let run = world.run(&nothing);
    succeeded(&run);
    assert!(!run.visited().contains(&"Apply"));
    assert_eq!(world.operation(&nothing).verdict, Some(Verdict::NothingToChange));
}

#[test]
fn new_service_waits_for_the_release_with_its_image() {
    let mut world = provisioned();
    world.aws().add_service("mailer", 0);
    let mails = format!("{}-mails", world.stack);
    world.aws().add_schedule(&mails);
    let contract = world.contract.as_mut().expect("a contract");
    contract["services"]["web"]["desired_count"] = json!(5);
    let mut mailer = contract["services"]["web"].clone();
    mailer["name"] = json!("mailer");
    contract["services"]["mailer"] = mailer;
    contract["schedules"]["mails"] = json!({"name": mails, "service": "mailer", "command": ["send"]});
    let web = contract["services"]["web"]["name"].as_str().expect("a name").to_owned();
    let count = |world: &World, name: &str| world.aws().services[name].desired_count;

    let update = world.ask(UPDATE);
    let run = world.run(&update);
    succeeded(&run);
    assert!(run.visited().contains(&"Update service") && run.visited().contains(&"Verify"));
    assert_eq!((count(&world, &web), count(&world, "mailer")), (5, 0));

    let all = [("web", image(2)), ("worker", image(2)), ("mailer", image(2))];
    let release = world.ask_release(&all);
    succeeded(&world.run(&release));
    assert_eq!(count(&world, "mailer"), 5);

    // None of the present services has an image, so nothing is released.
    world.aws().add_service("web-b", 0);
    let contract = world.contract.as_mut().expect("a contract");
    let mut second = contract["services"]["web"].clone();
    second["name"] = json!("web-b");
    contract["services"] = json!({"web-b": second});
    for list in ["migrations", "backups", "tasks", "schedules"] {
        contract[list] = json!(null);
    }
    let update = world.ask(UPDATE);
    let run = world.run(&update);
    succeeded(&run);
    assert!(run.visited().contains(&"Apply") && !run.visited().contains(&"Prepare release"));
}

#[test]
fn a_preview_changes_nothing_and_a_destroy_leaves_nothing() {
    let mut world = provisioned();
    let preview = world.ask(PREVIEW);
    let run = world.run(&preview);
    succeeded(&run);
    assert!(!run.visited().contains(&"Apply"));
    let destroy = world.ask(Work::Destroy);
    let run = world.run(&destroy);
    succeeded(&run);
    assert!(run.visited().contains(&"Apply") && !run.visited().contains(&"Record outputs"));
    assert_eq!(world.stack().status, StackStatus::Destroyed);
}

#[test]
fn plan_that_its_apply_refuses_leaves_the_stack_as_it_was() {
    let mut world = provisioned();
    let before = world.stack();
    world.apply_build = Build::Refuses(Failure {
        name: "Slipway.ResourceProtected".to_owned(),
        step: "Apply".to_owned(),
        message: "the policy `environment.protected_types` refuses the plan".to_owned(),
        address: None,
    });
    let update = world.ask(UPDATE);
    let run = world.run(&update);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ResourceProtected", "{cause}");
    let ended = world.operation(&update);
    assert_eq!(ended.status, OperationStatus::Discarded);
    assert!(!ended.has_begun_apply(), "{:?}", ended.steps);
    let after = world.stack();
    assert_eq!(
        (after.status, &after.configuration, &after.applied),
        (StackStatus::Ready, &before.configuration, &before.applied)
    );
}

#[test]
fn apply_whose_build_never_began_leaves_the_stack_as_it_was() {
    let mut world = provisioned();
    let before = world.stack();
    world.apply_build = Build::Dies;
    let update = world.ask(UPDATE);
    let run = world.run(&update);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ApplyFailed", "{cause}");
    let ended = world.operation(&update);
    assert_eq!(ended.status, OperationStatus::Failed);
    assert_eq!(ended.status_of("Apply"), Some(StepStatus::Failed));
    let after = world.stack();
    assert_eq!(
        (after.status, &after.configuration, &after.applied),
        (StackStatus::Ready, &before.configuration, &before.applied)
    );
}

/// Changes the outputs of an operation behind its back.
type Tamper = fn(&Shared, &Store, &Operation);

/// The outputs are the contract: it has what the stack runs, and with which commands.
#[test]
fn outputs_that_the_runner_did_not_record_are_refused() {
    let cases: [(Tamper, &str); 3] = [
        (
            |aws, _, update| {
                let planted = json!({"slipway": {"endpoints": {"evil": "https://evil.example"}}});
                let key = artifact::of_operation(update, artifact::OUTPUTS);
                aws::lock(aws).objects.insert(key, planted.to_string());
            },
            "differs from the digest on the operation's record",
        ),
        (
            |aws, _, update| {
                let key = artifact::of_operation(update, artifact::OUTPUTS);
                aws::lock(aws).objects.remove(&key);
            },
            "is missing",
        ),
        (
            |_, store, update| {
                World::wait(store.update_operation(&update.id, |operation| {
                    operation.outputs = None;
                    Ok(())
                }));
            },
            "has no digest on the operation's record",
        ),
    ];
    for (tamper, expected) in cases {
        let mut world = provisioned();
        let before = world.stack();
        let update = world.ask(UPDATE);
        let (store, aws) = (world.store.clone(), world.aws.clone());
        let run = world.run_with(&update, |task| {
            if task.state == "Record outputs" {
                tamper(&aws, &store, &World::wait(store.operation(&update)));
            }
            None
        });
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.ApplyFailed", "{cause}");
        assert!(cause.contains(expected) && cause.contains("outputs.json"), "{cause}");
        let after = world.stack();
        assert_eq!((after.status, after.contract), (StackStatus::Failed, before.contract));
    }
}

#[test]
fn draft_is_not_planned_after_its_environment_is_no_sandbox() {
    let mut world = provisioned();
    let update = world.ask(UPDATE);
    World::wait(world.store.update_operation(&update, |operation| {
        operation.configuration.draft = true;
        Ok(())
    }));
    let run = world.run(&update);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RequestInvalid");
    assert!(
        cause.contains("guestbook@1.0.0 is a draft") && cause.contains("`live` is not a sandbox"),
        "{cause}"
    );
    assert!(!run.visited().contains(&"Plan"), "{:?}", run.visited());
    assert_eq!(world.stack().status, StackStatus::Ready);
}

#[test]
fn a_plan_is_refused_rejected_or_fails_and_nothing_is_applied() {
    let (mut world, id) = World::in_environment(Approval::Never, true);
    succeeded(&world.run(&id));
    let destroy = world.ask(Work::Destroy);
    let run = world.run(&destroy);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.PlanRefused");
    assert!(cause.contains("the environment `live` is protected"), "{cause}");
    assert!(!run.visited().contains(&"Apply"));

    let database = json!({"format_version": "1.2", "applyable": true, "resource_changes": [
        {"address": "aws_db_instance.a", "type": "aws_db_instance", "change": {"actions": ["delete", "create"]}},
    ]});
    world.plan = plan::show::read(database.to_string().as_bytes(), &str::to_owned)
        .expect("a plan")
        .summary;
    let update = world.ask(UPDATE);
    let run = world.run(&update);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ResourceProtected");
    assert!(
        cause.contains("aws_db_instance.a") && cause.contains("environment.protected_types"),
        "{cause}"
    );
    assert!(!run.visited().contains(&"Apply"));
    assert_eq!(world.stack().status, StackStatus::Ready);

    let (mut world, id) = World::new();
    world.people = People::Reject;
    let run = world.run(&id);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ApprovalRejected");
    assert!(cause.contains("bob rejected the plan: not on a Friday"), "{cause}");
    assert!(!run.visited().contains(&"Apply"));
    assert_eq!(world.stack().status, StackStatus::Destroyed, "nothing was made");
}

#[test]
fn plan_policy_refuses_a_plan_and_is_named() {
    let (mut world, id) = World::in_environment(Approval::Never, false);
    succeeded(&world.run(&id));
    world.store_policy(
        "freeze",
        "@description(\"Nothing changes in December.\") forbid (principal, action == Action::\"apply\", resource) when { context.plan.changes > 0 };",
    );
    let update = world.ask(UPDATE);
    let run = world.run(&update);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.PlanRefused");
    assert!(
        cause.contains("`freeze`") && cause.contains("Nothing changes in December."),
        "{cause}"
    );
    assert!(!run.visited().contains(&"Apply"));
    assert_eq!(world.stack().status, StackStatus::Ready);
}

#[test]
fn request_that_policies_deny_by_its_turn_does_not_run() {
    let mut world = provisioned();
    let ask = |world: &World, groups: &[&str]| {
        let principal = Principal {
            groups: groups.iter().map(ToString::to_string).collect(),
            ..Principal::named("ann")
        };
        let new = NewOperation {
            permitted: Some(PermittedRequest {
                principal,
                facts: RequestFacts::default(),
            }),
            ..NewOperation::new(UPDATE, world.stack(), "ann")
        };
        created(World::wait(world.store.create_operation(&new, None, |_| answer())))
    };
    let first = ask(&world, &[]);
    let [of_ann, of_platform, of_payments] = [&[][..], &["platform"], &["payments"]].map(|groups| ask(&world, groups));
    succeeded(&world.run(&first));
    let before = world.stack();

    world.store_policy(
        "freeze",
        "@description(\"Only the platform team updates in December.\") forbid (principal, action == Action::\"request-update\", \
         resource) unless { principal in Team::\"platform\" || principal in Team::\"payments\" };",
    );
    let is_denied = |world: &mut World, id: &OperationId, why: &str| {
        let run = world.run(id);
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.RequestDenied");
        assert!(cause.contains(why), "{cause}");
        assert!(!run.visited().contains(&"Plan"), "{:?}", run.visited());
        assert_eq!(world.operation(id).status, OperationStatus::Discarded);
        assert_eq!(
            (world.stack().status, world.stack().configuration),
            (before.status, before.configuration.clone())
        );
        cause.to_owned()
    };
    is_denied(
        &mut world,
        &of_ann,
        "The policy `freeze` forbids `request-update` on the stack",
    );
    succeeded(&world.run(&of_platform));

    let payments = "team:payments".parse().expect("an owner");
    World::wait(world.store.transfer_stack(&world.stack(), &payments, "root")).expect("it is transferred");
    let platform = ask(&world, &["platform"]);
    succeeded(&world.run(&of_payments));
    is_denied(
        &mut world,
        &platform,
        "No policy permits ann to `request-update` the stack",
    );

    // The account learns nothing of the owner.
    let account = Principal::named("event:111122223333");
    let by_event = NewOperation {
        origin: Some(Origin {
            account: "111122223333".parse().expect("an account"),
            key: "destroy-1".to_owned(),
            action: source_account::Action::Destroy,
            result: Delivery::Due,
        }),
        permitted: Some(PermittedRequest {
            principal: account.clone(),
            facts: RequestFacts::default(),
        }),
        ..NewOperation::new(Work::Destroy, world.stack(), &account.name)
    };
    let by_event = created(World::wait(world.store.create_operation(&by_event, None, |_| answer())));
    let cause = is_denied(
        &mut world,
        &by_event,
        "no policy permits the account 111122223333 to `request-destroy` this stack",
    );
    assert!(!cause.contains("payments"), "{cause}");

    // An earlier version of Slipway did not record what a request says.
    let of_earlier_version = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    succeeded(&world.run(&of_earlier_version));
}

#[test]
fn push_that_policies_deny_by_its_turn_is_not_released() {
    let mut world = provisioned();
    let push = |world: &World, number: u8| {
        let account = "event:111122223333";
        let images = BTreeMap::from([(name("web"), image(number)), (name("worker"), image(number))]);
        let work = Work::release_of(world.stack().next_release(images), true);
        let facts = RequestFacts {
            pushed: true,
            ..RequestFacts::default()
        };
        let new = NewOperation {
            permitted: Some(PermittedRequest {
                principal: Principal::named(account),
                facts,
            }),
            ..NewOperation::new(work, world.stack(), account)
        };
        created(World::wait(world.store.create_operation(&new, None, |_| answer())))
    };
    let permitted = push(&world, 2);
    succeeded(&world.run(&permitted));
    let denied = push(&world, 3);
    world.store_policy(
        "freeze",
        "forbid (principal is Account, action == Action::\"request-release\", resource);",
    );
    let run = world.run(&denied);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RequestDenied");
    assert!(cause.contains("`freeze` forbids `request-release`"), "{cause}");
    assert_eq!(world.stack().current_release, Some(ReleaseNumber(2)));
}

#[test]
fn queued_release_runs_no_image_of_a_release_that_ended_without_success() {
    for is_cancelled in [true, false] {
        let mut world = provisioned();
        let (web, worker) = (world.request_release("web", 2), world.request_release("worker", 3));
        if is_cancelled {
            World::wait(world.store.cancel_operation(&web, "ann"));
        } else {
            world.exit_code = Some(1);
            assert_eq!(failed(&world.run(&web)).0, "Slipway.MigrationFailed");
            world.exit_code = Some(0);
        }
        succeeded(&world.run(&worker));
        let expected = BTreeMap::from([(name("web"), image(1)), (name("worker"), image(3))]);
        let release = World::wait(world.store.release(&world.stack, ReleaseNumber(3)));
        assert_eq!(
            (release.images, release.status),
            (expected.clone(), ReleaseStatus::Current)
        );
        let operation = world.operation(&worker);
        let images = operation.work.images();
        assert!(images.eq(expected.iter()), "{:?}", operation.work);
    }
}

#[test]
fn cause_is_the_first_diagnostic_or_the_end_of_the_build() {
    let (mut world, id) = World::new();
    world.apply_build = Build::Fails(Failure {
        name: "Slipway.ApplyFailed".to_owned(),
        step: "Apply".to_owned(),
        message: "BucketAlreadyExists: the bucket is taken".to_owned(),
        address: Some("aws_s3_bucket.this".to_owned()),
    });
    let run = world.run(&id);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ApplyFailed");
    assert_eq!(
        cause,
        format!(
            "Apply: BucketAlreadyExists: the bucket is taken (resource aws_s3_bucket.this). Log: `slipway logs {id}`"
        )
    );
    let failure = world.operation(&id).failure.expect("a failure");
    assert_eq!(failure.address.as_deref(), Some("aws_s3_bucket.this"));

    let (mut world, id) = World::new();
    world.plan_build = Build::Dies;
    let run = world.run(&id);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.PlanFailed");
    assert!(
        cause.contains("ended without a report: FAULT in PROVISIONING: no capacity"),
        "{cause}"
    );
}

#[test]
fn a_contract_that_is_missing_or_wrong_is_refused_by_its_fields() {
    let (mut world, id) = World::new();
    let contract = world.contract.take();
    let run = world.run(&id);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    assert!(cause.contains("no output `slipway`"), "{cause}");

    // The outputs were never recorded: the next operation reads them although nothing is to be changed.
    world.contract = contract;
    world.contract.as_mut().expect("a contract")["services"] = json!({"web": {"name": "gone", "desired_count": 1}});
    world.plan = PlanSummary::default();
    let update = world.ask(UPDATE);
    let run = world.run(&update);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    assert!(cause.contains("slipway.services.web.task_definition"), "{cause}");
}

#[test]
fn a_migration_that_fails_leaves_the_services_untouched() {
    for (code, says) in [
        (
            Some(3),
            "migration `migrate` exited with code 3; last line of its log: \"no such table: guests\"",
        ),
        (
            None,
            "migration `migrate` ended without an exit code (Essential container in task exited); \
             last line of its log: \"no such table: guests\"",
        ),
    ] {
        let mut world = provisioned();
        world.exit_code = code;
        let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
        let run = world.run(&release);
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.MigrationFailed");
        assert!(cause.contains(says), "{cause}");
        assert!(!run.visited().contains(&"Update service"));
        assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
        let stack = world.stack();
        assert_eq!(
            (stack.status, stack.current_release.map(|number| number.0)),
            (StackStatus::Ready, Some(1))
        );
        let failure = world.operation(&release).failure.expect("a failure");
        assert_eq!(failure.step, "Run migration: migrate");
    }
}

#[test]
fn a_release_that_never_becomes_healthy_is_rolled_back() {
    let mut world = provisioned();
    world.aws().broken_image = Some(image(2).to_string());
    let release = world.ask_release(&[("web", image(2)), ("worker", image(1))]);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RolloutFailed");
    assert!(
        cause.contains("the rollout of service `web` failed: tasks failed to start")
            && cause.contains("The services run release 1 again"),
        "{cause}"
    );
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
    let stack = world.stack();
    let number = world.operation(&release).release().expect("a release");
    assert_eq!(
        World::wait(world.store.release(&stack.id, number)).status,
        ReleaseStatus::Failed
    );
    let ended = world.operation(&release);
    let step = |name: &str| ended.steps.iter().find(|step| step.name == name).expect("a step");
    let (rollout, restore) = (step("Wait until stable: web"), step("Wait until restored: web"));
    assert!(
        rollout.ended_at.is_some_and(|end| end <= restore.started_at),
        "a rollout ends before its service is restored: {:?}",
        ended.steps
    );

    // The address is polled until it answers, for a while.
    world.aws().health = vec![503, 502, 200];
    let release = world.ask_release(&[("web", image(3)), ("worker", image(3))]);
    let run = world.run(&release);
    succeeded(&run);
    assert_eq!(run.tasks.iter().filter(|task| task.state == "Verify").count(), 3);

    world.aws().health = vec![503];
    let release = world.ask_release(&[("web", image(4)), ("worker", image(4))]);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.Unhealthy");
    assert!(
        cause.contains("answered 503 instead of 200") && cause.contains("The services run release 3 again"),
        "{cause}"
    );
    assert_eq!(images(&world), [image(3).to_string(), image(3).to_string()]);
}

#[test]
fn release_cancelled_in_its_rollout_restores_the_services() {
    let mut world = provisioned();
    world.people = People::Cancel;
    world.rollouts_end(&End::Later);
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.Cancelled");
    assert!(cause.contains("bob cancelled the operation"), "{cause}");
    assert!(run.visited().contains(&"Restore service"));
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
    let cancelled = world.operation(&release);
    assert_eq!(cancelled.status, OperationStatus::Cancelled);
    assert_eq!(
        cancelled.failure.map(|failure| failure.message).as_deref(),
        Some("bob cancelled the operation. The services run release 1 again.")
    );
    assert!(
        cancelled.steps.iter().any(|step| step.status == StepStatus::Cancelled),
        "{:?}",
        cancelled.steps
    );
}

#[test]
fn an_update_whose_rollout_failed_is_completed_by_the_next_one() {
    let mut world = provisioned();
    world.contract.as_mut().expect("a contract")["services"]["web"]["desired_count"] = json!(5);
    world.aws().broken_image = Some(image(1).to_string());
    let update = world.ask(UPDATE);
    assert_eq!(failed(&world.run(&update)).0, "Slipway.RolloutFailed");
    assert_eq!(world.stack().status, StackStatus::Failed);

    // A release does not say that the update came through.
    world.aws().broken_image = None;
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    succeeded(&world.run(&release));
    assert_eq!(world.stack().status, StackStatus::Failed);

    // Terraform has nothing to change, but there is something to release.
    world.plan = PlanSummary::default();
    let update = world.ask(UPDATE);
    let run = world.run(&update);
    succeeded(&run);
    assert!(run.visited().contains(&"Update service"));
    assert_eq!(world.stack().status, StackStatus::Ready);
    let again = world.ask(UPDATE);
    let run = world.run(&again);
    succeeded(&run);
    assert!(!run.visited().contains(&"Apply"));
}

#[test]
fn a_release_without_an_image_for_a_service_is_refused() {
    let mut world = provisioned();
    // As earlier versions of Slipway recorded it: its images are final.
    let release = NewRelease {
        named: BTreeSet::new(),
        ..world.stack().next_release(BTreeMap::from([(name("web"), image(2))]))
    };
    let release = world.ask(Work::release_of(release, true));
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    assert!(cause.contains("no image for the service `worker`"), "{cause}");
}

#[test]
fn what_is_in_flight_stays_small_with_the_largest_contract() {
    let mut world = provisioned();
    let environment = json!([{"name": "X", "value": "x".repeat(9_000)}]);
    let shape = json!({"containerDefinitions": [{"name": "app", "environment": environment}]});
    let names: Vec<String> = (0..PARTS).map(|n| format!("service-{n:032}")).collect();
    let mut services = serde_json::Map::new();
    for name in &names {
        let ecs = format!("{name}{}", "s".repeat(100));
        world.aws().add_service(&ecs, 0);
        services.insert(
            name.clone(),
            json!({"name": ecs, "desired_count": 1_000, "task_definition": shape}),
        );
    }
    let migrations = |argument: &str| -> Value {
        let migration = |name| json!({"name": name, "service": name, "command": ["./manage.py", "migrate", argument]});
        names.iter().map(migration).collect()
    };
    let contract = world.contract.as_mut().expect("a contract");
    contract["services"] = services.into();
    contract["migrations"] = migrations(&"x".repeat(80));
    contract["tasks"] = json!(null);
    contract["backups"] = json!(null);
    let mut schedules = serde_json::Map::new();
    for name in &names {
        let schedule = format!("{}-{name}", world.stack);
        world.aws.lock().expect("the lock").add_schedule(&schedule);
        schedules.insert(
            name.clone(),
            json!({"name": schedule, "service": name, "command": ["tick"]}),
        );
    }
    contract["schedules"] = schedules.into();
    let images: Vec<(&str, Image)> = names.iter().map(|name| (name.as_str(), image(2))).collect();

    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
    let release = world.ask_release(&images);
    let run = world.run(&release);
    succeeded(&run);
    assert_eq!(
        run.tasks.iter().filter(|task| task.state == "Run migration").count(),
        PARTS
    );
    let largest = in_flight(&run);
    assert!((16 * 1024..IN_FLIGHT).contains(&largest), "{largest}");

    world.contract.as_mut().expect("a contract")["migrations"] = migrations(&"x".repeat(2_000));
    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
    let release = world.ask_release(&images);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    assert!(cause.contains("shorten the commands of the migrations"), "{cause}");
}

/// The most bytes that are in flight at one time: the variables, and the input or output of a state.
fn in_flight(run: &Simulation) -> usize {
    let mut variables = BTreeMap::new();
    let mut most = 0;
    for event in &run.history {
        let now = match &event.details {
            Some(EventDetails::StateEntered(entered)) => entered.input.len(),
            Some(EventDetails::StateExited(exited)) => {
                variables.extend(exited.assigned_variables.clone().unwrap_or_default());
                exited.output.len()
            }
            Some(EventDetails::TaskScheduled(scheduled)) => scheduled.parameters.len(),
            _ => 0,
        };
        let held: usize = variables.values().map(String::len).sum();
        most = most.max(held + now);
    }
    most
}
