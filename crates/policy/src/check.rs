//! The check of policies before they are stored.

use cedar_policy::{ValidationMode, Validator};
use slipway_model::policy::StoredPolicy;

use crate::policies::{Policies, SCHEMA};
use crate::text::{Fault, Invalid, parse};

/// Checks policies before they are stored: that they parse, and fit the schema. Every fault is named, with its line.
pub fn check(stored: &[StoredPolicy]) -> Result<Policies, Invalid> {
    let parsed = stored.iter().map(|stored| parse(stored.name.as_str(), &stored.text));
    let faults: Vec<Fault> = parsed
        .filter_map(Result::err)
        .flat_map(|Invalid(faults)| faults)
        .collect();
    if !faults.is_empty() {
        return Err(Invalid(faults));
    }
    let policies = Policies::new(stored)?;
    let checked = Validator::new(SCHEMA.clone()).validate(policies.set(), ValidationMode::Strict);
    let faults: Vec<Fault> = checked
        .validation_errors()
        .map(|error| {
            let name = error.policy_id().to_string();
            let text = stored.iter().find(|stored| stored.name.as_str() == name);
            Fault::of(Some(&name), text.map_or("", |stored| &stored.text), error)
        })
        .collect();
    if faults.is_empty() {
        Ok(policies)
    } else {
        Err(Invalid(faults))
    }
}
