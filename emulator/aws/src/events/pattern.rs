//! Event patterns: which events a rule is for.
//!
//! A pattern is parsed once, when the rule is made, and what it does not know is refused there: a rule that
//! silently matched something else than on AWS would be worse than none.

use serde_json::{Map, Value};

/// A pattern of EventBridge: for some fields of an event, what their values may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    fields: Vec<(String, Node)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// `$or`: one of these has to match the object that it stands in.
    OneOf(Vec<Pattern>),
    Fields(Pattern),
    AnyOf(Vec<Matcher>),
}

#[derive(Debug, Clone, PartialEq)]
enum Matcher {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    AnythingBut(Vec<Value>),
    Exists(bool),
}

/// A pattern that the emulator does not understand.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the event pattern's `{path}` {problem}")]
pub struct PatternError {
    path: String,
    problem: String,
}

impl Pattern {
    /// Parses a pattern, for example `{"source": ["aws.ecs"], "detail": {"lastStatus": ["STOPPED"]}}`.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        Self::parse_fields(pattern, "$")
    }

    /// Whether the event is one that the rule is for.
    pub fn matches(&self, event: &Value) -> bool {
        self.fields.iter().all(|(name, node)| match node {
            Node::OneOf(patterns) => patterns.iter().any(|pattern| pattern.matches(event)),
            node => node.matches(event.get(name)),
        })
    }

    fn parse_fields(pattern: &Value, path: &str) -> Result<Self, PatternError> {
        let fields = pattern
            .as_object()
            .filter(|fields| !fields.is_empty())
            .ok_or_else(|| problem(path, "is not an object with at least one field"))?;
        let fields = fields
            .iter()
            .map(|(name, value)| Node::parse(name, value, path).map(|node| (name.clone(), node)));
        Ok(Self {
            fields: fields.collect::<Result<_, _>>()?,
        })
    }
}

impl Node {
    fn parse(name: &str, value: &Value, parent: &str) -> Result<Self, PatternError> {
        let path = format!("{parent}.{name}");
        if name == "$or" {
            let patterns = value.as_array().filter(|patterns| patterns.len() > 1);
            let patterns = patterns.ok_or_else(|| problem(&path, "is not a list of two patterns or more"))?;
            let patterns = patterns.iter().map(|pattern| Pattern::parse_fields(pattern, &path));
            return patterns.collect::<Result<_, _>>().map(Self::OneOf);
        }
        if name.starts_with('$') {
            return Err(problem(&path, "is not supported by this emulator"));
        }
        match value {
            Value::Array(matchers) if !matchers.is_empty() => matchers
                .iter()
                .map(|matcher| Matcher::parse(matcher, &path))
                .collect::<Result<_, _>>()
                .map(Self::AnyOf),
            Value::Object(_) => Pattern::parse_fields(value, &path).map(Self::Fields),
            _ => Err(problem(&path, "is neither an object nor a list of values")),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Fields(pattern), Some(value @ Value::Object(_))) => pattern.matches(value),
            (Self::Fields(pattern), None) => pattern.matches(&Value::Null),
            // `Pattern::matches` sees to the alternatives.
            (Self::Fields(_) | Self::OneOf(_), _) => false,
            (Self::AnyOf(matchers), value) => matchers.iter().any(|matcher| matcher.matches(value)),
        }
    }
}

impl Matcher {
    fn parse(value: &Value, path: &str) -> Result<Self, PatternError> {
        match value {
            Value::Object(filter) => Self::parse_filter(filter, path),
            Value::Array(_) => Err(problem(path, "has a list inside a list")),
            _ => Ok(Self::Equals(value.clone())),
        }
    }

    fn parse_filter(filter: &Map<String, Value>, path: &str) -> Result<Self, PatternError> {
        let mut entries = filter.iter();
        let (Some((name, value)), None) = (entries.next(), entries.next()) else {
            return Err(problem(path, "has a filter that is not one name with one value"));
        };
        match (name.as_str(), value) {
            ("prefix", Value::String(text)) => Ok(Self::Prefix(text.clone())),
            ("suffix", Value::String(text)) => Ok(Self::Suffix(text.clone())),
            ("equals-ignore-case", Value::String(text)) => Ok(Self::EqualsIgnoreCase(text.to_lowercase())),
            ("exists", Value::Bool(wanted)) => Ok(Self::Exists(*wanted)),
            ("anything-but", Value::String(_) | Value::Number(_)) => Ok(Self::AnythingBut(vec![value.clone()])),
            ("anything-but", Value::Array(values)) if values.iter().all(|value| !value.is_object()) => {
                Ok(Self::AnythingBut(values.clone()))
            }
            _ => Err(problem(
                path,
                &format!("has the filter {{\"{name}\": {value}}}, which this emulator does not support"),
            )),
        }
    }

