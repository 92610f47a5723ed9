//! Requests about a stack, alone and all at once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde_json::json;
use slipway_control::admission::{Admission, Asking, Change, Refusal};
use slipway_model::contract::Contract;
use slipway_model::id::ReleaseNumber;
use slipway_model::name::Digest;
use slipway_model::operation::OperationStatus;
use slipway_model::operation::work::Work;
use slipway_model::request::ReleaseRequest;
use slipway_model::stack::{Stack, StackStatus};
use slipway_model::subscription::{Push, Pushed};
use slipway_store::Store;
use slipway_store::create::Outcome;
use slipway_store::finish::End;
use slipway_store::idempotency::Idempotency;

use crate::support::{answer, created, images, key, name, new_stack, request, table};

/// Asks for a change of a stack as it was read.
async fn change(
    store: &Store,
    stack: &Stack,
    change: &Change,
    if_match: Option<u64>,
    once: Option<&Idempotency>,
) -> Result<Outcome, Refusal> {
    let asking = Asking {
        requested_by: "ada",
        permitted: None,
        origin: None,
        idempotency: once,
    };
    Admission::by(store)
        .request_change(stack.clone(), change, if_match, asking, answer)
        .await
}

#[tokio::test]
async fn sixteen_operations_on_a_stack_run_one_at_a_time_in_order() {
    let table = table().await;
    let stack = table.ready(&new_stack("shop")).await;
    let outcomes = join_all((0..16).map(|_| change(&table.store, &stack, &Change::Drift, None, None))).await;
    let operations: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| created(outcome.expect("an outcome")))
        .collect();
    let ids: BTreeSet<_> = operations.iter().map(|operation| operation.id.clone()).collect();
    assert_eq!(ids.len(), 16);
    let starting: Vec<_> = operations
        .iter()
        .filter(|one| one.status == OperationStatus::Starting)
        .collect();
    assert_eq!(starting.len(), 1, "one has the slot");
    let queue = table.store.queue(&stack.id).await.expect("a queue");
    assert_eq!(queue.len(), 15);

    // They run one after the other, each once, in the order of the queue.
    let mut ran = vec![starting[0].id.clone()];
    for _ in 0..16 {
        let running = ran.last().expect("one runs").clone();
        table.store.begin_operation(&running).await.expect("it has the slot");
        let finished = table
            .store
            .finish_operation(&running, &End::Succeeded)
            .await
            .expect("finished");
        let again = table
            .store
            .finish_operation(&running, &End::Succeeded)
            .await
            .expect("finished twice");
        assert_eq!(finished.next, again.next);
        ran.extend(finished.next.map(|next| next.id));
    }
    assert_eq!(ran[1..], queue);
    let stack = table.store.stack(&stack.id).await.expect("the stack");
    assert_eq!((stack.active_operation, stack.status), (None, StackStatus::Ready));
}

#[tokio::test]
async fn one_key_on_one_stack_makes_one_operation() {
    let table = table().await;
    let stack = table.ready(&new_stack("shop")).await;
    let once = key("k", "destroy");
    let outcomes = join_all((0..8).map(|_| change(&table.store, &stack, &Change::Drift, None, Some(&once)))).await;
    let made = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Outcome::Created { .. })))
        .count();
    let replayed = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Outcome::Replayed(_))))
        .count();
    assert_eq!((made, replayed), (1, 7));
    assert!(table.store.queue(&stack.id).await.expect("a queue").is_empty());

    // Also after the stack has changed, and after it was destroyed.
    let again = change(&table.store, &stack, &Change::Drift, Some(stack.revision), Some(&once)).await;
    assert!(matches!(again, Ok(Outcome::Replayed(_))));
}

#[tokio::test]
async fn what_was_accepted_a_moment_before_is_not_refused() {
    let table = table().await;
    let environment = json!({"name": "dev", "account": "000000000000", "region": "us-east-1"});
    let environment = serde_json::from_value(environment).expect("an environment");
    table.store.put_environment(&environment).await.expect("written");
    let stack = table.ready(&new_stack("shop")).await;
    let once = key("k", "destroy");
    let first = change(&table.store, &stack, &Change::Destroy, None, Some(&once)).await;
    let destroy = created(first.expect("an outcome"));
    let (_, destroying) = table.store.begin_operation(&destroy.id).await.expect("begun");
    let again = change(&table.store, &destroying, &Change::Destroy, None, Some(&once)).await;
    assert!(matches!(again, Ok(Outcome::Replayed(_))), "{again:?}");
    let another = change(&table.store, &destroying, &Change::Destroy, None, None).await;
    assert!(matches!(another, Err(Refusal::Conflict(_))), "{another:?}");
}

#[tokio::test]
async fn push_is_released_in_services_that_follow_it_unless_destroying() {
    let table = table().await;
    let repository = "arn:aws:ecr:eu-west-1:111122223333:repository/shop/web";
    let subscriptions = json!({"web": {"repository": repository, "tags": "v*"}});
    let mut new = new_stack("shop");
    new.subscriptions = serde_json::from_value(subscriptions).expect("subscriptions");
    let (stack, _) = table.provisioning(&new).await;
    let mut destroying = stack.clone();
    destroying.status = StackStatus::Destroying;
    let asking = Asking {
        requested_by: "event:111122223333",
        permitted: None,
        origin: None,
        idempotency: None,
    };
    for (stack, tag, released) in [
        (&stack, "latest", false),
        (&destroying, "v1", false),
        (&stack, "v1", true),
    ] {
        let push = Push {
            repository: repository.parse().expect("a repository"),
            tag: tag.to_owned(),
            pushed: Pushed {
                digest: Digest::of(b"v1"),
                at: "2026-01-01T00:00:00Z".parse().expect("a time"),
            },
        };
        let asked = Admission::by(&table.store)
            .request_push(stack.clone(), &push, asking, answer)
            .await;
        let asked = asked.expect("judged");
        assert_eq!(asked.is_some(), released, "{tag} {asked:?}");
    }
}

