//! `ElastiCache`: a replication group is a server with a password that keeps what it was given over restarts and crashes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use aws_emulator::clock::Clock;
use aws_emulator::elasticache::{ElastiCache, Installation};
use aws_emulator::host::Host;
use aws_emulator::ledger::Ledger;
use aws_emulator::secrets::Secrets;
use aws_emulator::sqs::Sqs;
use aws_emulator::wire::AwsError;
use serde_json::{Value, json};
use tempfile::TempDir;

struct World {
    service: ElastiCache,
    ledger: Ledger,
    folder: TempDir,
}

impl World {
    fn over(folder: TempDir, installation: Option<Installation>) -> Self {
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
        let sqs = Sqs::new(ledger.clone(), Clock::System, "http://127.0.0.1:1").expect("opens");
        let host = Host::new(folder.path(), ledger.clone(), sqs).expect("watches files");
        let service = ElastiCache::new(&host, installation);
        service.recover().expect("recovers");
        Self {
            service,
            ledger,
            folder,
        }
    }

    async fn ask(&self, action: &str, parameters: Value) -> Result<Value, AwsError> {
        let Value::Object(parameters) = parameters else {
            panic!("parameters are an object");
        };
        self.service.call(action, parameters).await
    }

    /// Sends commands over one connection, in order; gives the whole answer.
    fn redis(&self, commands: &str) -> std::io::Result<String> {
        let secrets = Secrets::new(self.ledger.clone());
        let of = |key: &str| {
            let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:elasticache!shop";
            secrets.resolve(&format!("{arn}:{key}::")).expect("a secret")
        };
        let mut stream = TcpStream::connect((of("host"), of("port").parse().expect("a port")))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(stream, "AUTH {}\r\n{commands}\r\nQUIT\r\n", of("password"))?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.replace("\r\n", " "))
    }
}

/// The life of a server: its tasks end with it, as when it is killed.
fn life<T>(of: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(of)
}

#[test]
#[allow(clippy::print_stderr)] // A skipped test says so.
fn a_group_keeps_its_data_over_a_crash_and_a_restart() {
    let installation = Installation::find("REDIS_SERVER").expect("a program, if one is named");
    if installation.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI installs Redis");
        eprintln!("skipped: neither Valkey nor Redis is installed (Debian: apt-get install redis-server)");
        return;
    }
    let folder = life(async {
        let world = World::over(tempfile::tempdir().expect("a folder"), installation.clone());
        let created = world.ask("CreateReplicationGroup", json!({"ReplicationGroupId": "shop"}));
        let created = created.await.expect("is made");
        assert_eq!(created["ReplicationGroup"]["Status"], "available", "{created}");
        assert_eq!(world.redis("SET name Terabyte").expect("answers"), "+OK +OK +OK ");
        let again = world.ask("CreateReplicationGroup", json!({"ReplicationGroupId": "SHOP"}));
        assert_eq!(again.await.expect_err("exists").code, "ReplicationGroupAlreadyExists");
        world.folder
    });
    let folder = life(async {
        let world = World::over(folder, installation.clone());
        assert_eq!(world.redis("GET name").expect("answers"), "+OK $8 Terabyte +OK ");
        world.service.shutdown().await;
        world.redis("GET name").expect_err("stopped with the server");
        world.folder
    });
    life(async {
        let world = World::over(folder, installation);
        let described = async {
            loop {
                let described = world
                    .ask("DescribeReplicationGroups", json!({}))
                    .await
                    .expect("answers");
                if described["ReplicationGroups"][0]["Status"] == "available" {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), described)
            .await
            .expect("starts");
        assert_eq!(world.redis("GET name").expect("answers"), "+OK $8 Terabyte +OK ");
        let deleted = world.ask("DeleteReplicationGroup", json!({"ReplicationGroupId": "shop"}));
        assert_eq!(
            deleted.await.expect("is deleted")["ReplicationGroup"]["Status"],
            "deleting"
        );
        let gone = world.ask("DescribeReplicationGroups", json!({"ReplicationGroupId": "shop"}));
        assert_eq!(
            gone.await.expect_err("is deleted").code,
            "ReplicationGroupNotFoundFault"
        );
        assert!(!world.folder.path().join("elasticache/shop").exists());
    });
}

#[tokio::test]
async fn a_group_that_cannot_be_served_is_refused_by_name_and_leaves_nothing() {
    let world = World::over(tempfile::tempdir().expect("a folder"), None);
    for (parameters, code) in [
        (
            json!({"ReplicationGroupId": "shop", "Engine": "memcached"}),
            "InvalidParameterValue",
        ),
        (json!({"ReplicationGroupId": "../shop"}), "InvalidParameterValue"),
        (
            json!({"ReplicationGroupId": "shop", "TransitEncryptionEnabled": true}),
            "InvalidParameterValue",
        ),
        (
            json!({"ReplicationGroupId": "shop", "AuthToken": "too short"}),
            "InvalidParameterValue",
        ),
        (
            json!({"ReplicationGroupId": "shop", "Port": 80}),
            "InvalidParameterValue",
        ),
        // Nothing is installed.
        (
            json!({"ReplicationGroupId": "shop"}),
            "InsufficientCacheClusterCapacity",
        ),
    ] {
        let refused = world.ask("CreateReplicationGroup", parameters.clone()).await;
        assert_eq!(refused.expect_err("is refused").code, code, "{parameters}");
    }
    let groups = world
        .ask("DescribeReplicationGroups", json!({}))
        .await
        .expect("answers");
    assert_eq!(groups["ReplicationGroups"], json!([]));
    assert!(!world.folder.path().join("elasticache/shop").exists());
}
