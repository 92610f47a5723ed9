//! CodeBuild: runs a project's buildspec as a process.
//!
//! A build is a supervised process ([`crate::process`]) with a folder of its own, so it outlives the server; a new
//! server takes it over, and sees its end. What a build gets is its project's environment, the
//! caller's `environmentVariablesOverride`, CodeBuild's own variables and what [`Options::environment`] gives to all;
//! nothing else of the server's.
//!
//! **Limits.** As many builds run at once as [`Options::concurrent_builds`] says, which stands for the limit of an account. Five times
//! as many are queued, and `StartBuild` refuses any beyond. A project with a limit of its own queues none: at the limit
//! `StartBuild` refuses, too (<https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html>). AWS says of neither
//! limit in which order it takes builds from the queue; here the oldest is the next.
//!
//! **When a build is stopped,** by `StopBuild` or by a timeout, all of its processes are killed: AWS documents no signal.
//!
//! **When the server ends.** After a `kill -9` builds go on and are adopted. On an orderly shutdown
//! ([`CodeBuild::shutdown`]) running builds are asked to stop while the server still serves, because what they do last
//! is to save Terraform's state to it; queued builds wait for the next start.

mod build;
mod buildspec;
mod project;
mod run;
mod start;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use self::build::{Build, Stop};
use self::buildspec::Buildspec;
pub use self::project::Project;
use self::start::StartBuild;
use crate::host::Host;
use crate::ledger::{Ledger, LedgerError};
use crate::process::{ProcessError, is_running};
use crate::wire::{AwsError, arn, input, request_id};

const BUILD: &str = "build";
/// The builds of a project in the order of their numbers.
const BUILDS_OF: &str = "builds-of";
const TOKEN: &str = "build-token";

/// What AWS puts on one page of a list and takes in one batch.
const PAGE: usize = 100;

/// How many builds an account may have in its queue for each that may run:
/// <https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html>.
const QUEUE_OF_A_BUILD: usize = 5;

/// What CodeBuild needs of the machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that holds one folder per build.
    pub folder: PathBuf,
    /// The folder of links to the programs, first on every build's `PATH`.
    pub tools: PathBuf,
    /// The programs that every build finds, by their names.
    pub programs: BTreeMap<String, PathBuf>,
    /// What every build gets besides its project's variables: endpoint, region, local credentials. Its `PATH` comes
    /// after the tools.
    pub environment: BTreeMap<String, String>,
    /// The account's limit: how many builds run at once.
    pub concurrent_builds: usize,
}

