//! Whether an error of a refresh-only plan follows from the drift that the plan found.
//!
//! Terraform evaluates outputs, `count`, `for_each` and data sources with what the refresh found, and fails over a resource that no
//! longer exists. Their place distinguishes these errors from others: the error of an expression has a block of the blueprint and no
//! address, that of a provider has the address of its resource, data source or configuration.

use std::collections::BTreeSet;

use serde_json::Value;
use slipway_model::plan::protection;

use crate::stream::Diagnostic;

/// What drifted, and what the configuration makes of it.
pub(super) struct Causes<'a> {
    /// The part `configuration` of the plan.
    configuration: &'a Value,
    /// The addresses of the drifted resources, without the keys of instances.
    drifted: BTreeSet<String>,
}

impl<'a> Causes<'a> {
    pub(super) fn new<'d>(configuration: &'a Value, drifted: impl Iterator<Item = &'d str>) -> Self {
        Self {
            configuration,
            drifted: drifted.map(|address| names(address).join(".")).collect(),
        }
    }

    /// Whether an error follows from the drift.
    pub(super) fn explain(&self, error: &Diagnostic) -> bool {
        match &error.address {
            None => is_of_an_expression(error),
            Some(address) => self.is_read_after_drift(address),
        }
    }

    /// Whether an address is that of a data source which depends on a drifted resource: it may no longer find it.
    fn is_read_after_drift(&self, address: &str) -> bool {
        let names = names(address);
        let (mut rest, mut path) = (names.as_slice(), Vec::new());
        while let ["module", call, inner @ ..] = rest {
            path.push(*call);
            rest = inner;
        }
        matches!(rest, ["data", _, _]) && self.follows(&path, &rest.join("."), &mut BTreeSet::new())
    }

    /// Whether what a reference in a module names depends on a drifted resource. Locals are not in the plan: they are not followed.
    fn follows(&self, path: &[&str], reference: &str, seen: &mut BTreeSet<String>) -> bool {
        let full = format!("{}{reference}", prefix(path));
        if self.drifted.contains(&full) {
            return true;
        }
        if !seen.insert(full) {
            return false;
        }
        // Terraform lists each reference with and without its attributes and keys.
        match reference.split('.').collect::<Vec<_>>().as_slice() {
            ["module", call] => {
                let inside = format!("{}module.{call}.", prefix(path));
                self.drifted.iter().any(|address| address.starts_with(&inside))
            }
            ["var", variable] => path.split_last().is_some_and(|(call, parent)| {
                let called = &self.module(parent)["module_calls"][*call];
                self.any_follows(parent, &called["expressions"][*variable], seen)
            }),
            ["data", _, _] | [_, _] => self.resource(path, reference).is_some_and(|resource| {
                let depends_on = &resource["depends_on"];
                self.any_follows(path, resource, seen) || self.any_listed(path, depends_on, seen)
            }),
            _ => false,
        }
    }

    /// Whether an expression in these has a reference that follows from drift.
    fn any_follows(&self, path: &[&str], expressions: &Value, seen: &mut BTreeSet<String>) -> bool {
        match expressions {
            Value::Object(fields) => fields.iter().any(|(name, value)| {
                let listed = name == "references" && self.any_listed(path, value, seen);
                listed || self.any_follows(path, value, seen)
            }),
            Value::Array(elements) => elements.iter().any(|element| self.any_follows(path, element, seen)),
            _ => false,
        }
    }

    fn any_listed(&self, path: &[&str], references: &Value, seen: &mut BTreeSet<String>) -> bool {
        let mut references = references.as_array().into_iter().flatten().filter_map(Value::as_str);
        references.any(|reference| self.follows(path, reference, seen))
    }

    fn module(&self, path: &[&str]) -> &'a Value {
        let root = &self.configuration["root_module"];
        path.iter()
            .fold(root, |module, call| &module["module_calls"][*call]["module"])
    }

    fn resource(&self, path: &[&str], address: &str) -> Option<&'a Value> {
        let mut resources = self.module(path)["resources"].as_array()?.iter();
        resources.find(|resource| resource["address"] == address)
    }
}

