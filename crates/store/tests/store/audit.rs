//! The audit log: what is recorded with what, and what its chains show.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slipway_model::audit::{Action, Broken, CHAINS, Checked, Entry, Record, Why, verify};
use slipway_model::environment::Environment;
use slipway_model::id::StackId;
use slipway_model::name::Digest;
use slipway_store::Store;
use slipway_store::audit::{AuditFilter, Retention, index_of};
use slipway_store::configured::Expected;
use slipway_store::environment::By;

use crate::fake::Fake;
use crate::support::{Table, UPDATE, answer, approve, created, new_stack, request, table};

/// All records, the newest first.
pub async fn records(store: &Store, filter: &AuditFilter) -> Vec<Record> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.audit_records(filter, 7, cursor.as_ref()).await.expect("a page");
        all.extend(page.items.into_iter().map(|(record, _)| record));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return all,
        }
    }
}

/// Recomputes every chain, as `slipway audit verify` does.
pub async fn check(store: &Store, now: Timestamp) -> Result<u64, Broken> {
    let heads = store.audit_heads().await.expect("the heads");
    let mut count = 0;
    for chain in 0..CHAINS {
        let (mut stored, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.audit_chain(chain, 7, cursor.as_ref()).await.expect("a page");
            stored.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let head = heads.iter().find(|head| head.chain == chain);
        let Checked { records, .. } = verify(chain, head, &stored, None, now, index_of)?;
        count += records;
    }
    Ok(count)
}

fn actions(records: &[Record]) -> Vec<Action> {
    records.iter().rev().map(|record| record.entry.action).collect()
}

pub fn entry(number: usize) -> Entry {
    Entry::new(format!("user:{number}"), Action::Deny, format!("GET /{}", number % 3))
}

#[tokio::test]
async fn changes_and_decisions_are_recorded_with_their_values() {
    let table = table().await;
    let store = &table.store;
    let created_stack = store
        .create_stack(&new_stack("shop"), None, answer)
        .await
        .expect("an outcome");
    let provision = created(created_stack);
    let stack = store.stack(&provision.stack).await.expect("the stack");
    let subject = format!("stack/{}", stack.id);
    store.begin_operation(&provision.id).await.expect("begun");
    store.ask_approval(&provision.id, "token").await.expect("asked");
    approve(store, &provision.id, "grace").await.expect("approved");
    let mut update = request(UPDATE, &store.stack(&stack.id).await.expect("the stack"));
    let mut configuration = stack.configuration.clone();
    configuration.variables.insert("size".to_owned(), 2.into());
    configuration.variables.insert("password".to_owned(), "hunter2".into());
    configuration.sensitive = BTreeSet::from(["password".to_owned()]);
    update.configuration = Some(configuration);
    let update = created(store.create_operation(&update, None, answer).await.expect("an outcome"));
    store.cancel_operation(&update.id, "ada").await.expect("cancelled");

    let of_stack = AuditFilter {
        subject: Some(subject),
        ..AuditFilter::default()
    };
    let found = records(store, &of_stack).await;
    assert_eq!(
        actions(&found),
        [Action::Provision, Action::Approve, Action::Update, Action::Cancel]
    );
    let recorded = &found[1].entry;
    assert_eq!(recorded.operation.as_ref(), Some(&update.id));
    let after = recorded.after.clone().expect("a side");
    assert_eq!(
        (&after["variables.size"], &after["variables.password"]),
        (&json!(2), &json!("(sensitive)"))
    );
    let by_grace = AuditFilter {
        actor: Some("grace".to_owned()),
        action: Some(Action::Approve),
        ..of_stack
    };
    assert_eq!(records(store, &by_grace).await.len(), 1);
    assert_eq!(check(store, Timestamp::now()).await, Ok(4));
}

#[tokio::test]
async fn configuration_is_recorded_before_and_after_without_secrets() {
    let table = table().await;
    let store = &table.store;
    let environment = |variables: Value| -> Environment {
        serde_json::from_value(json!({
            "name": "live", "account": "111122223333", "region": "eu-west-1", "external_id": "0123456789abcdef",
            "role": "arn:aws:iam::111122223333:role/slipway-environment-live", "variables": variables,
        }))
        .expect("an environment")
    };
    let sensitive = BTreeSet::from(["token".to_owned()]);
    let by = By {
        actor: "root",
        sensitive: &sensitive,
    };
    let first = environment(json!({"token": "hunter2", "zone": "a"}));
    let second = environment(json!({"token": "hunter3", "zone": "b"}));
    let put = store.put_environment_if(&first, None, Expected::Nothing, by).await;
    let revision = put.expect("an outcome").expect("a revision");
    let put = store
        .put_environment_if(&second, Some(&first), Expected::Revision(revision), by)
        .await;
    let revision = put.expect("an outcome").expect("a revision");
    // One that is not written is not recorded.
    let late = store
        .put_environment_if(&first, Some(&second), Expected::Nothing, by)
        .await;
    assert_eq!(late.expect("an outcome"), None);
    let deleted = store
        .delete_environment(&first.name, Some(&second), Expected::Revision(revision), by)
        .await;
    assert!(deleted.expect("an outcome"));

    let found = records(store, &AuditFilter::default()).await;
    assert_eq!(
        actions(&found),
        [
            Action::PutEnvironment,
            Action::PutEnvironment,
            Action::DeleteEnvironment
        ]
    );
    let changed = &found[1].entry;
    let hidden = "(sensitive)";
    assert_eq!(
        changed.before,
        Some(json!({"variables.token": hidden, "variables.zone": "a"}))
    );
    assert_eq!(
        changed.after,
        Some(json!({"variables.token": hidden, "variables.zone": "b"}))
    );
    let everything = serde_json::to_string(&found).expect("JSON");
    assert!(
        !everything.contains("hunter") && !everything.contains("0123456789abcdef"),
        "{everything}"
    );
}

#[tokio::test]
async fn writers_at_once_share_whole_chains() {
    let table = table().await;
    let store = &table.store;
    let writes = join_all((0..30).map(|number| async move { store.record_audit(&entry(number)).await })).await;
    assert!(writes.iter().all(Result::is_ok), "{writes:?}");
    assert_eq!(check(store, Timestamp::now()).await, Ok(30));
    assert_eq!(records(store, &AuditFilter::default()).await.len(), 30);
    // The second reader of the same hour is the first one.
    for _ in 0..3 {
        store.record_read("bob", "stack/lusab-babad").await.expect("recorded");
    }
    store.record_read("eve", "stack/lusab-babad").await.expect("recorded");
    assert_eq!(check(store, Timestamp::now()).await, Ok(32));
}

#[tokio::test]
async fn list_is_recorded_with_all_its_new_stacks() {
    let table = table().await;
    let store = &table.store;
    let stacks = |numbers: Range<u32>| -> BTreeSet<StackId> { numbers.map(StackId::from_bits).collect() };
    let list = async |reader: &'static str, numbers: Range<u32>| {
        let stacks = stacks(numbers);
        store.record_list(reader, "GET /v1/stacks", &stacks).await
    };
    list("bob", 0..0).await.expect("nothing to record");
    for _ in 0..2 {
        list("bob", 0..100).await.expect("recorded");
    }
    list("bob", 50..101).await.expect("recorded");
    list("eve", 0..100).await.expect("recorded");
    let at_once = join_all((0..5).map(|_| list("dan", 0..3))).await;
    assert!(at_once.iter().all(Result::is_ok), "{at_once:?}");
    let found = records(store, &AuditFilter::default()).await;
    let shown = |record: &Record| record.entry.after.as_ref().map(|after| after["stacks"].clone());
    let shown: Vec<_> = found
        .iter()
        .rev()
        .map(|record| (record.entry.actor.as_str(), shown(record)))
        .collect();
    let of = |numbers: Range<u32>| Some(json!(stacks(numbers)));
    assert_eq!(
        shown,
        [
            ("bob", of(0..100)),
            ("bob", of(100..101)),
            ("eve", of(0..100)),
            ("dan", of(0..3))
        ]
    );
    assert_eq!(check(store, Timestamp::now()).await, Ok(4));
}

