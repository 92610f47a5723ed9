//! Sweeps over a DynamoDB, with Step Functions and CodeBuild as each test says.

#[path = "../../../crates/store/tests/store/fake.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod fake;
#[path = "../../../crates/store/tests/store/support.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slipway_model::event::Origin;
use slipway_model::id::OperationId;
use slipway_model::operation::OperationStatus;
use slipway_model::operation::approval::ApprovalRule;
use slipway_model::operation::cancel::Interruption;
use slipway_model::operation::quiesce::QuiescedService;
use slipway_model::operation::work::Work;
use slipway_model::source_account::Action;
use slipway_recording::recorded;
use slipway_store::lock::Runner;
use slipway_sweep::{Config, Healing, Report, Sweep, SweepError};

use fake::Fake;
use support::{Table, UPDATE, answer, approve, created, failure, new_stack, request, table};

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:slipway";

/// What Step Functions and CodeBuild know: executions by name, builds by id, each with its status.
#[derive(Clone, Default)]
struct World(Arc<Mutex<BTreeMap<String, &'static str>>>);

impl World {
    fn set(&self, name: &str, status: &'static str) {
        self.0.lock().expect("a lock").insert(name.to_string(), status);
    }

    fn answer(&self, action: &str, body: &Value) -> Result<Value, &'static str> {
        let mut world = self.0.lock().expect("a lock");
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        match action {
            "StartExecution" => {
                let name = text("name");
                let arn = format!("arn:aws:states:us-east-1:000000000000:execution:slipway:{name}");
                match *world.entry(name).or_insert("RUNNING") {
                    "RUNNING" | "UNSEEN" => Ok(json!({"executionArn": arn, "startDate": 1.5})),
                    _ => Err("ExecutionAlreadyExists"),
                }
            }
            "DescribeExecution" => {
                let arn = text("executionArn");
                let name = arn.rsplit(':').next().unwrap_or_default();
                let status = world.get(name).filter(|status| **status != "UNSEEN");
                let status = *status.ok_or("ExecutionDoesNotExist")?;
                let mut described =
                    json!({"executionArn": arn, "stateMachineArn": MACHINE, "status": status, "startDate": 1.5});
                if status == "UNDONE" {
                    described["status"] = json!("FAILED");
                    described["error"] = json!("Slipway.Cancelled");
                    described["cause"] = json!("bob cancelled the operation");
                }
                Ok(described)
            }
            "StopExecution" => Ok(json!({"stopDate": 1.5})),
            "StopBuild" => match world.insert(text("id"), "STOPPED") {
                Some(_) => Ok(json!({})),
                None => Err("ResourceNotFoundException"),
            },
            // One token is live at a time.
            "SendTaskSuccess" | "SendTaskFailure" => match world.insert(text("taskToken"), "ANSWERED") {
                Some("LIVE") => Ok(json!({})),
                _ => Err("TaskTimedOut"),
            },
            "PutEvents" => Ok(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})),
            _ => Err("UnknownOperationException"),
        }
    }
}

async fn sweep(table: &Table, world: &World) -> (Sweep, Fake) {
    let world = world.clone();
    let fake = Fake::start(move |action, body| world.answer(action, body)).await;
    let mut vars = table.vars.clone();
    vars.insert("AWS_ENDPOINT_URL".to_owned(), fake.url.clone());
    vars.insert("SLIPWAY_STATE_MACHINE_ARN".to_owned(), MACHINE.to_owned());
    let config = Config::from_vars(&vars).expect("every variable");
    (
        Sweep::new(config, &recorded("SweepFunction", &slipway_aws::sdk_config(&vars))),
        fake,
    )
}

/// The names of the executions that were started.
fn starts(fake: &Fake) -> BTreeSet<String> {
    let calls = fake.calls().into_iter();
    let starts = calls.filter(|(action, _)| action == "StartExecution");
    starts
        .filter_map(|(_, body)| Some(body["name"].as_str()?.to_owned()))
        .collect()
}

