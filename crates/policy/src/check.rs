//! The check of policies before they are stored.

use cedar_policy::{ValidationMode, ValidationWarning, Validator};
use slipway_model::policy::StoredPolicy;

use crate::file::OFF;
use crate::policies::{Policies, SCHEMA};
use crate::text::{Fault, Invalid, Parsed, parse};

/// Checks policies before they are stored: that they parse, fit the schema, and can match a request. Every fault is named, with its
/// line.
pub fn check(stored: &[StoredPolicy]) -> Result<Policies, Invalid> {
    check_change(&[], stored)
}

/// Checks policies that replace these. A policy that an earlier version stored, and that can never match, is no fault while it stays as it
/// was: otherwise no other policy could be changed, nor one of two such policies be deleted.
pub fn check_change(before: &[StoredPolicy], stored: &[StoredPolicy]) -> Result<Policies, Invalid> {
    let faults: Vec<Fault> = stored.iter().flat_map(faults_of_text).collect();
    if !faults.is_empty() {
        return Err(Invalid(faults));
    }
    let policies = Policies::new(stored)?;
    let checked = Validator::new(SCHEMA.clone()).validate(policies.set(), ValidationMode::Strict);
    let text = |name: &str| {
        let text = stored.iter().find(|stored| stored.name.as_str() == name);
        text.map_or("", |stored| &stored.text)
    };
    let errors = checked.validation_errors().map(|error| {
        let name = error.policy_id().to_string();
        Fault::of(Some(&name), text(&name), error)
    });
    let warnings = checked.validation_warnings().filter_map(|warning| {
        let name = warning.policy_id().to_string();
        let reason = is_misleading(warning)?.to_owned();
        let is_as_before = |one: &StoredPolicy| one.name.as_str() == name && one.text == text(&name);
        let fault = Fault::of(Some(&name), text(&name), warning);
        (!before.iter().any(is_as_before)).then_some(Fault { reason, ..fault })
    });
    let faults: Vec<Fault> = errors.chain(warnings).collect();
    if faults.is_empty() {
        Ok(policies)
    } else {
        Err(Invalid(faults))
    }
}

fn faults_of_text(stored: &StoredPolicy) -> Vec<Fault> {
    let name = stored.name.as_str();
    match parse(name, &stored.text) {
        Ok(Parsed::Policy(policy)) if policy.annotation(OFF).is_some() => {
            let reason =
                "the annotation @off is for files that `slipway policy import` reads; store a text of comments alone";
            vec![Fault::new(Some(name), reason.to_owned())]
        }
        Ok(_) => Vec::new(),
        Err(Invalid(faults)) => faults,
    }
}

/// Why a policy does not do what its author reads in it; none if the warning is about something else.
fn is_misleading(warning: &ValidationWarning) -> Option<&'static str> {
    match warning {
        // Cedar also warns of the scope of some of these (`InvalidActionApplication`).
        ValidationWarning::ImpossiblePolicy(_) => Some(
            "can never match: none of its actions is about a resource of its scope, or its condition is false for every request \
             (`approve`, `reject` and `apply` are about operations; the schema lists what each action is about)",
        ),
        ValidationWarning::BidiCharsInString(_) | ValidationWarning::BidiCharsInIdentifier(_) => {
            Some("has characters that change the direction of the text: it is not what it looks like")
        }
        _ => None,
    }
}
