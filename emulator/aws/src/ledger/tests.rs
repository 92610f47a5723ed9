use serde_json::Value;

use super::*;

fn ledger() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
    (folder, ledger)
}

#[test]
fn records_and_entries_are_there_after_the_file_is_opened_again() {
    let (folder, ledger) = ledger();
    ledger.put("build", "b:1", &vec!["one"]).expect("put");
    assert_eq!(ledger.append("history", "e:1", "first").expect("append"), 1);
    assert_eq!(ledger.append("history", "e:1", "second").expect("append"), 2);
    drop(ledger);

    let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens again");
    assert_eq!(
        ledger.get::<Vec<String>>("build", "b:1").expect("get"),
        Some(vec!["one".to_owned()])
    );
    assert_eq!(
        ledger.entries::<String>("history", "e:1", 2).expect("entries"),
        [(2, "second".to_owned())]
    );
    assert!(ledger.delete("history", "e:1").is_ok_and(|there_was| !there_was));
    assert_eq!(ledger.entries::<String>("history", "e:1", 0).expect("entries"), []);
    assert!(ledger.delete("build", "b:1").expect("delete"));
    assert_eq!(ledger.get::<Value>("build", "b:1").expect("get"), None);
}

#[test]
fn a_listing_by_prefix_has_no_neighbours_in_it() {
    let (_folder, ledger) = ledger();
    for id in ["a", "a/1", "a/2", "a0", "b/1", "a/\u{10fffd}"] {
        ledger.put("task", id, id).expect("put");
    }
    ledger.put("other", "a/3", "a/3").expect("put");
    let ids = |prefix: &str| -> Vec<String> {
        let listed = ledger.list_under::<String>("task", prefix).expect("list");
        listed.into_iter().map(|(id, _)| id).collect()
    };
    assert_eq!(ids("a/"), ["a/1", "a/2", "a/\u{10fffd}"]);
    assert_eq!(ids("c"), [""; 0]);
    assert_eq!(ledger.list::<String>("task").expect("list").len(), 6);
}

#[test]
fn a_failed_transaction_leaves_nothing_and_notifies_no_reader() {
    let (_folder, ledger) = ledger();
    let changes = ledger.changes("task");
    let outcome = ledger.transaction(|transaction| {
        transaction.put("task", "1", "one")?;
        transaction.append("log", "1", "line")?;
        assert_eq!(transaction.get::<String>("task", "1")?, Some("one".to_owned()));
        transaction.get::<u32>("task", "1").map(drop)
    });
    assert!(matches!(outcome, Err(LedgerError::Decode { .. })));
    assert_eq!(ledger.get::<String>("task", "1").expect("get"), None);
    assert_eq!(ledger.entries::<String>("log", "1", 0).expect("entries"), []);
    assert!(!changes.has_changed().expect("the ledger is alive"));
}

#[tokio::test]
async fn a_waiting_reader_is_woken_by_a_write_to_its_kind_only() {
    let (_folder, ledger) = ledger();
    let mut tasks = ledger.changes("task");
    let builds = ledger.changes("build");
    let writer = ledger.clone();
    std::thread::spawn(move || writer.put("task", "1", "one").expect("put"));
    tasks.changed().await.expect("the ledger is alive");
    assert_eq!(ledger.get::<String>("task", "1").expect("get"), Some("one".to_owned()));
    assert!(!builds.has_changed().expect("the ledger is alive"));
}

#[test]
fn concurrent_transactions_do_not_lose_counts() {
    let (_folder, ledger) = ledger();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    ledger
                        .transaction(|transaction| {
                            let count: u32 = transaction.get("counter", "c")?.unwrap_or(0);
                            transaction.put("counter", "c", &(count + 1))
                        })
                        .expect("counts");
                }
            });
        }
    });
    assert_eq!(ledger.get::<u32>("counter", "c").expect("get"), Some(400));
}

#[test]
fn a_ledger_of_a_later_version_is_refused() {
    let (folder, ledger) = ledger();
    ledger
        .connection()
        .pragma_update(None, "user_version", LAYOUT + 1)
        .expect("sets the version");
    drop(ledger);
    assert!(matches!(
        Ledger::open(&folder.path().join("ledger.db")),
        Err(LedgerError::TooNew { .. })
    ));
}

#[test]
fn damaged_record_is_missing_to_its_owner_and_has_an_id() {
    let (_folder, ledger) = ledger();
    ledger.put("queue", "a", &1).expect("put");
    ledger.put("queue", "b", "damaged").expect("put");
    let cut = "INSERT INTO records (kind, id, body) VALUES ('queue', 'c', '{\"cut')";
    ledger.connection().execute(cut, []).expect("a record that is no JSON");
    assert_eq!(ledger.readable::<u32>("queue", "a").expect("reads"), Some(1));
    for id in ["b", "c"] {
        assert!(matches!(
            ledger.get::<u32>("queue", id),
            Err(LedgerError::Decode { .. })
        ));
        assert_eq!(ledger.readable::<u32>("queue", id).expect("reads"), None);
    }
    assert_eq!(ledger.ids("queue").expect("ids"), ["a", "b", "c"]);
    assert_eq!(ledger.list::<u32>("queue").expect("list"), [("a".to_owned(), 1)]);
}
