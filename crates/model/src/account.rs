//! AWS accounts, and the names of what is in them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::textual::textual;

/// The fixed prefix of the names of environments' roles. Builds may assume no others.
pub const ENVIRONMENT_ROLE: &str = "slipway-environment-";

/// What the roles are called that releases in environments are done with, before the same part. The workflow may assume no others.
pub const RELEASE_ROLE: &str = "slipway-release-";

/// What the roles are called that the logs of services are read with, before the same part. The API may assume no others.
pub const LOGS_ROLE: &str = "slipway-logs-";

/// What the event buses are called that take results. No others may be written to.
pub const RESULT_BUS: &str = "slipway-results";

/// A text that is not what belongs to an AWS account; the message says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAccount(String);

/// The id of an AWS account: 12 digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

impl FromStr for AccountId {
    type Err = InvalidAccount;

    fn from_str(text: &str) -> Result<Self, InvalidAccount> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidAccount("the id of an AWS account has 12 digits".to_owned()))
    }
}

/// The name of an AWS region, like `eu-west-1`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

impl FromStr for Region {
    type Err = InvalidAccount;

    fn from_str(text: &str) -> Result<Self, InvalidAccount> {
        let mut parts = text.split('-').rev();
        let number = parts.next().unwrap_or_default();
        let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
        let words: Vec<&str> = parts.collect();
        let is_number = number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit());
        // The first word is a part of the world: `us`, `eu`; a name has 32 characters at most.
        let place = words.last().is_some_and(|place| place.len() == 2);
        if is_number && place && words.len() >= 2 && words.iter().all(|word| is_word(word)) && text.len() <= 32 {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidAccount("an AWS region is called like `eu-west-1`".to_owned()))
    }
}

/// The ARN of the role that builds assume in an environment's account, like
/// `arn:aws:iam::111122223333:role/slipway-environment-live`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvironmentRole(String);

impl EnvironmentRole {
    /// The account that the role is in.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    /// The ARN of the role that releases in the environment are done with: `aws/target-account` makes the two together, so that an
    /// environment is configured with one.
    pub fn release_role(&self) -> String {
        self.0
            .replacen(&format!("role/{ENVIRONMENT_ROLE}"), &format!("role/{RELEASE_ROLE}"), 1)
    }

    /// The ARN of the role that reads the logs of services, which `aws/target-account` makes with the other two.
    pub fn logs_role(&self) -> String {
        self.0
            .replacen(&format!("role/{ENVIRONMENT_ROLE}"), &format!("role/{LOGS_ROLE}"), 1)
    }
}

/// The account that the resource of an ARN is in.
pub fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

/// The Region that the resource of an ARN is in.
pub fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

impl FromStr for EnvironmentRole {
    type Err = InvalidAccount;

    fn from_str(text: &str) -> Result<Self, InvalidAccount> {
        let invalid = || {
            InvalidAccount(format!(
                "the role of an environment is an ARN like `arn:aws:iam::111122223333:role/{ENVIRONMENT_ROLE}live`: builds may \
                 assume no role of another name"
            ))
        };
        let (account, name) = in_account(text, "iam", "").ok_or_else(invalid)?;
        let name = name.strip_prefix("role/").ok_or_else(invalid)?;
        let own = name.strip_prefix(ENVIRONMENT_ROLE).unwrap_or_default();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
        if account.parse::<AccountId>().is_err() || own.is_empty() || name.len() > 64 || !own.bytes().all(allowed) {
            return Err(invalid());
        }
        Ok(Self(text.to_owned()))
    }
}

/// The external ID of an environment's role, which its trust policy requires of builds.
///
/// It is shown to administrators alone, and never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExternalId(String);

impl ExternalId {
    /// The external id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl FromStr for ExternalId {
    type Err = InvalidAccount;

    fn from_str(text: &str) -> Result<Self, InvalidAccount> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@:/_-".contains(&b);
        if (16..=256).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidAccount(
            "an external id has 16 to 256 letters, digits and the characters + = , . @ : / _ -".to_owned(),
        ))
    }
}

impl TryFrom<String> for ExternalId {
    type Error = InvalidAccount;

    fn try_from(text: String) -> Result<Self, InvalidAccount> {
        text.parse()
    }
}

impl From<ExternalId> for String {
    fn from(id: ExternalId) -> Self {
        id.0
    }
}

/// The ARN of an event bus that takes results, like `arn:aws:events:eu-west-1:111122223333:event-bus/slipway-results`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResultBus(String);

impl ResultBus {
    /// The account that the bus is in.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

impl FromStr for ResultBus {
    type Err = InvalidAccount;

    fn from_str(text: &str) -> Result<Self, InvalidAccount> {
        let region = text.split(':').nth(3).unwrap_or_default();
        match in_account(text, "events", region) {
            Some((account, name))
                if region.parse::<Region>().is_ok()
                    && account.parse::<AccountId>().is_ok()
                    && name.strip_prefix("event-bus/") == Some(RESULT_BUS) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidAccount(format!(
                "results go to a bus whose ARN is like `arn:aws:events:eu-west-1:111122223333:event-bus/{RESULT_BUS}`"
            ))),
        }
    }
}

