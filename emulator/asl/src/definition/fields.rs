//! Reading the fields of a definition's objects, and collecting every problem on the way.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::diagnostics::{Diagnostic, DiagnosticCode};
use crate::jsonata::{Expression, Field, Readable, Template};
use crate::values::whole;

/// Collects problems. A failed reading gives `None` and has recorded the problem.
#[derive(Default)]
pub(super) struct Problems(pub Vec<Diagnostic>);

impl Problems {
    /// Adds a problem of any class.
    pub fn add(&mut self, code: DiagnosticCode, message: impl Into<String>, location: &str) {
        self.0.push(Diagnostic {
            code,
            message: message.into(),
            location: Some(location.to_owned()),
        });
    }

    /// Adds a `SCHEMA_VALIDATION_FAILED`.
    pub fn schema(&mut self, message: impl Into<String>, location: &str) {
        self.add(DiagnosticCode::SchemaValidationFailed, message, location);
    }

    /// The value as an object.
    pub fn object<'v>(&mut self, value: &'v Value, location: &str) -> Option<Object<'v>> {
        let Some(map) = value.as_object() else {
            self.schema("Expected value of type [OBJECT]", location);
            return None;
        };
        let location = location.to_owned();
        Some(Object { map, location })
    }

    /// The value as a template. `readable` says which optional fields of `$states` its expressions may read.
    pub fn template(&mut self, value: &Value, readable: Readable, location: &str) -> Option<Template> {
        match value {
            Value::String(text) => match self.text(text, readable, location)? {
                Text::Expression(expression) => Some(Template::Expression(expression)),
                Text::Literal => Some(Template::Literal(value.clone())),
            },
            Value::Array(items) => {
                // Every item is read before one that failed ends it: all problems are reported.
                let items: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| self.template(item, readable, &format!("{location}[{at}]")))
                    .collect();
                let items: Vec<_> = items.into_iter().collect::<Option<_>>()?;
                let literal = items.iter().all(|item| matches!(item, Template::Literal(_)));
                Some(if literal {
                    Template::Literal(value.clone())
                } else {
                    Template::Array(items)
                })
            }
            Value::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, member)| {
                        let member = self.template(member, readable, &format!("{location}/{name}"))?;
                        Some((name.clone(), member))
                    })
                    .collect();
                let members: Vec<_> = members.into_iter().collect::<Option<_>>()?;
                let literal = members.iter().all(|(_, member)| matches!(member, Template::Literal(_)));
                Some(if literal {
                    Template::Literal(value.clone())
                } else {
                    Template::Object(members)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(Template::Literal(value.clone())),
        }
    }

    fn text(&mut self, text: &str, readable: Readable, location: &str) -> Option<Text> {
        if !Expression::delimits(text) {
            if text.starts_with("{%") || text.ends_with("%}") {
                self.schema("JSONata string must start with {% and end with %}", location);
                return None;
            }
            return Some(Text::Literal);
        }
        match Expression::parse(text, readable) {
            Ok(expression) => Some(Text::Expression(expression)),
            Err(problems) => {
                for (code, message) in problems {
                    self.add(code, message, location);
                }
                None
            }
        }
    }
}

/// A string of the definition.
enum Text {
    Literal,
    Expression(Expression),
}

/// An object of the definition and where it is.
pub(super) struct Object<'v> {
    pub map: &'v Map<String, Value>,
    pub location: String,
}

impl<'v> Object<'v> {
    /// The location of a field: `/States/Plan/Next`.
    pub fn at(&self, field: &str) -> String {
        format!("{}/{field}", self.location)
    }

    /// The location as AWS writes it: the definition itself is `/`.
    pub fn place(&self) -> &str {
        if self.location.is_empty() { "/" } else { &self.location }
    }

