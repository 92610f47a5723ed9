//! RDS: instances are folders, and a snapshot is what a folder held at one moment, whatever crashes there are.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_emulator::clock::Clock;
use aws_emulator::events::{Pattern, Target};
use aws_emulator::host::Host;
use aws_emulator::ledger::Ledger;
use aws_emulator::postgres::{Installation, Postgres};
use aws_emulator::rds::Rds;
use aws_emulator::secrets::Secrets;
use aws_emulator::sqs::Sqs;
use aws_emulator::wire::AwsError;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

/// Longer than anything here takes: who waits for longer waits in vain.
const LIMIT: Duration = Duration::from_secs(20);

struct World {
    rds: Rds,
    ledger: Ledger,
    events: watch::Receiver<Vec<Value>>,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self::over(tempfile::tempdir().expect("a temporary folder"))
    }

    fn over(folder: TempDir) -> Self {
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
        let sqs = Sqs::new(ledger.clone(), Clock::System, "http://127.0.0.1:1").expect("opens");
        let host = Host::new(folder.path(), ledger.clone(), sqs).expect("watches files");
        let (heard, events) = watch::channel(Vec::new());
        let target = Target::new(
            "heard",
            Arc::new(move |event| {
                heard.send_modify(|events| events.push(event));
                Box::pin(async { Ok(()) })
            }),
        );
        host.events.add_rule(
            "all",
            Pattern::parse(&json!({"source": ["aws.rds"]})).expect("a pattern"),
            target,
        );
        let installation = Installation::find("POSTGRES_BIN").expect("a folder with the programs, if one is named");
        let rds = Rds::new(&host, Postgres::new(&host, installation)).expect("has its folders");
        Self {
            rds,
            ledger,
            events,
            folder,
        }
    }

    /// What a `kill -9` leaves is the data folder alone.
    fn crash(self) -> Self {
        let world = Self::over(self.folder);
        world.rds.recover().expect("recovers");
        world
    }

    async fn ask(&self, action: &str, parameters: Value) -> Result<Value, AwsError> {
        let Value::Object(parameters) = parameters else {
            panic!("parameters are an object");
        };
        self.rds.call(action, parameters).await
    }

    async fn call(&self, action: &str, parameters: Value) -> Value {
        self.ask(action, parameters).await.expect(action)
    }

    async fn refused(&self, action: &str, parameters: Value) -> String {
        self.ask(action, parameters).await.expect_err(action).code.into_owned()
    }

    async fn create(&self) -> PathBuf {
        let parameters = json!({"DBInstanceIdentifier": "db", "DBInstanceClass": "db.t4g.micro", "Engine": "postgres"});
        let created = self.call("CreateDBInstance", parameters).await;
        let folder = created["DBInstance"]["Endpoint"]["Address"]
            .as_str()
            .expect("an address");
        assert_eq!(
            fs::canonicalize(folder).ok(),
            fs::canonicalize(self.folder.path().join("volumes/db")).ok()
        );
        folder.into()
    }

    async fn snapshot(&self) -> Value {
        let parameters = json!({"DBInstanceIdentifier": "db", "DBSnapshotIdentifier": "before"});
        self.call("CreateDBSnapshot", parameters).await["DBSnapshot"].take()
    }

    /// Waits until a description is as it should be.
    async fn until(&self, kind: &str, action: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut changes = self.ledger.changes(kind);
        let reached = async {
            loop {
                let described = self.call(action, json!({})).await;
                if is_so(&described) {
                    return described;
                }
                changes.changed().await.expect("lives");
            }
        };
        tokio::time::timeout(LIMIT, reached).await.expect(action)
    }

    async fn available(&self) {
        let is_so = |described: &Value| described["DBSnapshots"][0]["Status"] == "available";
        self.until("rds-snapshot", "DescribeDBSnapshots", is_so).await;
    }

    async fn deleted(&self) {
        let is_so = |described: &Value| described["DBInstances"] == json!([]);
        self.until("rds-instance", "DescribeDBInstances", is_so).await;
    }

    async fn restore(&self) -> PathBuf {
        let parameters = json!({"DBInstanceIdentifier": "other", "DBSnapshotIdentifier": "before"});
        self.call("RestoreDBInstanceFromDBSnapshot", parameters).await;
        let is_so = |described: &Value| {
            let mut instances = described["DBInstances"].as_array().into_iter().flatten();
            instances.any(|it| it["DBInstanceIdentifier"] == "other" && it["DBInstanceStatus"] == "available")
        };
        self.until("rds-instance", "DescribeDBInstances", is_so).await;
        self.folder.path().join("volumes/other")
    }
}

