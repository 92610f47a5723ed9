//! Everything together: one process that is AWS and the API.
//!
//! ```text
//!            ┌─────────── API port ───────────┐       ┌────────────── AWS port ─────────────┐
//!  curl, CLI │ guard ─► slipway_api::router   │──SDK─►│ guard ─► front ─► S3, DynamoDB, ... │◄── aws CLI, runner
//!            └────────────────────────────────┘       └──┬──────────────────────────────────┘
//!                    steps, events, sweep ◄── in-process ┘ (Step Functions, EventBridge)
//! ```
//!
//! The functions reach AWS through the port although they are in the same process: what is tested is what ships.

mod folder;
mod functions;
mod ports;
mod timers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use bytes::Bytes;
use futures::FutureExt;
use serde_json::{Value, json};
use slipway_api::Caller;
use slipway_model::environment::Environment;
use slipway_store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::folder::DataFolder;
pub use self::folder::ServerFile;
use self::functions::{Handlers, aws_variables};
use crate::Error;
use crate::codebuild::{self, CodeBuild};
use crate::dynamodb::DynamoDb;
use crate::ecs::{Ecs, ImageSource};
use crate::events::EventBus;
use crate::front::{Front, Guard, guard};
use crate::ledger::Ledger;
use crate::logs::Logs;
use crate::process::Supervisor;
use crate::s3::S3;
use crate::stepfunctions::{Functions, Services, StepFunctions};
use crate::template::Template;
use crate::wire::{ACCOUNT, JsonProtocol, REGION};

/// The bucket of the images that ECS runs.
pub const IMAGES: &str = "slipway-images";

/// How long an answer that is under way may take once the server is to stop. A long poll is cut off.
const GRACE: Duration = Duration::from_secs(3);

/// What builds inherit from the server's own environment: enough to find programs and to reach the network.
const INHERITED: [&str; 17] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "TF_CLI_CONFIG_FILE",
    "TF_PLUGIN_CACHE_DIR",
];

/// How to start.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// The data folder; it is made when it does not exist.
    pub data: PathBuf,
    /// The port of the API; 0 for the last one, or else any that is free.
    pub api_port: u16,
    /// The port of the local AWS; 0 as for the API.
    pub aws_port: u16,
    /// The Terraform or OpenTofu program that builds run.
    pub terraform: PathBuf,
    /// The `slipway` program, which builds find under its two names.
    pub program: PathBuf,
}

/// Local mode.
pub struct Local;

/// Local mode, running.
pub struct Running {
    api: SocketAddr,
    aws: SocketAddr,
    services: LocalServices,
    stop_api: CancellationToken,
    stop_aws: CancellationToken,
    servers: Vec<JoinHandle<()>>,
    /// Given back last.
    _folder: DataFolder,
}

/// The services behind the AWS port.
#[derive(Clone)]
struct LocalServices {
    s3: S3,
    tables: DynamoDb,
    logs: Logs,
    events: EventBus,
    codebuild: CodeBuild,
    ecs: Ecs,
    stepfunctions: StepFunctions,
    functions: Functions,
}