/// The account and the name of what an ARN is of, where it is of this service and region.
fn in_account<'a>(arn: &'a str, service: &str, region: &str) -> Option<(&'a str, &'a str)> {
    let mut parts = arn.splitn(6, ':');
    let is_partition =
        |text: &str| text.starts_with("aws") && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let fits =
        parts.next()? == "arn" && is_partition(parts.next()?) && parts.next()? == service && parts.next()? == region;
    let (account, name) = (parts.next()?, parts.next()?);
    fits.then_some((account, name))
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    )*};
}

as_text!(AccountId, Region, EnvironmentRole, ResultBus);
textual!(InvalidAccount: AccountId, Region, EnvironmentRole, ResultBus);

#[cfg(test)]
mod tests {
    use super::*;

    fn all<T: FromStr>(texts: &[&str]) -> Vec<bool> {
        texts.iter().map(|text| text.parse::<T>().is_ok()).collect()
    }

    #[test]
    fn an_account_has_12_digits() {
        assert!("000000000000".parse::<AccountId>().is_ok());
        let wrong = [
            "",
            "11112222333",
            "1111222233334",
            "11112222333a",
            "١١١١٢٢",
            " 111122223333",
        ];
        assert_eq!(all::<AccountId>(&wrong), [false; 6]);
    }

    #[test]
    fn a_region_is_called_as_aws_calls_them() {
        assert_eq!(
            all::<Region>(&["eu-west-1", "us-gov-east-1", "ap-southeast-5", "us-iso-east-1"]),
            [true; 4]
        );
        let wrong = [
            "",
            "eu",
            "eu-1",
            "west-eu-1",
            "EU-west-1",
            "eu-west-12",
            "eu--1",
            "eu-west-1 ",
            "eu-west-${a}-1",
        ];
        assert_eq!(all::<Region>(&wrong), [false; 9]);
    }

    #[test]
    fn a_role_is_one_that_builds_may_assume() {
        let role: EnvironmentRole = "arn:aws:iam::111122223333:role/slipway-environment-live"
            .parse()
            .expect("a role");
        assert_eq!(role.account(), "111122223333");
        assert!(
            "arn:aws-cn:iam::111122223333:role/slipway-environment-a.b"
                .parse::<EnvironmentRole>()
                .is_ok()
        );
        let wrong = [
            "slipway-environment-live",
            "arn:aws:iam::111122223333:role/admin",
            "arn:aws:iam::111122223333:role/slipway-environment-",
            "arn:aws:iam::111122223333:role/team/slipway-environment-live",
            "arn:aws:iam::111122223333:role/slipway-environment-*",
            "arn:aws:iam::111122223333:role/slipway-environment-${file(\"a\")}",
            "arn:aws:iam::1111:role/slipway-environment-live",
            "arn:aws:iam:eu-west-1:111122223333:role/slipway-environment-live",
            "arn:aws:sts::111122223333:role/slipway-environment-live",
            "arn:other:iam::111122223333:role/slipway-environment-live",
        ];
        assert_eq!(all::<EnvironmentRole>(&wrong), [false; 10]);
    }

    #[test]
    fn releases_have_a_role_beside_the_environments_own() {
        for (environment, release) in [
            (
                "arn:aws:iam::111122223333:role/slipway-environment-live",
                "arn:aws:iam::111122223333:role/slipway-release-live",
            ),
            (
                "arn:aws-cn:iam::111122223333:role/slipway-environment-slipway-environment-a",
                "arn:aws-cn:iam::111122223333:role/slipway-release-slipway-environment-a",
            ),
        ] {
            let role: EnvironmentRole = environment.parse().expect("a role");
            assert_eq!(role.release_role(), release);
            assert_eq!(account_of(release), Some(role.account()));
        }
        assert_eq!(account_of("arn:aws:s3:::bucket"), None);
        assert_eq!(account_of("web"), None);
    }

    #[test]
    fn external_id_is_hard_to_guess_and_never_printed() {
        let id: ExternalId = "0123456789abcdef".parse().expect("an external id");
        assert_eq!(
            (format!("{id:?}"), id.as_str()),
            ("(hidden)".to_owned(), "0123456789abcdef")
        );
        let long = "a".repeat(257);
        assert_eq!(
            all::<ExternalId>(&["", "short", "0123456789abcde ", "0123456789${ab}", &long]),
            [false; 5]
        );
    }

    #[test]
    fn results_go_to_the_bus_that_may_be_written_to() {
        let bus: ResultBus = "arn:aws:events:eu-west-1:111122223333:event-bus/slipway-results"
            .parse()
            .expect("a bus");
        assert_eq!(bus.account(), "111122223333");
        let wrong = [
            "arn:aws:events:eu-west-1:111122223333:event-bus/default",
            "arn:aws:events::111122223333:event-bus/slipway-results",
            "arn:aws:events:eu-west-1:1:event-bus/slipway-results",
            "arn:aws:sqs:eu-west-1:111122223333:slipway-results",
        ];
        assert_eq!(all::<ResultBus>(&wrong), [false; 4]);
    }
}
