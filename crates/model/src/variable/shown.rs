//! Variables as callers see them.

use std::fmt;

use super::{Attribute, Kind, Variable};

impl Kind {
    /// The type without the defaults of its attributes, which are as sensitive as the values of the variable.
    #[must_use]
    pub fn without_defaults(&self) -> Self {
        let boxed = |kind: &Self| Box::new(kind.without_defaults());
        match self {
            Self::List(element) => Self::List(boxed(element)),
            Self::Set(element) => Self::Set(boxed(element)),
            Self::Map(element) => Self::Map(boxed(element)),
            Self::Tuple(kinds) => Self::Tuple(kinds.iter().map(Self::without_defaults).collect()),
            Self::Object(attributes) => Self::Object(
                attributes
                    .iter()
                    .map(|(name, attribute)| {
                        let shown = Attribute {
                            kind: attribute.kind.without_defaults(),
                            optional: attribute.optional,
                            default: None,
                            default_expression: None,
                        };
                        (name.clone(), shown)
                    })
                    .collect(),
            ),
            plain => plain.clone(),
        }
    }

    fn has_defaults(&self) -> bool {
        match self {
            Self::List(kind) | Self::Set(kind) | Self::Map(kind) => kind.has_defaults(),
            Self::Tuple(kinds) => kinds.iter().any(Self::has_defaults),
            Self::Object(attributes) => attributes.values().any(|attribute| {
                attribute.default.is_some() || attribute.default_expression.is_some() || attribute.kind.has_defaults()
            }),
            Self::Any | Self::String | Self::Number | Self::Bool => false,
        }
    }
}

/// As Terraform writes a type, on one line.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::String => f.write_str("string"),
            Self::Number => f.write_str("number"),
            Self::Bool => f.write_str("bool"),
            Self::List(kind) => write!(f, "list({kind})"),
            Self::Set(kind) => write!(f, "set({kind})"),
            Self::Map(kind) => write!(f, "map({kind})"),
            Self::Tuple(kinds) => {
                let kinds: Vec<String> = kinds.iter().map(Self::to_string).collect();
                write!(f, "tuple([{}])", kinds.join(", "))
            }
            Self::Object(attributes) => {
                let attribute = |(name, attribute): (&String, &Attribute)| {
                    if attribute.optional {
                        format!("{name} = optional({})", attribute.kind)
                    } else {
                        format!("{name} = {}", attribute.kind)
                    }
                };
                let attributes: Vec<String> = attributes.iter().map(attribute).collect();
                write!(f, "object({{ {} }})", attributes.join(", "))
            }
        }
    }
}

impl Variable {
    /// The variable as callers see it: the defaults in the type of a sensitive one are as secret as its values.
    #[must_use]
    pub fn shown(mut self) -> Self {
        if self.sensitive && self.kind.has_defaults() {
            self.kind = self.kind.without_defaults();
            self.type_text = self.kind.to_string();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_schema;

    #[test]
    fn defaults_in_the_type_of_a_sensitive_variable_are_not_shown() {
        let text = r#"
variable "login" {
  sensitive = true
  type      = map(object({ user = string, password = optional(string, "hunter2"), tags = optional(list(string), ["x"]) }))
}
variable "plain" {
  type = object({ size = optional(number, 3) })
}
"#;
        let variables = read_schema([("main.tf", text)].into_iter()).expect("a schema");
        let shown: Vec<_> = variables.into_iter().map(super::Variable::shown).collect();
        let [login, plain] = shown.as_slice() else {
            panic!("{shown:?}")
        };
        let json = serde_json::to_string(login).expect("JSON");
        assert!(!json.contains("hunter2") && !json.contains("\"x\""), "{json}");
        assert_eq!(
            login.type_text,
            "map(object({ password = optional(string), tags = optional(list(string)), user = string }))"
        );
        assert!(plain.type_text.contains("optional(number, 3)"), "{plain:?}");
    }
}