fn healings(report: &Report) -> BTreeMap<OperationId, Healing> {
    assert!(report.problems.is_empty(), "{report:?}");
    report
        .healed
        .iter()
        .map(|one| (one.operation.clone(), one.healing.clone()))
        .collect()
}

#[tokio::test]
async fn operation_left_in_starting_is_started_after_a_while() {
    let table = table().await;
    let (sweep, fake) = sweep(&table, &World::default()).await;
    let operation = created(
        table
            .store
            .create_stack(&new_stack("shop"), None, answer)
            .await
            .expect("a stack"),
    );
    let young = sweep.run(Duration::from_mins(1)).await;
    assert_eq!(young, Report::default());
    assert!(fake.calls().is_empty());

    let old = sweep.run(Duration::ZERO).await;
    assert_eq!(
        healings(&old),
        BTreeMap::from([(operation.id.clone(), Healing::Started)])
    );
    let stored = table.store.operation(&operation.id).await.expect("it");
    assert_eq!(stored, operation, "the execution records itself");
    sweep.run(Duration::ZERO).await;
    assert_eq!(fake.count("StartExecution"), 2, "harmless: the same name");
}

#[tokio::test]
async fn operations_without_execution_end_and_the_next_start() {
    let table = table().await;
    let world = World::default();
    let (sweep, fake) = sweep(&table, &world).await;
    let mut expected = BTreeMap::new();
    let mut next = Vec::new();
    for (called, execution, status) in [
        ("fine", Some("RUNNING"), None),
        ("failed", Some("FAILED"), Some(OperationStatus::Failed)),
        ("too-long", Some("TIMED_OUT"), Some(OperationStatus::Failed)),
        ("stopped", Some("ABORTED"), Some(OperationStatus::Cancelled)),
        // The state that records a cancel failed too.
        ("undone", Some("UNDONE"), Some(OperationStatus::Cancelled)),
        ("gone", None, Some(OperationStatus::Failed)),
    ] {
        let (stack, provision) = table.provisioning(&new_stack(called)).await;
        if called == "gone" {
            table.store.ask_approval(&provision, "token").await.expect("asked");
            begun_at(&table, &provision, Timestamp::now() - SignedDuration::from_mins(6)).await;
        }
        if status == Some(OperationStatus::Failed) {
            table.store.begin_step(&provision, "Apply").await.expect("a step");
        }
        let destroy = request(Work::Destroy, &stack);
        let waiting = created(
            table
                .store
                .create_operation(&destroy, None, answer)
                .await
                .expect("an outcome"),
        )
        .id;
        if let Some(execution) = execution {
            world.set(provision.as_str(), execution);
        }
        let Some(status) = status else { continue };
        // Nothing was made of a stack whose provision was cancelled before its apply: nothing is left to destroy.
        let then = Some(waiting).filter(|_| status != OperationStatus::Cancelled);
        next.extend(then.clone());
        expected.insert(provision, Healing::Ended { status, next: then });
    }
    let report = sweep.run(Duration::from_mins(1)).await;
    assert_eq!((healings(&report), report.checked), (expected, 6));
    for id in next {
        let started = table.store.operation(&id).await.expect("it");
        assert_eq!(started.status, OperationStatus::Starting);
        assert!(starts(&fake).contains(id.as_str()), "{id} was started");
    }
    let again = sweep.run(Duration::from_mins(1)).await;
    assert!(healings(&again).is_empty(), "{again:?}");
}

async fn begun_at(table: &Table, operation: &OperationId, at: Timestamp) {
    let moved = table.store.update_operation(operation, |operation| {
        operation.started_at = Some(at);
        Ok(())
    });
    moved.await.expect("moved");
}

