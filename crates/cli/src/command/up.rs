//! `slipway up`

use aws_emulator::elasticache;
use aws_emulator::postgres::Installation;
use serde_json::json;
use slipway_local::{Local, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Up;
use crate::error::Error;
use crate::global::Global;
use crate::hint;
use crate::output::Output;
use crate::server;
use crate::terraform::Search;

/// Serves until it is stopped.
pub async fn run(up: Up, global: &Global, output: Output) -> Result<(), Error> {
    let terraform = Search::from_env().find().await?;
    let postgres = Installation::find(slipway_local::server::POSTGRES_BIN).map_err(Error::Postgres)?;
    let redis = elasticache::Installation::find(slipway_local::server::REDIS_SERVER).map_err(Error::Program)?;
    let databases = databases(postgres.as_ref());
    let caches = caches(redis.as_ref());
    let version = postgres.as_ref().map(|postgres| postgres.version().to_owned());
    let running = Local::start(LocalOptions {
        limits: up.limits.into_iter().collect(),
        data: global.data.clone(),
        api_port: up.port,
        aws_port: up.aws_port,
        terraform: terraform.clone(),
        providers: providers(&up.providers)?,
        program: server::this_program()?,
        concurrent_builds: up.concurrent_builds.map(usize::from),
        require_token: up.require_token,
        accept_lost_data: up.accept_lost_data,
        webhooks_to_loopback: up.webhooks_to_loopback,
        postgres,
        redis,
    })
    .await
    .map_err(Error::Local)?;
    let (api, aws) = (running.api_url(), running.aws_url());
    let console = if up.require_token {
        hint::command("console")
    } else {
        api.clone()
    };
    let exports = hint::command("env");
    let rules = hint::command("environment show local");
    let example = hint::command("example");
    let create = hint::command("stack create guestbook --blueprint guestbook --image");
    output.answer(
        &json!({ "api": api, "aws": aws, "data": global.data, "terraform": terraform, "postgres": version }),
        |_| {
            format!(
                "Slipway is up.\n\
             \n\
             \x20 console      {console}\n\
             \x20 API          {api}   (explore it: {api}/docs)\n\
             \x20 local AWS    {aws}   (for the AWS CLI: eval \"$({exports})\")\n\
             \x20 environment  local   (its rules: {rules})\n\
             \x20 data         {}\n\
             \x20 Terraform    {}\n\
             \x20 databases    {databases}\n\
             \x20 caches       {caches}\n\
             \n\
             Next, in a second terminal: publish an example, and create a stack from it.\n\
             \n\
             \x20 eval \"$({example})\"\n\
             \x20 {create} \"web=$RELEASE_1\"\n\
             \n\
             Press Ctrl-C to stop. The data is kept.",
                global.data.display(),
                terraform.display(),
            )
        },
    );
    stop_signal().await?;
    output
        .say("Stopping: ECS tasks are stopped. Running builds continue, and Slipway picks them up at the next start.");
    running.shutdown().await.map_err(Error::Local)
}

/// What the databases of stacks are.
fn databases(postgres: Option<&Installation>) -> String {
    postgres.map_or_else(
        || "SQLite files: PostgreSQL is not installed (Debian: apt-get install postgresql)".to_owned(),
        |postgres| format!("PostgreSQL {} ({})", postgres.version(), postgres.folder().display()),
    )
}

/// What the caches of stacks are.
fn caches(redis: Option<&elasticache::Installation>) -> String {
    redis.map_or_else(
        || "none: neither Valkey nor Redis is installed (Debian: apt-get install redis-server)".to_owned(),
        |redis| format!("{} ({})", redis.version(), redis.program().display()),
    )
}

/// The providers of builds, as the runner expects them: a folder by its absolute path.
fn providers(source: &str) -> Result<String, Error> {
    if ["registry", "published"].contains(&source) {
        return Ok(source.to_owned());
    }
    let folder = std::path::Path::new(source)
        .canonicalize()
        .ok()
        .filter(|folder| folder.is_dir());
    let folder = folder.and_then(|folder| folder.to_str().map(str::to_owned));
    folder.ok_or_else(|| {
        Error::Usage(format!(
            "--providers {source}: there is no such folder; write `registry`, `published`, or a folder with a mirror"
        ))
    })
}

/// Waits for Ctrl-C or a polite kill.
async fn stop_signal() -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::Program(format!("cannot wait for a signal: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
