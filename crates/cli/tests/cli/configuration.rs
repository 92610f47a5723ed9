//! Environments and source accounts by the command line: export and import as files, all or nothing.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::Server;
use serde_json::{Value, json};

struct Folder(tempfile::TempDir);

impl Folder {
    /// Writes a file; its path.
    fn file(&self, name: &str, content: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path.to_string_lossy().into_owned()
    }
}

/// What the command printed, and its exit code: what it complains of where that is not 0.
fn ran(output: &Output) -> (i32, String) {
    let code = output.status.code().expect("an exit code");
    let text = if code == 0 { &output.stdout } else { &output.stderr };
    (code, String::from_utf8_lossy(text).into_owned())
}

fn live() -> Value {
    json!({
        "name": "live", "account": "111122223333", "region": "eu-west-1",
        "role": "arn:aws:iam::111122223333:role/slipway-environment-live", "external_id": "0123456789abcdef",
        "approval": "always", "protected": false, "variables": {"vpc": "vpc-1"},
    })
}

fn environments(environments: &[Value]) -> String {
    json!({ "environments": environments }).to_string()
}

#[test]
fn environments_are_exported_and_imported_whole() {
    let server = Server::start();
    let folder = Folder(tempfile::tempdir().expect("a folder"));
    let dev = json!({"name": "dev", "account": "111122223333", "region": "eu-west-1"});
    let both = folder.file("both.json", &environments(&[live(), dev]));

    let (code, text) = ran(&server.slipway(&["environment", "import", &both, "--dry-run"]));
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("environment live: new") && text.contains("nothing was changed"),
        "{text}"
    );
    assert_eq!(ran(&server.slipway(&["environment", "show", "live"])).0, 3);

    let (code, text) = ran(&server.slipway(&["environment", "import", &both]));
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("region: \"eu-west-1\"") && text.contains("wrote 2 environments"),
        "{text}"
    );
    assert!(
        text.contains("external_id: \"(hidden)\"") && !text.contains("0123456789abcdef"),
        "{text}"
    );
    let (_, text) = ran(&server.slipway(&["environment", "import", &both]));
    assert!(
        text.contains("live: unchanged") && text.contains("nothing to change"),
        "{text}"
    );

    // What was exported is imported again as it was, the one that every local server has included.
    let (code, export) = ran(&server.slipway(&["environment", "export"]));
    assert_eq!(code, 0, "{export}");
    let exported: Value = serde_json::from_str(&export).expect("JSON");
    let names: Vec<_> = exported["environments"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["dev", "live", "local"]);
    assert!(
        export.contains("0123456789abcdef") && !export.contains("revision"),
        "{export}"
    );
    let export = folder.file("export.json", &export);
    let (_, text) = ran(&server.slipway(&["environment", "import", &export]));
    assert_eq!(text.matches("unchanged").count(), 3, "{text}");

    let mut changed = live();
    changed["protected"] = true.into();
    changed["self_approval"] = true.into();
    changed["variables"] = Value::Null;
    changed["external_id"] = "fedcba9876543210".into();
    let changed = folder.file("live.json", &changed.to_string());
    let (code, text) = ran(&server.slipway(&["environment", "put", "live", "--request", &changed]));
    assert_eq!(code, 0, "{text}");
    for line in [
        "protected: false -> true",
        "self_approval: left out -> true",
        "variables: {\"vpc\":\"vpc-1\"} -> left out",
        "external_id: \"(hidden)\" -> \"(hidden)\"",
        "wrote 1 environment\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let (code, text) = ran(&server.slipway(&["environment", "put", "dev", "--request", &changed]));
    assert!(code == 2 && text.contains("the command is about dev"), "{text}");
    assert_eq!(
        ran(&server.slipway(&["environment", "delete", "live"])),
        (0, "deleted environment live\n".to_owned())
    );
    assert_eq!(ran(&server.slipway(&["environment", "delete", "live"])).0, 3);
}

#[test]
fn shown_environment_is_put_again_unless_it_is_stale() {
    let server = Server::start();
    let folder = Folder(tempfile::tempdir().expect("a folder"));
    let first = folder.file("first.json", &live().to_string());
    assert_eq!(
        ran(&server.slipway(&["environment", "put", "live", "--request", &first])).0,
        0
    );
    let (_, shown) = ran(&server.slipway(&["environment", "show", "live", "--json"]));
    let mut edited: Value = serde_json::from_str(&shown).expect("JSON");
    assert!(edited["revision"].is_u64(), "{shown}");
    edited["protected"] = true.into();
    let (shown, edited) = (
        folder.file("shown.json", &shown),
        folder.file("edited.json", &edited.to_string()),
    );
    let put = |file: &str| ran(&server.slipway(&["environment", "put", "live", "--request", file]));
    assert!(put(&shown).1.contains("live: unchanged"));
    let (code, text) = put(&edited);
    assert!(code == 0 && text.contains("protected: false -> true"), "{text}");
    let (code, text) = put(&shown);
    assert!(
        code == 2 && text.contains("revision: is") && text.contains("by now"),
        "{text}"
    );
    let (code, text) = put(&edited);
    assert!(
        code == 0 && text.contains("live: unchanged"),
        "it is so already: {text}"
    );
}