/// A reason why CodeBuild cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodeBuildError {
    /// A buildspec says something that the emulator cannot do.
    #[error("cannot read the buildspec of the project {project}")]
    Buildspec {
        /// The project.
        project: String,
        /// What is not understood, and where.
        #[source]
        source: serde_yaml_ng::Error,
    },
    /// The links to the program could not be made.
    #[error("cannot prepare the tools folder {}", folder.display())]
    Tools {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A process of an earlier run could not be taken over.
    #[error("cannot take over the build {build}")]
    Adopt {
        /// Its id.
        build: String,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The CodeBuild service.
#[derive(Clone)]
pub struct CodeBuild {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    projects: BTreeMap<String, (Project, Buildspec)>,
    host: Host,
    permits: Arc<Semaphore>,
    /// The builds that run or are queued.
    live: Mutex<Live>,
}

/// The builds that run or are queued, by their uuids.
type Live = HashMap<String, InProgress>;

/// A build that runs or is queued.
struct InProgress {
    project: String,
    /// Requests its stop.
    stop: watch::Sender<Option<Stop>>,
}

/// An idempotency token of `StartBuild`.
///
/// AWS forgets one after five minutes. Here it holds as long as its build is known: a server that was down for longer
/// must not start a second Terraform because it does not know any more that it started the first.
#[derive(Serialize, Deserialize)]
struct Token {
    build: String,
    /// The caller's own variables, and not the project's: those may change with the program.
    variables: BTreeMap<String, String>,
}

/// How many builds of the last server still run: their processes have the folders of these.
pub fn still_running(ledger: &Ledger, folder: &Path) -> Result<usize, LedgerError> {
    let builds = ledger.list::<Build>(BUILD)?;
    let runs = |(uuid, build): &&(String, Build)| !build.is_complete() && is_running(&folder.join(uuid));
    Ok(builds.iter().filter(runs).count())
}

impl CodeBuild {
    /// Reads the buildspecs and makes the tools folder. Call [`CodeBuild::recover`] next.
    pub fn new(host: &Host, mut options: Options, projects: Vec<Project>) -> Result<Self, CodeBuildError> {
        // Builds run in other folders than the server.
        let folders = [&mut options.folder, &mut options.tools];
        for path in folders.into_iter().chain(options.programs.values_mut()) {
            *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
        }
        run::make_tools(&options).map_err(|source| CodeBuildError::Tools {
            folder: options.tools.clone(),
            source,
        })?;
        let mut known = BTreeMap::new();
        for project in projects {
            let spec = Buildspec::parse(&project.buildspec).map_err(|source| CodeBuildError::Buildspec {
                project: project.name.clone(),
                source,
            })?;
            known.insert(project.name.clone(), (project, spec));
        }
        Ok(Self {
            shared: Arc::new(Shared {
                permits: Arc::new(Semaphore::new(options.concurrent_builds)),
                options,
                projects: known,
                host: host.clone(),
                live: Mutex::default(),
            }),
        })
    }

    /// One call of the wire API.
    // Nothing here waits; the signature is that of every JSON service.
    #[allow(clippy::unused_async)]
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        match action {
            "StartBuild" => self.start_build(body),
            "StopBuild" => self.stop_build(&input::<ById>(body)?.id),
            "BatchGetBuilds" => self.batch_get_builds(&input::<Ids>(body)?.ids),
            "ListBuilds" => self.list_builds(None, &input(body)?),
            "ListBuildsForProject" => {
                let page: Page = input(body)?;
                let name = page.project_name.clone().unwrap_or_default();
                self.list_builds(Some(&name), &page)
            }
            _ => Err(AwsError::unknown_operation(action)),
        }
    }

    /// Waits for the end of a build, whichever server runs it, and returns it as `BatchGetBuilds` does.
    pub async fn finished(&self, build_id: &str) -> Result<Value, AwsError> {
        let mut changes = self.shared.host.ledger.changes(BUILD);
        loop {
            let build = self.shared.build(build_id)?.ok_or_else(|| not_found(build_id))?;
            if build.is_complete() {
                return Ok(self.shared.json(&build));
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    fn start_build(&self, body: Value) -> Result<Value, AwsError> {
        let start = StartBuild::parse(body)?;
        let (project, spec) = self.shared.projects.get(&start.project_name).ok_or_else(|| {
            let project = arn("codebuild", &format!("project/{}", start.project_name));
            AwsError::new(
                "ResourceNotFoundException",
                format!("Project cannot be found: {project}"),
            )
        })?;
        let mut variables: BTreeMap<String, String> = spec.variables().collect();
        variables.extend(project.environment.clone());
        variables.extend(start.variables.clone());
        let token = start.token.map(|token| format!("{}/{token}", project.name));
        // Held until the build is counted, so that two calls at once cannot both be the last one.
        let mut live = lock(&self.shared.live);
        let (build, is_new) = self.shared.host.ledger.transaction(|ledger| {
            if let Some(token) = &token
                && let Some(known) = ledger.get::<Token>(TOKEN, token)?
                && let Some(build) = ledger.get::<Build>(BUILD, &known.build)?
            {
                if known.variables != start.variables {
                    return Err(invalid("The idempotency token was used with other parameters."));
                }
                return Ok((build, false));
            }
            self.shared.require_room(&live, project)?;
            let uuid = request_id();
            let number = ledger.append(BUILDS_OF, &project.name, &uuid)?;
            let build = Build::new(uuid.clone(), &project.name, number, variables);
            ledger.put(BUILD, &uuid, &build)?;
            if let Some(token) = &token {
                let known = Token {
                    build: uuid,
                    variables: start.variables,
                };
                ledger.put(TOKEN, token, &known)?;
            }
            Ok((build, true))
        })?;
        if is_new {
            let stop = Shared::enter(&mut live, &build);
            drop(live);
            self.shared.announce(&build);
            self.shared.carry_out_entered(build.clone(), None, stop);
        }
        Ok(json!({"build": self.shared.json(&build)}))
    }

    fn stop_build(&self, id: &str) -> Result<Value, AwsError> {
        let build = self.shared.build(id)?.ok_or_else(|| not_found(id))?;
        let build = self.shared.request_stop(build, Stop::Requested)?;
        Ok(json!({"build": self.shared.json(&build)}))
    }

    fn batch_get_builds(&self, ids: &[String]) -> Result<Value, AwsError> {
        if ids.is_empty() || ids.len() > PAGE {
            return Err(invalid("ids: 1 to 100 are taken."));
        }
        let (mut builds, mut missing) = (Vec::new(), Vec::new());
        for id in ids {
            match self.shared.build(id)? {
                Some(build) => builds.push(self.shared.json(&build)),
                None => missing.push(id),
            }
        }
        Ok(json!({"builds": builds, "buildsNotFound": missing}))
    }

    fn list_builds(&self, project: Option<&str>, page: &Page) -> Result<Value, AwsError> {
        if let Some(name) = project
            && !self.shared.projects.contains_key(name)
        {
            return Err(AwsError::new(
                "ResourceNotFoundException",
                format!("The provided project {name} does not exist"),
            ));
        }
        let mut ids = Vec::new();
        for name in self.shared.projects.keys() {
            if project.is_none_or(|wanted| wanted == name) {
                let builds = self.shared.host.ledger.entries::<String>(BUILDS_OF, name, 1)?;
                ids.extend(builds.into_iter().map(|(_, uuid)| format!("{name}:{uuid}")));
            }
        }
        match page.sort_order.as_deref() {
            None | Some("DESCENDING") => ids.reverse(),
            Some("ASCENDING") => {}
            Some(_) => return Err(invalid("sortOrder is ASCENDING or DESCENDING.")),
        }
        let from = match &page.next_token {
            None => 0,
            Some(token) => token
                .parse::<usize>()
                .map_err(|_| invalid("nextToken is not one that this service gave."))?,
        };
        let end = from.saturating_add(PAGE).min(ids.len());
        let mut answer = json!({"ids": ids.get(from..end).unwrap_or_default()});
        if end < ids.len() {
            answer["nextToken"] = json!(end.to_string());
        }
        Ok(answer)
    }
}

impl Shared {
    /// Refuses a build that neither the project nor the account has room for.
    fn require_room(&self, live: &Live, project: &Project) -> Result<(), AwsError> {
        let of_project = live.values().filter(|build| build.project == project.name).count();
        if project.concurrent_build_limit.is_some_and(|limit| of_project >= limit) {
            let running = "Cannot have more builds in progress than the concurrent build limit of the project";
            return Err(limit_exceeded(format!("{running} {}", project.name)));
        }
        let running = self.options.concurrent_builds;
        let queue = running * QUEUE_OF_A_BUILD;
        if live.len() >= running + queue {
            return Err(limit_exceeded(format!(
                "Cannot have more than {queue} builds in queue for the account"
            )));
        }
        Ok(())
    }

    /// The build with this id or ARN.
    fn build(&self, id: &str) -> Result<Option<Build>, AwsError> {
        let id = id.rsplit("build/").next().unwrap_or(id);
        let Some((project, uuid)) = id.split_once(':') else {
            return Ok(None);
        };
        let build = self.host.ledger.get::<Build>(BUILD, uuid)?;
        Ok(build.filter(|build| build.project == project))
    }

    fn json(&self, build: &Build) -> Value {
        match self.projects.get(&build.project) {
            Some((project, _)) => build.to_json(project),
            // The template has lost the project since.
            None => json!({"id": build.id(), "arn": build.arn(), "buildComplete": build.is_complete()}),
        }
    }
}

#[derive(Deserialize)]
struct ById {
    id: String,
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    project_name: Option<String>,
    sort_order: Option<String>,
    next_token: Option<String>,
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidInputException", message)
}

fn limit_exceeded(message: String) -> AwsError {
    AwsError::new("AccountLimitExceededException", message)
}

fn not_found(id: &str) -> AwsError {
    AwsError::new("ResourceNotFoundException", format!("There is no build {id}"))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
