//! Every order in which requests, builds, the workflow and people may come, as far as a bound goes: the slot and the queue of a
//! stack, the approval of a plan, and cancels.
//!
//! The rules are the model's own functions. What the store writes in one transaction is one event here, and so is what one step
//! of the workflow does between two awaits of others.

mod builds;
mod events;
mod explorer;
mod promises;
mod system;

use explorer::explore;
use system::{Flaw, Flawed, Stacks};

/// How many states of each system CI explores; the search for more of them is a command of its own.
const IN_CI: usize = 10_000;
const MANY: usize = 1_000_000;

#[expect(clippy::print_stdout, reason = "the figures of a search")]
fn search(bound: usize) {
    let began = std::time::Instant::now();
    for (operations, is_gated) in [(1, true), (1, false), (3, true), (3, false)] {
        match explore(&Stacks { operations, is_gated }, bound) {
            Ok(explored) => println!(
                "{operations} operations, gated {is_gated}: {} states, complete: {}, after {:.1} s",
                explored.states,
                explored.is_complete,
                began.elapsed().as_secs_f64()
            ),
            Err(found) => panic!("{}:\n  {}", found.wrong, found.way.join("\n  ")),
        }
    }
}

#[test]
fn no_order_of_events_breaks_a_promise() {
    search(IN_CI);
}

/// `cargo test --release --package slipway-model --test rules -- --ignored --nocapture`
#[test]
#[ignore = "explores a million states for each system"]
fn a_million_states_break_no_promise() {
    search(MANY);
}

/// The search finds faults: with rules that are changed in one place it has a counterexample.
#[test]
fn changed_rules_have_a_counterexample() {
    for (flaw, operations, says) in [
        (Flaw::StaleTokenIsAnAnswer, 1, "approval"),
        (Flaw::CancelIsNotRead, 1, "cancel"),
        (Flaw::PlanIsNotJudged, 1, "verdict"),
        (Flaw::SlotIsNotHandedOver, 2, "slot is free"),
    ] {
        let stacks = Stacks {
            operations,
            is_gated: true,
        };
        let flawed = Flawed { stacks, flaw };
        match explore(&flawed, IN_CI) {
            Ok(explored) => panic!("{flaw:?} breaks no promise: {explored:?}"),
            Err(found) => assert!(found.wrong.contains(says), "{flaw:?}: {found:?}"),
        }
    }
}
