//! YAML with CloudFormation's short forms, as JSON with the long ones: `!Ref Table` becomes `{"Ref": "Table"}`.

use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

use super::TemplateError;

/// The short forms that have a long form which the resolver knows, or which stand where it does not look.
const SHORT_FORMS: [(&str, &str); 10] = [
    ("!Ref", "Ref"),
    ("!Sub", "Fn::Sub"),
    ("!GetAtt", "Fn::GetAtt"),
    ("!Join", "Fn::Join"),
    ("!If", "Fn::If"),
    ("!Equals", "Fn::Equals"),
    ("!Not", "Fn::Not"),
    ("!And", "Fn::And"),
    ("!Or", "Fn::Or"),
    ("!Split", "Fn::Split"),
];

/// Reads the text of a template.
pub fn parse(text: &str) -> Result<Value, TemplateError> {
    let document = serde_yaml_ng::from_str(text).map_err(TemplateError::Syntax)?;
    json("", document)
}

fn json(path: &str, yaml: Yaml) -> Result<Value, TemplateError> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::Number(number) => number.as_i64().map_or_else(|| json!(number.as_f64()), Value::from),
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => {
            let items = items.into_iter().enumerate();
            Value::Array(
                items
                    .map(|(index, item)| json(&format!("{path}[{index}]"), item))
                    .collect::<Result<_, _>>()?,
            )
        }
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let Yaml::String(key) = key else {
                    return Err(TemplateError::Unknown {
                        path: path.to_owned(),
                        what: format!("the key {key:?}"),
                    });
                };
                let value = json(&join(path, &key), value)?;
                object.insert(key, value);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let Some((_, name)) = SHORT_FORMS.iter().find(|(short, _)| *short == tag) else {
                return Err(TemplateError::UnknownIntrinsic {
                    path: path.to_owned(),
                    name: tag,
                });
            };
            json!({ *name: json(path, tagged.value)? })
        }
    })
}

/// `Resources` and `Table` are `Resources.Table`.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
