//! A release in another Region and another account on moto, an independent emulator, with IAM enforced.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use slipway_model::environment::Approval;

use crate::kinds::{failed, succeeded};
use crate::world::{World, image, name};

const THERE: &str = "ap-southeast-2";

/// `moto_of_stacks.py`, which says what it takes.
struct Moto {
    server: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    is_at: Value,
}

impl Moto {
    /// None without moto, or without what resolves the templates.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn start() -> Option<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new("python3");
        command
            .arg(here.join("tests/workflow/moto_of_stacks.py"))
            .arg(here.join("../../scripts/resolve_policies.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = command.spawn().ok()?;
        let asks = server.stdin.take();
        let mut answers = BufReader::new(server.stdout.take().expect("a pipe"));
        let mut line = String::new();
        answers.read_line(&mut line).expect("text");
        let Ok(is_at) = serde_json::from_str(&line) else {
            let _ = server.wait();
            println!(
                "skipped: python3 has no moto or no aws-sam-translator; `pip install -r .ci/requirements-tests.txt` to run this"
            );
            return None;
        };
        Some(Self {
            server,
            asks,
            answers,
            is_at,
        })
    }

    fn ask(&mut self, asked: &Value) -> Value {
        writeln!(self.asks.as_mut().expect("a pipe"), "{asked}").expect("it listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("text");
        serde_json::from_str(&line).expect("an answer")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // The server ends when its last client disconnects.
        drop(self.asks.take());
        let _ = self.server.wait();
    }
}

/// A stack whose environment is on moto, and the steps with the keys that they have there.
fn world_on(moto: &mut Moto) -> World {
    let (mut world, provision) = World::in_environment(Approval::Never, false);
    let contract = world.contract.as_mut().expect("a contract");
    contract["network"] = json!({"subnets": [moto.is_at["subnet"]], "security_groups": [moto.is_at["group"]]});
    for service in ["web", "worker"] {
        let definition = &mut contract["services"][service]["task_definition"];
        definition["requiresCompatibilities"] = json!(["FARGATE"]);
        definition["networkMode"] = "awsvpc".into();
        definition["cpu"] = "256".into();
        definition["memory"] = "512".into();
        definition["containerDefinitions"][0]["memory"] = 64.into();
    }
    succeeded(&world.run(&provision));
    let keys = moto.ask(&json!({"stack": world.stack}))["keys"].clone();
    let endpoint = moto.is_at["endpoint"].clone();
    let services = ["STS", "ECS", "RDS", "SCHEDULER", "CLOUDWATCH_LOGS"];
    let at = services.map(|service| (format!("AWS_ENDPOINT_URL_{service}"), endpoint.clone()));
    let with = [
        ("AWS_ACCESS_KEY_ID".to_owned(), keys["AccessKeyId"].clone()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), keys["SecretAccessKey"].clone()),
        ("AWS_SESSION_TOKEN".to_owned(), keys["SessionToken"].clone()),
    ];
    let vars = at.into_iter().chain(with);
    world.reconfigure(vars.map(|(name, value)| (name, value.as_str().expect("a text").to_owned())));
    world
}

/// The stack's environment is in this Region.
fn moved_to(world: &World, region: &str) {
    let role = "arn:aws:iam::444455556666:role/slipway-environment-production";
    let mut environment = World::wait(world.store.environment(&name("live")));
    environment.account = "444455556666".parse().expect("an account");
    environment.region = region.parse().expect("a region");
    environment.role = Some(role.parse().expect("a role"));
    environment.external_id = Some("0123456789abcdef".parse().expect("an external id"));
    World::wait(world.store.put_environment(&environment));
}

#[test]
fn a_release_in_another_region_and_account_on_moto() {
    let Some(mut moto) = Moto::start() else { return };
    let mut world = world_on(&mut moto);
    moved_to(&world, THERE);
    let release = world.ask_after_snapshot(2);
    succeeded(&world.run(&release));
    let state = moto.ask(&json!({"state": world.stack}));
    let there = &state["regions"][THERE];
    // The backup and the migration.
    assert_eq!(there["tasks"], json!([release, release]), "{state}");
    assert_eq!(there["snapshots"], json!([format!("{}-{release}", world.stack)]));
    assert_eq!(state["regions"]["us-east-1"], json!({"tasks": [], "snapshots": []}));
    assert_eq!(state["images"], json!([image(2), image(2)]));
    assert_eq!(state["schedule"], "ENABLED");
    let task = world.ask_task("load-dump");
    succeeded(&world.run(&task));

    let images = [("web", image(3)), ("worker", image(3))];
    let fails = |world: &mut World, expected: &str, says: &[&str]| {
        let release = world.ask_release(&images);
        let run = world.run(&release);
        let (error, cause) = failed(&run);
        assert_eq!(error, expected, "{cause}");
        for part in says {
            assert!(cause.contains(part), "{part}: {cause}");
        }
    };
    // The release role is for the Region that it was deployed in.
    moved_to(&world, "eu-west-1");
    let says = ["read what the services run now", "in the Region of the environment"];
    fails(&mut world, "Slipway.AccessDenied", &says);
    moved_to(&world, THERE);
    for (action, doing) in [
        ("ecs:UpdateService", "update the service `web`"),
        ("ecs:RunTask", "start the migration `migrate`"),
    ] {
        moto.ask(&json!({"forbid": action}));
        fails(
            &mut world,
            "Slipway.AccessDenied",
            &[action, doing, "aws/target-account"],
        );
    }
    moto.ask(&json!({"distrust": true}));
    let says = [
        "`live`",
        "slipway-release-production",
        "AccessDenied",
        "aws/target-account",
    ];
    fails(&mut world, "Slipway.RoleRefused", &says);
    let state = moto.ask(&json!({"state": world.stack}));
    assert_eq!(
        state["images"],
        json!([image(2), image(2)]),
        "what failed was rolled back"
    );
}
