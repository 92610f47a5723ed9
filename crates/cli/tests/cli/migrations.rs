//! The SQL of migrations: its dangerous statements in `check`, at publish, and on the approval sheet.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{SLIPWAY, Server, on_path};

const BLUEPRINT: &str = r#"
variable "n" { type = number }
resource "terraform_data" "a" { input = var.n }
output "slipway" {
  value = {
    cluster  = "main"
    services = { web = { name = "web", desired_count = 1, task_definition = { containerDefinitions = [{ name = "web" }] } } }
    migrations = [{
      name    = "schema"
      service = "web"
      command = ["./migrate"]
      sql     = { files = ["migrations"], postgres = 17 }
    }]
  }
}
"#;

/// A blueprint with these migrations.
fn blueprint(migrations: &[(&str, &str)]) -> TempDir {
    let top = TempDir::new().expect("a folder");
    let folder = top.path().join("shop");
    fs::create_dir_all(folder.join("migrations")).expect("folders");
    fs::write(folder.join("main.tf"), BLUEPRINT).expect("a file");
    for (file, sql) in migrations {
        fs::write(
            folder.join("migrations").join(file),
            format!("SET lock_timeout = '1s';\n{sql}\n"),
        )
        .expect("a file");
    }
    top
}

fn check(top: &Path, output: &str) -> Output {
    Command::new(SLIPWAY)
        .args(["blueprint", "check", "shop", "--output", output])
        .current_dir(top)
        .env("XDG_CACHE_HOME", top.join("cache"))
        .output()
        .expect("slipway runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const FIRST: (&str, &str) = ("001_orders.sql", "TRUNCATE orders;");
const SECOND: (&str, &str) = (
    "002_notes.sql",
    "ALTER TABLE orders ADD COLUMN note text;\nALTER TABLE orders DROP COLUMN remark;",
);
const THIRD: (&str, &str) = ("003_cache.sql", "-- squawk-ignore slipway-truncate\nTRUNCATE cache;");

/// What an application's CI asks before a release.
#[test]
fn check_of_an_applications_migrations_fails_on_dangerous_statements() {
    let folder = TempDir::new().expect("a folder");
    let write = |file: &str, sql: &str| fs::write(folder.path().join(file), format!("{sql}\n")).expect("a file");
    let check = |args: &[&str]| {
        let check = [
            "migration",
            "check",
            ".",
            "--postgres",
            "17",
            "--lock-timeout",
            "--json",
        ];
        let mut command = Command::new(SLIPWAY);
        command.args(check).args(args).current_dir(folder.path());
        command.output().expect("slipway runs")
    };
    let empty = check(&[]);
    assert_eq!(empty.status.code(), Some(2), "{}", text(&empty.stderr));
    write("001_orders.sql", "CREATE TABLE orders (id bigint);");
    write("002_note.down.sql", "DROP TABLE orders;");
    let harmless = check(&[]);
    assert_eq!(harmless.status.code(), Some(0), "{}", text(&harmless.stderr));
    write(
        "002_note.SQL",
        "ALTER TABLE orders ADD COLUMN note text;\nTRUNCATE orders;",
    );
    let dangerous = check(&[]);
    assert_eq!(dangerous.status.code(), Some(6), "{}", text(&dangerous.stderr));
    let found: Value = serde_json::from_slice(&dangerous.stdout).expect("JSON");
    let finding = &found["findings"][0];
    assert_eq!(
        (&found["files"], &finding["rule"], &finding["line"]),
        (&json!(2), &json!("slipway-truncate"), &json!(2)),
        "{found:#}"
    );
    write(
        "002_note.SQL",
        "-- squawk-ignore slipway-truncate -- nothing is in it yet\nTRUNCATE orders;",
    );
    assert_eq!(check(&[]).status.code(), Some(0));
    let sarif = check(&["--output", "sarif"]);
    assert_eq!(sarif.status.code(), Some(2), "--json and --output exclude each other");
}

/// The examples are what others copy.
#[test]
fn migrations_of_the_examples_have_no_dangerous_statements() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let checked = Command::new(SLIPWAY)
        .args(["migration", "check", "rates/app/migrations", "--lock-timeout"])
        .current_dir(examples)
        .output()
        .expect("slipway runs");
    assert!(
        checked.status.success(),
        "{}{}",
        text(&checked.stdout),
        text(&checked.stderr)
    );
}

#[test]
fn check_names_dangerous_statements_at_file_and_line() {
    let top = blueprint(&[FIRST, SECOND, THIRD]);
    let checked = check(top.path(), "json");
    assert_eq!(
        checked.status.code(),
        Some(0),
        "warnings are no errors: {}",
        text(&checked.stderr)
    );
    let found: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    let findings = found["findings"].as_array().expect("a list");
    let place = |finding: &Value| {
        let line = finding["line"].as_u64().unwrap_or_default();
        let part = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        (part("file"), line, part("rule"), part("severity"))
    };
    let expected = [
        ("shop/migrations/001_orders.sql", 2, "slipway-truncate"),
        ("shop/migrations/002_notes.sql", 3, "ban-drop-column"),
    ];
    let expected = expected.map(|(file, line, rule)| (file.to_owned(), line, rule.to_owned(), "warning".to_owned()));
    assert_eq!(findings.iter().map(place).collect::<Vec<_>>(), expected, "{found:#}");
    assert!(
        findings.iter().all(|finding| finding["remedy"].is_string()),
        "{found:#}"
    );

    let people = text(&check(top.path(), "table").stdout);
    let line = "shop/migrations/001_orders.sql:2:1: warning: migration `schema`: TRUNCATE deletes all rows";
    assert!(
        people.contains(line) && people.contains("[slipway-truncate]"),
        "{people}"
    );
    assert!(!people.contains("003_cache"), "{people}");

    let sarif: Value = serde_json::from_slice(&check(top.path(), "sarif").stdout).expect("JSON");
    let run = &sarif["runs"][0];
    assert_eq!(run["results"][1]["ruleId"], "ban-drop-column", "{sarif:#}");
    let region = &run["results"][1]["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region["startLine"], 3, "{sarif:#}");
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    assert!(rules.iter().any(|rule| rule["id"] == "ban-drop-column"), "{sarif:#}");
}

#[test]
fn migration_without_its_files_is_an_error() {
    let top = blueprint(&[]);
    let checked = check(top.path(), "json");
    assert_eq!(checked.status.code(), Some(6));
    assert!(
        text(&checked.stdout).contains("there is no file `migrations`"),
        "{}",
        text(&checked.stdout)
    );
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
async fn sheet_lists_dangerous_statements_of_new_files() {
    if on_path("terraform").or_else(|| on_path("tofu")).is_none() {
        println!("skipped: neither terraform nor tofu is on PATH; install one to run this");
        return;
    }
    let server = Server::start();
    server.approve_every_plan_in("local").await;

    let publish = |top: &TempDir, version: &str| {
        let folder = top.path().join("shop");
        let name = format!("shop@{version}");
        let published = server.slipway(&["blueprint", "publish", &folder.to_string_lossy(), "--as", &name]);
        assert!(published.status.success(), "{}", text(&published.stderr));
        text(&published.stdout)
    };
    let said = publish(&blueprint(&[FIRST]), "1.0.0");
    assert!(
        said.contains("001_orders.sql:2:1: warning") || said.contains("slipway-truncate"),
        "{said}"
    );
    publish(&blueprint(&[FIRST, SECOND, THIRD]), "1.1.0");

    let operation = server.create("orders", "shop", &json!({"n": 1})).await;
    let id = operation["id"].as_str().expect("an id");
    let waits = |operation: &Value| operation["status"] == "waiting_for_approval";
    server.operation_that(id, waits).await;
    let sheet = server.get(&format!("/v1/operations/{id}/sheet")).await;
    let statements = sheet["runs"]["dangerous"].as_array().expect("statements");
    let place = |statement: &Value| {
        (
            statement["file"].clone(),
            statement["line"].clone(),
            statement["rule"].clone(),
        )
    };
    assert_eq!(
        statements.iter().map(place).collect::<Vec<_>>(),
        [
            (json!("migrations/001_orders.sql"), json!(2), json!("slipway-truncate")),
            (json!("migrations/002_notes.sql"), json!(3), json!("ban-drop-column")),
        ],
        "{sheet:#}"
    );
    assert_eq!(statements[1]["migration"], "schema");
    assert!(
        statements[1]["remedy"]
            .as_str()
            .is_some_and(|remedy| remedy.contains("later")),
        "{sheet:#}"
    );
    let shown = text(&server.slipway(&["sheet", id]).stdout);
    assert!(
        shown.contains("2 dangerous statements") && shown.contains("migrations/002_notes.sql:3:20"),
        "{shown}"
    );
}