/// The parts of an address, without keys.
pub(super) fn names(address: &str) -> Vec<&str> {
    let parts = protection::parts(address).into_iter();
    parts
        .map(|part| part.split_once('[').map_or(part, |(name, _)| name))
        .collect()
}

/// What the addresses of a module begin with.
fn prefix(path: &[&str]) -> String {
    path.iter().flat_map(|call| ["module.", *call, "."]).collect()
}

/// Whether an error is of an expression that may depend on resources: not of the value of a variable, which has no block, nor of the
/// configuration of a provider.
fn is_of_an_expression(error: &Diagnostic) -> bool {
    let block = error.block().and_then(|context| context.split([' ', '.']).next());
    error.range.is_some() && block.is_some_and(|block| !matches!(block, "variable" | "provider" | "terraform"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(address: Option<&str>, context: Option<&str>) -> Diagnostic {
        let error = json!({
            "severity": "error", "summary": "Anything", "address": address,
            "range": {"filename": "main.tf", "start": {"line": 1}}, "snippet": {"context": context},
        });
        serde_json::from_value(error).expect("a diagnostic")
    }

    #[test]
    fn place_of_an_error_says_whether_drift_explains_it() {
        let nothing = json!({});
        let causes = Causes::new(&nothing, ["aws_sqs_queue.a[0]"].into_iter());
        for context in [
            "output \"a\"",
            "locals",
            "resource \"t\" \"n\"",
            "data \"t\" \"n\"",
            "output.b",
        ] {
            assert!(causes.explain(&error(None, Some(context))), "{context}");
        }
        for (address, context) in [
            (None, None),
            (None, Some("variable \"n\"")),
            (None, Some("provider \"aws\"")),
            (Some("aws_sqs_queue.a[0]"), Some("resource \"aws_sqs_queue\" \"a\"")),
            (
                Some("provider[\"registry.terraform.io/hashicorp/aws\"]"),
                Some("provider \"aws\""),
            ),
            (Some("data.aws_sqs_queue.b"), Some("data \"aws_sqs_queue\" \"b\"")),
        ] {
            assert!(!causes.explain(&error(address, context)), "{address:?} {context:?}");
        }
        let unplaced = json!({"severity": "error", "summary": "Failed to read the queue"});
        assert!(!causes.explain(&serde_json::from_value(unplaced).expect("a diagnostic")));
    }

    #[test]
    fn data_source_that_depends_on_a_drifted_resource_may_fail() {
        let data = |name: &str, reference: &str| json!({"address": format!("data.t.{name}"), "mode": "data", "expressions": {"id": {"references": [reference]}}});
        let inner = json!({"resources": [data("in", "var.id"), data("fixed", "var.other")]});
        let configuration = json!({"root_module": {
            "resources": [
                data("direct", "r.lost"),
                data("far", "data.t.direct"),
                data("other", "r.kept"),
                {"address": "data.t.after", "mode": "data", "depends_on": ["r.lost"]},
                data("looped", "data.t.looped"),
                data("of_module", "module.n"),
                {"address": "r.lost", "mode": "managed"},
            ],
            "module_calls": {
                "m": {"module": inner, "expressions": {"id": {"references": ["r.lost[0].id", "r.lost[0]", "r.lost"]}, "other": {"constant_value": 1}}},
                "n": {"module": {}},
            },
        }});
        let drifted = ["r.lost[\"a.b\"]", "module.n[0].r.x"];
        let causes = Causes::new(&configuration, drifted.into_iter());
        for address in [
            "data.t.direct",
            "data.t.far[\"x\"]",
            "data.t.after",
            "data.t.of_module",
            "module.m[\"k\"].data.t.in",
        ] {
            assert!(causes.explain(&error(Some(address), None)), "{address}");
        }
        for address in [
            "data.t.other",
            "data.t.looped",
            "module.m[\"k\"].data.t.fixed",
            "data.t.unknown",
        ] {
            assert!(!causes.explain(&error(Some(address), None)), "{address}");
        }
    }
}