#[test]
fn an_import_that_is_wrong_names_every_field_and_changes_nothing() {
    let server = Server::start();
    let folder = Folder(tempfile::tempdir().expect("a folder"));
    let mut wrong = live();
    wrong["role"] = "arn:aws:iam::999999999999:role/slipway-environment-live".into();
    wrong["colour"] = "red".into();
    let right = folder.file("right.json", &environments(&[live()]));
    let wrong = folder.file(
        "wrong.json",
        &environments(&[json!(1), wrong, json!({"name": "dev"}), live()]),
    );
    let (code, text) = ran(&server.slipway(&["environment", "import", &right, &wrong]));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("nothing was changed: 6 things are wrong"), "{text}");
    let file_of = |name: &str| {
        Path::new(name)
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    };
    for (field, detail) in [
        ("environments[0]", "is not an object"),
        ("environments[1].colour", "no such field"),
        ("environments[1].role", "999999999999"),
        ("environments[2].account", "is missing"),
        ("environments[2].region", "is missing"),
        ("environments[3].name", &*file_of(&right)),
    ] {
        let named = text.lines().any(|line| {
            line.contains(&file_of(&wrong)) && line.contains(&format!("{field}: ")) && line.contains(detail)
        });
        assert!(named, "{field}: {text}");
    }
    for (name, content, says) in [
        ("list.json", "[]", "is not a JSON object"),
        ("twice.json", r#"{"environments": [], "environments": []}"#, "twice"),
        ("none.json", "{}", "environments: is missing"),
        (
            "other.json",
            r#"{"environments": [], "source_accounts": []}"#,
            "source_accounts",
        ),
    ] {
        let file = folder.file(name, content);
        let (code, text) = ran(&server.slipway(&["environment", "import", &file]));
        assert!(code == 2 && text.contains(says) && text.contains(name), "{text}");
    }
    assert_eq!(ran(&server.slipway(&["environment", "import", "/nowhere.json"])).0, 5);
    let (_, text) = ran(&server.slipway(&["environment", "list"]));
    assert!(text.contains("local") && !text.contains("live"), "{text}");
}

#[test]
fn source_accounts_are_configured_likewise() {
    let server = Server::start();
    let folder = Folder(tempfile::tempdir().expect("a folder"));
    let account =
        json!({"description": "the shop", "actions": ["release"], "blueprints": ["web"], "environments": ["live"]});
    let file = folder.file("account.json", &account.to_string());
    let (code, text) = ran(&server.slipway(&["source-account", "put", "111122223333", "--request", &file]));
    assert_eq!(code, 0, "{text}");
    let (_, text) = ran(&server.slipway(&["source-account", "list"]));
    assert!(text.contains("111122223333") && text.contains("the shop"), "{text}");
    let (_, export) = ran(&server.slipway(&["source-account", "export"]));
    assert_eq!(ran(&server.slipway(&["source-account", "delete", "111122223333"])).0, 0);
    let export = folder.file("export.json", &export);
    let (code, text) = ran(&server.slipway(&["source-account", "import", &export]));
    assert!(code == 0 && text.contains("source account 111122223333: new"), "{text}");
    let (_, text) = ran(&server.slipway(&["source-account", "show", "111122223333"]));
    assert!(text.contains("actions       [\"release\"]"), "{text}");
    // What the command line says counts more than the file.
    let put = [
        "source-account",
        "put",
        "111122223333",
        "--request",
        &file,
        "--action",
        "drift",
        "--action",
        "destroy",
    ];
    let (code, text) = ran(&server.slipway(&put));
    assert!(
        code == 0 && text.contains("actions: [\"release\"] -> [\"destroy\",\"drift\"]"),
        "{text}"
    );
    let (code, text) = ran(&server.slipway(&["source-account", "put", "111122223333", "--action", "fly"]));
    assert!(
        code == 2 && text.contains("none of provision, release, destroy and drift"),
        "{text}"
    );
    let (code, text) = ran(&server.slipway(&["source-account", "show", "1111"]));
    assert!(code == 2 && text.contains("12 digits"), "{text}");
}
