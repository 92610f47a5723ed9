//! Stacks, operations and builds for the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use slipway_model::blueprint::Source;
use slipway_model::environment::{Approval, Environment};
use slipway_model::name::Name;
use slipway_model::operation::Operation;
use slipway_model::operation::work::Work;
use slipway_model::plan::Verdict;
use slipway_model::stack::{Configuration, Stack};
use slipway_store::create::{NewOperation, NewStack, Outcome};
use slipway_store::finish::End;
use slipway_store::idempotency::Answer;
use slipway_store::{Store, table};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::aws::Aws;

/// An update and a preview without a patch: what they are made from comes with them.
pub const UPDATE: Work = Work::update(None);
pub const PREVIEW: Work = Work::Preview { patch: None };

pub const STATES: &str = "state";
pub const ARTIFACTS: &str = "artifacts";
/// The role that builds take sessions of.
pub const SESSION_ROLE: &str = "arn:aws:iam::123456789012:role/slipway-us-east-1-runner";
/// The external ID of an environment's role.
pub const EXTERNAL_ID: &str = "b3d2f6a8-1c55-4d0e-9a52";

/// The variable that names a Terraform CLI configuration in which `hashicorp/aws` comes from a mirror on this machine.
pub const CLI_CONFIG: &str = "SLIPWAY_TEST_TERRAFORM_CONFIG";

/// How long a test waits for something that takes a second or so.
const SOON: Duration = Duration::from_mins(1);

/// A place for one test: its own AWS, table, folder for temporary files, and a Terraform that writes down how it is called.
pub struct World {
    pub aws: Aws,
    pub store: Store,
    pub folder: TempDir,
    /// Where Terraform's providers come from, in the tests that need some.
    pub cli_config: Option<OsString>,
    runtime: Runtime,
}

/// Whether nothing may be left out: what a test needs is installed there.
pub fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// The Terraform of this machine; without one there is nothing to test against.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub fn terraform() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = ["terraform", "tofu"].iter().find_map(|name| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    });
    assert!(
        found.is_some() || !is_ci(),
        "CI=true, and there is no Terraform on PATH"
    );
    if found.is_none() {
        println!(
            "skipped: neither terraform (1.11 or later) nor tofu (1.10 or later) is on PATH; install one to run this"
        );
    }
    found
}

impl World {
    /// A new place; `None` without Terraform.
    pub fn new() -> Option<Self> {
        Some(Self::on(Aws::start(), &terraform()?))
    }

    /// A new place with this AWS and Terraform.
    pub fn on(aws: Aws, terraform: &Path) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let config = slipway_aws::sdk_config(&aws.vars());
        aws.create_table("slipway", table::definition());
        let world = Self {
            store: Store::new(&config, "slipway"),
            aws,
            folder: tempfile::tempdir().expect("a folder"),
            cli_config: None,
            runtime,
        };
        let script = format!(
            "#!/bin/sh\necho \"$1\" >>'{}'\nexec '{}' \"$@\"\n",
            world.path("calls").display(),
            terraform.display()
        );
        std::fs::write(world.path("terraform"), script).expect("a script");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(world.path("terraform"), executable).expect("a program");
        let environment = Environment {
            name: name("dev"),
            account: "000000000000".parse().expect("an account"),
            region: "us-east-1".parse().expect("a region"),
            role: None,
            external_id: None,
            // Each phase is a build of its own.
            approval: Approval::Always,
            approvals_required: 1,
            self_approval: false,
            approval_timeout_seconds: 259_200,
            approval_reminder_seconds: 86_400,
            protected: false,
            sandbox: false,
            protected_types: None,
            variables: Map::from_iter([
                ("domain".to_owned(), "dev.example".into()),
                ("undeclared".to_owned(), 1.into()),
            ]),
            references: BTreeMap::new(),
            former: BTreeMap::new(),
        };
        world
            .wait(world.store.put_environment(&environment))
            .expect("an environment");
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The commands that Terraform was called with.
    pub fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// Publishes the files of a blueprint, and makes what a stack of it is made from.
    pub fn blueprint(&self, files: &[(&str, &str)], variables: &Value) -> Configuration {
        let source = Source {
            root: String::new(),
            files: files
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
            ..Source::default()
        };
        let digest = source.digest();
        self.aws.put(
            ARTIFACTS,
            &format!("blueprints/sha256-{}.json", digest.hex()),
            source.to_json(),
        );
        Configuration {
            blueprint: name("thing"),
            version: "1.0.0".parse().expect("a version"),
            digest,
            draft: false,
            variables: variables.as_object().cloned().unwrap_or_default(),
            sensitive: BTreeSet::new(),
        }
    }

