//! References of an environment to values that are kept in AWS Secrets Manager or in the Parameter Store.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::account::Region;
use crate::textual::as_text;

/// Where the value of a variable is read, in each build that plans.
///
/// As text, it is the ARN. After the ARN of a secret, `#` and the name of a member may follow, for a secret that is a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    /// The ARN: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html>,
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html>.
    pub arn: String,
    /// The Region in the ARN.
    pub region: Region,
    /// What keeps it.
    pub keeper: Keeper,
}

/// What keeps a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeper {
    /// AWS Secrets Manager: the whole secret, or a member of it.
    SecretsManager {
        /// The member.
        member: Option<String>,
    },
    /// The Parameter Store of AWS Systems Manager.
    ParameterStore,
}

/// A text that is no [`Reference`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// It is neither.
    #[error("is neither the ARN of a secret of AWS Secrets Manager nor that of a parameter of the Parameter Store")]
    Arn,
    /// The member has no name, or it follows the ARN of a parameter.
    #[error("has `#` without the name of a member, or after the ARN of a parameter")]
    Member,
}

as_text!(InvalidReference: Reference);

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let (arn, member) = match text.split_once('#') {
            Some((arn, member)) => (arn, Some(member)),
            None => (text, None),
        };
        let mut parts = arn.splitn(6, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (prefix, partition, service, region, account, resource) = (part(), part(), part(), part(), part(), part());
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let is_printable = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if prefix != "arn" || !partition.starts_with("aws") || !is_account || !is_printable(resource) {
            return Err(InvalidReference::Arn);
        }
        let keeper = match (service, member) {
            ("secretsmanager", member) if resource.starts_with("secret:") => {
                if member.is_some_and(|member| !is_printable(member)) {
                    return Err(InvalidReference::Member);
                }
                let member = member.map(str::to_owned);
                Keeper::SecretsManager { member }
            }
            ("ssm", None) if resource.starts_with("parameter/") => Keeper::ParameterStore,
            ("ssm", Some(_)) if resource.starts_with("parameter/") => return Err(InvalidReference::Member),
            _ => return Err(InvalidReference::Arn),
        };
        Ok(Self {
            arn: arn.to_owned(),
            region: region.parse().map_err(|_| InvalidReference::Arn)?,
            keeper,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)?;
        match &self.keeper {
            Keeper::SecretsManager { member: Some(member) } => write!(f, "#{member}"),
            Keeper::SecretsManager { member: None } | Keeper::ParameterStore => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:live/shop/token-a1B2c3";
    const PARAMETER: &str = "arn:aws-us-gov:ssm:us-gov-west-1:111122223333:parameter/live/shop/token";

    #[test]
    fn references_are_read_as_they_are_written() {
        for text in [SECRET, &format!("{SECRET}#password"), PARAMETER] {
            let reference: Reference = text.parse().expect("a reference");
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_reference_is_rejected() {
        for text in [
            "",
            "hunter2",
            "arn:aws:s3:::bucket/key",
            &SECRET.replace("111122223333", "1"),
            &SECRET.replace("eu-west-1", "europe"),
            &SECRET.replace("secret:", "key:"),
            &PARAMETER.replace("parameter/", "document/"),
            &format!("{SECRET} "),
        ] {
            assert_eq!(text.parse::<Reference>(), Err(InvalidReference::Arn), "{text}");
        }
        for text in [format!("{SECRET}#"), format!("{PARAMETER}#member")] {
            assert_eq!(text.parse::<Reference>(), Err(InvalidReference::Member), "{text}");
        }
    }
}
