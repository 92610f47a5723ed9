//! What is written on an operation between its creation and its end, and waiting for it.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use slipway_model::contract::Contract;
use slipway_model::id::{OperationId, StackId};
use slipway_model::operation::{LogStream, Operation, OperationStatus, Progress, StepStatus};
use slipway_model::plan::{PlanSummary, Refusal, Verdict};
use slipway_model::stack::StackStatus;
use slipway_store::finish::End;
use slipway_store::{Error, Store};

use crate::support::{answer, approve, created, failure, new_stack, table};

fn refusal() -> Refusal {
    Refusal {
        policy: "protected types".to_owned(),
        reason: "not here".to_owned(),
        resources: Vec::new(),
    }
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
async fn an_operation_comes_with_its_own_stack_whatever_stack_is_named() {
    let table = table().await;
    let store = &table.store;
    let (own, id) = table.provisioning(&new_stack("shop")).await;
    let (other, _) = table.provisioning(&new_stack("blog")).await;
    let unknown = StackId::from_bits(1);
    for named in [None, Some(&own.id), Some(&other.id), Some(&unknown)] {
        let (operation, stack) = store.operation_and_stack(&id, named).await.expect("both");
        assert_eq!((&operation.id, &stack), (&id, &own), "{named:?}");
    }
    let missing = OperationId::generate();
    for named in [None, Some(&own.id)] {
        let read = store.operation_and_stack(&missing, named).await;
        assert!(matches!(read, Err(Error::NotFound { .. })), "{read:?}");
    }
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
    assert!(approve(store, &approved, "grace").await.is_err(), "nothing was asked");
    store.ask_approval(&approved, "token").await.expect("asked");
    let operation = approve(store, &approved, "grace").await.expect("approved");
    assert_eq!(
        (operation.status, operation.approval_token.as_deref()),
        (OperationStatus::Running, Some("token"))
    );
    let again = approve(store, &approved, "grace").await.expect("the same approval");
    assert_eq!(again, operation);
    let other = approve(store, &approved, "alan").await;
    assert!(matches!(other, Err(Error::Undecidable(_))), "it would not count");
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
        approve(store, &rejected, "grace").await,
        Err(Error::Undecidable(_))
    ));

    let (_, both) = table.provisioning(&new_stack("both")).await;
    store.ask_approval(&both, "token").await.expect("asked");
    let (yes, no) = tokio::join!(approve(store, &both, "grace"), store.reject(&both, "grace", &why));
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