    /// Has plans of the environment be approved like this.
    pub fn ask_approval(&self, approval: Approval) {
        self.change_environment(|environment| environment.approval = approval);
    }

    /// Changes the environment.
    pub fn change_environment(&self, change: impl FnOnce(&mut Environment)) {
        let environment = self.wait(self.store.environment(&name("dev")));
        let mut environment = environment.expect("the environment");
        change(&mut environment);
        self.wait(self.store.put_environment(&environment))
            .expect("an environment");
    }

    /// Protects the environment, and in it these resources.
    pub fn protect(&self, kind: &str) {
        self.change_environment(|environment| {
            environment.protected = true;
            environment.protected_types = Some(BTreeSet::from([kind.parse().expect("a type")]));
        });
    }

    /// The name of the archive with an operation's plan.
    pub fn kept_plan(&self, operation: &Operation) -> Option<String> {
        let archive = self.operation(operation).planned_by?.archive?;
        Some(slipway_model::artifact::plan(&archive))
    }

    /// Takes the plan off an operation's record, as if no build had planned.
    pub fn forget_plan(&self, operation: &Operation) {
        let forget = self.store.update_operation(&operation.id, |operation| {
            operation.planned_by = None;
            operation.applied_by = None;
            operation.binding = None;
            Ok(())
        });
        self.wait(forget).expect("a record");
    }

    /// Writes an environment in place of the one that stacks are made in.
    pub fn put_environment(&self, role: &str, region: &str) {
        let mut environment = self
            .wait(self.store.environment(&name("dev")))
            .expect("the environment");
        environment.role = Some(role.parse().expect("a role"));
        environment.external_id = Some(EXTERNAL_ID.parse().expect("an external id"));
        environment.region = region.parse().expect("a region");
        self.wait(self.store.put_environment(&environment))
            .expect("an environment");
    }

    /// Asks for a stack; its operation runs.
    pub fn provision(&self, called: &str, configuration: Configuration) -> Operation {
        let new = NewStack {
            name: name(called),
            environment: name("dev"),
            configuration,
            images: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            owner: None,
            requested_by: "ada \"the owner\" ${lovelace}".to_owned(),
            permitted: None,
            origin: None,
        };
        let outcome = self
            .wait(self.store.create_stack(&new, None, |_| answer()))
            .expect("an outcome");
        self.begun(outcome)
    }

    /// Asks for a further operation on a stack; it runs.
    pub fn request(&self, work: Work, stack: &Stack, configuration: Option<Configuration>) -> Operation {
        let stack = self.wait(self.store.stack(&stack.id)).expect("the stack");
        let new = NewOperation {
            configuration,
            ..NewOperation::new(work, stack, "ada")
        };
        let outcome = self
            .wait(self.store.create_operation(&new, None, |_| answer()))
            .expect("an outcome");
        self.begun(outcome)
    }

    fn begun(&self, outcome: Outcome) -> Operation {
        let Outcome::Created { operation, .. } = outcome else {
            panic!("{outcome:?}")
        };
        self.wait(self.store.begin_operation(&operation.id))
            .expect("a begun operation")
            .0
    }

    /// Ends an operation, as the workflow does.
    pub fn end(&self, operation: &Operation, end: &End) {
        self.wait(self.store.finish_operation(&operation.id, end))
            .expect("an ended operation");
    }

    pub fn operation(&self, operation: &Operation) -> Operation {
        self.wait(self.store.operation(&operation.id)).expect("the operation")
    }

    pub fn stack(&self, operation: &Operation) -> Stack {
        self.wait(self.store.stack(&operation.stack)).expect("the stack")
    }

    /// The key of an artifact of an operation.
    pub fn key(&self, operation: &Operation, name: &str) -> String {
        slipway_model::artifact::of_operation(&self.operation(operation), name)
    }

