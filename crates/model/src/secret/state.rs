//! What a Terraform state marks as sensitive.
//!
//! Terraform writes down the paths of the attributes that are sensitive by their provider's schema or by the blueprint. OpenTofu
//! writes down those by the blueprint alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::exact;

/// The part of a state that is read here.
#[derive(Deserialize)]
struct State {
    #[serde(default)]
    outputs: BTreeMap<String, Output>,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Output {
    value: Option<Box<RawValue>>,
    #[serde(default)]
    sensitive: bool,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    attributes: Option<Box<RawValue>>,
    sensitive_attributes: Option<Vec<Vec<Step>>>,
}

/// A step of the path of an attribute.
#[derive(Deserialize)]
struct Step {
    #[serde(rename = "type")]
    kind: StepKind,
    #[serde(default)]
    value: Value,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StepKind {
    GetAttr,
    Index,
    #[serde(other)]
    Other,
}

/// Every value that a state marks as sensitive: of resources and data sources, and of outputs.
pub fn sensitive_values(state: &[u8]) -> Result<Vec<Value>, serde_json::Error> {
    let state: State = serde_json::from_slice(state)?;
    let mut found = Vec::new();
    let outputs = state.outputs.into_values().filter(|output| output.sensitive);
    for value in outputs.filter_map(|output| output.value) {
        found.push(exact(value.get())?);
    }
    for instance in state.resources.into_iter().flat_map(|resource| resource.instances) {
        let paths = instance.sensitive_attributes.unwrap_or_default();
        let Some(attributes) = instance.attributes.filter(|_| !paths.is_empty()) else {
            continue;
        };
        let attributes = exact(attributes.get())?;
        found.extend(paths.iter().filter_map(|path| at(&attributes, path)).cloned());
    }
    Ok(found)
}

/// The value at a path; none if there is none. An element of a set is named by its value: then all of the set counts.
fn at<'v>(mut value: &'v Value, path: &[Step]) -> Option<&'v Value> {
    for step in path {
        let inner = match (step.kind, value) {
            (StepKind::GetAttr, Value::Object(attributes)) => attributes.get(step.value.as_str()?),
            (StepKind::Index, Value::Object(elements)) => elements.get(step.value["value"].as_str()?),
            (StepKind::Index, Value::Array(elements)) => {
                let index = step.value["value"]
                    .as_u64()
                    .and_then(|index| usize::try_from(index).ok());
                match index.and_then(|index| elements.get(index)) {
                    None => return Some(value),
                    inner => inner,
                }
            }
            (_, Value::Null) => None,
            _ => return Some(value),
        };
        value = without_type(inner?);
    }
    Some(value)
}

/// A value whose type is known only with it, such as `input` of `terraform_data`, stands beside that type.
fn without_type(value: &Value) -> &Value {
    match value
        .as_object()
        .map(|members| (members.len(), members.get("value"), members.get("type")))
    {
        Some((2, Some(inner), Some(kind))) if is_type(kind) => inner,
        _ => value,
    }
}

/// Whether this is a type: the name of a primitive one, or that of a collection with what it is of.
fn is_type(kind: &Value) -> bool {
    match kind {
        Value::String(name) => ["string", "number", "bool"].contains(&name.as_str()),
        Value::Array(parts) => parts
            .first()
            .and_then(Value::as_str)
            .is_some_and(|name| ["object", "tuple", "list", "set", "map"].contains(&name)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marked_values_are_found_in_resources_and_outputs() {
        let attribute = |name: &str| json!({"type": "get_attr", "value": name});
        let index = |value: Value, kind: &str| json!({"type": "index", "value": {"value": value, "type": kind}});
        let state = json!({
            "version": 4, "serial": 3,
            "outputs": {"open": {"value": "open", "type": "string"}, "o": {"value": "of an output", "type": "string", "sensitive": true}},
            "resources": [
                {"mode": "managed", "type": "random_password", "name": "p", "instances": [{
                    "attributes": {"id": "none", "result": "generated", "gone": null},
                    "sensitive_attributes": [[attribute("result")], [attribute("gone"), attribute("x")], [attribute("missing")]],
                }]},
                {"mode": "data", "type": "a", "name": "b", "instances": [
                    {"attributes": {"list": [{"v": "first"}, {"v": "second"}], "map": {"k": "in a map"}, "set": ["in a set"]},
                     "sensitive_attributes": [
                        [attribute("list"), index(json!(1), "number"), attribute("v")],
                        [attribute("map"), index(json!("k"), "string")],
                        [attribute("set"), index(json!("in a set"), "string")],
                     ]},
                    {"attributes": {"input": {"value": {"k": "typed"}, "type": ["object", {"k": "string"}]}, "record": {"value": "v", "type": "A"}},
                     "sensitive_attributes": [[attribute("input"), attribute("k")], [attribute("input")], [attribute("record")]]},
                    {"attributes": {"open": 1}, "sensitive_attributes": []},
                    {"attributes_flat": {"open": "1"}},
                ]},
            ],
        });
        let found = sensitive_values(state.to_string().as_bytes()).expect("a state");
        assert_eq!(
            json!(found),
            json!([
                "of an output",
                "generated",
                "second",
                "in a map",
                ["in a set"],
                "typed",
                {"k": "typed"},
                {"value": "v", "type": "A"},
            ])
        );
    }
}