#[tokio::test]
async fn a_decision_that_was_recorded_and_not_delivered_is_delivered() {
    let table = table().await;
    let world = World::default();
    let (sweep, fake) = sweep(&table, &world).await;
    let mut expected = BTreeMap::new();
    for (called, token, action) in [
        ("approved", "LIVE", "SendTaskSuccess"),
        ("rejected", "LIVE", "SendTaskFailure"),
        ("retried", "DEAD", "SendTaskSuccess"),
    ] {
        let (_, provision) = table.provisioning(&new_stack(called)).await;
        world.set(provision.as_str(), "RUNNING");
        world.set(called, token);
        table.store.ask_approval(&provision, called).await.expect("asked");
        if action == "SendTaskSuccess" {
            approve(&table.store, &provision, "grace").await.expect("approved");
        } else {
            let why = failure("Slipway.ApprovalRejected");
            table.store.reject(&provision, "ada", &why).await.expect("rejected");
        }
        if token == "LIVE" {
            expected.insert(provision, Healing::DecisionDelivered);
        }
    }
    let report = sweep.run(Duration::ZERO).await;
    assert_eq!(healings(&report), expected);
    assert_eq!((fake.count("SendTaskSuccess"), fake.count("SendTaskFailure")), (2, 1));

    let again = sweep.run(Duration::ZERO).await;
    assert!(healings(&again).is_empty(), "{again:?}");
    assert_eq!(fake.count("SendTaskFailure"), 1, "what was accepted is not sent again");
    assert_eq!(fake.count("SendTaskSuccess"), 3, "what was not is");
}

/// The function that asked for the approval died before it gave the place beside the plan to the next in the queue.
#[tokio::test]
async fn next_in_the_queue_begins_beside_a_plan_that_waits() {
    let table = table().await;
    let world = World::default();
    let (sweep, fake) = sweep(&table, &world).await;
    let mut stack = table.ready(&new_stack("shop")).await;
    let mut asked = Vec::new();
    for work in [UPDATE, Work::Drift] {
        let new = request(work, &stack);
        let outcome = table.store.create_operation(&new, None, answer).await;
        asked.push(created(outcome.expect("an outcome")).id);
        stack = table.store.stack(&stack.id).await.expect("the stack");
    }
    let (update, drift) = (&asked[0], &asked[1]);
    table.store.begin_operation(update).await.expect("begun");
    table.store.ask_approval(update, "token").await.expect("asked");
    world.set(update.as_str(), "RUNNING");
    let report = sweep.run(Duration::ZERO).await;
    let next = drift.clone();
    assert_eq!(
        healings(&report),
        BTreeMap::from([(update.clone(), Healing::StartedBeside { next })])
    );
    assert!(starts(&fake).contains(drift.as_str()));
    table.store.begin_operation(drift).await.expect("begun");
    let again = sweep.run(Duration::ZERO).await;
    assert!(healings(&again).is_empty(), "{again:?}");
}

/// Step Functions may list an execution a moment after its start.
#[tokio::test]
async fn execution_not_yet_visible_counts_as_running() {
    let table = table().await;
    let world = World::default();
    let (sweep, _fake) = sweep(&table, &world).await;
    let starting = created(
        table
            .store
            .create_stack(&new_stack("shop"), None, answer)
            .await
            .expect("a stack"),
    )
    .id;
    let (_, running) = table.provisioning(&new_stack("cart")).await;
    for id in [&starting, &running] {
        world.set(id.as_str(), "UNSEEN");
    }
    let report = sweep.run(Duration::ZERO).await;
    assert_eq!(
        healings(&report),
        BTreeMap::from([(starting.clone(), Healing::Started)])
    );
    for id in [&starting, &running] {
        assert!(!table.store.operation(id).await.expect("it").status.has_ended());
    }
}

#[tokio::test]
async fn execution_end_before_the_first_step_ends_its_operation() {
    let table = table().await;
    let world = World::default();
    let (sweep, _fake) = sweep(&table, &world).await;
    let operation = created(
        table
            .store
            .create_stack(&new_stack("shop"), None, answer)
            .await
            .expect("a stack"),
    );
    world.set(operation.id.as_str(), "FAILED");
    let report = sweep.run(Duration::ZERO).await;
    let ended = Healing::Ended {
        status: OperationStatus::Failed,
        next: None,
    };
    assert_eq!(healings(&report), BTreeMap::from([(operation.id, ended)]));
}

