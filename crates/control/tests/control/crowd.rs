//! Many requests about one stack at once, in one process and in many.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use slipway_control::admission::{Admission, Asking, Change, Turns};
use slipway_store::create::{Accepted, Outcome};
use slipway_store::idempotency::Answer;

use crate::support::{new_stack, table};

const REQUESTS: usize = 24;

/// Sends the requests from this many processes at once. All are accepted, each with its place in the queue. Gives how often they
/// were tried, in all.
async fn tried(processes: usize) -> usize {
    let table = table().await;
    let stack = &table.ready(&new_stack("shop")).await;
    let turns: Vec<Turns> = (0..processes).map(|_| Turns::default()).collect();
    let attempts = &AtomicUsize::new(0);
    let asking = Asking {
        requested_by: "ada",
        permitted: None,
        origin: None,
        idempotency: None,
    };
    let answer = |accepted: Accepted<'_>| {
        attempts.fetch_add(1, Ordering::Relaxed);
        Answer {
            status: 202,
            headers: Vec::new(),
            body: accepted.position.unwrap_or_default().to_string().into_bytes(),
        }
    };
    let requests = (0..REQUESTS).map(|number| {
        let admission = Admission::in_turns(&table.store, &turns[number % processes]);
        admission.request_change(stack.clone(), &Change::Drift, None, asking, answer)
    });
    let mut places = vec![None; REQUESTS];
    for outcome in join_all(requests).await {
        let Ok(Outcome::Created { operation, answer }) = outcome else {
            panic!("{processes} processes: {outcome:?}");
        };
        let place: usize = String::from_utf8_lossy(&answer.body).parse().expect("a place");
        let before = places[place].replace(operation.id);
        assert_eq!(before, None, "{processes} processes: two have the place {place}");
    }
    let queue = table.store.queue(&stack.id).await.expect("a queue");
    let places: Vec<_> = places.into_iter().flatten().collect();
    assert_eq!(places.len(), REQUESTS, "{processes} processes");
    // The first has the slot.
    assert_eq!(places[1..], queue, "{processes} processes");
    attempts.load(Ordering::Relaxed)
}

#[tokio::test]
async fn requests_of_one_process_are_tried_once() {
    assert_eq!(tried(1).await, REQUESTS);
}

/// Functions of AWS are a process for each request at work, and share no turns.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the documentation has the number")]
async fn requests_of_many_processes_lose_only_to_each_other() {
    for processes in [2, REQUESTS] {
        let attempts = tried(processes).await;
        println!("{REQUESTS} requests of {processes} processes: {attempts} attempts");
        // The one that is accepted as the n-th has lost to those before it, at most once to each.
        assert!(attempts <= REQUESTS * (REQUESTS + 1) / 2, "{processes}: {attempts}");
    }
}
