//! SIGKILL ends the server, or the server and all processes that it started, at a random moment of each operation of a stack's life.
//! Whatever the moment, the operation ends, no request or approval is lost, no lock remains, and no resource is made twice without
//! being named.
//!
//! ```bash
//! SLIPWAY_KILLS=1000 cargo test --package slipway-cli --test cli -- random_kills --nocapture # half of each kind
//! SLIPWAY_KILLS=3 SLIPWAY_KILLS_SEED=17 cargo test --package slipway-cli --test cli -- random_kills --nocapture # one life again
//! ```

#![expect(
    clippy::print_stdout,
    reason = "who repeats a run needs its seed; a skipped test says so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Formatter};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::lives::{Fault, Ground, Kills, OPERATIONS, Record, terraform};
use crate::support::processes::{Reach, are_visible, kill, names};
use crate::support::{number, until};

/// How many lives are tried at the same time, each on a server of its own.
const AT_ONCE: usize = 2;

/// The kills of a test run: a life of each kind.
const KILLS: usize = 2 * OPERATIONS;

/// The seed of a test run's first life.
const SEED: u64 = 1;

/// What happened in many lives.
#[derive(Default)]
struct Tally {
    lives: usize,
    failed: Vec<u64>,
    of_server: usize,
    of_all: usize,
    /// The kills before the end of an operation, and those of a Terraform.
    hits: usize,
    of_terraform: usize,
    /// How often operations ended so, by kind of kill.
    statuses: BTreeMap<String, usize>,
    named: usize,
    repeats: usize,
    /// How long operations took after the next start.
    ends: Vec<Duration>,
}

impl Tally {
    fn add(&mut self, reach: Reach, record: &Record) {
        self.lives += 1;
        let (kills, kind) = match reach {
            Reach::Server => (&mut self.of_server, "server"),
            Reach::All => (&mut self.of_all, "all"),
        };
        *kills += record.faults.len();
        let of_terraform = record.faults.iter().filter(|fault| fault.what.contains("terraform"));
        self.of_terraform += of_terraform.count();
        let ends: Vec<Duration> = record.faults.iter().filter_map(|fault| fault.ended_after).collect();
        self.hits += ends.len();
        self.ends.extend(ends);
        for status in &record.statuses {
            *self.statuses.entry(format!("{kind} {status}")).or_default() += 1;
        }
        self.named += record.named.len();
        self.repeats += record.repeats;
    }

    fn merge(mut self, other: Self) -> Self {
        self.lives += other.lives;
        self.failed.extend(other.failed);
        self.of_server += other.of_server;
        self.of_all += other.of_all;
        self.hits += other.hits;
        self.of_terraform += other.of_terraform;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.named += other.named;
        self.repeats += other.repeats;
        self.ends.extend(other.ends);
        self
    }
}

impl Display for Tally {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        let statuses = self.statuses.iter().map(|(status, count)| format!("{status} {count}"));
        let mut ends = self.ends.clone();
        ends.sort();
        let seconds = |end: Option<&Duration>| end.copied().unwrap_or_default().as_secs_f64();
        writeln!(
            formatter,
            "{} whole lives; {} failed, with the seeds {:?}",
            self.lives,
            self.failed.len(),
            self.failed
        )?;
        writeln!(
            formatter,
            "{} kills of the server, {} of all processes; {} before the end of the operation, {} of a Terraform",
            self.of_server, self.of_all, self.hits, self.of_terraform
        )?;
        writeln!(formatter, "operations: {}", statuses.collect::<Vec<_>>().join(", "))?;
        writeln!(
            formatter,
            "rows made twice or left, which an error names: {}; repeated destroys: {}",
            self.named, self.repeats
        )?;
        write!(
            formatter,
            "ends after the next start: median {:.1} s, longest {:.1} s",
            seconds(ends.get(ends.len() / 2)),
            seconds(ends.last())
        )
    }
}

/// Which processes the kills of a life end, and the life's name.
fn kind(seed: u64) -> (Reach, String) {
    if seed.is_multiple_of(2) {
        (Reach::Server, format!("server-{seed}"))
    } else {
        (Reach::All, format!("all-{seed}"))
    }
}

/// A server, and how long the operations of a life without a kill take there.
async fn measured() -> (Ground, Vec<Duration>) {
    let mut ground = Ground::new().await;
    let record = ground.life("undisturbed", Fault::Nothing).await;
    (ground, record.took)
}

/// The life of each seed. After one that fails, the next has another server.
async fn lives(seeds: Vec<u64>) -> Tally {
    let mut tally = Tally::default();
    let mut place: Option<(Ground, Vec<Duration>)> = None;
    for seed in seeds {
        let (mut ground, usual) = match place.take() {
            Some(place) => place,
            None => measured().await,
        };
        let (reach, name) = kind(seed);
        let life = tokio::spawn(async move {
            let fault = Fault::Kill(Box::new(Kills::new(reach, seed, usual.clone())));
            let record = ground.life(&name, fault).await;
            (ground, usual, record)
        });
        // The panic of a life that fails is printed.
        if let Ok((ground, usual, record)) = life.await {
            println!("{}", record.summary());
            tally.add(reach, &record);
            place = Some((ground, usual));
        } else {
            println!("the life of seed {seed} failed");
            tally.failed.push(seed);
        }
    }
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn random_kill_loses_nothing() {
    if let Err(skipped) = terraform() {
        println!("{skipped}");
        return;
    }
    if !are_visible() {
        println!("skipped: this system has no /proc, where the processes of a server are found");
        return;
    }
    let kills = number("SLIPWAY_KILLS").unwrap_or(KILLS);
    let first = number("SLIPWAY_KILLS_SEED").unwrap_or(SEED);
    println!("{kills} kills from the seed {first}");
    let seeds: Vec<u64> = (first..).take(kills.div_ceil(OPERATIONS)).collect();
    let tried = (0..AT_ONCE).map(|place| {
        let seeds = seeds.iter().copied().skip(place).step_by(AT_ONCE);
        tokio::spawn(lives(seeds.collect()))
    });
    let tallies = futures::future::join_all(tried).await;
    let tallies = tallies.into_iter().map(|tally| tally.expect("a tally"));
    let tally = tallies.fold(Tally::default(), Tally::merge);
    println!("{tally}");
    assert!(tally.failed.is_empty(), "lives failed: {:?}", tally.failed);
}

#[tokio::test]
async fn kill_of_all_reaches_processes_that_outlive_their_server() {
    if !are_visible() {
        println!("skipped: this system has no /proc, where the processes of a server are found");
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    // Its shell ends at once: only the environment relates this `sleep` to the server.
    let orphaned = Command::new("sh")
        .args(["-c", "setsid sleep 1000 &"])
        .env("HOME", data.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(orphaned.expect("a shell").success());
    let mut server = Command::new("sh")
        .args(["-c", "tail -f /dev/null & wait"])
        .spawn()
        .expect("a server");
    let expected = BTreeSet::from(["sh", "sleep", "tail"].map(str::to_owned));
    until("the processes start", || names(server.id(), data.path()) == expected).await;
    let killed = kill(Reach::All, server.id(), data.path());
    assert!(!server.wait().expect("it has ended").success());
    assert_eq!(killed, expected);
    until("the processes end", || names(server.id(), data.path()).is_empty()).await;
}
