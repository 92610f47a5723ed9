//! Variables as a JSON Schema (<https://json-schema.org/draft/2020-12>), for editors.

use serde_json::{Map, Value, json};

use super::{Kind, Variable};

/// The schema of the object with the values of these variables. A required variable may be left out where the environment gives
/// it, so none is required here.
pub fn json_schema(variables: &[Variable]) -> Value {
    let shown = variables.iter().cloned().map(Variable::shown);
    let properties: Map<String, Value> = shown
        .map(|variable| {
            // A null is the same as leaving the variable out.
            let mut schema = nullable(of_kind(&variable.kind));
            if !variable.description.is_empty() {
                schema["description"] = json!(variable.description);
            }
            if let Some(default) = &variable.default {
                schema["default"] = default.clone();
            }
            if variable.sensitive {
                schema["writeOnly"] = json!(true);
            }
            (variable.name, schema)
        })
        .collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Any => json!({}),
        Kind::String => json!({ "type": "string" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::List(element) => json!({ "type": "array", "items": nullable(of_kind(element)) }),
        Kind::Set(element) => json!({ "type": "array", "items": nullable(of_kind(element)), "uniqueItems": true }),
        Kind::Map(element) => json!({ "type": "object", "additionalProperties": nullable(of_kind(element)) }),
        Kind::Tuple(kinds) => {
            let items: Vec<Value> = kinds.iter().map(|kind| nullable(of_kind(kind))).collect();
            json!({ "type": "array", "prefixItems": items, "items": false, "minItems": kinds.len() })
        }
        Kind::Object(attributes) => {
            let properties: Map<String, Value> = attributes
                .iter()
                .map(|(name, attribute)| {
                    let mut schema = nullable(of_kind(&attribute.kind));
                    if let Some(default) = &attribute.default {
                        schema["default"] = default.clone();
                    }
                    (name.clone(), schema)
                })
                .collect();
            let required = attributes.iter().filter(|(_, attribute)| !attribute.optional);
            let required: Vec<&String> = required.map(|(name, _)| name).collect();
            json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
        }
    }
}

/// Null is a value of every type.
fn nullable(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").filter(|kind| kind.is_string()).cloned() {
        schema["type"] = json!([kind, "null"]);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_says_what_the_types_say() {
        let text = r#"
variable "size" {
  type        = number
  default     = 2
  description = "How large."
}
variable "disks" {
  type = map(object({ gib = number, tags = optional(set(string), []) }))
}
variable "secret" {
  type      = tuple([string, bool])
  sensitive = true
}
"#;
        let variables = super::super::read_schema([("main.tf", text)].into_iter()).expect("a schema");
        let schema = json_schema(&variables);
        assert_eq!(
            schema["properties"]["size"],
            json!({ "type": ["number", "null"], "default": 2, "description": "How large." })
        );
        assert_eq!(
            schema["properties"]["disks"]["additionalProperties"],
            json!({
                "type": ["object", "null"],
                "additionalProperties": false,
                "required": ["gib"],
                "properties": {
                    "gib": { "type": ["number", "null"] },
                    "tags": { "type": ["array", "null"], "items": { "type": ["string", "null"] }, "uniqueItems": true, "default": [] },
                },
            })
        );
        assert_eq!(schema["properties"]["secret"]["writeOnly"], true);
        assert_eq!(
            schema["properties"]["secret"]["prefixItems"][1]["type"],
            json!(["boolean", "null"])
        );
    }
}
