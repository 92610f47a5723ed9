//! Why the rules of an environment forbid a plan.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error_name::ErrorName;

/// The policy of refusals on records of earlier versions of Slipway, which kept the reason alone.
const EARLIER: &str = "environment.protected";

/// Why a plan is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Record")]
pub struct Refusal {
    /// The policy that refuses it.
    pub policy: String,
    /// Why, in a clause.
    pub reason: String,
    /// The addresses of the resources that the policy is about. The first ones, if there are many.
    pub resources: Vec<String>,
}

impl Refusal {
    /// The name of the error with which the operation ends.
    pub fn error_name(&self) -> ErrorName {
        if self.policy == super::protection::PROTECTED_TYPES {
            ErrorName::ResourceProtected
        } else {
            ErrorName::PlanRefused
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy `{}` refuses the plan: {}", self.policy, self.reason)
    }
}

/// As records have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Record {
    Refusal {
        policy: String,
        reason: String,
        #[serde(default)]
        resources: Vec<String>,
    },
    Reason(String),
}

impl From<Record> for Refusal {
    fn from(record: Record) -> Self {
        match record {
            Record::Refusal {
                policy,
                reason,
                resources,
            } => Self {
                policy,
                reason,
                resources,
            },
            Record::Reason(reason) => Self {
                policy: EARLIER.to_owned(),
                reason,
                resources: Vec::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Verdict;

    #[test]
    fn refusal_of_an_earlier_version_is_readable() {
        let verdict: Verdict =
            serde_json::from_str(r#"{"refused":"the environment `live` is protected"}"#).expect("a verdict");
        let Verdict::Refused(refusal) = &verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!((refusal.policy.as_str(), refusal.resources.len()), (EARLIER, 0));
        let text = serde_json::to_string(&verdict).expect("JSON");
        assert_eq!(serde_json::from_str::<Verdict>(&text).expect("a verdict"), verdict);
    }
}
