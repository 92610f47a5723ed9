//! Items in the table that look like records of the audit log, and are none.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use slipway_model::audit::Why;
use slipway_model::name::Digest;
use slipway_store::audit::AuditFilter;
use slipway_store::{Error, Store};

use crate::audit::{check, delete, entry, key, read, records, write};
use crate::support::table;

/// The items of the list of all that are no records, each by its key and what is wrong with it.
async fn forged(store: &Store) -> Vec<(String, Why)> {
    let page = store.audit_records(&AuditFilter::default(), 100, None).await;
    let forged = page.expect("a page").forged.into_iter();
    forged.map(|forged| (forged.item, forged.why)).collect()
}

/// Another program that may write to the table puts items into the lists of the log.
#[tokio::test]
async fn items_that_are_no_records_are_listed_as_forged() {
    let table = table().await;
    let store = &table.store;
    let chain = entry(0).chain();
    for _ in 0..5 {
        store.record_audit(&entry(0)).await.expect("recorded");
    }
    let read = async |sequence| read(&table, chain, sequence).await;
    let write = async |item| write(&table, item).await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    // With another actor, and the hash and the attributes of that.
    let by_eve = |mut item: HashMap<String, AttributeValue>| {
        let body = item["body"].as_s().expect("a text").replace("user:0", "user:9");
        item.insert("hash".to_owned(), text(&Digest::of(body.as_bytes()).to_string()));
        item.insert("of_owner".to_owned(), text("audit#user:9"));
        item.insert("body".to_owned(), AttributeValue::S(body));
        item
    };
    let whole = read(3).await;
    assert_eq!(forged(store).await, []);
    for (pk, sk) in [
        ("audit#99", "record#00000000000000000003"),
        ("note#1", "x"),
        (key(chain, 3)[0].1.as_s().expect("a text").as_str(), "record#3"),
    ] {
        let mut item = by_eve(whole.clone());
        item.extend([("pk", pk), ("sk", sk)].map(|(name, value)| (name.to_owned(), text(value))));
        write(item.clone()).await;
        let found = forged(store).await;
        assert!(matches!(found.as_slice(), [(_, Why::Moved)]), "{pk} {sk}: {found:?}");
        // Without a text that can be read, the others are still listed.
        item.remove("body");
        write(item).await;
        let found = forged(store).await;
        assert!(matches!(found.as_slice(), [(_, Why::Altered)]), "{pk} {sk}: {found:?}");
        assert_eq!(records(store, &AuditFilter::default()).await.len(), 5);
        let delete = table.client.delete_item().table_name(table.name);
        let delete = delete.key("pk", text(pk)).key("sk", text(sk)).send().await;
        delete.expect("deleted");
    }
    // In the place of a record: the one after it has the hash of the genuine one.
    write(by_eve(whole.clone())).await;
    assert_eq!(
        forged(store).await.iter().map(|(_, why)| why).collect::<Vec<_>>(),
        [&Why::Unlinked]
    );
    write(whole).await;
    let last = read(5).await;
    write(by_eve(last.clone())).await;
    assert_eq!(
        forged(store).await.iter().map(|(_, why)| why).collect::<Vec<_>>(),
        [&Why::NotTheHead]
    );
    write(last).await;
    assert_eq!(forged(store).await, []);
    assert_eq!(records(store, &AuditFilter::default()).await.len(), 5);
}

#[tokio::test]
async fn record_beyond_the_head_is_named_when_another_is_appended() {
    let table = table().await;
    let store = &table.store;
    let chain = entry(0).chain();
    for _ in 0..2 {
        store.record_audit(&entry(0)).await.expect("recorded");
    }
    let get = table.client.get_item().table_name(table.name);
    let got = get.set_key(Some(key(chain, 2).into())).send().await;
    let mut planted = got.expect("an answer").item.expect("the record");
    let body = planted["body"]
        .as_s()
        .expect("a text")
        .replace("\"sequence\":2", "\"sequence\":3");
    planted.insert(
        "hash".to_owned(),
        AttributeValue::S(Digest::of(body.as_bytes()).to_string()),
    );
    planted.insert("body".to_owned(), AttributeValue::S(body));
    let listed = planted["listed"]
        .as_s()
        .expect("a text")
        .replace("#00000000000000000002", "#00000000000000000003");
    planted.insert("listed".to_owned(), AttributeValue::S(listed));
    planted.extend(key(chain, 3));
    let put = table.client.put_item().table_name(table.name);
    put.set_item(Some(planted)).send().await.expect("written");

    let found = forged(store).await;
    assert!(matches!(found.as_slice(), [(_, Why::Beyond)]), "{found:?}");
    let blocked = store.record_audit(&entry(0)).await.expect_err("the place is taken");
    assert!(
        matches!(blocked, Error::ChainBlocked { chain: of, sequence: 3 } if of == chain),
        "{blocked}"
    );
    delete(&table, chain, 3).await;
    store.record_audit(&entry(0)).await.expect("recorded");
    assert_eq!(check(store, Timestamp::now()).await, Ok(3));
    assert_eq!(forged(store).await, []);
}
