//! Every other record.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Map, json};
use slipway_model::blueprint::Blueprint;
use slipway_model::environment::{Approval, Environment};
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Digest;
use slipway_model::plan::binding::StateVersion;
use slipway_model::source_account::{Action, SourceAccount};
use slipway_model::stack::Configuration;
use slipway_model::variable::{HIDDEN, read_schema};
use slipway_store::Error;
use slipway_store::blueprint::Published;
use slipway_store::configured::Expected;
use slipway_store::lock::Runner;
use slipway_store::rollout::Rollout;

use crate::support::{configuration, name, new_stack, table};

fn blueprint(version: &str, content: &str) -> Blueprint {
    Blueprint {
        name: name("guestbook"),
        version: version.parse().expect("a version"),
        description: format!("as of {version}"),
        digest: Digest::of(content.as_bytes()),
        written: None,
        variables: Vec::new(),
        published_at: Timestamp::from_second(1_700_000_000).expect("a time"),
        published_by: Some("ada".to_owned()),
        draft: false,
        deprecation: None,
        revision: 0,
    }
}

#[tokio::test]
async fn version_keeps_its_remote_modules_and_draft_gets_new_ones() {
    let table = table().await;
    let store = &table.store;
    let with_modules = |modules: &str, draft| Blueprint {
        written: Some(Digest::of(b"the author's files")),
        draft,
        ..blueprint(if draft { "2.0.0" } else { "1.0.0" }, modules)
    };
    for draft in [false, true] {
        let first = store.publish_blueprint(&with_modules("old", draft), "ada").await;
        assert_eq!(first.expect("published"), Published::New);
        let again = store.publish_blueprint(&with_modules("new", draft), "ada").await;
        match (draft, again.expect("published")) {
            (false, Published::Same(kept)) => assert_eq!(kept.digest, Digest::of(b"old")),
            (true, Published::Draft(replaced)) => assert_eq!(replaced.digest, Digest::of(b"old")),
            (draft, other) => panic!("draft {draft}: {other:?}"),
        }
    }
    let other = Blueprint {
        written: Some(Digest::of(b"other files")),
        ..with_modules("new", false)
    };
    let refused = store.publish_blueprint(&other, "ada").await.expect("an answer");
    assert!(matches!(refused, Published::Differs(_)), "{refused:?}");
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
        all.extend(page.items.iter().map(|blueprint| blueprint.version.to_string()));
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
async fn concurrent_drafts_leave_one_record_that_can_be_published() {
    let table = table().await;
    let drafts: Vec<Blueprint> = (1..=6)
        .map(|number| Blueprint {
            draft: true,
            ..blueprint("1.0.0", &format!("draft {number}"))
        })
        .collect();
    let published = join_all(drafts.iter().map(|draft| table.store.publish_blueprint(draft, "ada"))).await;
    let new = published.iter().filter(|one| matches!(one, Ok(Published::New)));
    assert_eq!(new.count(), 1, "{published:?}");
    let replaced = published.iter().filter(|one| matches!(one, Ok(Published::Draft(_))));
    assert_eq!(replaced.count(), 5, "{published:?}");
    let there = table.store.latest_blueprint(&name("guestbook")).await.expect("a draft");
    assert_eq!((there.draft, there.revision), (true, 5));

    let last = blueprint("1.0.0", "published");
    let outcome = table.store.publish_blueprint(&last, "ada").await;
    assert!(matches!(outcome, Ok(Published::Draft(_))), "{outcome:?}");
    let again = table.store.publish_blueprint(&drafts[0], "ada").await;
    assert!(matches!(again, Ok(Published::Differs(_))), "{again:?}");
}

#[tokio::test]
async fn discarded_draft_leaves_the_next_version_as_latest() {
    let table = table().await;
    let store = &table.store;
    let draft = |version: &str| Blueprint {
        draft: true,
        ..blueprint(version, version)
    };
    for version in ["1.0.0", "2.0.0", "3.0.0-rc.1"] {
        store
            .publish_blueprint(&draft(version), "ada")
            .await
            .expect("published");
    }
    let discard = async |version: &str| {
        let version = version.parse().expect("a version");
        store.discard_draft(&name("guestbook"), &version, "ada").await
    };
    for (discarded, latest) in [("2.0.0", "1.0.0"), ("1.0.0", "3.0.0-rc.1")] {
        assert!(discard(discarded).await.expect("discarded"));
        let found = store.latest_blueprint(&name("guestbook")).await.expect("a version");
        assert_eq!(found.version.to_string(), latest);
    }
    assert!(discard("3.0.0-rc.1").await.expect("discarded"));
    assert!(matches!(discard("3.0.0-rc.1").await, Err(Error::NotFound { .. })));
    assert!(store.blueprints(10, None).await.expect("a page").items.is_empty());
    store
        .publish_blueprint(&blueprint("1.0.0", "1"), "ada")
        .await
        .expect("published");
    assert!(!discard("1.0.0").await.expect("it stays"));
}

#[tokio::test]
async fn replaced_draft_keeps_its_secret_defaults_hidden() {
    let table = table().await;
    let store = &table.store;
    let draft = |default: &str| {
        let text = format!("variable \"token\" {{\n  sensitive = true\n  default   = \"{default}\"\n}}\n");
        Blueprint {
            draft: true,
            variables: read_schema([("main.tf", text.as_str())].into_iter()).expect("a schema"),
            ..blueprint("1.0.0", default)
        }
    };
    let first = draft("hunter2-first");
    store.publish_blueprint(&first, "ada").await.expect("published");
    let mut new = new_stack("shop");
    new.configuration = Configuration {
        version: first.version.clone(),
        digest: first.digest.clone(),
        draft: true,
        ..configuration("guestbook")
    };
    let (stack, operation) = table.provisioning(&new).await;
    let operation = store.operation(&operation).await.expect("the operation");
    let published = Blueprint {
        draft: false,
        ..draft("hunter2-third")
    };
    for next in [draft("hunter2-second"), first, published] {
        store.publish_blueprint(&next, "ada").await.expect("published");
        let shown = store.secrets_of_stack(&stack).await.expect("secrets");
        assert_eq!(shown.hide("hunter2-first"), HIDDEN, "{}", next.digest);
        let shown = store.secrets_of(&operation).await.expect("secrets");
        assert_eq!(shown.hide("hunter2-first"), HIDDEN, "{}", next.digest);
    }
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
        sandbox: false,
        protected_types: None,
        variables: Map::from_iter([("vpc".to_owned(), json!({"id": "vpc-1", "subnets": ["a", 2.5, null]}))]),
        references: std::collections::BTreeMap::new(),
        former: std::collections::BTreeMap::new(),
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
        let state = StateVersion {
            lineage: Some("3f2a".to_owned()),
            serial: Some(4),
        };
        table
            .store
            .record_lock_holder(&stack, &operation, runner.clone(), Some(state.clone()))
            .await
            .expect("recorded");
        let holder = table.store.lock_holder(&stack).await.expect("read").expect("a holder");
        assert_eq!(
            (holder.operation, holder.runner, holder.state),
            (operation, runner, Some(state))
        );
    }
}