    /// The value of a field.
    pub fn get(&self, field: &str) -> Option<&'v Value> {
        self.map.get(field)
    }

    /// Whether the field is there.
    pub fn has(&self, field: &str) -> bool {
        self.map.contains_key(field)
    }

    /// Refuses every field that is not named here. AWS places the problem at the object.
    pub fn only(&self, fields: &[&str], problems: &mut Problems) {
        for name in self.map.keys() {
            if !fields.contains(&name.as_str()) {
                problems.schema(format!("Field '{name}' is not supported"), self.place());
            }
        }
    }

    /// Demands every field that is named here.
    pub fn required(&self, fields: &[&str], problems: &mut Problems) {
        let missing: Vec<_> = fields.iter().copied().filter(|field| !self.has(field)).collect();
        if !missing.is_empty() {
            let message = format!("These fields are required: [{}]", missing.join(", "));
            problems.schema(message, self.place());
        }
    }

    /// Demands exactly one of the fields, and says which one it is.
    pub fn one_of(&self, fields: &[&'static str], problems: &mut Problems) -> Option<&'static str> {
        let present: Vec<_> = fields.iter().copied().filter(|field| self.has(field)).collect();
        let list = fields.join(", ");
        match present[..] {
            [field] => return Some(field),
            [] => problems.schema(
                format!("This object should have only one of the following fields: [{list}]"),
                self.place(),
            ),
            _ => problems.schema(
                format!("There should only be one of the following fields: [{list}]"),
                self.place(),
            ),
        }
        None
    }

    /// A string that is not empty.
    pub fn string(&self, field: &str, problems: &mut Problems) -> Option<String> {
        match self.get(field)? {
            Value::String(text) if text.is_empty() => {
                problems.schema("Value cannot be empty", &self.at(field));
                None
            }
            Value::String(text) => Some(text.clone()),
            _ => {
                problems.schema("Expected value of type [STRING]", &self.at(field));
                None
            }
        }
    }

    /// `Comment` may stand everywhere, and may be empty.
    pub fn comment(&self, problems: &mut Problems) {
        if self.get("Comment").is_some_and(|comment| !comment.is_string()) {
            problems.schema("Expected value of type [STRING]", &self.at("Comment"));
        }
    }

    /// A whole number within bounds.
    pub fn whole(&self, field: &str, bounds: &RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
        match within(self.get(field)?, bounds) {
            Ok(number) => Some(number),
            Err(message) => {
                problems.schema(message, &self.at(field));
                None
            }
        }
    }

    /// One of a closed set of words.
    pub fn word<T: Copy>(&self, field: &str, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let text = self.string(field, problems)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("Value should be one of the following: [{}]", words.join(", "));
            problems.schema(message, &self.at(field));
        }
        found.map(|(_, value)| *value)
    }

    /// An array; `filled` demands an item.
    pub fn array(&self, field: &str, filled: bool, problems: &mut Problems) -> Option<&'v [Value]> {
        match self.get(field)? {
            Value::Array(items) if filled && items.is_empty() => {
                problems.schema("Value cannot be empty", &self.at(field));
                None
            }
            Value::Array(items) => Some(items),
            _ => {
                problems.schema("Expected value of type [ARRAY]", &self.at(field));
                None
            }
        }
    }

    /// A template.
    pub fn template(&self, field: &str, readable: Readable, problems: &mut Problems) -> Option<Template> {
        problems.template(self.get(field)?, readable, &self.at(field))
    }

    /// A field of a known type or an expression. `read` gives a sentence for a literal that is wrong.
    pub fn field<T>(
        &self,
        field: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
        problems: &mut Problems,
    ) -> Option<Field<T>> {
        let value = self.get(field)?;
        let location = self.at(field);
        if let Value::String(text) = value
            && let Text::Expression(expression) = problems.text(text, Readable::default(), &location)?
        {
            return Some(Field::Expression(expression));
        }
        match read(value) {
            Ok(value) => Some(Field::Literal(value)),
            Err(message) => {
                problems.schema(message, &location);
                None
            }
        }
    }

    /// A whole number within bounds or an expression.
    pub fn whole_field(
        &self,
        field: &str,
        bounds: &RangeInclusive<u64>,
        problems: &mut Problems,
    ) -> Option<Field<u64>> {
        self.field(field, |value| within(value, bounds), problems)
    }
}

/// A whole number within bounds, or what AWS says about any other value.
fn within(value: &Value, bounds: &RangeInclusive<u64>) -> Result<u64, String> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0);
    match (number, whole(value)) {
        (None, _) => Err("Expected value of type Integer".to_owned()),
        (Some(_), Ok(number)) if bounds.contains(&number) => Ok(number),
        (Some(_), Ok(number)) if number > *bounds.end() => Err(format!("Maximum value is {}", bounds.end())),
        _ => Err(format!("Minimum value is {}", bounds.start())),
    }
}