/// The item of a record.
pub fn key(chain: u8, sequence: u64) -> [(String, AttributeValue); 2] {
    [
        ("pk", format!("audit#{chain:02}")),
        ("sk", format!("record#{sequence:020}")),
    ]
    .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
}

/// The item of a record as it is stored.
pub async fn read(table: &Table, chain: u8, sequence: u64) -> HashMap<String, AttributeValue> {
    let get = table.client.get_item().table_name(table.name);
    let got = get.set_key(Some(key(chain, sequence).into())).send().await;
    got.expect("an answer").item.expect("the record")
}

/// Writes an item as another program could.
pub async fn write(table: &Table, item: HashMap<String, AttributeValue>) {
    let put = table.client.put_item().table_name(table.name);
    put.set_item(Some(item)).send().await.expect("written");
}

pub async fn delete(table: &Table, chain: u8, sequence: u64) {
    let delete = table.client.delete_item().table_name(table.name);
    delete
        .set_key(Some(key(chain, sequence).into()))
        .send()
        .await
        .expect("deleted");
}

#[tokio::test]
async fn what_is_done_to_the_table_by_hand_is_found() {
    let table = table().await;
    let store = &table.store;
    let chain = entry(0).chain();
    for _ in 0..5 {
        store.record_audit(&entry(0)).await.expect("recorded");
    }
    let read = async |sequence| read(&table, chain, sequence).await;
    let write = async |item| write(&table, item).await;
    let now = Timestamp::now();
    let broken = async || check(store, now).await.map_err(|broken| (broken.sequence, broken.why));
    assert_eq!(broken().await, Ok(5));

    // Altered, and with a hash that fits.
    let whole = read(3).await;
    let mut forged = whole.clone();
    let body = forged["body"].as_s().expect("a text").replace("user:0", "user:9");
    forged.insert("body".to_owned(), AttributeValue::S(body.clone()));
    write(forged.clone()).await;
    assert_eq!(broken().await, Err((3, Why::Altered)));
    let hash = Digest::of(body.as_bytes()).to_string();
    forged.insert("hash".to_owned(), AttributeValue::S(hash));
    write(forged.clone()).await;
    assert_eq!(broken().await, Err((3, Why::Misplaced("of_owner".to_owned()))));
    forged.insert("of_owner".to_owned(), AttributeValue::S("audit#user:9".to_owned()));
    write(forged).await;
    assert_eq!(broken().await, Err((4, Why::Unlinked)));
    write(whole.clone()).await;
    assert_eq!(broken().await, Ok(5));

    // Hidden from the queries, or to expire at once: its text is whole.
    let beside = [
        ("of_owner", AttributeValue::S("audit#user:9".to_owned())),
        ("in_environment", AttributeValue::S("live#prod".to_owned())),
        ("listed", AttributeValue::S("0".to_owned())),
        ("expires_at", AttributeValue::N("1".to_owned())),
    ];
    for (attribute, value) in beside {
        let mut hidden = whole.clone();
        hidden.insert(attribute.to_owned(), value);
        write(hidden).await;
        assert_eq!(broken().await, Err((3, Why::Misplaced(attribute.to_owned()))));
    }
    let mut unlisted = whole.clone();
    unlisted.remove("in_collection");
    write(unlisted).await;
    assert_eq!(
        records(store, &AuditFilter::default()).await.len(),
        4,
        "a list without it"
    );
    assert_eq!(broken().await, Err((3, Why::Misplaced("in_collection".to_owned()))));
    write(whole.clone()).await;
    assert_eq!(broken().await, Ok(5));

    // Exchanged.
    let other = read(4).await;
    let with = |mut item: HashMap<String, AttributeValue>, sequence| {
        item.extend(key(chain, sequence));
        item
    };
    write(with(other.clone(), 3)).await;
    write(with(whole.clone(), 4)).await;
    assert_eq!(broken().await, Err((3, Why::Moved)));
    write(whole).await;
    write(other).await;

    // Deleted: the last one too.
    delete(&table, chain, 5).await;
    assert_eq!(broken().await, Err((5, Why::Missing)));
    delete(&table, chain, 1).await;
    assert_eq!(broken().await, Err((1, Why::Missing)));
}