/// An operation whose build is at work, and whose cancel was requested so many minutes ago.
async fn cancelling(table: &Table, called: &str, minutes: i64, is_acknowledged: bool) -> OperationId {
    let (stack, provision) = table.provisioning(&new_stack(called)).await;
    let runner = Runner {
        build: Some("builds:1".to_owned()),
        machine: "box".to_owned(),
    };
    let recorded = table
        .store
        .record_lock_holder(&stack.id, &provision, runner, None)
        .await;
    recorded.expect("recorded");
    let at = Timestamp::now() - SignedDuration::from_mins(minutes);
    let requested = table.store.update_operation(&provision, |operation| {
        operation.begin_build("Apply", at);
        operation.request_interruption("ann", at);
        if is_acknowledged {
            operation.acknowledge_cancel(at);
        }
        Ok(())
    });
    requested.await.expect("requested");
    provision
}

#[tokio::test]
async fn build_is_stopped_ten_minutes_after_an_unacknowledged_cancel() {
    for (minutes, is_acknowledged) in [(9, false), (90, true)] {
        let table = table().await;
        let world = World::default();
        let (sweep, fake) = sweep(&table, &world).await;
        let provision = cancelling(&table, "shop", minutes, is_acknowledged).await;
        world.set(provision.as_str(), "RUNNING");
        world.set("builds:1", "IN_PROGRESS");
        assert!(healings(&sweep.run(Duration::ZERO).await).is_empty());
        assert_eq!((fake.count("StopExecution"), fake.count("StopBuild")), (0, 0));
    }
    let table = table().await;
    let world = World::default();
    let (sweep, fake) = sweep(&table, &world).await;
    let provision = cancelling(&table, "shop", 11, false).await;
    world.set(provision.as_str(), "RUNNING");
    world.set("builds:1", "IN_PROGRESS");
    let ended = Healing::Ended {
        status: OperationStatus::Cancelled,
        next: None,
    };
    let report = sweep.run(Duration::ZERO).await;
    assert_eq!(healings(&report), BTreeMap::from([(provision.clone(), ended)]));
    let actions: Vec<_> = fake.calls().into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["StopExecution", "StopBuild"]);
    assert_eq!(world.0.lock().expect("a lock").get("builds:1"), Some(&"STOPPED"));
    let failure = table
        .store
        .operation(&provision)
        .await
        .expect("it")
        .failure
        .expect("a reason");
    assert_eq!(failure.step, "Apply");
    assert!(
        failure
            .message
            .starts_with("ann cancelled the operation; its build did not answer"),
        "{}",
        failure.message
    );
}

/// The build reads that its operation has ended, and saves its state.
#[tokio::test]
async fn build_of_an_orphaned_operation_is_left_to_end_itself() {
    let table = table().await;
    let world = World::default();
    let (sweep, fake) = sweep(&table, &world).await;
    let provision = cancelling(&table, "shop", 1, false).await;
    world.set("builds:1", "IN_PROGRESS");
    world.set(provision.as_str(), "TIMED_OUT");
    let ended = Healing::Ended {
        status: OperationStatus::Cancelled,
        next: None,
    };
    let report = sweep.run(Duration::ZERO).await;
    assert_eq!(healings(&report), BTreeMap::from([(provision.clone(), ended)]));
    assert_eq!(fake.count("StopBuild"), 0);
    let interruption = table.store.interruption(&provision).await.expect("read");
    assert_eq!(interruption, Some(Interruption::Ended(OperationStatus::Cancelled)));
}