impl Local {
    /// Starts local mode: both ports are served when this returns, and what the last server left is taken up.
    pub async fn start(options: LocalOptions) -> Result<Running, Error> {
        let folder = DataFolder::open(&options.data)?;
        let template = Template::embedded().map_err(|error| Error::ReadTemplate(Box::new(error)))?;
        let last = folder.last_server();
        let last = last.as_ref();
        let api = ports::bind("the API", options.api_port, last.map(|last| last.api_port)).await?;
        let aws = ports::bind("the local AWS", options.aws_port, last.map(|last| last.aws_port)).await?;
        let addresses = (address(&api)?, address(&aws)?);
        let endpoint = url(addresses.1);

        let services = LocalServices::open(folder.path(), &template, &options, &endpoint)?;
        let handlers = Handlers::new(&template, &endpoint)?;
        handlers.register(&template, &services.functions)?;
        handlers.subscribe(&template, &services.events)?;
        services.make_resources(&template)?;

        let (stop_api, stop_aws) = (CancellationToken::new(), CancellationToken::new());
        let aws_router = services.front().router(addresses.1.port());
        let mut servers = vec![serve("the local AWS", aws, aws_router, stop_aws.clone())];
        services.make_state_machine(&template).await?;
        seed_environment(&template, &endpoint, folder.path()).await?;

        services.recover().await?;
        // What the last server accepted and did not start, however short a time ago.
        timers::sweep_once(&handlers.sweep, json!({"older_than_seconds": 0})).await;
        for schedule in &template.schedules {
            let every = timers::rate(schedule)?;
            Handlers::require_sweep(&schedule.function)?;
            timers::sweep_regularly(Arc::clone(&handlers.sweep), every, stop_aws.clone());
        }
        timers::expire_regularly(services.tables.clone(), stop_aws.clone());

        let api_router = api_router(handlers.api, addresses.0.port());
        servers.push(serve("the API", api, api_router, stop_api.clone()));
        folder.remember(&ServerFile {
            pid: std::process::id(),
            api: url(addresses.0),
            aws: endpoint,
            api_port: addresses.0.port(),
            aws_port: addresses.1.port(),
        })?;
        Ok(Running {
            api: addresses.0,
            aws: addresses.1,
            services,
            stop_api,
            stop_aws,
            servers,
            _folder: folder,
        })
    }
}

impl Running {
    /// Where the API listens.
    pub fn api_addr(&self) -> SocketAddr {
        self.api
    }

    /// Where the local AWS listens.
    pub fn aws_addr(&self) -> SocketAddr {
        self.aws
    }

    /// The API's URL, without a slash at the end.
    pub fn api_url(&self) -> String {
        url(self.api)
    }

    /// The URL of the local AWS, for `AWS_ENDPOINT_URL`.
    pub fn aws_url(&self) -> String {
        url(self.aws)
    }

    /// Stops: the tasks of services end, builds go on and are taken up at the next start.
    pub async fn shutdown(self) -> Result<(), Error> {
        self.stop(false).await
    }

    /// Stops for good: builds are asked to stop too, and have saved what they did when this returns.
    pub async fn shutdown_with_builds(self) -> Result<(), Error> {
        self.stop(true).await
    }

    async fn stop(self, with_builds: bool) -> Result<(), Error> {
        self.stop_api.cancel();
        // Executions stand still, and go on at the next start.
        self.services.stepfunctions.shutdown();
        if with_builds {
            // Their runners still find S3 and DynamoDB.
            self.services.codebuild.shutdown().await;
        }
        self.services.ecs.shutdown().await;
        self.stop_aws.cancel();
        for server in self.servers {
            // A panic of a server has been logged when it happened.
            let _ = server.await;
        }
        Ok(())
    }
}

impl LocalServices {
    fn open(data: &Path, template: &Template, options: &LocalOptions, endpoint: &str) -> Result<Self, Error> {
        let ledger = Ledger::open(&data.join("ledger.db"))?;
        let s3 = S3::open(&data.join("s3"))?;
        let tables = DynamoDb::open(&data.join("dynamodb.db"))?;
        let logs = Logs::new(ledger.clone());
        let events = EventBus::new(ledger.clone());
        let supervisor = Supervisor::new().map_err(Error::Supervise)?;
        let codebuild = CodeBuild::new(
            build_options(data, options, endpoint),
            vec![project(template)],
            ledger.clone(),
            logs.clone(),
            events.clone(),
            supervisor.clone(),
        )
        .map_err(|error| Error::StartCodeBuild(Box::new(error)))?;
        let ecs = Ecs::new(
            data,
            image_source(s3.clone()),
            ledger.clone(),
            logs.clone(),
            events.clone(),
            supervisor,
        )
        .map_err(|error| Error::StartEcs(Box::new(error)))?;
        let functions = Functions::default();
        let called = services(&functions, &codebuild, &ecs, &events);
        Ok(Self {
            stepfunctions: StepFunctions::new(ledger, called),
            s3,
            tables,
            logs,
            events,
            codebuild,
            ecs,
            functions,
        })
    }