    /// Of a list in the event, one element has to match.
    fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Exists(wanted), value) => *wanted == value.is_some(),
            (_, None) => false,
            (Self::AnythingBut(values), Some(Value::Array(elements))) => {
                elements.iter().any(|element| !values.contains(element))
            }
            (_, Some(Value::Array(elements))) => elements.iter().any(|element| self.matches_one(element)),
            (_, Some(value)) => self.matches_one(value),
        }
    }

    fn matches_one(&self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Equals(wanted) => wanted == value,
            Self::EqualsIgnoreCase(wanted) => text.is_some_and(|text| text.to_lowercase() == *wanted),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix.as_str())),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix.as_str())),
            Self::AnythingBut(values) => !values.contains(value),
            Self::Exists(wanted) => *wanted,
        }
    }
}

fn problem(path: &str, problem: &str) -> PatternError {
    PatternError {
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "source": "aws.ecs",
            "detail-type": "ECS Deployment State Change",
            "resources": ["arn:aws:ecs:us-east-1:000000000000:service/a/web", "other"],
            "detail": {"eventName": "SERVICE_DEPLOYMENT_FAILED", "count": 2, "reason": null},
        })
    }

    #[test]
    fn every_named_field_has_to_match() {
        let cases = [
            (json!({"source": ["aws.ecs"]}), true),
            (json!({"source": ["aws.ec2", "aws.ecs"]}), true),
            (json!({"source": ["aws.ec2"]}), false),
            (
                json!({"source": ["aws.ecs"], "detail": {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]}}),
                true,
            ),
            (
                json!({"source": ["aws.ecs"], "detail": {"eventName": ["SERVICE_DEPLOYMENT_COMPLETED"]}}),
                false,
            ),
            (json!({"detail": {"eventName": [{"prefix": "SERVICE_"}]}}), true),
            (json!({"detail": {"eventName": [{"suffix": "_failed"}]}}), false),
            (
                json!({"detail": {"eventName": [{"equals-ignore-case": "service_deployment_failed"}]}}),
                true,
            ),
            (
                json!({"detail": {"eventName": [{"anything-but": ["SERVICE_DEPLOYMENT_FAILED"]}]}}),
                false,
            ),
            (json!({"detail": {"count": [2]}}), true),
            (json!({"detail": {"count": ["2"]}}), false),
            (json!({"detail": {"reason": [null]}}), true),
            (json!({"detail": {"reason": [{"exists": true}]}}), true),
            (json!({"detail": {"missing": [{"exists": false}]}}), true),
            (json!({"detail": {"missing": [{"anything-but": "x"}]}}), false),
            (json!({"missing": {"deeper": [{"exists": false}]}}), true),
            (json!({"detail": {"eventName": {"deeper": ["x"]}}}), false),
            (json!({"resources": [{"prefix": "arn:aws:ecs"}]}), true),
            (json!({"resources": ["no"]}), false),
            (
                json!({"$or": [{"source": ["aws.rds"]}, {"detail": {"count": [2]}}]}),
                true,
            ),
            (
                json!({"$or": [{"source": ["aws.rds"]}, {"detail": {"count": [3]}}]}),
                false,
            ),
            (
                json!({"source": ["aws.rds"], "$or": [{"source": ["aws.ecs"]}, {"detail": {"count": [3]}}]}),
                false,
            ),
        ];
        for (pattern, expected) in cases {
            let parsed = Pattern::parse(&pattern).expect("a pattern");
            assert_eq!(parsed.matches(&event()), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_place() {
        for (pattern, path) in [
            (json!({}), "`$`"),
            (json!({"source": "aws.ecs"}), "`$.source`"),
            (json!({"source": []}), "`$.source`"),
            (json!({"$or": [{"a": ["b"]}]}), "`$.$or`"),
            (
                json!({"detail": {"count": [{"numeric": [">", 1]}]}}),
                "`$.detail.count`",
            ),
            (
                json!({"detail": {"name": [{"prefix": {"equals-ignore-case": "a"}}]}}),
                "`$.detail.name`",
            ),
        ] {
            let error = Pattern::parse(&pattern).expect_err("refused");
            assert!(error.to_string().contains(path), "{error}");
        }
    }
}
