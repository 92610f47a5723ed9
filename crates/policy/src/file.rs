//! Policies as a file: what `slipway policy export` prints and `slipway policy import` takes. What is read is what was written: the
//! policies, their names, and which default policies are switched off.

use cedar_policy::Policy;
use slipway_model::name::Name;

use crate::text::{Fault, Invalid, Parsed, parse, split};

/// The annotation of a statement that stands for a text without a policy. Its value is that text.
pub(crate) const OFF: &str = "off";

/// The statement below that annotation: by itself, it forbids nothing.
const NOTHING: &str = "forbid (principal, action, resource) when { false };";

/// A stored policy as a part of a file.
pub fn part(name: &str, text: &str) -> String {
    match parse(name, text) {
        Ok(Parsed::Nothing) => format!("@id(\"{name}\")\n@{OFF}(\"{}\")\n{NOTHING}", text.escape_debug()),
        Ok(Parsed::Policy(policy)) if policy.annotation("id").is_some() => text.to_owned(),
        // Also of a text that does not parse: its fault is named when it is read.
        Ok(Parsed::Policy(_)) | Err(_) => format!("@id(\"{name}\")\n{text}"),
    }
}

/// The policies of a file, each with its name and the text to store.
pub fn read(file: &str) -> Result<Vec<(Name, String)>, Invalid> {
    let (mut all, mut faults) = (Vec::new(), Vec::new());
    for (name, policy) in split(file)? {
        let wrong = |reason: &str| Fault::new(Some(&name), reason.to_owned());
        match (name.parse::<Name>(), stored_text(&name, &policy)) {
            (Ok(name), Ok(text)) => all.push((name, text)),
            (Err(error), _) => faults.push(wrong(&error.to_string())),
            (_, Err(reason)) => faults.push(wrong(reason)),
        }
    }
    if faults.is_empty() {
        Ok(all)
    } else {
        Err(Invalid(faults))
    }
}

fn stored_text(name: &str, policy: &Policy) -> Result<String, &'static str> {
    let Some(text) = policy.annotation(OFF) else {
        return Ok(policy.to_cedar().unwrap_or_default());
    };
    // Who reads the file must not take it for a policy that holds.
    if !is_nothing(policy) {
        return Err(
            "has the annotation @off, and so only the statement `forbid (principal, action, resource) when { false };`",
        );
    }
    match parse(name, text) {
        Ok(Parsed::Nothing) => Ok(text.to_owned()),
        _ => Err("has the annotation @off(\"…\") with a text that is more than comments"),
    }
}

fn is_nothing(policy: &Policy) -> bool {
    let statement = |policy: &Policy| {
        let mut json = policy.to_json().ok()?;
        json["annotations"].take();
        Some(json)
    };
    let Ok(Parsed::Policy(nothing)) = parse(OFF, NOTHING) else {
        return false;
    };
    let statement_of_it = statement(policy);
    statement_of_it.is_some() && statement_of_it == statement(&nothing)
}
