//! The timeouts of PostgreSQL for a migration.
//!
//! A migration that waits for a lock holds up every transaction behind it. So it gives up after its `lock_timeout`, which costs
//! the application no more than that, and the workflow runs it again.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::COMMAND_CHARACTERS;
use super::OneOff;
use super::at::{At, Problems};
use crate::textual::as_text;

/// The variable of libpq that passes settings to the server: <https://www.postgresql.org/docs/current/libpq-envars.html>.
pub const PGOPTIONS: &str = "PGOPTIONS";
/// The lock timeout in milliseconds, for drivers that do not read [`PGOPTIONS`].
pub const LOCK_TIMEOUT_MS: &str = "SLIPWAY_LOCK_TIMEOUT_MS";
/// The statement timeout in milliseconds.
pub const STATEMENT_TIMEOUT_MS: &str = "SLIPWAY_STATEMENT_TIMEOUT_MS";

/// The exit code with which a migration says that it got no lock in time: `EX_TEMPFAIL` of sysexits.h.
pub const LOCK_TIMEOUT_EXIT_CODE: i32 = 75;

/// The most times that a migration is run again after a lock timeout.
pub const MOST_LOCK_RETRIES: u32 = 20;

/// How often it is run again if the contract names a lock timeout and no number.
pub const DEFAULT_LOCK_RETRIES: u32 = 5;

/// The longest timeout: a day.
const LONGEST_MS: u64 = 86_400_000;

/// A time as PostgreSQL writes it: `500ms`, `5s`, `2min`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PgTimeout {
    milliseconds: u64,
}

/// The timeouts of a migration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// How long a statement waits for a lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_timeout: Option<PgTimeout>,
    /// How long a statement runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_timeout: Option<PgTimeout>,
    /// How often the migration is run again after a lock timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_retries: Option<u32>,
}

/// A text that is no [`PgTimeout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give a whole number with a unit, from `1ms` to `24h`: `500ms`, `5s`, `2min`, `1h`")]
pub struct InvalidTimeout;

impl PgTimeout {
    /// The number of milliseconds.
    pub fn milliseconds(self) -> u64 {
        self.milliseconds
    }
}

/// The units of PostgreSQL, the largest first: <https://www.postgresql.org/docs/current/config-setting.html>.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

impl FromStr for PgTimeout {
    type Err = InvalidTimeout;

    fn from_str(text: &str) -> Result<Self, InvalidTimeout> {
        let digits = text
            .find(|letter: char| !letter.is_ascii_digit())
            .ok_or(InvalidTimeout)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| InvalidTimeout)?;
        let (_, factor) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit.trim_start())
            .ok_or(InvalidTimeout)?;
        let milliseconds = number
            .checked_mul(factor)
            .filter(|total| (1..=LONGEST_MS).contains(total));
        Ok(Self {
            milliseconds: milliseconds.ok_or(InvalidTimeout)?,
        })
    }
}

impl fmt::Display for PgTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS
            .into_iter()
            .find(|(_, factor)| self.milliseconds.is_multiple_of(*factor));
        let (unit, factor) = whole.unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.milliseconds / factor)
    }
}

as_text!(InvalidTimeout: PgTimeout);

impl Timeouts {
    /// How often the migration is run again after a lock timeout.
    pub fn retries(&self) -> u32 {
        let retries = self.lock_retries.unwrap_or(DEFAULT_LOCK_RETRIES);
        self.lock_timeout.map_or(0, |_| retries)
    }