#[tokio::test]
async fn expired_records_leave_an_anchor() {
    let table = table().await;
    let store = table.store.clone().keeping_audit(Retention::of_days(1));
    let chain = entry(0).chain();
    for _ in 0..4 {
        store.record_audit(&entry(0)).await.expect("recorded");
    }
    let got = table.client.get_item().table_name(table.name);
    let item = got
        .set_key(Some(key(chain, 1).into()))
        .send()
        .await
        .expect("an answer")
        .item;
    let expires: i64 = item.expect("the record")["expires_at"]
        .as_n()
        .expect("a number")
        .parse()
        .expect("seconds");
    let now = Timestamp::now();
    assert!((86_000..86_500).contains(&(expires - now.as_second())), "{expires}");
    delete(&table, chain, 1).await;
    delete(&table, chain, 2).await;
    let early = check(&store, now).await.map_err(|broken| (broken.sequence, broken.why));
    assert_eq!(early, Err((1, Why::Missing)));
    let later = now + SignedDuration::from_hours(25);
    assert_eq!(check(&store, later).await, Ok(2));
}

#[tokio::test]
async fn change_and_record_are_one_write() {
    let fake = Fake::start(|action, _body| match action {
        "GetItem" => Ok(json!({})),
        "TransactWriteItems" => Err("InternalServerError"),
        other => panic!("{other} is a write beside the transaction"),
    })
    .await;
    let vars = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &fake.url),
        ("AWS_MAX_ATTEMPTS", "1"),
    ];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let store = Store::new(&slipway_aws::sdk_config(&vars), "slipway");
    store
        .create_stack(&new_stack("shop"), None, answer)
        .await
        .expect_err("the table failed");
    let environment = json!({"name": "live", "account": "111122223333", "region": "eu-west-1"});
    let environment: Environment = serde_json::from_value(environment).expect("an environment");
    let by = By {
        actor: "root",
        sensitive: &BTreeSet::new(),
    };
    let put = store
        .put_environment_if(&environment, None, Expected::Nothing, by)
        .await;
    put.expect_err("the table failed");
    let calls = fake.calls();
    let writes = calls.iter().filter(|(action, _)| action == "TransactWriteItems");
    let mut transactions = 0;
    for (_, body) in writes {
        let items = body["TransactItems"].as_array().expect("items");
        let keys: Vec<&str> = items
            .iter()
            .filter_map(|item| item["Put"]["Item"]["pk"]["S"].as_str())
            .collect();
        let has = |prefix: &str| keys.iter().any(|key| key.starts_with(prefix));
        assert!(has("audit#") && has("audit-heads"), "{keys:?}");
        assert!(has("stack#") || has("environments"), "{keys:?}");
        transactions += 1;
    }
    assert!(transactions >= 2, "{calls:?}");
}
