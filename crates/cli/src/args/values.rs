//! The values of arguments.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use semver::Version;
use slipway_model::audit::Action;
use slipway_model::id::{ReleaseNumber, StackId};
use slipway_model::name::Name;
use slipway_model::operation::OperationStatus;

use crate::images::Named;
use crate::settings::project_stack;

/// A blueprint with or without a version: `web` or `web@1.2.0`.
#[derive(Debug, Clone)]
pub struct BlueprintRef {
    pub name: Name,
    pub version: Option<Version>,
}

impl FromStr for BlueprintRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let name = name.parse().map_err(|error| format!("{error}"))?;
        let version = version.map(version_of).transpose()?;
        Ok(Self { name, version })
    }
}

/// A version of a blueprint.
pub fn version_of(text: &str) -> Result<Version, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a version: write three numbers, such as `1.2.0`"))
}

/// A stack by its id or by its name, which another environment may have too: `lusab-babad`, `shop` or `staging/shop`.
#[derive(Debug, Clone)]
pub enum StackRef {
    Id(StackId),
    Named { environment: Option<Name>, name: Name },
}

impl FromStr for StackRef {
    type Err = String;

    /// What may be an id is one.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "." {
            let stack = project_stack()?;
            let is_itself = stack == ".";
            return if is_itself {
                Err("the project's `stack` is `.`".to_owned())
            } else {
                stack.parse()
            };
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let (environment, name) = match text.split_once('/') {
            Some((environment, name)) => (Some(environment), name),
            None => (None, text),
        };
        let environment = environment.map(str::parse).transpose();
        let environment = environment.map_err(|error| format!("the environment {error}"))?;
        let name = name.parse().map_err(|error| format!("{error}"))?;
        Ok(Self::Named { environment, name })
    }
}

/// As the caller names it.
impl fmt::Display for StackRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Named {
                environment: Some(environment),
                name,
            } => write!(f, "{environment}/{name}"),
            Self::Named { name, .. } => name.fmt(f),
        }
    }
}

pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write `NAME=VALUE`")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn service_image(text: &str) -> Result<(Name, Named), String> {
    let (service, image) = text.split_once('=').ok_or("write `SERVICE=IMAGE`")?;
    let service = service.parse().map_err(|error| format!("{error}"))?;
    Ok((service, image.parse()?))
}

pub(super) fn release_number(text: &str) -> Result<ReleaseNumber, String> {
    let number = text.parse().map_err(|_| "a release is a number from 1".to_owned())?;
    Ok(ReleaseNumber(number))
}

/// A span of time before now: `30m`, `24h`, `7d`.
pub(super) fn span(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "write a number with `s`, `m`, `h` or `d`: 30m, 24h, 7d".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    Ok(SignedDuration::from_secs(i64::from(number) * seconds))
}

/// A moment by its time, or as a span of time before now.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = "write a time such as `2026-11-29T00:00:00Z`, or a span before now: 30m, 24h, 7d";
    let by_span = || Timestamp::now().checked_sub(span(text).ok()?).ok();
    let by_time = text.parse::<Timestamp>().ok();
    by_time.or_else(by_span).ok_or_else(|| wrong.to_owned())
}

/// A status of an operation; the error lists them.
pub(super) fn operation_status(text: &str) -> Result<OperationStatus, String> {
    let mut all = OperationStatus::ALL.into_iter();
    all.find(|status| status.as_str() == text).ok_or_else(|| {
        let known = OperationStatus::ALL.map(OperationStatus::as_str);
        format!("write one of {}", known.join(", "))
    })
}

/// An action of the audit log; the error lists them.
pub(super) fn audited(text: &str) -> Result<Action, String> {
    text.parse::<Action>().map_err(|error| {
        let known = Action::ALL.map(|action| action.to_string());
        format!("{error}; write one of {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moment_is_a_time_or_a_span_before_now() {
        let time = "2026-11-29T00:00:00Z";
        assert_eq!(moment(time).map(|moment| moment.to_string()), Ok(time.to_owned()));
        let hour = moment("1h").expect("a span");
        let ago = Timestamp::now().duration_since(hour).as_secs();
        assert!((3_600..3_660).contains(&ago), "{ago}");
        for wrong in ["", "yesterday", "4294967295d"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_audit_action_lists_the_known_ones() {
        assert_eq!(audited("approve"), Ok(Action::Approve));
        let error = audited("approved").expect_err("unknown");
        assert!(error.contains("provision, ") && error.contains("approve"), "{error}");
    }

    #[test]
    fn unknown_status_is_rejected_with_the_known_ones() {
        assert_eq!(operation_status("failed"), Ok(OperationStatus::Failed));
        let rejected = operation_status("faild").expect_err("a wrong status");
        assert!(rejected.contains("failed, needs_attention"), "{rejected}");
    }

    #[test]
    fn span_is_a_number_with_a_unit() {
        for (text, seconds) in [("45s", 45), ("30m", 1_800), ("24h", 86_400), ("7d", 604_800)] {
            assert_eq!(span(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "m", "10", "-1h", "1w", "1.5h", "10\u{fc}"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