#[tokio::test]
async fn a_snapshot_has_what_was_committed_when_it_was_taken_and_is_restored_elsewhere() {
    let world = World::new();
    let folder = world.create().await;
    fs::create_dir(folder.join("files")).expect("makes a folder");
    fs::write(folder.join("files/logo"), "a picture").expect("writes");
    let database = Connection::open(folder.join("main.db")).expect("opens");
    database
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n); INSERT INTO t VALUES (1);")
        .expect("writes");
    // Still in the log, and a transaction in progress.
    database
        .execute_batch("INSERT INTO t VALUES (2); BEGIN; INSERT INTO t VALUES (3);")
        .expect("writes");

    let snapshot = world.snapshot().await;
    assert_eq!(
        (&snapshot["Status"], &snapshot["SnapshotType"]),
        (&json!("creating"), &json!("manual"))
    );
    world.available().await;
    database
        .execute_batch("COMMIT; INSERT INTO t VALUES (4);")
        .expect("writes");

    let restored = world.restore().await;
    assert_eq!(
        fs::read_to_string(restored.join("files/logo")).expect("is there"),
        "a picture"
    );
    assert!(!restored.join("main.db-wal").exists(), "the log is part of the copy");
    let copy = Connection::open(restored.join("main.db")).expect("opens");
    let sum: u32 = copy
        .query_row("SELECT sum(n) FROM t", [], |row| row.get(0))
        .expect("reads");
    assert_eq!(sum, 3);

    let mut events = world.events.clone();
    let published = tokio::time::timeout(LIMIT, events.wait_for(|events| !events.is_empty())).await;
    let event = published.expect("in time").expect("lives")[0].clone();
    let arn = "arn:aws:rds:us-east-1:000000000000:snapshot:before";
    assert_eq!(
        (&event["detail-type"], &event["resources"]),
        (&json!("RDS DB Snapshot Event"), &json!([arn]))
    );
    assert_eq!(
        (
            &event["detail"]["EventID"],
            &event["detail"]["SourceIdentifier"],
            &event["detail"]["SourceArn"]
        ),
        (&json!("RDS-EVENT-0042"), &json!("before"), &json!(arn))
    );
}

/// The life of a server: what it was about to do is not done any more once it is over, as when it is killed.
fn life<T>(of: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(of)
}

