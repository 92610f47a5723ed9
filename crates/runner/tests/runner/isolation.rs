//! What blueprint code can reach: nothing but its stack's state and its environment. `attacks.py` has what it tries.

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use axum::Router;
use serde_json::{Value, json};
use slipway_model::operation::Operation;
use slipway_store::finish::End;
use tokio::net::TcpListener;

use crate::aws::Aws;
use crate::endings::{provision, slow};
use crate::moto::Moto;
use crate::support::{ARTIFACTS, EXTERNAL_ID, STATES, World, earlier_state_key, state_key, terraform};

/// Whom Terraform runs as.
const USER: u32 = 64_201;

/// A secret of the build's environment.
const SECRET: &str = "only-the-build-knows-this";

/// A world on moto with IAM enforced; `None` without what that needs.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub fn guarded(seconds: u32) -> Option<World> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can run Terraform as another user; run this as root");
        return None;
    }
    let world = World::on(Aws::with_s3_of(Moto::guarded(seconds)?), &terraform()?);
    let open =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    // Terraform's user passes through it.
    open(world.folder.path(), 0o711);
    std::fs::write(world.path("calls"), "").expect("a file");
    open(&world.path("calls"), 0o666);
    world.put_environment("arn:aws:iam::123456789012:role/slipway-environment-dev", "us-east-1");
    Some(world)
}

/// A build as CodeBuild runs it: with the credentials of its own role, and Terraform as another user.
pub fn build(world: &World, operation: &Operation, phase: &str, name: &str) -> Command {
    let mut build = world.build(operation, phase, name);
    let keys = world.aws.moto().build.clone().expect("the keys of the build");
    build
        .envs(keys.vars())
        .env("SLIPWAY_TERRAFORM_USER", user().to_string());
    build.env("BUILD_SECRET", SECRET);
    build
}

/// Another one for each test: they run beside each other, and a build ends every process of its user.
fn user() -> u32 {
    let name = std::thread::current().name().unwrap_or_default().len();
    USER + u32::try_from(name).unwrap_or_default()
}

pub fn succeed(world: &World, operation: &Operation, phase: &str, name: &str) -> String {
    let status = build(world, operation, phase, name).status().expect("a build");
    world.aws.end_build(&format!("runner:{name}"));
    assert!(status.success(), "{}", world.printed(name));
    world.printed(name)
}

/// A process of root with the secret in its environment, as the runner is.
struct Victim(Child);

