//! A value of which parts are not known yet: the output `slipway` as a blueprint writes it, or as a plan has it.

use std::collections::BTreeMap;

use serde_json::Value;

/// A value, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Partial {
    /// Nothing is known of it.
    Unknown,
    /// It is a text that begins like this, and may go on.
    Text(String),
    /// `null`, true or false, a number, or a text.
    Known(Value),
    /// A list.
    List(Vec<Self>),
    /// An object with these attributes, and no others.
    Object(BTreeMap<String, Self>),
}

impl Partial {
    /// A value that is known.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Array(values) => Self::List(values.iter().map(Self::of).collect()),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), Self::of(value)));
                Self::Object(fields.collect())
            }
            other => Self::Known(other.clone()),
        }
    }

    /// A planned value, as `after` and `after_unknown` of `terraform show -json` have it
    /// (<https://developer.hashicorp.com/terraform/internals/json-format#change-representation>): `true` stands for what is not
    /// known, and the known value lacks it.
    pub fn planned(after: Option<&Value>, unknown: Option<&Value>) -> Self {
        match (after, unknown) {
            (_, Some(Value::Bool(true))) => Self::Unknown,
            (Some(Value::Object(fields)), Some(Value::Object(marks))) => {
                let names = fields.keys().chain(marks.keys());
                let part = |name: &String| (name.clone(), Self::planned(fields.get(name), marks.get(name)));
                Self::Object(names.map(part).collect())
            }
            (Some(Value::Array(values)), Some(Value::Array(marks))) => {
                let length = values.len().max(marks.len());
                Self::List(
                    (0..length)
                        .map(|index| Self::planned(values.get(index), marks.get(index)))
                        .collect(),
                )
            }
            (Some(value), _) => Self::of(value),
            // Terraform leaves out what has nothing known in it.
            (None, Some(Value::Object(marks))) if marks.values().any(has_unknown) => {
                let part = |(name, mark): (&String, &Value)| (name.clone(), Self::planned(None, Some(mark)));
                Self::Object(marks.iter().map(part).collect())
            }
            (None, Some(marks)) if has_unknown(marks) => Self::Unknown,
            (None, _) => Self::Known(Value::Null),
        }
    }

    /// The value, if all of it is known.
    pub fn whole(&self) -> Option<Value> {
        match self {
            Self::Unknown | Self::Text(_) => None,
            Self::Known(value) => Some(value.clone()),
            Self::List(values) => values.iter().map(Self::whole).collect::<Option<_>>().map(Value::Array),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| Some((name.clone(), value.whole()?)));
                fields.collect::<Option<_>>().map(Value::Object)
            }
        }
    }

    /// How many bytes it has as JSON, as far as it is known, without attributes that are not set.
    pub fn known_bytes(&self) -> usize {
        match self {
            Self::Unknown => 0,
            Self::Text(beginning) => Value::from(beginning.as_str()).to_string().len(),
            Self::Known(value) => value.to_string().len(),
            Self::List(values) => {
                "[]".len()
                    + values
                        .iter()
                        .map(|value| value.known_bytes() + ",".len())
                        .sum::<usize>()
            }
            Self::Object(fields) => {
                let set = fields.iter().filter(|(_, value)| !value.is_null());
                let field = |(name, value): (&String, &Self)| name.len() + "\"\":,".len() + value.known_bytes();
                "{}".len() + set.map(field).sum::<usize>()
            }
        }
    }

    /// The text that it is.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Known(value) => value.as_str(),
            _ => None,
        }
    }

    /// Whether it is `null`, and so no attribute: Terraform writes one that is not set so.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Known(Value::Null))
    }

    /// Whether it may turn out to be of any type.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

/// Whether `after_unknown` marks anything.
fn has_unknown(marks: &Value) -> bool {
    match marks {
        Value::Bool(is_unknown) => *is_unknown,
        Value::Array(marks) => marks.iter().any(has_unknown),
        Value::Object(marks) => marks.values().any(has_unknown),
        Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn planned_value_lacks_what_only_the_apply_knows() {
        let after = json!({"cluster": "main", "services": {"web": {"desired_count": 2}}, "list": [1, null]});
        let unknown = json!({"services": {"web": {"name": true}}, "list": [false, true], "endpoints": true});
        let planned = Partial::planned(Some(&after), Some(&unknown));
        let Partial::Object(fields) = &planned else {
            panic!("{planned:?}")
        };
        assert_eq!(fields["endpoints"], Partial::Unknown);
        assert_eq!(
            fields["list"],
            Partial::List(vec![Partial::of(&json!(1)), Partial::Unknown])
        );
        let web = Partial::Object(BTreeMap::from([
            ("desired_count".to_owned(), Partial::of(&json!(2))),
            ("name".to_owned(), Partial::Unknown),
        ]));
        assert_eq!(
            fields["services"],
            Partial::Object(BTreeMap::from([("web".to_owned(), web)]))
        );
        assert_eq!(
            (planned.whole(), fields["cluster"].whole()),
            (None, Some(json!("main")))
        );
        assert_eq!(Partial::planned(Some(&after), Some(&json!({}))).whole(), Some(after));
        assert_eq!(Partial::planned(None, Some(&json!(true))), Partial::Unknown);
    }
}
