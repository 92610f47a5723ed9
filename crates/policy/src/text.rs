//! The text of policies.

use cedar_policy::{Effect, ParseErrors, Policy, PolicyId, PolicySet};
use miette::Diagnostic;
use slipway_model::name::Name;

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The policy; none if the fault is of a whole file.
    pub policy: Option<String>,
    /// The line of its text, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

impl Fault {
    pub(crate) fn new(policy: Option<&str>, reason: String) -> Self {
        Self {
            policy: policy.map(ToOwned::to_owned),
            line: None,
            reason,
        }
    }

    /// What Cedar says of this text.
    pub(crate) fn of(policy: Option<&str>, text: &str, error: &impl Diagnostic) -> Self {
        let label = error.labels().and_then(|mut labels| labels.next());
        let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
        let said = error.to_string();
        // The name is beside it.
        let prefix = format!("for policy `{}`, ", policy.unwrap_or_default());
        let said = said.strip_prefix(&prefix).unwrap_or(&said);
        Self {
            line: label.map(|label| line(text, label.offset())),
            ..Self::new(policy, format!("{said}{help}"))
        }
    }
}

/// Policies that are not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", sentence(.0))]
pub struct Invalid(pub Vec<Fault>);

impl Invalid {
    pub(crate) fn of_set(error: &impl ToString) -> Self {
        Self(vec![Fault::new(None, error.to_string())])
    }
}

fn sentence(faults: &[Fault]) -> String {
    let faults = faults.iter().map(|fault| {
        let policy = fault.policy.as_deref().map(|policy| format!("policy `{policy}`, "));
        let line = fault.line.map(|line| format!("line {line}: "));
        format!(
            "{}{}{}",
            policy.unwrap_or_default(),
            line.unwrap_or_default(),
            fault.reason
        )
    });
    faults.collect::<Vec<_>>().join("; ")
}

/// The text of a stored policy.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// One policy.
    Policy(Box<Policy>),
    /// No policy: nothing but comments.
    Nothing,
}

/// The line of a place in a text, from 1.
fn line(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

fn parse_set(policy: Option<&str>, text: &str) -> Result<PolicySet, Invalid> {
    let set: Result<PolicySet, ParseErrors> = text.parse();
    let set = set.map_err(|errors| Invalid(errors.iter().map(|error| Fault::of(policy, text, error)).collect()))?;
    if set.templates().next().is_some() {
        let reason = "templates (`?principal`, `?resource`) are not supported".to_owned();
        return Err(Invalid(vec![Fault::new(policy, reason)]));
    }
    Ok(set)
}

/// One policy under its name.
pub(crate) fn parse(name: &str, text: &str) -> Result<Parsed, Invalid> {
    let set = parse_set(Some(name), text)?;
    let mut policies = set.policies();
    let wrong = |reason: String| Err(Invalid(vec![Fault::new(Some(name), reason)]));
    match (policies.next(), policies.next()) {
        (None, _) => Ok(Parsed::Nothing),
        (Some(_), Some(_)) => wrong("the text has more than one policy; store each under its own name".to_owned()),
        (Some(policy), None) => match policy.annotation("id") {
            Some(id) if id != name => wrong(format!(
                "its annotation is @id(\"{id}\"); give \"{name}\", or leave it out"
            )),
            _ => Ok(Parsed::Policy(Box::new(policy.new_id(PolicyId::new(name))))),
        },
    }
}

/// What a stored policy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// It permits.
    Permit,
    /// It forbids.
    Forbid,
    /// Nothing: its text has no policy. It switches the default policy of its name off.
    Nothing,
}

/// What the policy of this name and text does.
pub fn does(name: &str, text: &str) -> Does {
    match parse(name, text) {
        Ok(Parsed::Policy(policy)) if policy.effect() == Effect::Permit => Does::Permit,
        Ok(Parsed::Nothing) => Does::Nothing,
        // Nothing is permitted while the text of a policy does not parse.
        Ok(Parsed::Policy(_)) | Err(_) => Does::Forbid,
    }
}

/// The policies of a file, each with its annotation `@id`, in the order of the file.
pub fn split(text: &str) -> Result<Vec<(String, Policy)>, Invalid> {
    let set = parse_set(None, text)?;
    // Cedar numbers the policies of a text: `policy0`, `policy1`.
    let number = |policy: &Policy| {
        policy
            .id()
            .to_string()
            .trim_start_matches("policy")
            .parse()
            .unwrap_or(usize::MAX)
    };
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|policy| number(policy));
    let (mut all, mut faults): (Vec<(String, Policy)>, Vec<Fault>) = (Vec::new(), Vec::new());
    for (index, policy) in policies.into_iter().enumerate() {
        let mut wrong =
            |what: String| faults.push(Fault::new(None, format!("policy {} of the file {what}", index + 1)));
        match policy.annotation("id") {
            None => wrong("has no annotation @id(\"name\")".to_owned()),
            Some(id) if id.parse::<Name>().is_err() => {
                wrong(format!(
                    "has the annotation @id(\"{id}\"), which is no name like `team-a`"
                ));
            }
            Some(id) if all.iter().any(|(name, _)| name == id) => wrong(format!("has the name of another: `{id}`")),
            Some(id) => all.push((id.to_owned(), policy.new_id(PolicyId::new(id)))),
        }
    }
    if faults.is_empty() {
        Ok(all)
    } else {
        Err(Invalid(faults))
    }
}
