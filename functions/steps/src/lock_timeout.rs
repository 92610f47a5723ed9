//! A migration that got no lock in time: how that is recognised, and when it runs again.
//!
//! Everything else that fails a migration ends the operation: a migration runs at most once, because Slipway cannot know what it
//! did. After a lock timeout PostgreSQL has undone the statement, or the transaction around it, and a migration tool continues there.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use slipway_model::contract::timeouts::LOCK_TIMEOUT_EXIT_CODE;
use slipway_model::id::OperationId;
use slipway_model::operation::{LogStream, Operation};

use crate::commands::PreparedCommand;
use crate::payload::EndedTask;
use crate::stack_account::StackAccount;
use crate::{StepError, Steps};

/// The pause before the first repetition; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause between two runs.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How many of the last lines are read.
const LINES: i32 = 50;

/// What PostgreSQL and its drivers say if a lock was not granted in time: the SQLSTATE, the message, the names of exceptions
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const LOCK_TIMEOUTS: [&str; 4] = [
    "55P03",
    "canceling statement due to lock timeout",
    "LockNotAvailable",
    "lock_not_available",
];

/// Words by which lines with errors are known.
const ERRORS: [&str; 5] = ["ERROR", "FATAL", "SQLSTATE", "Error:", "errors."];

/// What follows a lock timeout.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Again {
    wait_seconds: u64,
    command: PreparedCommand,
}

/// What a command that ran means for the workflow.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Checked {
    /// The command, to run once more.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<Again>,
}

impl Checked {
    pub(crate) fn again(again: Again) -> Self {
        Self { again: Some(again) }
    }
}

/// Whether the last error in these lines, oldest first, is a lock timeout.
fn says_lock_timeout(lines: &[String]) -> bool {
    let names = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
    let mut errors = lines
        .iter()
        .rev()
        .filter(|line| names(line, &LOCK_TIMEOUTS) || names(line, &ERRORS));
    errors.next().is_some_and(|line| names(line, &LOCK_TIMEOUTS))
}

/// The next run after `timeouts` of them; none if the retries or the time are used up. The time of all runs together is that of
/// the migration.
fn next_run(command: &PreparedCommand, timeouts: usize, now: Timestamp) -> Option<Again> {
    let number = u32::try_from(timeouts)
        .ok()
        .filter(|number| (1..=command.lock_retries).contains(number))?;
    let pause = FIRST_PAUSE.saturating_mul(1 << (number - 1).min(10)).min(LONGEST_PAUSE);
    let spent = command
        .since
        .map_or(SignedDuration::ZERO, |since| now.duration_since(since));
    let spent = u64::try_from(spent.as_secs()).unwrap_or_default() + pause.as_secs();
    let left = u64::from(command.timeout_seconds)
        .checked_sub(spent)
        .filter(|left| *left > 0)?;
    Some(Again {
        wait_seconds: pause.as_secs(),
        command: PreparedCommand {
            timeout_seconds: u32::try_from(left).ok()?,
            // Its task is new, and so is the time in which ECS shows it.
            since: None,
            ..command.clone()
        },
    })
}

impl Steps {
    /// The next run of a migration whose task ended by a lock timeout; none if it ended otherwise, or does not run again.
    pub(crate) async fn after_lock_timeout(
        &self,
        operation: &OperationId,
        account: &StackAccount,
        ended: &EndedTask,
        (task, exit_code): (&str, i32),
        (step, log, entered): (&str, Option<&LogStream>, Timestamp),
    ) -> Result<Option<Again>, StepError> {
        let Some(command) = ended.command.as_ref().filter(|command| command.lock_retries > 0) else {
            return Ok(None);
        };
        let says_so = match log {
            _ if exit_code == LOCK_TIMEOUT_EXIT_CODE => true,
            Some(log) => says_lock_timeout(&account.last_log_lines(log, LINES).await),
            None => false,
        };
        if !says_so {
            return Ok(None);
        }
        let change = |operation: &mut Operation| {
            operation.lock_timed_out(step, task);
            if let Some(log) = log {
                operation.note_log(log.clone());
            }
            Ok(())
        };
        let known = self.store.update_operation(operation, change).await?;
        if known.status.has_ended() || known.cancel_requested().is_some() {
            return Ok(None);
        }
        let timeouts = known.lock_timeouts(step);
        let again = next_run(command, timeouts, entered);
        tracing::info!(%operation, step, timeouts, runs_again = again.is_some(), "a migration got no lock in time");
        Ok(again)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lock_timeout_is_recognised_by_the_last_error() {
        for yes in [
            "ALTER TABLE\npsql:002.sql:3: ERROR:  canceling statement due to lock timeout\nROLLBACK",
            "psql:002.sql:3: ERROR:  55P03: canceling statement due to lock timeout\nLOCATION:  ProcessInterrupts, postgres.c:3370",
            "Traceback (most recent call last):\npsycopg.errors.LockNotAvailable: canceling statement due to lock timeout",
            "PG::LockNotAvailable: ERROR:  canceling statement due to lock timeout\n/app/db/migrate/1_a.rb:3:in `change'",
            "[42] Abfrage abgebrochen SQLSTATE 55P03",
            "Error: retrying\nSQLSTATE[55P03]: Lock not available: 7 ERROR:  canceling statement due to lock timeout",
        ] {
            assert!(says_lock_timeout(&lines(yes)), "{yes}");
        }
        for no in [
            "",
            "everything is fine",
            "ERROR:  canceling statement due to statement timeout",
            "ERROR:  canceling statement due to lock timeout\nagain\nERROR:  column \"note\" of relation \"orders\" already exists",
            "LockNotAvailable, trying again\npsycopg.errors.DuplicateColumn: column \"note\" already exists",
        ] {
            assert!(!says_lock_timeout(&lines(no)), "{no}");
        }
    }

    #[test]
    fn runs_share_the_time_of_the_migration() {
        let since: Timestamp = "2026-11-29T12:00:00Z".parse().expect("a time");
        let command = PreparedCommand {
            name: "schema".parse().expect("a name"),
            task_definition: "web:1".to_owned(),
            container: "web".to_owned(),
            service: None,
            shares_network: false,
            command: vec!["./migrate".to_owned()],
            timeout_seconds: 60,
            next: None,
            since: Some(since),
            environment: BTreeMap::new(),
            lock_retries: 4,
        };
        let next = |timeouts, seconds| {
            let again = next_run(&command, timeouts, since + SignedDuration::from_secs(seconds));
            again.map(|again| (again.wait_seconds, again.command.timeout_seconds))
        };
        assert_eq!(next(1, 5), Some((2, 53)));
        assert_eq!(next(2, 10), Some((4, 46)));
        assert_eq!(next(4, 30), Some((16, 14)));
        assert_eq!(next(5, 30), None);
        assert_eq!(next(1, 58), None);
        assert_eq!(next(0, 0), None);
    }
}