#[test]
fn what_a_crash_interrupts_is_done_by_the_next_server() {
    let (world, folder) = life(async {
        let world = World::new();
        let folder = world.create().await;
        fs::write(folder.join("data"), "1").expect("writes");
        world.snapshot().await;
        (world, folder)
    });
    // What a server that was killed in the middle of a copy leaves.
    fs::create_dir_all(world.folder.path().join("snapshots/before.partial")).expect("makes a folder");
    let world = life(async move {
        let world = world.crash();
        world.available().await;
        let parameters = json!({"DBInstanceIdentifier": "db", "FinalDBSnapshotIdentifier": "last"});
        world.call("DeleteDBInstance", parameters).await;
        world
    });
    life(async move {
        let world = world.crash();
        world.deleted().await;
        assert!(!folder.exists());
        let last = world
            .call("DescribeDBSnapshots", json!({"DBSnapshotIdentifier": "LAST"}))
            .await;
        assert_eq!(last["DBSnapshots"][0]["Status"], "available");

        let restored = world.restore().await;
        assert_eq!(fs::read_to_string(restored.join("data")).expect("is there"), "1");
        let deleted = world
            .call("DeleteDBSnapshot", json!({"DBSnapshotIdentifier": "before"}))
            .await;
        assert_eq!(deleted["DBSnapshot"]["Status"], "deleted");
        assert!(!world.folder.path().join("snapshots/before").exists());
    });
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_taken_has_failed_and_the_instance_goes_on() {
    let world = World::new();
    let folder = world.create().await;
    fs::write(folder.join("broken.db"), "SQLite format 3\0 and nothing of the sort").expect("writes");
    world.snapshot().await;
    let is_so = |described: &Value| described["DBSnapshots"][0]["Status"] == "failed";
    world.until("rds-snapshot", "DescribeDBSnapshots", is_so).await;
    let instances = world.call("DescribeDBInstances", json!({})).await;
    assert_eq!(instances["DBInstances"][0]["DBInstanceStatus"], "available");
    let restore = json!({"DBInstanceIdentifier": "other", "DBSnapshotIdentifier": "before"});
    assert_eq!(
        world.refused("RestoreDBInstanceFromDBSnapshot", restore).await,
        "InvalidDBSnapshotState"
    );
    world
        .call("DeleteDBSnapshot", json!({"DBSnapshotIdentifier": "before"}))
        .await;
}

#[tokio::test]
async fn what_rds_refuses_is_refused_by_its_name() {
    let world = World::new();
    world.create().await;
    fs::create_dir_all(world.folder.path().join("volumes/theirs/data")).expect("makes a folder");
    let named = |id: &str| json!({"DBInstanceIdentifier": id, "DBInstanceClass": "db.t4g.micro", "Engine": "postgres"});
    for (action, parameters, code) in [
        ("CreateDBInstance", named("DB"), "DBInstanceAlreadyExists"),
        ("CreateDBInstance", named("theirs"), "DBInstanceAlreadyExists"),
        ("CreateDBInstance", named("../db"), "InvalidParameterValue"),
        ("CreateDBInstance", named("a--b"), "InvalidParameterValue"),
        (
            "CreateDBInstance",
            json!({"DBInstanceIdentifier": "a"}),
            "MissingParameter",
        ),
        (
            "DescribeDBInstances",
            json!({"DBInstanceIdentifier": "gone"}),
            "DBInstanceNotFound",
        ),
        (
            "DescribeDBInstances",
            json!({"Filters": ["x"]}),
            "InvalidParameterValue",
        ),
        (
            "DeleteDBInstance",
            json!({"DBInstanceIdentifier": "db"}),
            "InvalidParameterCombination",
        ),
        (
            "DeleteDBInstance",
            json!({"DBInstanceIdentifier": "db", "SkipFinalSnapshot": "maybe"}),
            "InvalidParameterValue",
        ),
        (
            "CreateDBSnapshot",
            json!({"DBInstanceIdentifier": "gone", "DBSnapshotIdentifier": "s"}),
            "DBInstanceNotFound",
        ),
        (
            "DescribeDBSnapshots",
            json!({"DBSnapshotIdentifier": "gone"}),
            "DBSnapshotNotFound",
        ),
        (
            "DeleteDBSnapshot",
            json!({"DBSnapshotIdentifier": "gone"}),
            "DBSnapshotNotFound",
        ),
        (
            "CreateDBClusterSnapshot",
            json!({"DBClusterIdentifier": "c"}),
            "DBClusterNotFoundFault",
        ),
        (
            "RebootDBInstance",
            json!({"DBInstanceIdentifier": "db"}),
            "InvalidAction",
        ),
    ] {
        assert_eq!(
            world.refused(action, parameters.clone()).await,
            code,
            "{action} {parameters}"
        );
    }
    world.snapshot().await;
    world.available().await;
    let again = json!({"DBInstanceIdentifier": "db", "DBSnapshotIdentifier": "before"});
    assert_eq!(
        world.refused("CreateDBSnapshot", again).await,
        "DBSnapshotAlreadyExists"
    );
    let skip = json!({"DBInstanceIdentifier": "db", "SkipFinalSnapshot": true});
    world.call("DeleteDBInstance", skip).await;
    world.deleted().await;
}

#[allow(clippy::print_stderr)] // A skipped test says so.
/// A server, or `None` with the reason printed when this machine has no `PostgreSQL`.
fn postgres() -> Option<Installation> {
    let found = Installation::find("POSTGRES_BIN").expect("a folder with the programs, if one is named");
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI installs PostgreSQL");
        eprintln!("skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)");
    }
    found
}

