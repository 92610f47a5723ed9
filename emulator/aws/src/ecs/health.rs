//! Whether a task is well.
//!
//! A task of a service is healthy when its container's health check succeeds and its port accepts connections,
//! whichever of the two it has. The first success is polled at a quick and then slowing pace, so that a rollout
//! is no slower than its program; how long it may take is what the definition says: `startPeriod`, then `retries`
//! times `interval`. A port without a health check gets [`READY_WITHIN`]. A program with neither is taken as healthy
//! when it still runs after [`SETTLE`].

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::definition::{Container, HealthCheck};

/// How long a program without a health check may take until its port accepts connections.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long a program without a health check or port must run until it counts as started.
const SETTLE: Duration = Duration::from_secs(1);

/// The pace of the first checks. The system does not report that another process began to listen, so this polls.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How to check one task.
pub(super) struct Check {
    spec: Option<HealthCheck>,
    port: Option<u16>,
    environment: BTreeMap<String, String>,
    folder: PathBuf,
}

impl Check {
    pub(super) fn new(
        container: &Container,
        port: Option<u16>,
        environment: BTreeMap<String, String>,
        folder: PathBuf,
    ) -> Self {
        Self {
            spec: container.health_check.clone(),
            port,
            environment,
            folder,
        }
    }

    /// Whether the definition has a health check.
    pub(super) fn is_configured(&self) -> bool {
        self.spec.is_some()
    }

    /// Waits for the first success; an error when the time for it is over.
    pub(super) async fn until_healthy(&self) -> Result<(), ()> {
        let patience = match (&self.spec, self.port) {
            (Some(spec), _) => seconds(spec.start_period) + seconds(spec.interval) * spec.retries,
            (None, Some(_)) => READY_WITHIN,
            (None, None) => {
                sleep(SETTLE).await;
                return Ok(());
            }
        };
        let deadline = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            if self.is_well().await {
                return Ok(());
            }
            if Instant::now() + pause > deadline {
                return Err(());
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits until the health check has failed `retries` times in a row; for ever when there is none.
    pub(super) async fn until_unhealthy(&self) {
        let Some(spec) = &self.spec else {
            return std::future::pending().await;
        };
        let mut failures = 0;
        while failures < spec.retries {
            sleep(seconds(spec.interval)).await;
            failures = if self.is_well().await { 0 } else { failures + 1 };
        }
    }

    async fn is_well(&self) -> bool {
        let listens = match self.port {
            Some(port) => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok(),
            None => true,
        };
        listens
            && match &self.spec {
                Some(spec) => self.succeeds(spec).await,
                None => true,
            }
    }

    /// Runs the health check's command where the task runs, with the task's environment.
    async fn succeeds(&self, spec: &HealthCheck) -> bool {
        let argv = match spec.command.split_first() {
            Some((kind, rest)) if kind == "CMD" => rest.to_vec(),
            Some((_, rest)) => [&["/bin/sh".to_owned(), "-c".to_owned()], rest].concat(),
            None => return false,
        };
        let Some((program, arguments)) = argv.split_first() else {
            return false;
        };
        let inside = self.folder.join(program.trim_start_matches('/'));
        let mut command = Command::new(if inside.is_file() {
            inside
        } else {
            PathBuf::from(program)
        });
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        match timeout(seconds(spec.timeout), command.status()).await {
            Ok(Ok(status)) => status.success(),
            Ok(Err(_)) | Err(_) => false,
        }
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(u64::from(count))
}