#[tokio::test]
async fn release_that_does_not_say_it_is_compatible_as_the_blueprint_declares() {
    let repository = "arn:aws:ecr:eu-west-1:111122223333:repository/shop/web";
    let contract = |declared: Option<bool>| {
        let web =
            json!({"name": "web", "desired_count": 1, "task_definition": {"containerDefinitions": [{"name": "web"}]}});
        let contract = json!({"cluster": "main", "services": {"web": web}, "compatible_with_previous": declared});
        Contract::parse(&contract).expect("a contract")
    };
    let web = |number: u8| BTreeMap::from([(name("web"), images(number).remove(&name("web")).expect("an image"))]);
    for (declared, requested, expected) in [
        (None, None, true),
        (Some(false), None, false),
        (Some(false), Some(true), true),
        (None, Some(false), false),
    ] {
        let table = table().await;
        let mut new = new_stack("shop");
        let subscriptions = json!({"web": {"repository": repository, "tags": "v*"}});
        new.subscriptions = serde_json::from_value(subscriptions).expect("subscriptions");
        let mut stack = table.ready(&new).await;
        stack.contract = Some(contract(declared));
        let release = ReleaseRequest {
            compatible_with_previous: requested,
            ..web(2).into()
        };
        let asked = change(&table.store, &stack, &Change::Release(release), None, None).await;
        let released = created(asked.expect("an outcome"));
        assert_eq!(
            released.work.compatible_with_previous(),
            expected,
            "{declared:?} {requested:?}"
        );
        if requested.is_some() {
            continue;
        }
        let push = Push {
            repository: repository.parse().expect("a repository"),
            tag: "v3".to_owned(),
            pushed: Pushed {
                digest: Digest::of(b"v3"),
                at: jiff::Timestamp::now(),
            },
        };
        let asking = Asking {
            requested_by: "event:111122223333",
            permitted: None,
            origin: None,
            idempotency: None,
        };
        let mut stack = table.store.stack(&stack.id).await.expect("the stack");
        stack.contract = Some(contract(declared));
        let pushed = Admission::by(&table.store).request_push(stack, &push, asking, answer);
        let pushed = created(pushed.await.expect("judged").expect("a release"));
        assert_eq!(pushed.work.compatible_with_previous(), expected, "a push, {declared:?}");
    }
}

#[tokio::test]
async fn if_match_holds_also_against_those_who_come_between() {
    let table = table().await;
    let stack = table.ready(&new_stack("shop")).await;
    let seen = Some(stack.revision);
    let outcomes = join_all((0..8).map(|_| change(&table.store, &stack, &Change::Drift, seen, None))).await;
    let made = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Outcome::Created { .. })))
        .count();
    let refused = |outcome: &&Result<_, _>| matches!(outcome, Err(Refusal::RevisionMismatch { .. }));
    assert_eq!((made, outcomes.iter().filter(refused).count()), (1, 7));
}

#[tokio::test]
async fn concurrent_releases_get_consecutive_numbers_and_merge_images() {
    let table = table().await;
    let named = |service: u8, release: u8| {
        let image = images(release).remove(&name("web")).expect("an image");
        (name(&format!("service-{service}")), image)
    };
    let mut new = new_stack("shop");
    new.images = (0..8).map(|service| named(service, 0)).collect();
    let (stack, _) = table.provisioning(&new).await;
    let asked: Vec<Change> = (0..8)
        .map(|service| Change::Release(BTreeMap::from([named(service, 1)]).into()))
        .collect();
    let outcomes = join_all(
        asked
            .iter()
            .map(|asked| change(&table.store, &stack, asked, None, None)),
    )
    .await;
    let mut numbers: Vec<_> = outcomes
        .into_iter()
        .filter_map(|outcome| created(outcome.expect("an outcome")).release())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=9).map(ReleaseNumber).collect::<Vec<_>>());
    let last = table
        .store
        .release(&stack.id, ReleaseNumber(9))
        .await
        .expect("a release");
    assert_eq!(last.images, (0..8).map(|service| named(service, 1)).collect());
}

#[tokio::test]
async fn a_destroyed_stack_takes_no_operation() {
    let table = table().await;
    let stack = table.ready(&new_stack("shop")).await;
    let new = request(Work::Destroy, &stack);
    let destroy = created(
        table
            .store
            .create_operation(&new, None, answer)
            .await
            .expect("an outcome"),
    );
    table.store.begin_operation(&destroy.id).await.expect("begun");
    table
        .store
        .finish_operation(&destroy.id, &End::Succeeded)
        .await
        .expect("finished");
    // The caller's stack is the one from before.
    let outcome = change(&table.store, &stack, &Change::Drift, None, None).await;
    assert!(matches!(outcome, Err(Refusal::Conflict(_))));
}
