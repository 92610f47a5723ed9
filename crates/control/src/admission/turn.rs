//! Turns of the requests about one stack in this process.
//!
//! Every request writes the stack's record on the condition that it still is what was read. Of many at once one wins each
//! round, and the others read, judge and write again: the work grows with the square of their number. In one process (local
//! mode) they take turns instead, in the order in which they came, so each writes once. Functions on AWS have a request each,
//! and meet in the condition alone: a request that fails has lost to another that was accepted, so none of `n` at once is
//! tried more than `n` times.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use slipway_model::id::StackId;
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

/// The turns of this process.
static TURNS: LazyLock<Turns> = LazyLock::new(Turns::default);

/// The turns of one process.
#[derive(Debug, Default)]
pub struct Turns {
    /// The stacks with a request at work. A stack without one is removed by the next request that begins.
    queues: Mutex<HashMap<StackId, Arc<Queue<()>>>>,
}

/// A request's turn, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _turn: OwnedMutexGuard<()>,
    /// Whether other requests came first: what was read before is old.
    pub(super) waited: bool,
}

impl Turns {
    /// Those of this process.
    pub(super) fn of_this_process() -> &'static Self {
        &TURNS
    }

    /// Waits for the turn of a request about this stack.
    pub(super) async fn of(&self, stack: &StackId) -> Turn {
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            queues.retain(|_, queue| Arc::strong_count(queue) > 1);
            Arc::clone(queues.entry(stack.clone()).or_default())
        };
        match Arc::clone(&queue).try_lock_owned() {
            Ok(turn) => Turn {
                _turn: turn,
                waited: false,
            },
            // The queue is fair: <https://docs.rs/tokio/latest/tokio/sync/struct.Mutex.html>.
            Err(_) => Turn {
                _turn: queue.lock_owned().await,
                waited: true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_take_turns_in_the_order_in_which_they_came() {
        let (turns, stack) = (Turns::default(), StackId::from_bits(4_711));
        let first = turns.of(&stack).await;
        assert!(!first.waited);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for number in 0..20 {
            let (turns, stack, order) = (&turns, &stack, Arc::clone(&order));
            let mut turn = Box::pin(async move {
                let turn = turns.of(stack).await;
                order.lock().expect("no panic").push(number);
                turn.waited
            });
            // Polled once, it is in the queue.
            assert!(futures_poll(&mut turn).await);
            waiting.push(turn);
        }
        drop(first);
        for turn in waiting {
            assert!(turn.await);
        }
        assert_eq!(*order.lock().expect("no panic"), (0..20).collect::<Vec<_>>());
    }

    /// Whether a future is pending after one poll.
    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|context| {
            let pending = std::pin::Pin::new(&mut *future).poll(context).is_pending();
            std::task::Poll::Ready(pending)
        })
        .await
    }
}
