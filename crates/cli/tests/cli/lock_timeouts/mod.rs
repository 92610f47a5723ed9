//! A migration against a held lock and sixteen writers, on a real PostgreSQL.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_emulator::postgres::Installation;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::examples::Examples;
use crate::support::on_path;

const APP: &str = include_str!("app.py");
const IMAGE: &str = r#"{ "entrypoint": ["/usr/bin/env", "python3", "app.py"] }"#;
const FIRST: &str =
    "CREATE TABLE IF NOT EXISTS orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);";
const SECOND: &str = "ALTER TABLE orders ADD COLUMN IF NOT EXISTS stars integer NOT NULL DEFAULT 0;";

/// How long a statement of the migration waits for a lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// What a busy machine may add to it: the start of psql, and the time until a process runs.
const MARGIN: Duration = Duration::from_secs(2);

const WRITERS: usize = 16;

/// The folder of PostgreSQL's programs, with psql and pgbench among them.
fn programs() -> Option<PathBuf> {
    let found =
        Installation::find(slipway_local::server::POSTGRES_BIN).expect("a folder with the programs, if one is named");
    let folder = found.map(|installation| installation.folder().to_owned());
    folder.filter(|folder| folder.join("pgbench").is_file() && on_path("psql").is_some())
}

/// An image whose migration is this.
fn image(examples: &Examples, migration: &str) -> String {
    let folder = TempDir::new().expect("a folder");
    for (file, text) in [("app.py", APP), ("image.json", IMAGE), ("migration.sql", migration)] {
        fs::write(folder.path().join(file), text).expect("a file");
    }
    examples.image(folder.path().to_str().expect("a path"))
}

/// A session that holds a lock for which the migration has to wait, and writers do not.
struct Holder(Child);

impl Holder {
    fn start(url: &str) -> Self {
        let mut session = Command::new("psql")
            .args([url, "--no-psqlrc", "--quiet", "--tuples-only"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql starts");
        let input = session.stdin.as_mut().expect("its input");
        input
            .write_all(b"BEGIN; LOCK TABLE orders IN ROW EXCLUSIVE MODE; SELECT 'held';\n")
            .expect("psql reads");
        let mut line = String::new();
        let output = session.stdout.as_mut().expect("its output");
        while !line.contains("held") {
            let mut byte = [0];
            std::io::Read::read_exact(output, &mut byte).expect("psql answers");
            line.push(char::from(byte[0]));
        }
        Self(session)
    }

    /// Ends the transaction.
    fn release(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("psql ends").success());
    }
}

/// Sixteen clients that insert rows until they are stopped, and write down how long each insert took.
struct Writers {
    process: Child,
    folder: TempDir,
}

impl Writers {
    fn start(programs: &Path, url: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        fs::write(
            folder.path().join("insert.sql"),
            "INSERT INTO orders (note) VALUES ('more');\n\\sleep 20 ms\n",
        )
        .expect("a file");
        let clients = WRITERS.to_string();
        let process = Command::new(programs.join("pgbench"))
            .args([
                "--no-vacuum",
                "--client",
                &clients,
                "--jobs",
                "2",
                "--time",
                "45",
                "--log",
                "--file",
                "insert.sql",
                url,
            ])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pgbench starts");
        Self { process, folder }
    }

    /// Waits until they are done: the duration of each insert. An insert that failed would have ended its client.
    fn durations(self) -> Vec<Duration> {
        let output = self.process.wait_with_output().expect("pgbench ends");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(said.contains("number of failed transactions: 0"), "{said}");
        let logs = fs::read_dir(self.folder.path()).expect("the logs").filter_map(|entry| {
            let path = entry.ok()?.path();
            path.file_name()?
                .to_str()?
                .starts_with("pgbench_log")
                .then(|| fs::read_to_string(&path).expect("a log"))
        });
        let texts: Vec<String> = logs.collect();
        // The third column is the microseconds of a transaction.
        let lines = texts.iter().flat_map(|text| text.lines());
        lines
            .filter_map(|line| Some(Duration::from_micros(line.split(' ').nth(2)?.parse().ok()?)))
            .collect()
    }
}

/// The runs of the migration: how long each took, and its exit code.
fn runs(files: &Path) -> Vec<(Duration, i32)> {
    let text = fs::read_to_string(files.join("runs")).unwrap_or_default();
    let run = |line: &str| {
        let (seconds, code) = line.split_once(' ')?;
        Some((Duration::from_secs_f64(seconds.parse().ok()?), code.parse().ok()?))
    };
    text.lines().filter_map(run).collect()
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
async fn migration_gives_up_in_time_and_runs_again() {
    let Some(programs) = programs() else {
        assert!(std::env::var_os("CI").is_none(), "CI installs PostgreSQL");
        println!("skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)");
        return;
    };
    let examples = Examples::start();
    let first = image(&examples, FIRST);
    let request = json!({
        "name": "orders", "blueprint": "local-web-service", "environment": "local", "images": {"web": first},
        "variables": {
            "services": {"web": {"port": 8080, "count": 1}},
            "database": {"engine": "postgres"},
            "migrations": [{
                "name": "schema", "command": ["migrate"],
                "lock_timeout": "1s", "statement_timeout": "1min", "lock_retries": 10,
            }],
        },
    });
    let stack = examples.stack_of(&request).await;
    let url = fs::read_to_string(stack.files.join("url")).expect("the address of the database");
    assert_eq!(runs(&stack.files).len(), 1, "without a held lock, it runs once");

    let holder = Holder::start(&url);
    let writers = Writers::start(&programs, &url);
    let second = image(&examples, SECOND);
    let asked = examples
        .server
        .send(
            Method::POST,
            &format!("{}/releases", stack.path),
            &json!({"images": {"web": second}}),
        )
        .await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    // The lock is held until the migration has given up twice.
    crate::support::until("the migration has given up twice", || runs(&stack.files).len() >= 3).await;
    holder.release();
    let released = examples.server.succeeded(&asked.json()).await;

    let runs = runs(&stack.files);
    let (last, given_up) = runs[1..].split_last().expect("runs");
    assert_eq!(last.1, 0, "{runs:?}");
    for (took, code) in given_up {
        assert_eq!(*code, 3, "psql ends with 3 after an error: {runs:?}");
        assert!(*took >= LOCK_TIMEOUT && *took < LOCK_TIMEOUT + MARGIN, "{runs:?}");
    }
    let steps = released["steps"].as_array().expect("steps");
    let migrations: Vec<&Value> = steps
        .iter()
        .filter(|step| {
            step["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("Run migration"))
        })
        .collect();
    assert_eq!(
        (migrations.len(), migrations[0]["status"].as_str()),
        (1, Some("succeeded")),
        "{released:#}"
    );

    let durations = writers.durations();
    let longest = durations.iter().max().expect("inserts");
    assert!(durations.len() > WRITERS * 10, "{}", durations.len());
    assert!(*longest < LOCK_TIMEOUT + MARGIN, "a writer waited for {longest:?}");
    examples.destroy(&stack).await;
}
