//! Where the messages of a queue are: pure, without their bodies.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

/// Where one message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sent: Timestamp,
    /// From when on it can be received.
    pub(super) from: Timestamp,
    /// Whether anybody has received it: one that cannot be received is in flight then, and delayed otherwise.
    pub(super) received: bool,
}

/// How many messages are where.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

/// The messages of a queue, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Index {
    messages: BTreeMap<u64, Place>,
    /// The same ones in the order in which they can be received.
    order: BTreeSet<(Timestamp, u64)>,
}

impl Index {
    /// The number of the next message: numbers rise with time.
    pub(super) fn next_number(&self) -> u64 {
        self.messages.last_key_value().map_or(1, |(number, _)| number + 1)
    }

    /// Adds a message, or puts it elsewhere.
    pub(super) fn put(&mut self, number: u64, place: Place) {
        if let Some(before) = self.messages.insert(number, place) {
            self.order.remove(&(before.from, number));
        }
        self.order.insert((place.from, number));
    }

    pub(super) fn remove(&mut self, number: u64) {
        if let Some(before) = self.messages.remove(&number) {
            self.order.remove(&(before.from, number));
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The first messages that can be received now.
    pub(super) fn receivable(&self, now: Timestamp) -> impl Iterator<Item = u64> {
        self.order
            .iter()
            .take_while(move |(from, _)| *from <= now)
            .map(|(_, number)| *number)
    }

    /// When the next message that cannot be received now can be.
    pub(super) fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let mut later = self.order.range((now, u64::MAX)..);
        later.next().map(|(from, _)| *from)
    }

    /// The messages that were sent before this time.
    pub(super) fn sent_before(&self, time: Timestamp) -> Vec<u64> {
        let old = self.messages.iter().take_while(|(_, place)| place.sent < time);
        old.map(|(number, _)| *number).collect()
    }

    pub(super) fn counts(&self, now: Timestamp) -> Counts {
        let mut counts = Counts::default();
        for place in self.messages.values() {
            match (place.from <= now, place.received) {
                (true, _) => counts.visible += 1,
                (false, true) => counts.in_flight += 1,
                (false, false) => counts.delayed += 1,
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_message_is_found_by_when_it_can_be_received() {
        let mut index = Index::default();
        let place = |sent, from, received| Place {
            sent: at(sent),
            from: at(from),
            received,
        };
        index.put(1, place(0, 0, false));
        index.put(2, place(0, 9, false));
        index.put(3, place(1, 1, false));
        index.put(1, place(0, 8, true));
        let receivable = |index: &Index, now| index.receivable(at(now)).collect::<Vec<_>>();
        assert_eq!(receivable(&index, 1), [3]);
        assert_eq!(receivable(&index, 8), [3, 1]);
        assert_eq!(receivable(&index, 9), [3, 1, 2]);
        assert_eq!(index.next_after(at(1)), Some(at(8)));
        assert_eq!(index.next_after(at(8)), Some(at(9)));
        assert_eq!(index.next_after(at(9)), None);
        assert_eq!(
            index.counts(at(1)),
            Counts {
                visible: 1,
                in_flight: 1,
                delayed: 1
            }
        );
        assert_eq!(index.sent_before(at(1)), [1, 2]);
        index.remove(3);
        assert_eq!(receivable(&index, 1), [0; 0]);
        assert_eq!(index.next_number(), 3);
    }
}
