//! What follows from what a run has said.

use semver::Version;
use slipway_model::count::counted;
use slipway_model::plan::PlanSummary;
use slipway_model::terraform::{OLDEST_TERRAFORM, OLDEST_TOFU, OUTPUT};

use super::Report;
use super::words::program_name;
use crate::error::Error;
use crate::stream::{Output, UI_MAJOR};

impl Report {
    /// Refuses a program that is too old, or whose stream is not understood. Its first message says so.
    pub(crate) fn check_program(&self) -> Result<(), Error> {
        let Some(version) = &self.version else { return Ok(()) };
        let found = program_name(version);
        let major = version.ui.split('.').next();
        if major != Some(UI_MAJOR) {
            return Err(Error::UnknownStream {
                found,
                version: version.ui.clone(),
            });
        }
        let (text, oldest) = match (&version.tofu, &version.terraform) {
            (Some(tofu), _) => (tofu, OLDEST_TOFU),
            (None, Some(terraform)) => (terraform, OLDEST_TERRAFORM),
            (None, None) => return Ok(()),
        };
        match Version::parse(text) {
            // A pre-release of the oldest version has what it takes.
            Ok(version) if (version.major, version.minor) < (oldest.major, oldest.minor) => {
                Err(Error::TerraformTooOld { found })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a plan of which Terraform did not say everything: it would be reviewed and approved as less than what is applied. Terraform 1.11.4 ends with exit code 0 also where it could not write.
    pub(crate) fn check_plan(&self) -> Result<(), Error> {
        let incomplete = |why: String| Err(Error::StreamIncomplete { command: "plan", why });
        if self.cut {
            return incomplete("a message in it is not whole".to_owned());
        }
        let Some(said) = &self.planned else {
            return incomplete("it ends without a `change_summary`".to_owned());
        };
        if !self.unknown.is_empty() {
            // It may be among what is counted. The saved plan is read after this, and what is not understood needs an approval.
            return Ok(());
        }
        let PlanSummary {
            add,
            change,
            destroy,
            replace,
            ..
        } = self.plan;
        let named = (add + replace, change, destroy + replace, self.importing);
        let summed = (said.add, said.change, said.remove, said.import);
        if named == summed {
            return Ok(());
        }
        incomplete(format!(
            "it names {} to create, update, destroy and import, and its `change_summary` counts {}",
            counted(named.0 + named.1 + named.2 + named.3, "change"),
            summed.0 + summed.1 + summed.2 + summed.3,
        ))
    }

    /// Refuses an apply that Terraform did not end.
    pub(crate) fn check_apply(&self) -> Result<(), Error> {
        let why = match (self.cut, self.applied) {
            (true, _) => "a message in it is not whole",
            (false, false) => "it ends without a `change_summary`",
            (false, true) => return Ok(()),
        };
        Err(Error::StreamIncomplete {
            command: "apply",
            why: why.to_owned(),
        })
    }

    /// Whether the output that the workflow reads cannot be read.
    pub(crate) fn contract_is_sensitive(&self) -> bool {
        let gone = |output: &Output| output.action.as_deref() == Some("delete");
        self.outputs
            .get(OUTPUT)
            .is_some_and(|output| output.sensitive && !gone(output))
    }

    /// Whether the errors are only about keeping the state, after resources had been dealt with.
    pub(crate) fn only_the_state_failed(&self) -> bool {
        !self.resource_failed
            && !self.errors.is_empty()
            && self.errors.iter().all(|error| {
                matches!(
                    error.summary.as_str(),
                    "Failed to save state"
                        | "Failed to persist state to backend"
                        | "Error saving state"
                        | "Error releasing the state lock"
                )
            })
    }

    /// Whether Terraform failed because the state's store did not answer, or throttled it for longer than its own attempts.
    /// Errors of resources have an address.
    pub(crate) fn lost_the_state_store(&self) -> bool {
        let passing = [
            "connection refused",
            "connection reset",
            "request send failed",
            "SlowDown",
            "ServiceUnavailable",
            "InternalError",
            "RequestTimeout",
        ];
        self.errors.iter().filter(|error| error.address.is_none()).any(|error| {
            let text = error.text();
            passing.iter().any(|words| text.contains(words))
        })
    }

    /// Whether an error has this summary.
    pub(crate) fn has_error(&self, summary: &str) -> bool {
        self.errors.iter().any(|error| error.summary.starts_with(summary))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::tests::report;
    use serde_json::Value;

    fn error(summary: &str) -> Value {
        json!({"type": "diagnostic", "diagnostic": {"severity": "error", "summary": summary, "detail": ""}})
    }

    #[test]
    fn unsaved_state_is_distinguished_from_a_failed_apply() {
        let unsaved = [error("Failed to save state"), error("Error releasing the state lock")];
        assert!(report(&unsaved).0.only_the_state_failed());
        let failed = json!({"type": "apply_errored", "hook": {"resource": {"addr": "r.a"}}});
        assert!(
            !report(&[failed, error("Failed to save state")])
                .0
                .only_the_state_failed()
        );
        assert!(
            !report(&[error("execution halted"), error("Failed to save state")])
                .0
                .only_the_state_failed()
        );
    }

    #[test]
    fn an_old_program_is_refused() {
        let check = |message: Value| report(&[message]).0.check_program();
        let terraform = |version: &str| json!({"type": "version", "terraform": version, "ui": "1.2"});
        let tofu = |version: &str| json!({"type": "version", "tofu": version, "ui": "1.2"});
        assert!(
            matches!(check(terraform("1.10.5")), Err(Error::TerraformTooOld { found }) if found == "Terraform 1.10.5")
        );
        assert!(matches!(check(tofu("1.9.0")), Err(Error::TerraformTooOld { .. })));
        for right in [terraform("1.11.0-rc1"), terraform("2.0.0"), tofu("1.10.0")] {
            check(right).expect("a program that will do");
        }
        let unknown = json!({"type": "version", "terraform": "9.0.0", "ui": "2.0"});
        assert!(matches!(check(unknown), Err(Error::UnknownStream { .. })));
    }
}
