//! The server crashes before and after the calls of its AWS, once in each operation of a stack's life. Whatever the call, the operation
//! ends, no request is lost, no resource is made twice, and no lock remains.
//!
//! ```bash
//! SLIPWAY_CRASH_POINTS=400 cargo test --package slipway-cli --test cli -- crash_points --nocapture # every call of each operation
//! ```

#![expect(
    clippy::print_stdout,
    reason = "who tries every call wants to see each; a skipped test says so"
)]

use crate::lives::{Fault, Ground, Record, terraform};

/// The crashes of a test run: from the start of the server to the middle of an apply.
const POINTS: [&str; 4] = ["before:8", "after:30", "before:60", "after:90"];

/// How many lives are tried at the same time, each on a server of its own.
const AT_ONCE: u64 = 2;

/// A life with the same crash in each of its operations.
async fn life(ground: &mut Ground, point: &str) -> Record {
    let record = ground
        .life(&point.replace(':', "-"), Fault::Crash(point.to_owned()))
        .await;
    println!("{}", record.summary());
    record
}

/// Tries every call up to `last`, before and after it, until no operation makes as many calls. Gives how many crashes there were.
async fn every_call(number: u64, last: u64) -> usize {
    let (mut ground, mut crashes) = (Ground::new().await, 0);
    for call in (1..=last).filter(|call| call % AT_ONCE == number) {
        let before = crashes;
        for side in ["before", "after"] {
            crashes += life(&mut ground, &format!("{side}:{call}")).await.faults.len();
        }
        if crashes == before {
            break;
        }
    }
    crashes
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_any_call_loses_nothing() {
    if let Err(skipped) = terraform() {
        println!("{skipped}");
        return;
    }
    if let Ok(last) = std::env::var("SLIPWAY_CRASH_POINTS") {
        let last: u64 = last.parse().expect("SLIPWAY_CRASH_POINTS is a number of calls");
        let tried = (0..AT_ONCE).map(|number| tokio::spawn(every_call(number, last)));
        let crashes = futures::future::join_all(tried).await;
        let crashes = crashes.into_iter().map(|crashes| crashes.expect("every life is whole"));
        println!("{} crashes", crashes.sum::<usize>());
        return;
    }
    let mut ground = Ground::new().await;
    for point in POINTS {
        let record = life(&mut ground, point).await;
        assert!(!record.faults.is_empty(), "no operation makes the call {point}");
    }
}