#[tokio::test]
async fn failed_repair_is_an_error_after_all_others_were_checked() {
    let table = table().await;
    let stuck = Fake::start(|_, _| Err("AccessDeniedException")).await;
    let mut vars = table.vars.clone();
    vars.insert("AWS_ENDPOINT_URL".to_owned(), stuck.url.clone());
    vars.insert("SLIPWAY_STATE_MACHINE_ARN".to_owned(), MACHINE.to_owned());
    let config = Config::from_vars(&vars).expect("every variable");
    let sweep = Sweep::new(config, &recorded("SweepFunction", &slipway_aws::sdk_config(&vars)));
    for called in ["one", "two"] {
        table.provisioning(&new_stack(called)).await;
    }
    let error = sweep
        .handle(json!({"older_than_seconds": 0}))
        .await
        .expect_err("nothing was allowed");
    assert!(matches!(error, SweepError::Left(2)), "{error}");
    let error = sweep
        .handle(json!({"older_than_seconds": "soon"}))
        .await
        .expect_err("not a number");
    assert_eq!(error.name(), "Slipway.EventUnreadable");
}

#[tokio::test]
async fn a_schedules_own_event_is_enough() {
    let table = table().await;
    let (sweep, _fake) = sweep(&table, &World::default()).await;
    let event = json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": "{}"});
    let report = sweep.handle(event).await.expect("swept");
    assert_eq!(
        report,
        json!({"looked_at": 0, "healed": [], "notifications": 0, "deliveries": 0, "problems": []})
    );
}

#[tokio::test]
async fn unreported_result_is_retried_for_a_day() {
    let table = table().await;
    let (sweep, fake) = sweep(&table, &World::default()).await;
    let account: slipway_model::account::AccountId = "111122223333".parse().expect("an account");
    let mut new = new_stack("shop");
    new.origin = Some(Origin::new(account, "order-1", Action::Provision));
    let (_, asked) = table.provisioning(&new).await;
    let end = slipway_store::finish::End::Succeeded;
    let ended = |hours: i64| {
        let (store, asked) = (&table.store, &asked);
        async move {
            let at = Timestamp::now() - SignedDuration::from_hours(hours) - SignedDuration::from_mins(2);
            let moved = store.update_operation(asked, |operation| {
                operation.ended_at = Some(at);
                Ok(())
            });
            moved.await.expect("moved");
        }
    };
    table.store.finish_operation(&asked, &end).await.expect("finished");
    // A request of another kind, and one that ended a moment ago, which the events function is about to report.
    table.ready(&new_stack("silent")).await;
    assert!(healings(&sweep.run(Duration::ZERO).await).is_empty());
    assert!(fake.calls().is_empty());

    ended(1).await;
    for _ in 0..2 {
        let report = sweep.run(Duration::ZERO).await;
        assert_eq!(
            healings(&report),
            BTreeMap::from([(asked.clone(), Healing::ResultAskedFor)])
        );
    }
    let (action, put) = fake.calls().pop().expect("a call");
    let detail = json!({"operation": asked}).to_string();
    let entry = json!({"Source": "slipway", "DetailType": "Slipway Result Due", "Detail": detail});
    assert_eq!((action.as_str(), &put["Entries"][0]), ("PutEvents", &entry));

    ended(24).await;
    let report = sweep.run(Duration::ZERO).await;
    assert_eq!(
        healings(&report),
        BTreeMap::from([(asked.clone(), Healing::ResultDropped)])
    );
    assert!(healings(&sweep.run(Duration::ZERO).await).is_empty());
}

