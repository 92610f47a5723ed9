//! The README's first command: the demo plays to its end, and what it promises is so.

use std::process::Command;

use crate::support::SLIPWAY;

#[test]
fn the_demo_proves_what_it_promises() {
    let run = Command::new(SLIPWAY).arg("demo").output().expect("slipway runs");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{printed}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    // What it proves, it checks itself; here is that it got to the end of each part.
    for proof in [
        "Ada has written a line",
        "0 failed requests",
        "before the first new task started",
        "the execution is FAILED",
        "exited with code 3",
        "the service was not touched",
        "no cluster, no task, no address",
        "6 of 6 verified",
    ] {
        assert!(printed.contains(proof), "{proof}: {printed}");
    }
}