    fn make_resources(&self, template: &Template) -> Result<(), Error> {
        let table = &template.table;
        let create_table = serde_json::to_value(&table.create_table).map_err(|source| Error::EncodeRecord {
            what: format!("the table `{}`", table.name),
            source,
        })?;
        self.tables
            .ensure_table(&create_table, table.ttl_attribute.as_deref())?;
        for bucket in &template.buckets {
            self.s3.ensure_bucket(&bucket.name, bucket.versioned)?;
        }
        self.s3.ensure_bucket(IMAGES, false)?;
        for group in &template.log_groups {
            self.logs.ensure_group(&group.name)?;
        }
        Ok(())
    }

    /// Running executions go on with the definition that they started with; new ones get the template's.
    async fn make_state_machine(&self, template: &Template) -> Result<(), Error> {
        let machine = &template.state_machine;
        let failed = |source| Error::SetUpStateMachine {
            name: machine.name.clone(),
            source,
        };
        let call = |action: &'static str, body: Value| self.stepfunctions.call(action, body);
        let arn = json!({ "stateMachineArn": machine.arn });
        match call("DescribeStateMachine", arn).await {
            Ok(known) if known["definition"] == json!(machine.definition) => {}
            Ok(_) => {
                let body = json!({"stateMachineArn": machine.arn, "definition": machine.definition, "roleArn": machine.role_arn});
                call("UpdateStateMachine", body).await.map_err(failed)?;
            }
            Err(error) if error.code == "StateMachineDoesNotExist" => {
                let body = json!({
                    "name": machine.name, "definition": machine.definition, "roleArn": machine.role_arn, "type": "STANDARD",
                });
                call("CreateStateMachine", body).await.map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        self.stepfunctions.ensure_alias(&machine.arn, &machine.alias)
    }

    /// Takes up what the last server left, each service before those that wait for it.
    async fn recover(&self) -> Result<(), Error> {
        self.ecs
            .recover()
            .await
            .map_err(|error| Error::StartEcs(Box::new(error)))?;
        self.codebuild
            .recover()
            .map_err(|error| Error::StartCodeBuild(Box::new(error)))?;
        self.events.recover()?;
        self.stepfunctions.recover()
    }

    fn front(&self) -> Front {
        /// A JSON service as the front calls it.
        macro_rules! service {
            ($service:expr) => {{
                let service = $service.clone();
                move |action: String, body: Value| {
                    let service = service.clone();
                    async move { service.call(&action, body).await }.boxed()
                }
            }};
        }
        use JsonProtocol::{V1_0, V1_1};
        Front::new(self.s3.clone())
            .json("DynamoDB_20120810", V1_0, service!(self.tables))
            .json("AWSStepFunctions", V1_0, service!(self.stepfunctions))
            .json("CodeBuild_20161006", V1_1, service!(self.codebuild))
            .json("AmazonEC2ContainerServiceV20141113", V1_1, service!(self.ecs))
            .json("AWSEvents", V1_1, service!(self.events))
            .json("Logs_20140328", V1_1, service!(self.logs))
    }
}

/// What executions call. Step Functions asks the services themselves: a hop less, and their ends are pushed.
fn services(functions: &Functions, codebuild: &CodeBuild, ecs: &Ecs, events: &EventBus) -> Services {
    let (builds, finished) = (codebuild.clone(), codebuild.clone());
    let (tasks, stopped) = (ecs.clone(), ecs.clone());
    Services {
        functions: functions.clone(),
        codebuild: Arc::new(move |action, body| {
            let builds = builds.clone();
            async move { builds.call(&action, body).await }.boxed()
        }),
        build_finished: Arc::new(move |build| {
            let builds = finished.clone();
            async move { builds.finished(&build).await }.boxed()
        }),
        ecs: Arc::new(move |action, body| {
            let tasks = tasks.clone();
            async move { tasks.call(&action, body).await }.boxed()
        }),
        task_stopped: Arc::new(move |cluster, task| {
            let tasks = stopped.clone();
            async move { tasks.stopped(&cluster, &task).await }.boxed()
        }),
        events: events.clone(),
    }
}

fn build_options(data: &Path, options: &LocalOptions, endpoint: &str) -> codebuild::Options {
    let mut environment: BTreeMap<String, String> = INHERITED
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    environment.extend(aws_variables(endpoint));
    let terraform = options.terraform.to_string_lossy().into_owned();
    environment.insert("SLIPWAY_TERRAFORM".to_owned(), terraform);
    codebuild::Options {
        folder: data.join("builds"),
        tools: data.join("tools"),
        program: options.program.clone(),
        environment,
        // Two Terraform processes keep two cores busy; more of them only take longer.
        parallel: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
    }
}

fn project(template: &Template) -> codebuild::Project {
    let project = &template.project;
    let variables = project.environment_variables.iter();
    codebuild::Project {
        name: project.name.clone(),
        buildspec: project.buildspec.clone(),
        environment: variables
            .map(|variable| (variable.name.clone(), variable.value.clone()))
            .collect(),
        timeout_minutes: project.timeout_in_minutes,
        queued_timeout_minutes: project.queued_timeout_in_minutes,
        concurrent_build_limit: None,
        log_group: project.log_group.clone(),
    }
}

fn image_source(s3: S3) -> ImageSource {
    Arc::new(move |key| {
        let s3 = s3.clone();
        async move {
            let bytes = s3.get(IMAGES, &key).await;
            let bytes = bytes.map_err(|error| crate::error::chain(&error))?;
            Ok(bytes.map(Bytes::from))
        }
        .boxed()
    })
}

/// The one environment of this machine, unless somebody has made it already. It gives blueprints a folder for what their
/// tasks keep: this machine's stand-in for a file system of AWS.
async fn seed_environment(template: &Template, endpoint: &str, data: &Path) -> Result<(), Error> {
    let failed = |source: slipway_store::Error| Error::SeedEnvironment(Box::new(source));
    let name: slipway_model::name::Name = "local"
        .parse()
        .map_err(|error| Error::SeedEnvironment(Box::from(error)))?;
    let store = Store::new(
        &slipway_store::aws::sdk_config(&aws_variables(endpoint)),
        &template.table.name,
    );
    match store.environment(&name).await {
        Ok(_) => Ok(()),
        Err(slipway_store::Error::NotFound { .. }) => {
            let volumes = data.join("volumes").to_string_lossy().into_owned();
            let variables = serde_json::Map::from_iter([("volumes".to_owned(), Value::from(volumes))]);
            let environment = Environment {
                name,
                account: ACCOUNT.to_owned(),
                region: REGION.to_owned(),
                role: None,
                external_id: None,
                approval: slipway_model::environment::Approval::Never,
                protected: false,
                variables,
            };
            store.put_environment(&environment).await.map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

fn api_router(api: Router, port: u16) -> Router {
    // Who can reach loopback and the data folder is the user of this machine.
    let caller = Caller {
        name: os_user(),
        admin: true,
    };
    api.layer(Extension(caller))
        .layer(axum::middleware::from_fn_with_state(Guard::new(port), guard))
}

fn os_user() -> String {
    let named = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    named
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()))
}

fn serve(what: &'static str, listener: TcpListener, router: Router, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let stopped = stop.clone();
        let serving = axum::serve(listener, router).with_graceful_shutdown(async move { stopped.cancelled().await });
        let cut_off = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            outcome = serving.into_future() => {
                if let Err(source) = outcome {
                    let error = Error::Serve { what, source };
                    tracing::error!(error = %crate::error::chain(&error), "a server failed");
                }
            }
            () = cut_off => {}
        }
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|source| Error::Listen {
        what: "itself",
        port: 0,
        source,
    })
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}