#[tokio::test]
async fn notifications_that_were_not_sent_are_requested() {
    let table = table().await;
    let (sweep, fake) = sweep(&table, &World::default()).await;
    table.ready(&new_stack("shop")).await;
    let mut report = sweep.run(Duration::from_mins(1)).await;
    assert_eq!(report.notifications, 0, "the stream brings them");
    let due = table.store.notifications_due(100, None).await.expect("a page").items;
    report = sweep
        .run_at(Duration::from_mins(1), Timestamp::now() + SignedDuration::from_mins(3))
        .await;
    assert_eq!(report.notifications, due.len());
    let calls = fake.calls().into_iter();
    let entries = calls.flat_map(|(_, body)| body["Entries"].as_array().cloned().unwrap_or_default());
    let requested: Vec<Value> = entries
        .map(|entry| {
            assert_eq!(entry["DetailType"], "Slipway Notification Due");
            serde_json::from_str::<Value>(entry["Detail"].as_str().expect("a text")).expect("JSON")["notification"]
                .clone()
        })
        .collect();
    let expected: Vec<Value> = due.iter().map(|one| json!(one.id)).collect();
    assert_eq!(requested, expected);
}

#[tokio::test]
async fn approvers_of_a_waiting_plan_are_reminded() {
    let table = table().await;
    let world = World::default();
    let (sweep, _fake) = sweep(&table, &world).await;
    let (_, operation) = table.provisioning(&new_stack("shop")).await;
    world.set(operation.as_str(), "RUNNING");
    let rule = |operation: &mut slipway_model::operation::Operation| {
        operation.approval_rule = Some(ApprovalRule {
            required: 1,
            self_approval: false,
            expires_at: Timestamp::now() + SignedDuration::from_hours(72),
            remind_every_seconds: 86_400,
            required_by: Vec::new(),
        });
        Ok(())
    };
    table.store.update_operation(&operation, rule).await.expect("a rule");
    table.store.ask_approval(&operation, "token").await.expect("it waits");
    let at = |hours| Timestamp::now() + SignedDuration::from_hours(hours);
    for (hours, reminded) in [(23, false), (25, true), (26, false), (49, true)] {
        let report = sweep.run_at(Duration::ZERO, at(hours)).await;
        let was = report
            .healed
            .iter()
            .any(|one| one.healing == Healing::ApproversReminded);
        assert_eq!(was, reminded, "after {hours} hours: {report:?}");
    }
}

#[tokio::test]
async fn what_an_ended_operation_left_stopped_is_resumed() {
    let table = table().await;
    let world = World::default();
    let (sweep, fake) = sweep(&table, &world).await;
    let (_, operation) = table.provisioning(&new_stack("shop")).await;
    let worker = QuiescedService {
        key: "worker".parse().expect("a name"),
        name: "shop-worker".to_owned(),
        cluster: "main".to_owned(),
        desired_count: 2,
        scaling: None,
    };
    let stops = table.store.update_operation(&operation, |operation| {
        operation.quiesce_service(&worker);
        Ok(())
    });
    stops.await.expect("stopped");
    world.set(operation.as_str(), "RUNNING");
    assert_eq!(healings(&sweep.run(Duration::ZERO).await), BTreeMap::new());

    world.set(operation.as_str(), "ABORTED");
    let ended = sweep.run(Duration::ZERO).await;
    assert!(matches!(healings(&ended)[&operation], Healing::Ended { .. }));
    let later = Timestamp::now() + SignedDuration::from_mins(2);
    for attempt in 1..=3 {
        let report = sweep.run_at(Duration::ZERO, later).await;
        assert_eq!(
            healings(&report),
            BTreeMap::from([(operation.clone(), Healing::ResumeAskedFor)])
        );
        let calls = fake.calls();
        let entries = calls.iter().map(|(_, body)| &body["Entries"][0]);
        let requests: Vec<_> = entries
            .filter(|entry| entry["DetailType"] == "Slipway Resume Due")
            .collect();
        assert_eq!(requests.len(), attempt, "until it runs");
        assert_eq!(requests[0]["Detail"], json!({"operation": operation}).to_string());
    }

    let resumes = table.store.update_operation(&operation, |operation| {
        operation.service_resumed(&worker.key);
        Ok(())
    });
    resumes.await.expect("resumed");
    assert_eq!(healings(&sweep.run_at(Duration::ZERO, later).await), BTreeMap::new());
}
