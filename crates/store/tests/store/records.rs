//! Every other record, and waiting for changes.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Map, json};
use slipway_model::blueprint::Blueprint;
use slipway_model::contract::Contract;
use slipway_model::environment::{Approval, Environment};
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Digest;
use slipway_model::operation::{LogStream, Operation, OperationStatus, Progress, StepStatus};
use slipway_model::plan::{PlanSummary, Refusal, Verdict};
use slipway_model::source_account::{Action, SourceAccount};
use slipway_model::stack::StackStatus;
use slipway_store::blueprint::Published;
use slipway_store::configured::Expected;
use slipway_store::finish::End;
use slipway_store::lock::Runner;
use slipway_store::rollout::Rollout;
use slipway_store::{Error, Store};

use crate::support::{answer, created, failure, name, new_stack, table};

fn blueprint(version: &str, content: &str) -> Blueprint {
    Blueprint {
        name: name("guestbook"),
        version: version.parse().expect("a version"),
        description: format!("as of {version}"),
        digest: Digest::of(content.as_bytes()),
        variables: Vec::new(),
        published_at: Timestamp::from_second(1_700_000_000).expect("a time"),
        published_by: Some("ada".to_owned()),
    }
}

fn refusal() -> Refusal {
    Refusal {
        policy: "protected types".to_owned(),
        reason: "not here".to_owned(),
        resources: Vec::new(),
    }
}

