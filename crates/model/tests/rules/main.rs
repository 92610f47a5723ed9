//! Every order in which requests, builds, the workflow and people may come, as far as a bound goes: the slot and the queue of a
//! stack, the place beside a plan that waits, the approval of a plan, and cancels.
//!
//! The rules are the model's own functions. What the store writes in one transaction is one event here, and so is what one step
//! of the workflow does between two awaits of others.

mod builds;
mod events;
mod explorer;
mod places;
mod promises;
mod system;

use explorer::explore;
use slipway_model::operation::OperationKind::{self, Release, Update};
use system::{Flaw, Flawed, Stacks};

/// How many states of each system CI explores; the search for more of them is a command of its own.
const IN_CI: usize = 10_000;
const MANY: usize = 1_000_000;

/// What is requested of the stack, and whether plans need an approval.
const SYSTEMS: [(&[OperationKind], bool); 7] = [
    (&[Update], true),
    (&[Update], false),
    (&[Update, Update, Update], true),
    (&[Update, Update, Update], false),
    (&[Update, Release], true),
    (&[Update, Update, Release], true),
    (&[Update, Release, Release], true),
];

#[expect(clippy::print_stdout, reason = "the figures of a search")]
fn search(bound: usize) {
    let began = std::time::Instant::now();
    for (requests, is_gated) in SYSTEMS {
        match explore(&Stacks { requests, is_gated }, bound) {
            Ok(explored) => println!(
                "{requests:?}, gated {is_gated}: {} states, complete: {}, after {:.1} s",
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
    let flaws: [(Flaw, &[OperationKind], &str); 5] = [
        (Flaw::StaleTokenIsAnAnswer, &[Update], "approval"),
        (Flaw::CancelIsNotRead, &[Update], "cancel"),
        (Flaw::PlanIsNotJudged, &[Update], "verdict"),
        (Flaw::SlotIsNotHandedOver, &[Update, Update], "slot is free"),
        (Flaw::ApprovalIgnoresBeside, &[Update, Release], "beside"),
    ];
    for (flaw, requests, says) in flaws {
        let stacks = Stacks {
            requests,
            is_gated: true,
        };
        let flawed = Flawed { stacks, flaw };
        match explore(&flawed, IN_CI) {
            Ok(explored) => panic!("{flaw:?} breaks no promise: {explored:?}"),
            Err(found) => assert!(found.wrong.contains(says), "{flaw:?}: {found:?}"),
        }
    }
}
