//! The seeds of a run, shared between processes: a process simulates one seed at a time, because the functions that it runs have state of
//! the process.

use std::env;
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::thread::{self, available_parallelism};
use std::time::Instant;

use crate::{Outcome, simulate};

/// The share of a process in the seeds of a run, which the run passes to it.
pub const SHARE: &str = "SLIPWAY_SIMULATION_SHARE";

/// After how many seeds a process says how far it is.
const REPORT: usize = 100;

/// Seeds from one to another: `20000` are the first 20,000, `101-200` the hundred after the first hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    pub first: u64,
    pub last: u64,
}

/// One of several processes that share the seeds of a run: `0/2` is the first of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    number: u64,
    of: u64,
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or(("1", text));
        let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!("{first} is after {last}"));
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if number < of => Ok(Self { number, of }),
            _ => Err(format!("{text:?} is not a share such as 0/2")),
        }
    }
}

impl Share {
    fn seeds(self, all: Seeds) -> impl Iterator<Item = u64> {
        (all.first..=all.last).filter(move |seed| seed % self.of == self.number)
    }
}

/// Simulates a seed, and writes down its history if an invariant is violated; `None` if all hold.
pub fn check(seed: u64, keeps_history: bool) -> Option<String> {
    let Outcome { violation, history, .. } = simulate(seed, None);
    let file = format!("{}/simulation-{seed}.log", env!("CARGO_TARGET_TMPDIR"));
    if keeps_history || violation.is_some() {
        fs::write(&file, history.join("\n")).expect("the history is written");
    }
    let violation = violation?;
    Some(format!(
        "seed {seed}: {violation}\nall of it is in {file}; SLIPWAY_SIMULATION_SEED={seed} replays it"
    ))
}

/// Simulates the share of this process. One seed that fails does not end it.
pub fn run_share(seeds: Seeds, share: Share) {
    let (started, mut failed) = (Instant::now(), Vec::new());
    for (at, seed) in share.seeds(seeds).enumerate() {
        if let Some(failure) = check(seed, false) {
            println!("{failure}");
            failed.push(seed);
        }
        if (at + 1) % REPORT == 0 {
            let (done, seconds) = (at + 1, started.elapsed().as_secs());
            println!(
                "{done} seeds of process {} took {seconds} s, {} failed",
                share.number,
                failed.len()
            );
        }
    }
    assert!(failed.is_empty(), "seeds {failed:?} violate an invariant");
}

/// Simulates seeds in as many processes as there are cores. Each is this program, which runs the test of this name again.
pub fn run(seeds: Seeds, test: &str) {
    let of = available_parallelism().map_or(1, |cores| u64::try_from(cores.get()).unwrap_or(1));
    let started = Instant::now();
    let processes: Vec<_> = (0..of)
        .map(|number| {
            let test = test.to_owned();
            thread::spawn(move || has_passed(&test, seeds, &format!("{number}/{of}")))
        })
        .collect();
    let passed: Vec<bool> = processes
        .into_iter()
        .map(|process| process.join().expect("a process is watched"))
        .collect();
    let (count, seconds) = (seeds.last - seeds.first + 1, started.elapsed().as_secs());
    println!("{count} seeds took {seconds} s in {of} processes");
    assert!(
        passed.iter().all(|passed| *passed),
        "a seed of {seeds} violates an invariant"
    );
}

/// Runs a share in a process of its own, and shows what that says.
fn has_passed(test: &str, seeds: Seeds, share: &str) -> bool {
    let program = env::current_exe().expect("this program");
    let mut process = Command::new(program)
        .args([test, "--exact", "--nocapture"])
        .env("SLIPWAY_SIMULATION_SEEDS", seeds.to_string())
        .env(SHARE, share)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let says = BufReader::new(process.stdout.take().expect("its output"));
    for line in says.lines().map_while(Result::ok) {
        println!("{line}");
    }
    process.wait().expect("it ends").success()
}

#[test]
fn seeds_are_a_number_or_a_range() {
    let read = |text: &str| text.parse::<Seeds>().map(|seeds| (seeds.first, seeds.last)).ok();
    assert_eq!(read("20000"), Some((1, 20_000)));
    assert_eq!(read("101-200"), Some((101, 200)));
    for wrong in ["0", "", "7-6", "a-7"] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}

#[test]
fn shares_cover_each_seed_once() {
    let shares = ["0/3", "1/3", "2/3"].map(|text| text.parse::<Share>().expect("a share"));
    let mut seeds: Vec<u64> = shares
        .iter()
        .flat_map(|share| share.seeds(Seeds { first: 5, last: 24 }))
        .collect();
    seeds.sort_unstable();
    assert_eq!(seeds, (5..=24).collect::<Vec<_>>());
    for wrong in ["3/3", "0/0", "1", "a/2"] {
        assert!(wrong.parse::<Share>().is_err(), "{wrong}");
    }
}
