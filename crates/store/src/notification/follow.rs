//! Following notifications: each is seen once, also across connections.
//!
//! Notifications are listed by the time that their writers gave them, and become visible a moment later, not quite in this order. So a
//! reader who continued after the last one would miss those that came late. A [`Position`] lies [`LATE`] before the newest one
//! instead, and names those after it that were seen.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::name::Digest;
use slipway_model::notification::Notification;
use tokio::time::Instant;

use super::{NotificationFilter, stored};
use crate::query::Query;
use crate::write::NOTIFIED;
use crate::{Error, PAGE, Store};

/// How much later than others a notification may become visible, in microseconds.
const LATE: i64 = 30_000_000;

/// How many notifications a position names. With more of them within [`LATE`], the time that is looked back becomes shorter.
const NAMED: usize = 128;

/// How soon a notification by another process is seen.
const INTERVAL: Duration = Duration::from_secs(1);

/// Where a reader of notifications is: opaque outside the store.
///
/// It names what the reader was not shown, too, so only [`Store::seal`] makes a text of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(Seen);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// Notifications at or before this microsecond are over.
    from: i64,
    /// Those after it that were seen: microseconds after `from`, and a part of the digest of the ID.
    seen: Vec<(i64, u32)>,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// Notifications that the reader has not seen, by their time.
    pub notifications: Vec<Notification>,
    /// Where the reader continues.
    pub position: Position,
}

impl Position {
    /// Before everything that happened after this.
    pub fn after(time: Timestamp) -> Self {
        Self(Seen {
            from: time.as_microsecond().max(0),
            seen: Vec::new(),
        })
    }

    fn has_seen(&self, mark: (i64, u32)) -> bool {
        let (at, id) = mark;
        self.0.seen.contains(&(at - self.0.from, id))
    }

    /// The position of a reader who has seen these notifications besides, or may not see them.
    #[must_use]
    pub fn past(&self, notifications: &[Notification]) -> Self {
        self.having_seen(notifications.iter().map(mark))
    }

    /// The position of a reader who has seen these besides.
    fn having_seen(&self, marks: impl Iterator<Item = (i64, u32)>) -> Self {
        let before = self.0.seen.iter().map(|(after, id)| (self.0.from + after, *id));
        let mut all: Vec<(i64, u32)> = before.chain(marks).collect();
        all.sort_unstable();
        let newest = all.last().map_or(self.0.from, |(at, _)| *at);
        let mut from = self.0.from.max(newest - LATE);
        if let Some(excess) = all.len().checked_sub(NAMED + 1) {
            from = from.max(all[excess].0);
        }
        all.retain(|(at, _)| *at > from);
        Self(Seen {
            from,
            seen: all.into_iter().map(|(at, id)| (at - from, id)).collect(),
        })
    }
}

fn mark(notification: &Notification) -> (i64, u32) {
    let digest = Digest::of(notification.id.to_string().as_bytes());
    let part = u32::from_str_radix(&digest.hex()[..8], 16).unwrap_or_default();
    (notification.time.as_microsecond(), part)
}

impl Store {
    /// The next notifications that satisfy the filter, at most `limit`; none if there are none yet.
    pub async fn notifications_after(
        &self,
        filter: &NotificationFilter,
        position: &Position,
        limit: u16,
    ) -> Result<Followed, Error> {
        let limit = usize::from(limit.clamp(1, PAGE));
        let after = format!("{:020}$", position.0.from);
        let query = Query::filtered(filter.partitions()).after(after);
        let (mut notifications, mut cursor) = (Vec::new(), None);
        loop {
            let page = self
                .indexed_page_of(&query, PAGE, cursor.as_ref(), |key, item| {
                    Ok(stored(key, &item)?.notification)
                })
                .await?;
            let new = page.items.into_iter().filter(|one| !position.has_seen(mark(one)));
            notifications.extend(new);
            match page.next {
                Some(next) if notifications.len() < limit => cursor = Some(next),
                _ => break,
            }
        }
        notifications.truncate(limit);
        let position = position.past(&notifications);
        Ok(Followed {
            notifications,
            position,
        })
    }

    /// Likewise, as soon as there are some, or when `timeout` is over.
    pub async fn notifications_within(
        &self,
        filter: &NotificationFilter,
        position: &Position,
        limit: u16,
        timeout: Duration,
    ) -> Result<Followed, Error> {
        let deadline = Instant::now() + timeout;
        loop {
            // Before the query: what is made after it wakes this.
            let made = NOTIFIED.notified();
            let followed = self.notifications_after(filter, position, limit).await?;
            let now = Instant::now();
            if !followed.notifications.is_empty() || now >= deadline {
                return Ok(followed);
            }
            // Either way the list is read again.
            let _ = tokio::time::timeout(INTERVAL.min(deadline - now), made).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_notifications_are_seen_once() {
        let start = Position::after(Timestamp::from_microsecond(1_000_000).expect("a time"));
        let seen = start.having_seen([(1_000_005, 1), (1_000_009, 2)].into_iter());
        assert!(seen.has_seen((1_000_005, 1)) && seen.has_seen((1_000_009, 2)));
        assert!(!seen.has_seen((1_000_007, 3)), "it became visible later");
        let later = seen.having_seen([(1_000_007 + LATE, 4)].into_iter());
        assert_eq!(later.0.from, 1_000_007);
        assert!(later.has_seen((1_000_009, 2)) && later.has_seen((1_000_007 + LATE, 4)));
    }

    #[test]
    fn position_of_many_is_short_and_advances() {
        let start = Position::after(Timestamp::from_microsecond(0).expect("a time"));
        let many = start.having_seen((1..=10_000).map(|at| (at, u32::try_from(at).expect("small"))));
        let text = serde_json::to_string(&many).expect("JSON");
        assert!(text.len() < 3_000, "{}", text.len());
        assert_eq!(many.0.seen.len(), NAMED);
        assert!(many.has_seen((10_000, 10_000)));
        assert_eq!(many.0.from, 10_000 - i64::try_from(NAMED).expect("small"));
    }
}
