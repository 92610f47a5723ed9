//! The server is killed between two steps of an operation of every kind. A person approves, rejects or cancels before the kill or
//! after the next start. Whatever the point, the operation ends within a minute of the start, and an acknowledged decision holds.
//!
//! ```bash
//! SLIPWAY_RESTARTS=45 cargo test --package slipway-cli --test cli -- restarts --nocapture # every point of each kind
//! SLIPWAY_RESTARTS=1 SLIPWAY_RESTARTS_SEED=17 cargo test --package slipway-cli --test cli -- restarts --nocapture # one life again
//! ```

#![expect(
    clippy::print_stdout,
    reason = "who repeats a run needs its seed; a skipped test says so"
)]

mod ground;
mod life;
mod points;

use self::ground::Ground;
use self::life::Life;
use self::points::{Kind, Point};
use crate::lives::terraform;
use crate::support::number;

/// How many lives are tried at the same time, each on a server of its own.
const AT_ONCE: usize = 2;

/// The lives of a test run. In each, every kind of operation has one kill.
const LIVES: usize = 1;

/// The seed of a test run's first life. Its points are in an approval, a migration and the ends of operations, for example.
const SEED: usize = 16;

/// The life of each seed. After one that fails, the next has another server. Gives the seeds that failed.
async fn lives(seeds: Vec<usize>) -> Vec<usize> {
    let mut failed = Vec::new();
    let mut place: Option<Ground> = None;
    for seed in seeds {
        let mut ground = match place.take() {
            Some(ground) => ground,
            None => Ground::new().await,
        };
        let life = tokio::spawn(async move {
            let lines = Box::pin(Life::new(&mut ground, seed).live()).await;
            (ground, lines)
        });
        // The panic of a life that fails is printed.
        if let Ok((ground, lines)) = life.await {
            println!("seed {seed}\n  {}", lines.join("\n  "));
            place = Some(ground);
        } else {
            println!("the life of seed {seed} failed");
            failed.push(seed);
        }
    }
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_between_any_two_steps_loses_nothing() {
    if let Err(skipped) = terraform() {
        println!("{skipped}");
        return;
    }
    let count = number("SLIPWAY_RESTARTS").unwrap_or(LIVES);
    let first = number("SLIPWAY_RESTARTS_SEED").unwrap_or(SEED);
    println!("{count} lives from the seed {first}");
    let seeds: Vec<usize> = (first..).take(count).collect();
    let tried = (0..AT_ONCE).map(|place| {
        let seeds = seeds.iter().copied().skip(place).step_by(AT_ONCE);
        tokio::spawn(lives(seeds.collect()))
    });
    let failed = futures::future::join_all(tried).await.into_iter();
    let failed: Vec<usize> = failed.flat_map(|failed| failed.expect("the lives end")).collect();
    assert!(failed.is_empty(), "lives failed: {failed:?}");
}

/// What the documentation says of the number of lives that try everything.
#[test]
fn forty_five_lives_have_every_point() {
    let most = Kind::ALL.into_iter().map(|kind| Point::all(kind).len()).max();
    assert_eq!(most, Some(45));
    for kind in Kind::ALL {
        let all = Point::all(kind);
        for point in &all {
            let is_tried = (SEED..SEED + 45).any(|seed| Point::of_life(kind, seed) == *point);
            assert!(is_tried, "{kind:?} {point:?}");
        }
    }
}
