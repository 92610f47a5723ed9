//! Which build holds a stack's Terraform state lock.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::id::{OperationId, StackId};
use slipway_model::plan::binding::StateVersion;

use crate::item::encode;
use crate::table::Key;
use crate::write::{Condition, Write, Written};
use crate::{Error, Store};

/// What stands in the table of a runner that CodeBuild did not start.
const NO_BUILD: &str = "no build";

/// Between a build and its machine.
const ON: &str = " on ";

/// Where Terraform runs: the only format for the runner, which writes it, and for those who search for the build.
///
/// In the table it is a text: `slipway-runner:9f3c… on ip-10-0-1-7`, or `no build on box`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Runner {
    /// CodeBuild's id of the build; `None` outside CodeBuild.
    pub build: Option<String>,
    /// The name of the machine, as Terraform's own lock has it.
    pub machine: String,
}

impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{ON}{}", self.build.as_deref().unwrap_or(NO_BUILD), self.machine)
    }
}

impl From<Runner> for String {
    fn from(runner: Runner) -> Self {
        runner.to_string()
    }
}

impl From<String> for Runner {
    fn from(text: String) -> Self {
        let (build, machine) = text.split_once(ON).unwrap_or((&text, ""));
        Self {
            build: (build != NO_BUILD).then(|| build.to_owned()),
            machine: machine.to_owned(),
        }
    }
}

/// Who locked a stack's state last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The operation.
    pub operation: OperationId,
    /// Where its Terraform ran.
    #[serde(rename = "build")]
    pub runner: Runner,
    /// When it was about to.
    pub at: Timestamp,
    /// The state that it was about to lock. None on records of earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateVersion>,
}

impl Store {
    /// Records that Terraform is about to lock the state of a stack, which is of this version then.
    pub async fn record_lock_holder(
        &self,
        stack: &StackId,
        operation: &OperationId,
        runner: Runner,
        state: Option<StateVersion>,
    ) -> Result<(), Error> {
        let holder = LockHolder {
            operation: operation.clone(),
            runner,
            at: Timestamp::now(),
            state,
        };
        let item = encode(&Key::lock(stack), Vec::new(), &holder)?;
        let writes = vec![Write::Put(item, Condition::Always)];
        match self.write("record who locks a state", writes).await? {
            Written::Yes => Ok(()),
            Written::Conflict => Err(Error::Conflict {
                what: format!("the lock of the stack {stack}"),
            }),
        }
    }

    /// Who locked the state of a stack last.
    pub async fn lock_holder(&self, stack: &StackId) -> Result<Option<LockHolder>, Error> {
        self.get(&Key::lock(stack)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_is_read_as_it_is_written() {
        let runner = |build: Option<&str>| Runner {
            build: build.map(str::to_owned),
            machine: "ip-10-0-1-7".to_owned(),
        };
        for (runner, text) in [
            (
                runner(Some("slipway-runner:9f3c")),
                "slipway-runner:9f3c on ip-10-0-1-7",
            ),
            (runner(None), "no build on ip-10-0-1-7"),
        ] {
            assert_eq!(serde_json::to_value(&runner).expect("a text"), text);
            assert_eq!(Runner::from(text.to_owned()), runner);
        }
    }
}
