//! Everything together: one process that is AWS and the API.
//!
//! ```text
//!            ┌─────────── API port ───────────┐       ┌────────────── AWS port ─────────────┐
//!  curl, CLI │ guard ─► slipway_api::router   │──SDK─►│ guard ─► endpoint ─► S3, DynamoDB … │◄── aws CLI, runner
//!            └────────────────────────────────┘       └──┬──────────────────────────────────┘
//!                    steps, events, sweep ◄── in-process ┘ (Step Functions, EventBridge)
//! ```
//!
//! The functions reach AWS through the port although they are in the same process: what is tested is what ships.

mod crash;
mod folder;
mod functions;
mod gateway;
mod leftovers;
mod ports;
mod recorder;
mod seed;
mod services;
mod start;
mod timers;
mod token;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use aws_emulator::account::{Account, Builds};
use aws_emulator::dynamodb::DynamoDb;
use aws_emulator::endpoint::{Guard, Token};
use aws_emulator::ledger::Ledger;
use aws_emulator::listener::serve;
use aws_emulator::{Limits, codebuild, elasticache, postgres};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::folder::DataFolder;
pub use self::folder::ServerFile;
use self::functions::{Aws, Handlers};
pub use self::token::TOKEN_FILE;
use crate::Error;
use crate::template::Template;

/// The bucket of the images that ECS runs.
pub const IMAGES: &str = "slipway-images";

/// The folder of the builds, below the data folder.
const BUILDS: &str = "builds";

/// The file of the tables, below the data folder.
const TABLES: &str = "dynamodb.db";

/// What a caller of the AWS port without the token should do.
const SIGN_WITH_TOKEN: &str = "This server requires a token (`slipway up --require-token`): sign with the session token that `slipway env` prints.";

/// What a caller of the API without the token should do.
const SEND_TOKEN: &str = "This server requires a token (`slipway up --require-token`): send `Authorization: Bearer …` with what \
    is in the file `token` of its data folder. `slipway` does so by itself.";

/// The environment variables that name the programs of local databases.
pub const POSTGRES_BIN: &str = "SLIPWAY_POSTGRES_BIN";
pub const REDIS_SERVER: &str = "SLIPWAY_REDIS_SERVER";

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
    /// Where builds get providers from, as the runner's `SLIPWAY_PROVIDERS` says it.
    pub providers: String,
    /// The `slipway` program, which builds find under its two names.
    pub program: PathBuf,
    /// The limits of the account.
    pub limits: Limits,
    /// The account's limit of builds that run at once; as many as there are cores where there is none.
    pub concurrent_builds: Option<usize>,
    /// The PostgreSQL that the databases of stacks run on; without one they are files of SQLite.
    pub postgres: Option<postgres::Installation>,
    /// The Valkey or Redis that the caches of stacks run on; without one, a stack with a cache is refused.
    pub redis: Option<elasticache::Installation>,
    /// Whether callers of both ports have to know the token in the data folder.
    pub require_token: bool,
    /// Whether to start although a part of the data is lost.
    pub accept_lost_data: bool,
    /// Whether webhooks may have addresses of this machine.
    pub webhooks_to_loopback: bool,
}

/// Local mode.
pub struct Local;

/// Local mode, running.
pub struct Running {
    api: SocketAddr,
    aws: SocketAddr,
    account: Account,
    stop_api: CancellationToken,
    stop_aws: CancellationToken,
    servers: Vec<JoinHandle<()>>,
    /// Given back last.
    _folder: DataFolder,
}