    /// An artifact of an operation.
    pub fn artifact(&self, operation: &Operation, name: &str) -> Option<String> {
        let bytes = self.aws.object(ARTIFACTS, &self.key(operation, name))?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub fn outputs(&self, operation: &Operation) -> Value {
        let text = self.artifact(operation, "outputs.json").expect("outputs");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The state of a stack.
    pub fn state(&self, operation: &Operation) -> Value {
        let key = state_key(operation);
        serde_json::from_slice(&self.aws.object(STATES, &key).expect("a state")).expect("JSON")
    }

    pub fn is_locked(&self, operation: &Operation) -> bool {
        let key = format!("{}.tflock", state_key(operation));
        self.aws.object(STATES, &key).is_some()
    }

    /// What `Review plan` and an approver do with a plan, unless it was reviewed.
    pub fn review(&self, operation: &Operation) {
        self.review_as(operation, &Verdict::ApprovalNeeded, Some("grace"));
    }

    /// Reviews a plan, unless it was reviewed: this verdict, and an approval by this approver.
    pub fn review_as(&self, operation: &Operation, verdict: &Verdict, approver: Option<&str>) {
        let reviewed = self.store.update_operation(&operation.id, |operation| {
            if !operation.status.has_ended() && operation.verdict.is_none() {
                operation.verdict = Some(verdict.clone());
                operation.approved_by = approver.map(str::to_owned);
            }
            Ok(())
        });
        self.wait(reviewed).expect("a verdict");
    }

    /// A build of a phase, not started. Before Apply the plan is reviewed.
    pub fn build(&self, operation: &Operation, phase: &str, build: &str) -> Command {
        if phase == "apply" {
            self.review(operation);
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway-runner"));
        let out = std::fs::File::create(self.log(build)).expect("a file");
        command
            .env_clear()
            .envs(self.aws.vars())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TMPDIR", self.folder.path())
            .env("SLIPWAY_OPERATION", operation.id.as_str())
            .env("SLIPWAY_STACK", operation.stack.as_str())
            .env("SLIPWAY_SESSION_ROLE", SESSION_ROLE)
            .env("SLIPWAY_PHASE", phase)
            .env("SLIPWAY_TABLE", "slipway")
            .env("SLIPWAY_STATE_BUCKET", STATES)
            .env("SLIPWAY_ARTIFACTS_BUCKET", ARTIFACTS)
            .env("SLIPWAY_TERRAFORM", self.path("terraform"))
            .env("CODEBUILD_BUILD_ID", format!("runner:{build}"))
            .env("CODEBUILD_LOG_GROUP", "/slipway/builds")
            .env("CODEBUILD_LOG_PATH", build)
            .envs(self.cli_config.iter().map(|file| ("TF_CLI_CONFIG_FILE", file)))
            // None of these may reach Terraform.
            .env("TF_CLI_ARGS", "-invalid")
            .env("TF_VAR_greeting", "from outside")
            .env("TF_LOG", "trace")
            .stdin(Stdio::null())
            .stderr(out.try_clone().expect("a file"))
            .stdout(out);
        command
    }

    fn log(&self, build: &str) -> PathBuf {
        self.path(&format!("build-{build}.log"))
    }

    /// What a build printed.
    pub fn printed(&self, build: &str) -> String {
        std::fs::read_to_string(self.log(build)).unwrap_or_default()
    }

    /// Runs a build to its end. Returns its exit code and what it printed.
    pub fn run(&self, operation: &Operation, phase: &str, build: &str) -> (Option<i32>, String) {
        let status = self.build(operation, phase, build).status().expect("a build");
        self.aws.end_build(&format!("runner:{build}"));
        (status.code(), self.printed(build))
    }

    /// Runs a build that succeeds.
    pub fn succeed(&self, operation: &Operation, phase: &str, build: &str) -> String {
        let (code, printed) = self.run(operation, phase, build);
        assert_eq!(code, Some(0), "{printed}");
        printed
    }

    /// Runs a build that fails. Returns what it printed.
    pub fn fail(&self, operation: &Operation, phase: &str, build: &str) -> String {
        let (code, printed) = self.run(operation, phase, build);
        assert_eq!(code, Some(1), "{printed}");
        printed
    }

    /// Starts a build and waits until it has printed `text`.
    pub fn start_until(&self, operation: &Operation, phase: &str, build: &str, text: &str) -> Child {
        let child = self.build(operation, phase, build).spawn().expect("a build");
        self.until(&format!("{text:?} from {build}"), || self.printed(build).contains(text));
        child
    }

    /// Waits for a condition.
    pub fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            let logs = || {
                ["plan", "apply", "again", "other"]
                    .map(|build| self.printed(build))
                    .join("\n")
            };
            assert!(start.elapsed() < SOON, "waited in vain for {what}\n{}", logs());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The key of the state of an operation's stack.
pub fn state_key(operation: &Operation) -> String {
    format!("stacks/{0}/{0}/terraform.tfstate", operation.stack)
}

/// Where it was while all stacks shared one prefix.
pub fn earlier_state_key(operation: &Operation) -> String {
    format!("stacks/{}/terraform.tfstate", operation.stack)
}

pub fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn answer() -> Answer {
    Answer {
        status: 202,
        headers: Vec::new(),
        body: Vec::new(),
    }
}