impl Victim {
    fn start() -> Self {
        let mut command = Command::new("sleep");
        command.arg("600").env("BUILD_SECRET", SECRET).stdin(Stdio::null());
        Self(command.spawn().expect("a process"))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The attacks' input: more than a blueprint could know.
fn targets(world: &World, operation: &Operation, victim: &Victim) -> Value {
    let other = "stacks/zusab-zabad/zusab-zabad/terraform.tfstate";
    for key in [other, "stacks/zusab-zabad/terraform.tfstate"] {
        world.aws.put(
            STATES,
            key,
            "{\"version\": 4, \"serial\": 1, \"lineage\": \"x\", \"outputs\": {}, \"resources\": []}",
        );
    }
    world.aws.put(STATES, &format!("{other}.tflock"), "{}");
    for key in [
        "operations/zusab-zabad/op-other/plan.tar",
        "blueprints/other.json",
        "providers/other.zip",
        "prepared/other.tar",
    ] {
        world.aws.put(ARTIFACTS, key, "x");
    }
    let private = |name: &str| {
        let path = world.path(name);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .expect("a folder");
        path
    };
    std::fs::write(private("home").join("secret"), SECRET).expect("a file");
    let other_work = private("slipway-op-other");
    std::fs::write(private("slipway-op-other/terraform").join("plan.tfplan"), "plan").expect("a file");
    let open_endpoint = world.wait(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(async || json!({"AccessKeyId": "x"}).to_string());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/credentials")
    });
    json!({
        "endpoint": world.aws.moto().endpoint, "secret": SECRET, "victim": victim.0.id(), "operation": operation.id,
        "stack": operation.stack, "other_state": other, "own_state": state_key(operation),
        "earlier_state": earlier_state_key(operation).replace(operation.stack.as_str(), "zusab-zabad"),
        "secret_file": world.path("home/secret"), "other_work": other_work,
        "work": world.path(&format!("slipway-{}", operation.id)), "external_id": EXTERNAL_ID,
        "build_key": world.aws.moto().build.as_ref().map(|keys| keys.id.clone()), "open_endpoint": open_endpoint,
        "terraform": terraform(),
        "plan": world.kept_plan(operation).expect("a plan that is kept"),
    })
}

fn results(path: &Path) -> BTreeMap<String, String> {
    serde_json::from_slice(&std::fs::read(path).expect("results")).expect("JSON")
}

#[test]
fn no_attack_of_a_blueprint_reaches_anything() {
    let Some(world) = guarded(0) else { return };
    let (script, given) = (world.path("attacks.py"), world.path("targets.json"));
    std::fs::write(&script, include_str!("attacks.py")).expect("a file");
    let found = world.path("found");
    std::fs::create_dir(&found).expect("a folder");
    std::fs::set_permissions(&found, std::fs::Permissions::from_mode(0o777)).expect("a mode");
    let isolated = found.join("isolated");
    // It also leaves a process behind, in a session of its own.
    let alive = found.join("alive");
    let stays = format!("while true; do date +%N >{}; sleep 0.05; done", alive.display());
    let command = format!(
        "setsid nohup sh -c '{stays}' >/dev/null 2>&1 </dev/null & /usr/bin/python3 {} {} {}",
        script.display(),
        given.display(),
        isolated.display()
    );
    let operation = provision(&world, &slow(&command));
    let victim = Victim::start();
    succeed(&world, &operation, "plan", "plan");
    std::fs::write(&given, targets(&world, &operation, &victim).to_string()).expect("a file");
    succeed(&world, &operation, "apply", "apply");

    let attacks = results(&isolated);
    assert!(attacks.len() >= 75, "{} attacks", attacks.len());
    let reached: Vec<_> = attacks.iter().filter(|(_, result)| *result == "reached").collect();
    assert!(reached.is_empty(), "{reached:#?}");
    // What was left running has ended, and the apply is as it should be.
    let last = std::fs::read_to_string(&alive).expect("it ran");
    assert!(!is_anybody(user()), "a process of the blueprint is alive");
    assert_eq!(std::fs::read_to_string(&alive).expect("a file"), last);
    assert_eq!(world.state(&operation)["resources"].as_array().map(Vec::len), Some(3));
    assert!(!world.is_locked(&operation));
    world.end(&operation, &End::Succeeded);

    // The same without isolation, or the attacks prove nothing.
    let open = found.join("open");
    let mut without = Command::new("/usr/bin/python3");
    without.args([&script, &given, &open]).env("BUILD_SECRET", SECRET);
    let keys = world.aws.moto().build.clone().expect("the keys of the build");
    std::fs::create_dir_all(world.path(&format!("slipway-{}", operation.id))).expect("a folder");
    let output = without.envs(keys.vars()).output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let failed: Vec<_> = results(&open)
        .into_iter()
        .filter(|(_, result)| result != "reached")
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(results(&open).len(), attacks.len());
}

/// Whether a process of this user is alive.
fn is_anybody(user: u32) -> bool {
    // Ended processes may wait until their parent reaps them.
    let mut found = Command::new("pgrep");
    let found = found.args(["-r", "R,S,D,T", "-U", &user.to_string()]).output();
    found.expect("pgrep").status.success()
}

/// Sessions of four seconds, and an apply of fifteen: the state is saved and the lock released with credentials of a later session.
#[test]
fn an_apply_outlives_several_sessions() {
    let Some(world) = guarded(4) else { return };
    let operation = provision(&world, &slow("sleep 15"));
    succeed(&world, &operation, "plan", "plan");
    succeed(&world, &operation, "apply", "apply");
    assert_eq!(world.state(&operation)["resources"].as_array().map(Vec::len), Some(3));
    assert!(!world.is_locked(&operation));
    assert_eq!(
        world.outputs(&operation),
        json!({"slipway": {"endpoints": {"web": "a"}}})
    );
}
