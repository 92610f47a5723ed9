//! A breadth-first search of all states that a system can get into.

use std::collections::{HashMap, VecDeque};

/// A system whose states are explored.
pub trait System {
    /// A state.
    type State: Clone;

    /// Where it begins.
    fn first(&self) -> Vec<Self::State>;
    /// What may happen next, each with its name.
    fn next(&self, state: &Self::State) -> Vec<(String, Self::State)>;
    /// A number by which states are distinguished: equal states have equal numbers.
    fn fingerprint(&self, state: &Self::State) -> u64;
    /// What is wrong with a state; `is_last` if no event changes it any more.
    fn wrong(&self, state: &Self::State, is_last: bool) -> Option<String>;
}

/// What a search came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Explored {
    /// How many different states were seen.
    pub states: usize,
    /// Whether these are all that there are.
    pub is_complete: bool,
}

/// A state in which something is wrong, and the shortest way to it.
#[derive(Debug)]
pub struct Counterexample {
    pub wrong: String,
    pub way: Vec<String>,
}

/// Explores a system breadth first, up to so many states.
pub fn explore<S: System>(system: &S, bound: usize) -> Result<Explored, Counterexample> {
    // The state before each, and what happened in it.
    let mut seen: HashMap<u64, (u64, String)> = HashMap::new();
    let mut open = VecDeque::new();
    for state in system.first() {
        let own = system.fingerprint(&state);
        seen.insert(own, (own, String::new()));
        open.push_back((own, state));
    }
    let mut is_complete = true;
    while let Some((own, state)) = open.pop_front() {
        let next = system.next(&state).into_iter();
        let next: Vec<_> = next
            .map(|(event, state)| (system.fingerprint(&state), event, state))
            .collect();
        let is_last = next.iter().all(|(after, ..)| *after == own);
        if let Some(wrong) = system.wrong(&state, is_last) {
            let way = way_to(&seen, own);
            return Err(Counterexample { wrong, way });
        }
        for (after, event, state) in next {
            if seen.contains_key(&after) {
                continue;
            }
            if seen.len() >= bound {
                is_complete = false;
                continue;
            }
            seen.insert(after, (own, event));
            open.push_back((after, state));
        }
    }
    Ok(Explored {
        states: seen.len(),
        is_complete,
    })
}

fn way_to(seen: &HashMap<u64, (u64, String)>, last: u64) -> Vec<String> {
    let (mut way, mut own) = (Vec::new(), last);
    while let Some((before, event)) = seen.get(&own) {
        if *before == own {
            break;
        }
        way.push(event.clone());
        own = *before;
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two processes that add one to a number in two steps each: read, then write.
    struct Counter;

    impl System for Counter {
        type State = (u8, [Option<u8>; 2], [bool; 2]);

        fn first(&self) -> Vec<Self::State> {
            vec![(0, [None; 2], [false; 2])]
        }

        fn next(&self, state: &Self::State) -> Vec<(String, Self::State)> {
            let mut next = Vec::new();
            for process in 0..2 {
                let (mut number, mut read, mut done) = *state;
                match read[process] {
                    None => read[process] = Some(number),
                    Some(known) if !done[process] => (number, done[process]) = (known + 1, true),
                    Some(_) => continue,
                }
                next.push((format!("process {process}"), (number, read, done)));
            }
            next
        }

        fn fingerprint(&self, state: &Self::State) -> u64 {
            let (number, read, done) = state;
            let read = |process: usize| read[process].map_or(9, u64::from);
            let bits = |process: usize| read(process) * 10 + u64::from(done[process]);
            u64::from(*number) * 10_000 + bits(0) * 100 + bits(1)
        }

        fn wrong(&self, state: &Self::State, is_last: bool) -> Option<String> {
            (is_last && state.0 != 2).then(|| format!("the number is {}", state.0))
        }
    }

    #[test]
    fn lost_update_is_found_by_the_shortest_way() {
        let found = explore(&Counter, 1_000).expect_err("a counterexample");
        assert_eq!(found.wrong, "the number is 1");
        assert_eq!(found.way.len(), 4, "{found:?}");
    }
}