/// Asks a database by its secret's URL, with the client that every installation of the server brings.
fn psql(world: &World, id: &str, sql: &str) -> Result<String, String> {
    let secrets = Secrets::new(world.ledger.clone());
    let url = secrets
        .resolve(&format!(
            "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds!db-{id}:url::"
        ))
        .expect("a secret");
    let ran = std::process::Command::new("psql")
        .args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--quiet",
            "--command",
            sql,
            &url,
        ])
        .output()
        .expect("psql is beside the server");
    if ran.status.success() {
        Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&ran.stderr).into_owned())
    }
}

fn server(id: &str) -> Value {
    json!({
        "DBInstanceIdentifier": id, "DBInstanceClass": "db.t4g.micro", "Engine": "postgres",
        "MasterUsername": "app", "DBName": "shop", "ManageMasterUserPassword": true,
    })
}

#[test]
fn postgres_serves_is_snapshotted_while_written_restored_and_restarted() {
    if postgres().is_none() {
        return;
    }
    let world = life(async {
        let world = World::new();
        let created = world.call("CreateDBInstance", server("db")).await;
        let instance = &created["DBInstance"];
        assert_eq!(instance["DBInstanceStatus"], "available", "{instance}");
        assert_eq!(instance["Endpoint"]["Address"], "127.0.0.1");
        psql(&world, "db", "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)").expect("writes");
        // As in RDS, the master user is no superuser.
        let refused = psql(&world, "db", "ALTER SYSTEM SET fsync = off").expect_err("is refused");
        assert!(refused.contains("permission denied"), "{refused}");
        world.snapshot().await;
        world.available().await;
        psql(&world, "db", "INSERT INTO t VALUES (4)").expect("writes");
        world
    });
    // The server was killed; its databases were not.
    let world = life(async move {
        let world = world.crash();
        assert_eq!(psql(&world, "db", "SELECT sum(n) FROM t").as_deref(), Ok("7"));
        world.restore().await;
        assert_eq!(psql(&world, "other", "SELECT sum(n) FROM t").as_deref(), Ok("3"));
        world.rds.shutdown().await;
        assert!(psql(&world, "db", "SELECT 1").is_err(), "stopped with the server");
        world
    });
    life(async move {
        let world = world.crash();
        let is_so = |described: &Value| {
            let mut instances = described["DBInstances"].as_array().into_iter().flatten();
            instances.all(|it| it["DBInstanceStatus"] == "available")
        };
        while !is_so(&world.call("DescribeDBInstances", json!({})).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(psql(&world, "db", "SELECT sum(n) FROM t").as_deref(), Ok("7"));
        for id in ["db", "other"] {
            let skip = json!({"DBInstanceIdentifier": id, "SkipFinalSnapshot": true});
            world.call("DeleteDBInstance", skip).await;
        }
        world.deleted().await;
        let left = fs::read_dir(world.folder.path().join("postgres")).expect("a folder");
        assert_eq!(left.count(), 0, "the files of deleted instances are removed");
    });
}

#[tokio::test]
async fn an_instance_that_cannot_be_a_server_is_refused_and_leaves_nothing() {
    if postgres().is_none() {
        return;
    }
    let world = World::new();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let with = |name: &str, value: Value| {
        let mut parameters = server("db");
        parameters[name] = value;
        parameters
    };
    for (parameters, code) in [
        (with("Engine", json!("mysql")), "InvalidParameterValue"),
        (with("MasterUsername", json!("app\"; DROP")), "InvalidParameterValue"),
        (with("MasterUsername", json!("rdsadmin")), "InvalidParameterValue"),
        (with("DBName", json!("Shop")), "InvalidParameterValue"),
        (with("Port", json!(80)), "InvalidParameterValue"),
        (
            with("MasterUserPassword", json!("12345678")),
            "InvalidParameterCombination",
        ),
        (with("ManageMasterUserPassword", json!(false)), "MissingParameter"),
        // Another program has the port: PostgreSQL says so, and nothing of the instance stays.
        (with("Port", json!(port)), "InternalFailure"),
    ] {
        assert_eq!(
            world.refused("CreateDBInstance", parameters.clone()).await,
            code,
            "{parameters}"
        );
    }
    assert_eq!(
        world.call("DescribeDBInstances", json!({})).await["DBInstances"],
        json!([])
    );
    assert!(!world.folder.path().join("postgres/db").exists());
}
