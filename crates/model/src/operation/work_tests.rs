use serde_json::{Map, Value, json};

use super::*;
use crate::operation::{Operation, example};

const IMAGE: &str = "registry.example/web@sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The record of an operation whose work has these fields, as earlier versions of Slipway wrote it.
fn record(work: &Value) -> Value {
    let mut record = example::record(work);
    record["steps"] = json!([]);
    record["logs"] = json!([]);
    record
}

fn read(work: &Value) -> Result<Operation, serde_json::Error> {
    serde_json::from_value(record(work))
}

/// One record of every form that Slipway has written, with its work.
fn recorded() -> Vec<(Value, Work)> {
    let number = ReleaseNumber(4);
    let images = BTreeMap::from([("web".parse().expect("a name"), IMAGE.parse().expect("an image"))]);
    let release = NewRelease {
        number,
        images,
        named: BTreeSet::new(),
    };
    let named = NewRelease {
        named: BTreeSet::from(["web".parse().expect("a name")]),
        ..release.clone()
    };
    let patch = Patch {
        version: None,
        variables: Map::from_iter([("size".to_owned(), json!(2.5)), ("count".to_owned(), json!(u64::MAX))]),
        subscriptions: BTreeMap::new(),
    };
    let patched = json!({"variables": {"size": 2.5, "count": u64::MAX}});
    let repository = "arn:aws:ecr:eu-west-1:111122223333:repository/shop/web";
    let follows = json!({"subscriptions": {"web": {"repository": repository, "tags": "v*"}, "worker": null}});
    let subscribing: Patch = serde_json::from_value(follows.clone()).expect("a patch");
    let update = |patch, release, mends| Work::Update {
        patch,
        release,
        compatible_with_previous: true,
        mends,
    };
    let first = Some(release.clone());
    let released = |compatible_with_previous, with_snapshot| Work::Release {
        release: release.clone(),
        compatible_with_previous,
        with_snapshot,
    };
    let images = json!({"web": IMAGE});
    vec![
        (json!({"kind": "provision"}), Work::Provision { release: None }),
        (
            json!({"kind": "provision", "release": 4, "images": images}),
            Work::Provision { release: first },
        ),
        (json!({"kind": "update"}), update(None, None, false)),
        (
            json!({"kind": "update", "patch": patched}),
            update(Some(patch.clone()), None, false),
        ),
        (
            json!({"kind": "update", "patch": follows}),
            update(Some(subscribing), None, false),
        ),
        (
            json!({"kind": "update", "release": 4, "mends": true}),
            update(None, Some(number), true),
        ),
        (
            json!({"kind": "update", "release": 4, "compatible_with_previous": false}),
            Work::Update {
                patch: None,
                release: Some(number),
                compatible_with_previous: false,
                mends: false,
            },
        ),
        (
            json!({"kind": "release", "release": 4, "images": images}),
            released(true, false),
        ),
        (
            json!({"kind": "release", "release": 4, "images": images, "named": ["web"]}),
            Work::release_of(named, true),
        ),
        (
            json!({"kind": "release", "release": 4, "images": images, "compatible_with_previous": false, "with_snapshot": true}),
            released(false, true),
        ),
        (
            json!({"kind": "rollback", "release": 4}),
            Work::Rollback { release: number },
        ),
        (
            json!({"kind": "task", "task": "seed"}),
            Work::Task {
                task: "seed".parse().expect("a name"),
            },
        ),
        (json!({"kind": "destroy"}), Work::Destroy),
        (
            json!({"kind": "preview", "patch": patched}),
            Work::Preview { patch: Some(patch) },
        ),
        (json!({"kind": "drift"}), Work::Drift),
    ]
}

#[test]
fn every_record_of_earlier_versions_is_read_and_written_as_it_was() {
    for (fields, work) in recorded() {
        let operation = read(&fields).expect("an operation");
        assert_eq!(operation.work, work);
        let written = serde_json::to_value(&operation).expect("a record");
        for (name, value) in fields.as_object().expect("an object") {
            if name != "patch" {
                assert_eq!(&written[name], value, "{fields}");
            }
        }
        let again: Operation = serde_json::from_value(written.clone()).expect("an operation");
        assert_eq!(again, operation);
        let own = [
            "patch",
            "release",
            "mends",
            "images",
            "named",
            "task",
            "compatible_with_previous",
            "with_snapshot",
        ];
        for name in own {
            assert_eq!(
                written.get(name).is_some(),
                fields.get(name).is_some(),
                "{name} of {fields}"
            );
        }
    }
}

#[test]
fn record_that_contradicts_its_kind_is_refused_by_the_name_of_the_field() {
    let refused = [
        (
            json!({"kind": "release"}),
            "an operation of the kind `release` has no `release`",
        ),
        (
            json!({"kind": "rollback"}),
            "an operation of the kind `rollback` has no `release`",
        ),
        (json!({"kind": "task"}), "an operation of the kind `task` has no `task`"),
        (
            json!({"kind": "drift", "task": "seed"}),
            "an operation of the kind `drift` has a field that does not belong to it: `task`",
        ),
        (
            json!({"kind": "destroy", "mends": true}),
            "an operation of the kind `destroy` has a field that does not belong to it: `mends`",
        ),
        (
            json!({"kind": "provision", "images": {"web": IMAGE}}),
            "an operation of the kind `provision` has a field that does not belong to it: `images`",
        ),
        (
            json!({"kind": "rollback", "release": 4, "compatible_with_previous": false}),
            "an operation of the kind `rollback` has a field that does not belong to it: `compatible_with_previous`",
        ),
    ];
    for (fields, expected) in refused {
        let error = read(&fields).expect_err("a contradiction").to_string();
        assert!(error.contains(expected), "{error}");
    }
    read(&json!({"kind": "rest"})).expect_err("an unknown kind");
}
