//! Lists, a page at a time.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::{StreamExt as _, stream};
use jiff::SignedDuration;
use slipway_model::environment::Environment;
use slipway_model::fields::Fields;
use slipway_model::operation::OperationStatus;
use slipway_model::operation::work::Work;
use slipway_model::stack::{Stack, StackStatus};
use slipway_store::audit::AuditFilter;
use slipway_store::finish::End;
use slipway_store::list::StackFilter;
use slipway_store::{Cursor, Error, Store};

use crate::support::{PREVIEW, Table, answer, configuration, created, failure, name, new_stack, request, table};

/// Every stack that a filter admits, read in pages of this size.
async fn all(store: &Store, filter: &StackFilter, limit: u16) -> Vec<Stack> {
    let mut stacks = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = store.stacks(filter, limit, cursor.as_ref()).await.expect("a page");
        assert!(page.items.len() <= usize::from(limit));
        stacks.extend(page.items);
        match page.next {
            // As the API's clients give it back.
            Some(next) => {
                let text = store.seal(&next).await.expect("a text");
                cursor = Some(store.open(&text).await.expect("a cursor"));
            }
            None => return stacks,
        }
    }
}

/// 250 stacks in two environments, of five blueprints, of three owners; every tenth one is ready.
async fn populated() -> Table {
    let table = table().await;
    let made = stream::iter(0..250u32).map(|n| {
        let table = &table;
        async move {
            let mut new = new_stack(&format!("stack-{n}"));
            new.environment = name(if n % 2 == 0 { "dev" } else { "live" });
            new.configuration = configuration(&format!("blueprint-{}", n % 5));
            new.requested_by = format!("owner-{}", n % 3);
            if n % 10 == 0 {
                table.ready(&new).await;
            } else {
                created(table.store.create_stack(&new, None, answer).await.expect("a stack"));
            }
        }
    });
    made.buffer_unordered(8).count().await;
    table
}

