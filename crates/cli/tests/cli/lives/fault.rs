//! What happens to the server in the operations of a life.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter, Result};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use crate::support::Server;
use crate::support::processes::{Reach, kill};

/// What happens in each operation of a life.
pub enum Fault {
    /// Nothing.
    Nothing,
    /// The server crashes by itself, before or after a call: `before:17`.
    Crash(String),
    /// SIGKILL at a random moment.
    Kill(Box<Kills>),
}

impl Fault {
    /// Whether a row may be destroyed again: a Terraform that dies in a destroy does not record what it has done.
    pub fn repeats_destroys(&self) -> bool {
        matches!(self, Self::Kill(kills) if kills.reach == Reach::All)
    }
}

/// The kills of a life.
pub struct Kills {
    reach: Reach,
    random: StdRng,
    usual: Vec<Duration>,
}

impl Kills {
    /// Kills at the moments that the seed chooses, within the time that each operation of a life usually takes.
    pub fn new(reach: Reach, seed: u64, usual: Vec<Duration>) -> Self {
        Self {
            reach,
            random: StdRng::seed_from_u64(seed),
            usual,
        }
    }

    /// Starts to wait for the moment of the kill in an operation.
    pub fn start(&mut self, operation: usize, server: &Server) -> JoinHandle<Killed> {
        let moment = self.usual[operation].mul_f64(self.random.random::<f64>());
        let (reach, id, data) = (self.reach, server.id(), server.data().to_owned());
        tokio::spawn(async move {
            sleep(moment).await;
            let killed = spawn_blocking(move || kill(reach, id, &data)).await;
            Killed {
                moment,
                processes: killed.expect("the server is killed"),
            }
        })
    }
}

/// What a kill ended.
pub struct Killed {
    /// How long after the request.
    moment: Duration,
    /// The names of the processes.
    processes: BTreeSet<String>,
}

impl Display for Killed {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let processes: Vec<&str> = self.processes.iter().map(String::as_str).collect();
        write!(
            formatter,
            "{} killed at {:.2} s",
            processes.join("+"),
            self.moment.as_secs_f64()
        )
    }
}

/// A fault that happened.
#[derive(Debug)]
pub struct Struck {
    /// The call at which the server crashed, or the processes that were killed, and when.
    pub what: String,
    /// How long the operation took after the next start; none if it had ended before the fault.
    pub ended_after: Option<Duration>,
}

impl Display for Struck {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self.ended_after {
            Some(took) => write!(formatter, "{} ({:.1} s)", self.what, took.as_secs_f64()),
            None => write!(formatter, "{} (after the end)", self.what),
        }
    }
}