impl Local {
    /// Starts local mode: both ports are served when this returns, and what the last server left is taken up.
    pub async fn start(options: LocalOptions) -> Result<Running, Error> {
        let folder = DataFolder::open(&options.data)?;
        let template = Template::embedded().map_err(|error| Error::ReadTemplate(Box::new(error)))?;
        let last = folder.last_server();
        let last = last.as_ref();
        let ledger = Ledger::open(&folder.join("ledger.db"))?;
        let tables = DynamoDb::open(&folder.join(TABLES))?;
        start::check(&folder, &ledger, options.accept_lost_data)?;
        let builds = codebuild::still_running(&ledger, &folder.join(BUILDS))?;
        let api = ports::bind("the API", options.api_port, last.map(|last| last.api_port)).await?;
        let aws = ports::bind_aws(options.aws_port, last.map(|last| last.aws_port), builds).await?;
        let addresses = (address(&api)?, address(&aws)?);
        let endpoint = url(addresses.1);
        let local_aws = Aws {
            endpoint: endpoint.clone(),
            token: token(&folder, options.require_token)?,
        };
        let shared = local_aws.token.as_deref().map(Arc::<str>::from);

        let account = services::open(folder.path(), &template, &options, &local_aws, (ledger, tables))?;
        let handlers = Handlers::new(&template, &local_aws, options.webhooks_to_loopback)?;
        handlers.register(&template, &account.functions)?;
        Handlers::subscribe(&template, &account.functions, &account.events)?;
        services::make_resources(&account, &template)?;

        let (stop_api, stop_aws) = (CancellationToken::new(), CancellationToken::new());
        let guard = Guard::new(addresses.1.port())
            .with_token(shared.clone().map(|token| Token::session(token, SIGN_WITH_TOKEN)));
        let aws_router = guard.around(recorder::around(crash::around(account.endpoint().router())?));
        let mut servers = vec![serve("the local AWS", aws, aws_router, stop_aws.clone())];
        services::make_state_machine(&account, &template).await?;
        let postgres = options.postgres.as_ref();
        seed::environment(&template, &local_aws, folder.path(), postgres).await?;

        account.recover().await?;
        account.start(&stop_aws);
        Handlers::map_stream(&template, &account, &stop_aws)?;
        // What the last server accepted and did not start, however short a time ago.
        timers::sweep_once(&handlers.sweep, &account.functions, json!({"older_than_seconds": 0})).await;
        let store = slipway_store::Store::new(
            &slipway_aws::sdk_config(&functions::aws_variables(functions::OTHERS, &local_aws)),
            &template.table.name,
        );
        leftovers::remove(&std::env::temp_dir(), &store).await;
        for schedule in &template.schedules {
            let every = timers::rate(schedule)?;
            Handlers::require_sweep(&schedule.function)?;
            timers::sweep_regularly(
                Arc::clone(&handlers.sweep),
                account.functions.clone(),
                every,
                stop_aws.clone(),
            );
        }
        timers::expire_regularly(account.tables.clone(), stop_aws.clone());

        let guard = Guard::new(addresses.0.port()).with_token(shared.map(|token| Token::bearer(token, SEND_TOKEN)));
        let api_router = gateway::api_router(handlers.api, account.functions.clone(), guard);
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
            account,
            stop_api,
            stop_aws,
            servers,
            _folder: folder,
        })
    }
}

impl Running {
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
        self.stop(Builds::Continue).await
    }

    /// Stops for good: builds are asked to stop too, and have saved what they did when this returns.
    pub async fn shutdown_with_builds(self) -> Result<(), Error> {
        self.stop(Builds::Interrupt).await
    }

    async fn stop(self, builds: Builds) -> Result<(), Error> {
        self.stop_api.cancel();
        self.account.shutdown(builds).await?;
        self.stop_aws.cancel();
        for server in self.servers {
            // A panic of a server has been logged when it happened.
            let _ = server.await;
        }
        Ok(())
    }
}

/// The token that callers have to know, if any.
fn token(folder: &DataFolder, is_required: bool) -> Result<Option<String>, Error> {
    let token = if is_required {
        token::of(folder.path()).map(Some)
    } else {
        token::remove(folder.path()).map(|()| None)
    };
    token.map_err(|source| Error::DataFolder {
        path: folder.join(TOKEN_FILE),
        source,
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