#[tokio::test]
async fn a_version_is_published_once() {
    let table = table().await;
    let store = &table.store;
    let versions = ["1.9.0", "1.10.0", "2.0.0-rc.2", "2.0.0-rc.10", "1.2.3"];
    for version in versions {
        let published = store
            .publish_blueprint(&blueprint(version, version), "ada")
            .await
            .expect("published");
        assert_eq!(published, Published::New);
    }
    let there = blueprint("1.9.0", "1.9.0");
    let again = store.publish_blueprint(&there, "ada").await.expect("an outcome");
    assert_eq!(again, Published::Same(Box::new(there.clone())));
    let mut corrected = there.clone();
    corrected.description = "corrected".to_owned();
    let same = store.publish_blueprint(&corrected, "ada").await.expect("an outcome");
    assert_eq!(same, Published::Same(Box::new(there.clone())), "the files decide");
    let other = store
        .publish_blueprint(&blueprint("1.9.0", "changed"), "ada")
        .await
        .expect("an outcome");
    assert_eq!(other, Published::Differs(Box::new(there.clone())));
    assert_eq!(
        store.blueprint(&there.name, &there.version).await.expect("the version"),
        there
    );

    let latest = store.latest_blueprint(&there.name).await.expect("a blueprint");
    assert_eq!(
        latest.version.to_string(),
        "1.10.0",
        "a pre-release is never the latest"
    );
    let listed = store.blueprints(10, None).await.expect("a page").items;
    assert_eq!(
        listed.iter().map(|one| (&one.name, &one.latest)).collect::<Vec<_>>(),
        [(&there.name, &latest.version)]
    );
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let page = store
            .blueprint_versions(&there.name, 2, cursor.as_ref())
            .await
            .expect("a page");
        all.extend(page.items.iter().map(ToString::to_string));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(all, ["2.0.0-rc.10", "2.0.0-rc.2", "1.10.0", "1.9.0", "1.2.3"]);
    assert!(matches!(
        store.latest_blueprint(&name("none")).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn concurrently_published_versions_leave_the_highest_as_latest() {
    let table = table().await;
    let versions: Vec<_> = (1..=8)
        .map(|minor| blueprint(&format!("1.{minor}.0"), "content"))
        .collect();
    let published = join_all(
        versions
            .iter()
            .map(|version| table.store.publish_blueprint(version, "ada")),
    )
    .await;
    assert!(
        published.iter().all(|one| matches!(one, Ok(Published::New))),
        "{published:?}"
    );
    let latest = table
        .store
        .latest_blueprint(&name("guestbook"))
        .await
        .expect("a blueprint");
    assert_eq!(latest.version.to_string(), "1.8.0");
}

#[tokio::test]
async fn an_environment_comes_back_as_it_was_written() {
    let table = table().await;
    let environment = |called: &str| Environment {
        name: name(called),
        account: "111122223333".parse().expect("an account"),
        region: "eu-west-1".parse().expect("a region"),
        role: None,
        external_id: None,
        approval: Approval::WhenDestroying,
        approvals_required: 1,
        self_approval: false,
        approval_timeout_seconds: 259_200,
        approval_reminder_seconds: 86_400,
        protected: true,
        protected_types: None,
        variables: Map::from_iter([("vpc".to_owned(), json!({"id": "vpc-1", "subnets": ["a", 2.5, null]}))]),
        references: std::collections::BTreeMap::new(),
    };
    for called in ["live", "dev"] {
        table
            .store
            .put_environment(&environment(called))
            .await
            .expect("written");
    }
    assert_eq!(
        table.store.environment(&name("live")).await.expect("it"),
        environment("live")
    );
    let page = table.store.environments(10, None).await.expect("a page");
    let listed = page.items.into_iter().map(|one| one.record.expect("readable"));
    assert_eq!(listed.collect::<Vec<_>>(), [environment("dev"), environment("live")]);
    assert!(matches!(
        table.store.environment(&name("none")).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn a_source_account_is_replaced_only_where_it_is_what_was_read() {
    let table = table().await;
    let store = &table.store;
    let account = |description: &str| SourceAccount {
        account: "111122223333".parse().expect("an account"),
        description: description.to_owned(),
        actions: BTreeSet::from([Action::Provision]),
        blueprints: BTreeSet::from([name("web")]),
        environments: BTreeSet::from([name("dev")]),
        results: None,
    };
    let id = account("").account;
    let put = async |description: &str, expected| {
        store
            .put_source_account_if(&account(description), None, expected, "ada")
            .await
    };
    assert!(matches!(store.source_account(&id).await, Err(Error::NotFound { .. })));
    assert!(matches!(put("never", Expected::Revision(1)).await, Ok(None)));
    let first = put("first", Expected::Nothing)
        .await
        .expect("an outcome")
        .expect("written");
    assert!(matches!(put("again", Expected::Nothing).await, Ok(None)));
    let second = put("second", Expected::Revision(first))
        .await
        .expect("an outcome")
        .expect("written");
    assert!(matches!(put("late", Expected::Revision(first)).await, Ok(None)));
    let there = store.configured_source_account(&id).await.expect("it");
    assert_eq!(
        (there.record.expect("readable"), there.revision),
        (account("second"), second)
    );

    // A record written by hand can be replaced by a caller who has read that it has no revision, and unconditionally.
    let by_hand = [("pk", "source-accounts"), ("sk", "111122223333"), ("account", "moon")];
    let mut item = table.client.put_item().table_name(table.name);
    for (attribute, value) in by_hand {
        item = item.item(attribute, AttributeValue::S(value.to_owned()));
    }
    item.send().await.expect("written");
    let there = store.configured_source_account(&id).await.expect("it");
    assert!(matches!(there.record, Err(Error::Decode { .. })) && there.revision == 0);
    let page = store.source_accounts(10, None).await.expect("a page");
    assert_eq!(
        page.items.iter().map(|one| one.record.is_ok()).collect::<Vec<_>>(),
        [false]
    );
    assert!(matches!(put("repaired", Expected::Revision(0)).await, Ok(Some(_))));
    assert!(matches!(put("late", Expected::Revision(0)).await, Ok(None)));
    store.put_source_account(&account("whatever")).await.expect("written");

    assert!(
        !store
            .delete_source_account(&id, None, Expected::Revision(second), "ada")
            .await
            .expect("an outcome")
    );
    assert!(
        store
            .delete_source_account(&id, None, Expected::Anything, "ada")
            .await
            .expect("an outcome")
    );
    assert!(
        !store
            .delete_source_account(&id, None, Expected::Anything, "ada")
            .await
            .expect("an outcome")
    );
}

#[tokio::test]
async fn many_writers_of_one_operation_lose_nothing() {
    let table = table().await;
    let (_, id) = table.provisioning(&new_stack("shop")).await;
    let before = table.store.operation(&id).await.expect("it").revision;
    let steps: Vec<String> = (0..16).map(|n| format!("Run migration: m{n}")).collect();
    let written = join_all(steps.iter().map(|step| table.store.begin_step(&id, step))).await;
    assert!(written.iter().all(Result::is_ok));
    let operation = table.store.operation(&id).await.expect("it");
    let names: BTreeSet<_> = operation.steps.iter().map(|step| step.name.clone()).collect();
    assert_eq!(names, steps.iter().cloned().collect());
    assert_eq!(operation.revision, before + 16);
    // What is so already is not written again.
    let again = table.store.begin_step(&id, &steps[0]).await.expect("it");
    assert_eq!(again.revision, before + 16);
}

#[tokio::test]
async fn an_operation_takes_what_the_workflow_finds() {
    let table = table().await;
    let store = &table.store;
    let (stack, id) = table.provisioning(&new_stack("shop")).await;
    let plan = PlanSummary {
        add: 3,
        ..PlanSummary::default()
    };
    let progress = Progress {
        done: 1,
        total: 3,
        running: 1,
        current: Some("terraform_data.web".to_owned()),
    };
    let log = LogStream {
        step: "Plan".to_owned(),
        group: "/slipway/builds".to_owned(),
        stream: "plan".to_owned(),
        in_segments: false,
    };
    store.begin_step(&id, "Plan").await.expect("a step");
    store
        .end_step(&id, "Plan", StepStatus::Succeeded)
        .await
        .expect("a step");
    let runner = |operation: &mut Operation| {
        operation.plan = Some(plan.clone());
        operation.verdict = Some(Verdict::Refused(refusal()));
        operation.logs = vec![log.clone()];
        operation.progress = Some(progress.clone());
        operation.execution_arn = Some("arn:aws:states:us-east-1:0:execution:m:x".to_owned());
        Ok(())
    };
    store
        .update_operation(&id, runner)
        .await
        .expect("what the runner finds");
    store
        .record_failure(&id, &failure("Slipway.ApplyFailed"))
        .await
        .expect("a failure");
    store
        .record_failure(&id, &failure("Slipway.Internal"))
        .await
        .expect("another");
    let operation = store.operation(&id).await.expect("it");
    assert_eq!(operation.steps[0].status, StepStatus::Succeeded);
    assert_eq!(
        (operation.plan, operation.progress, operation.logs),
        (Some(plan), Some(progress), vec![log])
    );
    assert_eq!(operation.verdict, Some(Verdict::Refused(refusal())));
    assert_eq!(
        operation.failure,
        Some(failure("Slipway.ApplyFailed")),
        "the first one is the cause"
    );

    let contract = Contract {
        cluster: Some("main".to_owned()),
        ..Contract::default()
    };
    let recorded = store.record_contract(&id, &contract).await.expect("recorded");
    assert_eq!(recorded.contract.as_ref(), Some(&contract));
    assert_eq!(
        store.record_contract(&id, &contract).await.expect("recorded twice"),
        recorded
    );
    assert_eq!(store.stack(&stack.id).await.expect("the stack"), recorded);
    store
        .finish_operation(&id, &End::Failed(failure("Slipway.ApplyFailed")))
        .await
        .expect("finished");
    let late = store.record_contract(&id, &Contract::default()).await;
    assert!(matches!(late, Err(Error::NotActive { .. })), "its slot is another's");
}

#[tokio::test]
async fn a_plan_is_decided_once() {
    let table = table().await;
    let store = &table.store;
    let (_, approved) = table.provisioning(&new_stack("approved")).await;
    assert!(store.approve(&approved, "grace").await.is_err(), "nothing was asked");
    store.ask_approval(&approved, "token").await.expect("asked");
    let operation = store.approve(&approved, "grace").await.expect("approved");
    assert_eq!(
        (operation.status, operation.approval_token.as_deref()),
        (OperationStatus::Running, Some("token"))
    );
    let again = store.approve(&approved, "alan").await.expect("approved twice");
    assert_eq!(again.approved_by.as_deref(), Some("grace"));
    let late = store
        .reject(&approved, "grace", &failure("Slipway.ApprovalRejected"))
        .await;
    assert!(matches!(late, Err(Error::Undecidable(_))));

    let (_, rejected) = table.provisioning(&new_stack("rejected")).await;
    store.ask_approval(&rejected, "token").await.expect("asked");
    let why = failure("Slipway.ApprovalRejected");
    for _ in 0..2 {
        let operation = store.reject(&rejected, "grace", &why).await.expect("rejected");
        assert_eq!(
            (operation.status, operation.approval_token.as_deref()),
            (OperationStatus::WaitingForApproval, Some("token"))
        );
    }
    assert!(matches!(
        store.approve(&rejected, "grace").await,
        Err(Error::Undecidable(_))
    ));

    let (_, both) = table.provisioning(&new_stack("both")).await;
    store.ask_approval(&both, "token").await.expect("asked");
    let (yes, no) = tokio::join!(store.approve(&both, "grace"), store.reject(&both, "grace", &why));
    assert!(yes.is_ok() != no.is_ok(), "{yes:?} {no:?}");
}

#[tokio::test]
async fn an_operation_begins_once_and_only_with_the_slot() {
    let table = table().await;
    let store = &table.store;
    let operation = created(
        store
            .create_stack(&new_stack("shop"), None, answer)
            .await
            .expect("a stack"),
    );
    let begun = join_all((0..4).map(|_| store.begin_operation(&operation.id))).await;
    let begun: Vec<_> = begun.into_iter().map(|one| one.expect("begun")).collect();
    assert!(begun.iter().all(|one| one == &begun[0]));
    assert_eq!(begun[0].1.status, StackStatus::Provisioning);
    store
        .finish_operation(&operation.id, &End::Succeeded)
        .await
        .expect("finished");
    assert!(matches!(
        store.begin_operation(&operation.id).await,
        Err(Error::IllegalTransition(_))
    ));
    let unknown = OperationId::generate();
    assert!(matches!(
        store.begin_operation(&unknown).await,
        Err(Error::NotFound { .. })
    ));
}

/// A store that shares nothing with the other one but the table: what another process has.
fn elsewhere(table: &crate::support::Table) -> impl Future<Output = ()> + use<> {
    let (client, name) = (table.client.clone(), table.name);
    async move {
        let scan = client.scan().table_name(name).filter_expression("sk = :sk");
        let value = AttributeValue::S("operation".to_owned());
        let scan = scan
            .expression_attribute_values(":sk", value)
            .send()
            .await
            .expect("a scan");
        let mut item = scan.items()[0].clone();
        let revision = AttributeValue::N("1000".to_owned());
        item.insert("revision".to_owned(), revision);
        client
            .put_item()
            .table_name(name)
            .set_item(Some(item))
            .send()
            .await
            .expect("put");
    }
}

#[tokio::test]
async fn who_waits_for_an_operation_sees_its_next_revision() {
    const LONG: Duration = Duration::from_mins(1);
    let table = table().await;
    let store: &Store = &table.store;
    let (_, id) = table.provisioning(&new_stack("shop")).await;
    let seen = store.operation(&id).await.expect("it").revision;
    let behind = store.operation_changed(&id, seen - 1, LONG).await.expect("at once");
    assert_eq!(behind.revision, seen);
    let timed_out = store
        .operation_changed(&id, seen, Duration::from_millis(1))
        .await
        .expect("after a while");
    assert_eq!(timed_out.revision, seen);

    let (changed, _) = tokio::join!(store.operation_changed(&id, seen, LONG), store.begin_step(&id, "Plan"));
    assert_eq!(changed.expect("changed").revision, seen + 1);
    let (changed, ()) = tokio::join!(store.operation_changed(&id, seen + 1, LONG), elsewhere(&table));
    assert_eq!(changed.expect("changed elsewhere").revision, 1000);
    let (ended, _) = tokio::join!(
        store.operation_changed(&id, 1000, LONG),
        store.finish_operation(&id, &End::Succeeded)
    );
    assert!(ended.expect("ended").status.has_ended());
    let after = store
        .operation_changed(&id, u64::MAX, LONG)
        .await
        .expect("nothing comes any more");
    assert!(after.status.has_ended());
}

#[tokio::test]
async fn a_rollout_is_found_by_its_deployment_until_it_is_forgotten() {
    let table = table().await;
    let store = &table.store;
    let first = Rollout {
        service: "arn:aws:ecs:us-east-1:0:service/main/web".to_owned(),
        deployment: "ecs-svc/1".to_owned(),
        token: "first".to_owned(),
        operation: OperationId::generate(),
        step: "Wait until stable: web".to_owned(),
    };
    let second = Rollout {
        token: "second".to_owned(),
        ..first.clone()
    };
    store.put_rollout(&first).await.expect("kept");
    store.put_rollout(&second).await.expect("kept");
    store.forget_rollout(&first).await.expect("it is not there any more");
    assert_eq!(
        store.rollout(&first.service, &first.deployment).await.expect("read"),
        Some(second.clone())
    );
    store.forget_rollout(&second).await.expect("forgotten");
    assert_eq!(
        store.rollout(&first.service, &first.deployment).await.expect("read"),
        None
    );
    assert_eq!(table.items().await, 0);
}

#[tokio::test]
async fn a_lock_is_of_who_took_it_last() {
    let table = table().await;
    let stack = StackId::from_bits(7);
    assert_eq!(table.store.lock_holder(&stack).await.expect("read"), None);
    for build in [Some("builds:1"), None] {
        let operation = OperationId::generate();
        let runner = Runner {
            build: build.map(str::to_owned),
            machine: "box".to_owned(),
        };
        table
            .store
            .record_lock_holder(&stack, &operation, runner.clone())
            .await
            .expect("recorded");
        let holder = table.store.lock_holder(&stack).await.expect("read").expect("a holder");
        assert_eq!((holder.operation, holder.runner), (operation, runner));
    }
}