    /// The variables of the migration's container. `options` are those that the container has as [`PGOPTIONS`] itself.
    pub fn environment(&self, options: Option<&str>) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        let mut settings: Vec<String> = options.map(str::to_owned).into_iter().collect();
        for (setting, variable, timeout) in [
            ("lock_timeout", LOCK_TIMEOUT_MS, self.lock_timeout),
            ("statement_timeout", STATEMENT_TIMEOUT_MS, self.statement_timeout),
        ] {
            let Some(timeout) = timeout else { continue };
            settings.push(format!("-c {setting}={}", timeout.milliseconds));
            variables.insert(variable.to_owned(), timeout.milliseconds.to_string());
        }
        if !variables.is_empty() {
            variables.insert(PGOPTIONS.to_owned(), settings.join(" "));
        }
        variables
    }

    /// Whether ECS takes the command with these variables.
    fn fits(&self, run: &OneOff) -> bool {
        let variables = self.environment(None);
        let pair = |(name, value): (&String, &String)| serde_json::json!({"name": name, "value": value});
        let variables: Vec<serde_json::Value> = variables.iter().map(pair).collect();
        let command = serde_json::json!(run.command).to_string().chars().count();
        let more = serde_json::json!({"environment": variables}).to_string().len();
        variables.is_empty() || command + more <= COMMAND_CHARACTERS
    }
}

/// The timeouts among the attributes of a migration.
pub(super) fn read(at: &At, run: Option<&OneOff>, problems: &mut Problems) -> Timeouts {
    let timeout = |name: &str, problems: &mut Problems| {
        let at = at.get(name)?;
        match at.text(problems)?.parse() {
            Ok(timeout) => Some(timeout),
            Err(InvalidTimeout) => at.wrong(problems, "is not a time", &InvalidTimeout.to_string()),
        }
    };
    let timeouts = Timeouts {
        lock_timeout: timeout("lock_timeout", problems),
        statement_timeout: timeout("statement_timeout", problems),
        lock_retries: at
            .get("lock_retries")
            .and_then(|at| at.number(problems, MOST_LOCK_RETRIES)),
    };
    if let Some(retries) = at.get("lock_retries").filter(|_| at.get("lock_timeout").is_none()) {
        retries.wrong::<()>(problems, "has no lock timeout to follow", "set `lock_timeout` too");
    }
    if let (Some(run), Some(command)) = (run, at.get("command"))
        && !timeouts.fits(run)
    {
        command.wrong::<()>(
            problems,
            "is too long for ECS together with the variables of the timeouts",
            "move the text into a script of the image, or into a variable of the container",
        );
    }
    timeouts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_is_written_as_postgresql_reads_it() {
        for (text, milliseconds, shown) in [
            ("500ms", 500, "500ms"),
            ("5s", 5_000, "5s"),
            ("90 s", 90_000, "90s"),
            ("2min", 120_000, "2min"),
            ("24h", LONGEST_MS, "24h"),
        ] {
            let timeout: PgTimeout = text.parse().expect(text);
            assert_eq!(
                (timeout.milliseconds(), timeout.to_string()),
                (milliseconds, shown.to_owned())
            );
        }
        for wrong in ["", "5", "0s", "-1s", "5 days", "1d", "25h", "ms", "1.5s"] {
            assert_eq!(wrong.parse::<PgTimeout>(), Err(InvalidTimeout), "{wrong}");
        }
    }

    #[test]
    fn variables_keep_the_options_of_the_container() {
        let timeouts = Timeouts {
            lock_timeout: "2s".parse().ok(),
            statement_timeout: "1min".parse().ok(),
            lock_retries: None,
        };
        let variables = timeouts.environment(Some("-c search_path=shop"));
        assert_eq!(
            variables[PGOPTIONS],
            "-c search_path=shop -c lock_timeout=2000 -c statement_timeout=60000"
        );
        assert_eq!(
            (&*variables[LOCK_TIMEOUT_MS], &*variables[STATEMENT_TIMEOUT_MS]),
            ("2000", "60000")
        );
        assert_eq!(
            (timeouts.retries(), Timeouts::default().retries()),
            (DEFAULT_LOCK_RETRIES, 0)
        );
        assert!(Timeouts::default().environment(Some("-c search_path=shop")).is_empty());
    }
}
