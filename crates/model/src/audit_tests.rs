use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::stack::Configuration;
use crate::variable::HIDDEN;

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

fn entry(number: u64) -> Entry {
    Entry::new(format!("user:{number}"), Action::Update, "stack/lusab-babad").with_change(
        Some(json!({"n": number})),
        Some(json!({"n": number + 1})),
        |_| false,
    )
}

/// A chain of this many records, a second apart, each kept for so many seconds.
fn chain(records: u64, kept: Option<i64>) -> (Vec<(u64, Sealed)>, Option<Head>) {
    let (mut all, mut head) = (Vec::new(), None);
    for number in 1..=records {
        let now = time(i64::try_from(number).expect("small"));
        let until = kept.map(|seconds| now + SignedDuration::from_secs(seconds));
        let (record, sealed, next) = append(head.as_ref(), entry(number), now, until);
        assert_eq!(record.sequence, number);
        all.push((number, sealed));
        head = Some(next);
    }
    (all, head)
}

fn check(records: &[(u64, Sealed)], head: Option<&Head>, now: i64) -> Result<Checked, (u64, Why)> {
    let records = stored(records);
    let checked = verify(entry(1).chain(), head, &records, None, time(now), index_of);
    checked.map_err(|broken| (broken.sequence, broken.why))
}

fn index_of(record: &Record) -> Index {
    Index::from([("actor".to_owned(), record.entry.actor.clone())])
}

/// The records with what belongs beside them; beside one that cannot be read, nothing.
fn stored(records: &[(u64, Sealed)]) -> Vec<Stored> {
    let stored = |(sequence, sealed): &(u64, Sealed)| Stored {
        sequence: *sequence,
        sealed: sealed.clone(),
        index: serde_json::from_str(&sealed.body)
            .map(|record| index_of(&record))
            .unwrap_or_default(),
    };
    records.iter().map(stored).collect()
}

#[test]
fn record_that_queries_would_miss_is_named() {
    let (records, head) = chain(5, None);
    let check = |change: &dyn Fn(&mut Index)| {
        let mut records = stored(&records);
        change(&mut records[2].index);
        let checked = verify(entry(1).chain(), head.as_ref(), &records, None, time(99), index_of);
        checked
            .map_err(|broken| (broken.sequence, broken.why))
            .map(|checked| checked.records)
    };
    assert_eq!(check(&|_| {}), Ok(5));
    let misplaced = |attribute: &str| Err((3, Why::Misplaced(attribute.to_owned())));
    let text = str::to_owned;
    assert_eq!(
        check(&|index| drop(index.insert(text("actor"), text("user:9")))),
        misplaced("actor")
    );
    assert_eq!(check(&Index::clear), misplaced("actor"));
    assert_eq!(
        check(&|index| drop(index.insert(text("extra"), text("x")))),
        misplaced("extra")
    );
}

#[test]
fn whole_chain_passes() {
    let (records, head) = chain(9, None);
    let checked = Checked {
        first: Some(1),
        last: 9,
        records: 9,
    };
    assert_eq!(check(&records, head.as_ref(), 99), Ok(checked));
    assert_eq!(check(&[], None, 99).map(|checked| checked.records), Ok(0));
}

/// A change of the records of a chain.
type Falsify<'a> = &'a dyn Fn(&mut Vec<(u64, Sealed)>);

#[test]
fn each_way_to_falsify_a_chain_is_named() {
    let (records, head) = chain(9, None);
    let head = head.as_ref();
    let with = |change: Falsify<'_>| {
        let mut records = records.clone();
        change(&mut records);
        check(&records, head, 99)
    };
    // Altered, with and without a new hash.
    assert_eq!(
        with(&|all| all[4].1.body = all[4].1.body.replace("user:5", "user:6")),
        Err((5, Why::Altered))
    );
    let rehash = |all: &mut Vec<(u64, Sealed)>| {
        all[4].1.body = all[4].1.body.replace("user:5", "user:6");
        all[4].1.hash = Digest::of(all[4].1.body.as_bytes());
    };
    assert_eq!(with(&rehash), Err((6, Why::Unlinked)));
    // Deleted: the first, one in the middle, the last, all.
    for (at, sequence) in [(0, 1), (4, 5), (8, 9)] {
        let missing = with(&|all| drop(all.remove(at)));
        assert_eq!(missing, Err((sequence, Why::Missing)), "{at}");
    }
    assert_eq!(with(&Vec::clear), Err((1, Why::Missing)));
    // Exchanged, under the keys of each other and with them.
    let exchange = |all: &mut Vec<(u64, Sealed)>| {
        let third = all[2].1.clone();
        all[2].1 = std::mem::replace(&mut all[5].1, third);
    };
    assert_eq!(with(&exchange), Err((3, Why::Moved)));
    assert_eq!(with(&|all| all.swap(2, 5)), Err((3, Why::Missing)));
    // Copied to another place.
    assert_eq!(with(&|all| all.insert(5, all[4].clone())), Err((5, Why::Moved)));
    // The head removed, or an earlier one in its place.
    assert_eq!(check(&records, None, 99), Err((9, Why::NotTheHead)));
    let (_, earlier) = chain(8, None);
    assert_eq!(check(&records, earlier.as_ref(), 99), Err((9, Why::NotTheHead)));
}

