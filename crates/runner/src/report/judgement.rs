//! What follows from what a run has said.

use semver::Version;
use slipway_model::count::counted;
use slipway_model::plan::PlanSummary;
use slipway_model::terraform::{OLDEST_TERRAFORM, OLDEST_TOFU, OUTPUT};

use super::Report;
use super::words::program_name;
use crate::error::Error;
use crate::stream::{Changes, Output, UI_MAJOR};

fn incomplete(why: String) -> Error {
    Error::StreamIncomplete { command: "plan", why }
}

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

    /// The counts with which Terraform ended a plan. Terraform 1.11.4 ends with exit code 0 also where it could not write.
    pub(crate) fn ended_plan(&self) -> Result<&Changes, Error> {
        if self.cut {
            return Err(incomplete("a message in it is not whole".to_owned()));
        }
        let ended = self.planned.as_ref();
        ended.ok_or_else(|| incomplete("it ends without a `change_summary`".to_owned()))
    }

    /// Refuses a plan of which Terraform did not say everything: it would be reviewed and approved as less than what is applied.
    ///
    /// `kept` is how many replaced objects the saved plan forgets instead of destroying them. The stream names each as a replacement, and
    /// Terraform 1.16 counts none of them.
    pub(crate) fn check_plan(&self, kept: u64) -> Result<(), Error> {
        let said = self.ended_plan()?;
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
        let agree = |named: u64, summed: u64| named == summed || named.checked_sub(kept) == Some(summed);
        let (added, removed) = (add + replace, destroy + replace);
        if agree(added, said.add)
            && agree(removed, said.remove)
            && (change, self.importing) == (said.change, said.import)
        {
            return Ok(());
        }
        Err(incomplete(format!(
            "it names {} to create, update, destroy and import, and its `change_summary` counts {}",
            counted(added + change + removed + self.importing, "change"),
            said.add + said.change + said.remove + said.import,
        )))
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

    /// As `internal/command/views` of Terraform writes it: `changeAction` names both kinds `replace`, and the summary counts neither.
    #[test]
    fn replaced_objects_that_are_kept_are_not_counted() {
        let stream = |add: u64, remove: u64| {
            [
                json!({"@level": "info", "@message": "Terraform 1.16.0", "type": "version", "terraform": "1.16.0", "ui": "1.3"}),
                json!({"@level": "info", "@message": "r.kept: Plan to replace", "type": "planned_change", "change": {
                    "resource": {"addr": "r.kept", "module": "", "resource": "r.kept", "implied_provider": "r",
                        "resource_type": "r", "resource_name": "kept", "resource_key": null},
                    "action": "replace", "reason": "tainted",
                }}),
                json!({"@level": "info", "@message": "r.lost: Plan to delete", "type": "planned_change", "change": {
                    "resource": {"addr": "r.lost", "module": "", "resource": "r.lost", "implied_provider": "r",
                        "resource_type": "r", "resource_name": "lost", "resource_key": null},
                    "action": "delete", "reason": "delete_because_no_resource_config",
                }}),
                json!({"@level": "info", "@message": "Plan: 0 to add, 0 to change, 1 to destroy.", "type": "change_summary",
                    "changes": {"add": add, "change": 0, "import": 0, "remove": remove, "action_invocation": 0, "operation": "plan"}}),
            ]
        };
        let check = |add, remove, kept| report(&stream(add, remove)).0.check_plan(kept);
        check(0, 1, 1).expect("the saved plan keeps the one that is not counted");
        check(1, 2, 0).expect("everything is counted");
        for (add, remove, kept) in [(0, 1, 0), (0, 1, 2), (0, 0, 1), (2, 1, 1)] {
            let refused = check(add, remove, kept);
            assert!(
                matches!(refused, Err(Error::StreamIncomplete { .. })),
                "{add} {remove} {kept}"
            );
        }
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