#[tokio::test]
async fn every_list_has_every_stack_once() {
    let table = populated().await;
    let everything = all(&table.store, &StackFilter::default(), 7).await;
    let ids: BTreeSet<_> = everything.iter().map(|stack| stack.id.clone()).collect();
    assert_eq!((everything.len(), ids.len()), (250, 250));
    assert!(
        everything.is_sorted_by_key(|stack| std::cmp::Reverse(stack.created_at)),
        "the newest first"
    );

    let environments = [None, Some("dev"), Some("none")];
    let blueprints = [None, Some("blueprint-4")];
    let statuses = [
        None,
        Some(StackStatus::Ready),
        Some(StackStatus::Provisioning),
        Some(StackStatus::Failed),
    ];
    let owners = [None, Some("owner-1")];
    for environment in environments {
        for blueprint in blueprints {
            for status in statuses {
                for owner in owners {
                    let filter = StackFilter {
                        name: None,
                        environment: environment.map(name),
                        blueprint: blueprint.map(name),
                        version: None,
                        status,
                        owner: owner.map(str::to_owned),
                    };
                    let expected = everything.iter().filter(|stack| {
                        filter
                            .environment
                            .as_ref()
                            .is_none_or(|name| *name == stack.environment)
                            && filter
                                .blueprint
                                .as_ref()
                                .is_none_or(|name| *name == stack.configuration.blueprint)
                            && filter.status.is_none_or(|status| status == stack.status)
                            && filter.owner.as_ref().is_none_or(|owner| *owner == stack.owner)
                    });
                    let expected: Vec<_> = expected.map(|stack| &stack.id).collect();
                    let listed = all(&table.store, &filter, 60).await;
                    assert_eq!(
                        listed.iter().map(|stack| &stack.id).collect::<Vec<_>>(),
                        expected,
                        "{filter:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn page_of_large_records_fits_into_an_answer() {
    let table = table().await;
    for n in 0..12 {
        let mut new = new_stack(&format!("stack-{n}"));
        let text = "x".repeat(300_000);
        new.configuration.variables.insert("text".to_owned(), text.into());
        created(table.store.create_stack(&new, None, answer).await.expect("a stack"));
    }
    let page = table
        .store
        .stacks(&StackFilter::default(), 100, None)
        .await
        .expect("a page");
    assert!(
        (1..=6).contains(&page.items.len()),
        "{} of 300 KB each",
        page.items.len()
    );
    let everything = all(&table.store, &StackFilter::default(), 100).await;
    let ids: BTreeSet<_> = everything.iter().map(|stack| stack.id.clone()).collect();
    assert_eq!((everything.len(), ids.len()), (12, 12));
}

#[tokio::test]
async fn what_is_longer_than_a_key_names_nothing() {
    let store = table().await.store;
    let owner = StackFilter {
        owner: Some("x".repeat(3_000)),
        ..StackFilter::default()
    };
    assert_eq!(all(&store, &owner, 10).await, []);
    let version = format!("1.0.0-{}", "a".repeat(2_000)).parse().expect("a version");
    let found = store.blueprint(&name("web"), &version).await;
    assert!(matches!(found, Err(Error::NotFound { .. })), "{found:?}");
    let subject = AuditFilter {
        subject: Some("x".repeat(3_000)),
        ..AuditFilter::default()
    };
    let records = store.audit_records(&subject, 10, None).await.expect("a page");
    assert_eq!((records.items.len(), records.next), (0, None));
}

#[tokio::test]
async fn a_name_finds_the_live_stacks_that_have_it() {
    let table = populated().await;
    let store = &table.store;
    for environment in ["dev", "live", "empty"] {
        let fields = format!(r#"{{"name": "{environment}", "account": "111122223333", "region": "eu-west-1"}}"#);
        let fields = Fields::parse(fields.as_bytes()).expect("fields");
        let environment = Environment::read(fields, None).expect("an environment");
        store.put_environment(&environment).await.expect("written");
    }
    let mut twin = new_stack("stack-0");
    twin.environment = name("live");
    created(store.create_stack(&twin, None, answer).await.expect("a stack"));

    let named = |environment: Option<&str>, status| StackFilter {
        name: Some(name("stack-0")),
        environment: environment.map(name),
        status,
        ..StackFilter::default()
    };
    for (filter, environments) in [
        (named(None, None), &["dev", "live"][..]),
        (named(Some("live"), None), &["live"]),
        (named(Some("empty"), None), &[]),
        (named(None, Some(StackStatus::Ready)), &["dev"]),
        (named(None, Some(StackStatus::Destroyed)), &[]),
    ] {
        let found = all(store, &filter, 1).await;
        let found: Vec<_> = found.iter().map(|stack| stack.environment.as_str()).collect();
        assert_eq!(found, environments, "{filter:?}");
    }

    // Where this list goes on is not where that of the environments does, nor that of another name.
    let other = StackFilter {
        name: Some(name("stack-1")),
        ..StackFilter::default()
    };
    let others = store.stacks(&other, 1, None).await.expect("a page").next;
    let environments = store.environments(1, None).await.expect("a page").next;
    for (filter, cursor) in [
        (named(None, None), &others),
        (named(None, None), &environments),
        (named(Some("dev"), None), &others),
    ] {
        let page = store.stacks(&filter, 1, cursor.as_ref()).await;
        assert!(matches!(page, Err(Error::InvalidCursor(_))), "{filter:?} {page:?}");
    }
}

#[tokio::test]
async fn destroyed_stacks_are_listed_only_where_they_are_asked_for() {
    let table = table().await;
    let store = &table.store;
    table.ready(&new_stack("kept")).await;
    let gone = table.ready(&new_stack("gone")).await;
    let new = request(Work::Destroy, &gone);
    let destroy = created(store.create_operation(&new, None, answer).await.expect("an outcome"));
    store.begin_operation(&destroy.id).await.expect("begun");
    let destroying = StackFilter {
        status: Some(StackStatus::Destroying),
        ..StackFilter::default()
    };
    assert_eq!(all(store, &destroying, 10).await.len(), 1);
    store
        .finish_operation(&destroy.id, &End::Succeeded)
        .await
        .expect("finished");

    let live = StackFilter {
        environment: Some(name("dev")),
        ..StackFilter::default()
    };
    for filter in [StackFilter::default(), live.clone()] {
        let names: Vec<_> = all(store, &filter, 10)
            .await
            .into_iter()
            .map(|stack| stack.name)
            .collect();
        assert_eq!(names, [name("kept")]);
    }
    let destroyed = StackFilter {
        status: Some(StackStatus::Destroyed),
        ..live
    };
    let named = StackFilter {
        name: Some(name("gone")),
        ..destroyed.clone()
    };
    let everywhere = StackFilter {
        environment: None,
        ..named.clone()
    };
    for filter in [&destroyed, &named, &everywhere] {
        let listed = all(store, filter, 10).await;
        assert_eq!(listed.iter().map(|stack| &stack.id).collect::<Vec<_>>(), [&gone.id]);
    }
    let other = StackFilter {
        name: Some(name("kept")),
        ..destroyed
    };
    assert!(all(store, &other, 10).await.is_empty());
    assert!(all(store, &destroying, 10).await.is_empty());
}

#[tokio::test]
async fn operations_of_a_stack_are_listed_newest_first() {
    let table = table().await;
    let store = &table.store;
    let (stack, provision) = table.provisioning(&new_stack("shop")).await;
    table.provisioning(&new_stack("other")).await;
    let mut made = vec![provision];
    for _ in 0..24 {
        let stack = store.stack(&stack.id).await.expect("the stack");
        let new = request(PREVIEW, &stack);
        made.push(created(store.create_operation(&new, None, answer).await.expect("an outcome")).id);
    }
    made.sort_unstable();
    made.reverse();
    let mut listed = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.operations(&stack.id, 10, cursor.as_ref()).await.expect("a page");
        listed.extend(page.items.into_iter().map(|operation| operation.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, made);
}

#[tokio::test]
async fn operations_are_listed_by_status() {
    let table = table().await;
    let store = &table.store;
    let starting = created(
        store
            .create_stack(&new_stack("starting"), None, answer)
            .await
            .expect("a stack"),
    )
    .id;
    let (stack, running) = table.provisioning(&new_stack("running")).await;
    let queued = request(PREVIEW, &stack);
    created(store.create_operation(&queued, None, answer).await.expect("an outcome"));
    let (_, waiting) = table.provisioning(&new_stack("waiting")).await;
    store.ask_approval(&waiting, "token").await.expect("asked");
    let queued = store.queue(&stack.id).await.expect("the queue");
    let mut failed = Vec::new();
    for name in ["first", "second"] {
        let (_, operation) = table.provisioning(&new_stack(name)).await;
        let end = End::Failed(failure("Slipway.ApplyFailed"));
        store.finish_operation(&operation, &end).await.expect("finished");
        failed.insert(0, operation);
    }
    let newest = store.operation(&failed[0]).await.expect("the operation").created_at;
    let later = newest.checked_add(SignedDuration::from_secs(1)).expect("a time");
    let early = newest.checked_sub(SignedDuration::from_hours(1)).expect("a time");
    for (status, since, expected) in [
        (OperationStatus::Starting, None, vec![starting]),
        (OperationStatus::Running, None, vec![running]),
        (OperationStatus::WaitingForApproval, None, vec![waiting.clone()]),
        (OperationStatus::WaitingForApproval, Some(early), vec![waiting]),
        (OperationStatus::WaitingForApproval, Some(later), vec![]),
        (OperationStatus::Queued, None, queued),
        (OperationStatus::Succeeded, None, vec![]),
        (OperationStatus::Failed, None, failed.clone()),
        (OperationStatus::Failed, Some(early), failed),
        (OperationStatus::Failed, Some(later), vec![]),
    ] {
        let mut ids = Vec::new();
        let mut cursor = None;
        loop {
            let page = store.operations_with_status(status, since, 1, cursor.as_ref()).await;
            let page = page.expect("a page");
            ids.extend(page.items.into_iter().map(|operation| operation.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(ids, expected, "{status} {since:?}");
    }
}

#[tokio::test]
async fn a_cursor_goes_on_in_its_own_list_only() {
    let table = table().await;
    let store = &table.store;
    let mut stacks = Vec::new();
    for n in 0..3 {
        stacks.push(table.provisioning(&new_stack(&format!("stack-{n}"))).await.0);
    }
    for _ in 0..2 {
        let stack = store.stack(&stacks[0].id).await.expect("the stack");
        let new = request(PREVIEW, &stack);
        created(store.create_operation(&new, None, answer).await.expect("an outcome"));
    }
    let of_stacks = store
        .stacks(&StackFilter::default(), 1, None)
        .await
        .expect("a page")
        .next
        .expect("more");
    let dev_only = StackFilter {
        environment: Some(name("dev")),
        ..StackFilter::default()
    };
    let of_operations = store
        .operations(&stacks[0].id, 1, None)
        .await
        .expect("a page")
        .next
        .expect("more");
    let refused = |error: Result<_, Error>| matches!(error, Err(Error::InvalidCursor(_)));
    assert!(refused(store.stacks(&dev_only, 1, Some(&of_stacks)).await.map(|_| ())));
    assert!(refused(
        store.stacks(&dev_only, 1, Some(&of_operations)).await.map(|_| ())
    ));
    assert!(refused(
        store
            .operations(&stacks[1].id, 1, Some(&of_operations))
            .await
            .map(|_| ())
    ));
    assert!(refused(
        store.releases(&stacks[0].id, 1, Some(&of_operations)).await.map(|_| ())
    ));
    assert!(store.operations(&stacks[0].id, 1, Some(&of_operations)).await.is_ok());
}

#[tokio::test]
async fn text_of_a_cursor_says_nothing_and_cannot_be_forged() {
    let table = table().await;
    let store = &table.store;
    assert!(store.open::<Cursor>("AA").await.is_err(), "there is no key yet");
    for n in ["a", "a-much-longer-name"] {
        table.provisioning(&new_stack(n)).await;
    }
    let page = store.stacks(&StackFilter::default(), 1, None).await.expect("a page");
    let cursor = page.next.expect("more");
    let text = store.seal(&cursor).await.expect("a text");
    let bytes = URL_SAFE_NO_PAD.decode(&text).expect("Base64");
    let id = page.items[0].id.to_string();
    for part in [id.as_str(), "stack", "by-collection"] {
        let found = bytes.windows(part.len()).any(|window| window == part.as_bytes());
        assert!(!found, "{part}");
    }
    // `slipway events tail --no-follow` ends where a position comes again.
    assert_eq!(store.seal(&cursor).await.expect("a text"), text);
    assert_eq!(store.open::<Cursor>(&text).await.expect("a cursor"), cursor);
    // The length says nothing of a name.
    let dev_only = StackFilter {
        environment: Some(name("dev")),
        ..StackFilter::default()
    };
    let other = store.stacks(&dev_only, 1, None).await.expect("a page");
    let other = store.seal(&other.next.expect("more")).await.expect("a text");
    assert_eq!(other.len(), text.len());

    let changed = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        URL_SAFE_NO_PAD.encode(bytes)
    };
    for wrong in [
        "",
        &changed(0),
        &changed(bytes.len() / 2),
        &changed(bytes.len() - 1),
        "x",
        "e30",
        &text[1..],
        &format!("{text}AA"),
        &"A".repeat(100_000),
        "/etc/passwd",
        "\0",
    ] {
        let opened = store.open::<Cursor>(wrong).await;
        assert!(matches!(opened, Err(Error::InvalidCursor(_))), "{wrong:?}");
    }
}