#[test]
fn records_may_be_gone_once_their_time_is_over() {
    let (records, head) = chain(9, Some(100));
    let head = head.as_ref();
    // Record 4 is kept until 104.
    assert_eq!(check(&records[4..], head, 100), Err((1, Why::Missing)));
    let anchored = check(&records[4..], head, 105).expect("the first four have expired");
    assert_eq!((anchored.first, anchored.last, anchored.records), (Some(5), 9, 5));
    // DynamoDB deletes in any order.
    let mut holes = records.clone();
    holes.remove(2);
    assert!(check(&holes, head, 105).is_ok());
    assert_eq!(check(&holes, head, 102), Err((3, Why::Missing)));
    assert!(check(&[], head, 110).is_ok(), "all have expired");
    assert_eq!(check(&[], head, 109), Err((1, Why::Missing)));
}

#[test]
fn a_chain_that_was_written_anew_is_not_the_one_that_was_seen() {
    let (records, head) = chain(5, None);
    let (anew, forged) = {
        let (mut all, mut head) = (Vec::new(), None);
        for number in 1..=6 {
            let (_, sealed, next) = append(head.as_ref(), entry(number + 1), time(50), None);
            all.push((number, sealed));
            head = Some(next);
        }
        (all, head)
    };
    let check = |records: &[(u64, Sealed)], head: Option<&Head>, seen: Option<&Head>| {
        verify(entry(1).chain(), head, &stored(records), seen, time(99), index_of)
    };
    assert!(check(&anew, forged.as_ref(), None).is_ok());
    let broken = check(&anew, forged.as_ref(), head.as_ref()).expect_err("another record 5");
    assert_eq!((broken.sequence, broken.why), (5, Why::Replaced));
    let (shorter, end) = chain(3, None);
    let broken = check(&shorter, end.as_ref(), head.as_ref()).expect_err("records 4 and 5 are missing");
    assert_eq!((broken.sequence, broken.why), (4, Why::Missing));
    assert!(check(&records, head.as_ref(), end.as_ref()).is_ok());
}

#[test]
fn entry_shows_what_changed_without_secrets() {
    let configuration = |variables: Value, sensitive: &[&str]| -> Configuration {
        serde_json::from_value(json!({
            "blueprint": "shop", "version": "1.0.0", "digest": format!("sha256:{}", "0".repeat(64)),
            "variables": variables, "sensitive": sensitive,
        }))
        .expect("a configuration")
    };
    let before = configuration(json!({"size": 1, "token": "old", "same": [1]}), &[]);
    let after = configuration(
        json!({"size": 2, "token": "new", "same": [1], "long": "x".repeat(5_000)}),
        &["token"],
    );
    let entry = Entry::new("ann", Action::Update, "stack/lusab-babad").with_configurations(Some(&before), &after);
    // That the token was changed is shown, and neither token.
    assert_eq!(
        entry.before,
        Some(json!({"variables.size": 1, "variables.token": HIDDEN}))
    );
    let after = entry.after.expect("a side");
    assert_eq!(
        (&after["variables.size"], &after["variables.token"]),
        (&json!(2), &json!(HIDDEN))
    );
    assert_eq!(
        (&after["variables.long"]["bytes"], after.get("variables.same")),
        (&json!(5_002), None)
    );
}

#[test]
fn a_change_that_is_too_large_for_an_item_is_recorded_by_its_size() {
    let side = |letter: &str| {
        let members = (0..100).map(|number| (format!("policies.{number}"), letter.repeat(4_000).into()));
        Some(Value::Object(members.collect()))
    };
    let entry = Entry::new("ann", Action::PutPolicies, "policies").with_change(side("a"), side("b"), |_| false);
    let (before, after) = (entry.before.expect("a side"), entry.after.expect("a side"));
    assert!(before["bytes"].as_u64() > Some(400_000), "{before}");
    assert_ne!(before["digest"], after["digest"]);
}

proptest! {
    /// A change of any byte, a removal or an exchange of any records is found.
    #[test]
    fn no_falsification_passes(records in 2u64..12, kind in 0..3u8, one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>()) {
        let (whole, head) = chain(records, None);
        let mut all = whole.clone();
        let (one, other) = (one.index(all.len()), other.index(all.len()));
        match kind {
            0 => {
                let mut bytes = all[one].1.body.clone().into_bytes();
                let at = byte.index(bytes.len());
                bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
                all[one].1.body = String::from_utf8_lossy(&bytes).into_owned();
            }
            1 => drop(all.remove(one)),
            _ => {
                let first = all[one].1.clone();
                all[one].1 = std::mem::replace(&mut all[other].1, first);
            }
        }
        prop_assert_eq!(check(&all, head.as_ref(), 99).is_ok(), all == whole);
    }
}
