//! `--query`: what is printed of an answer, as a JMESPath expression (<https://jmespath.org/specification.html>).

use jmespath::ErrorReason;
use serde_json::Value;

/// An expression of a command line, which lasts as long as the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query(&'static str);

impl Query {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        jmespath::compile(text).map_err(|error| format!("{}; {}", reason(&error), remedy(text)))?;
        Ok(Self(Box::leak(text.to_owned().into_boxed_str())))
    }

    /// What it finds in a value.
    pub fn search(self, value: &Value) -> Result<Value, String> {
        let expression = jmespath::compile(self.0).map_err(|error| reason(&error))?;
        let found = expression.search(value).map_err(|error| reason(&error))?;
        serde_json::to_value(&*found).map_err(|error| error.to_string())
    }
}

/// What to write instead. Backticks are for JSON: a word between them is the usual mistake.
fn remedy(text: &str) -> String {
    let mut literals = text.split('`').skip(1).step_by(2);
    let word = literals.find(|literal| serde_json::from_str::<Value>(literal).is_err());
    match word.filter(|word| !word.contains('\'')) {
        Some(word) => format!(
            "write a text in single quotes: `{}`",
            text.replace(&format!("`{word}`"), &format!("'{word}'"))
        ),
        None => "write a JMESPath expression, such as `[].name`".to_owned(),
    }
}

/// The reason in a line. What the parser says of its tokens is of no help.
fn reason(error: &jmespath::JmespathError) -> String {
    let place = format!("at character {} of `{}`", error.offset + 1, error.expression);
    match &error.reason {
        ErrorReason::Parse(_) if error.offset >= error.expression.len() => {
            format!("the expression `{}` ends too early", error.expression)
        }
        ErrorReason::Parse(_) => format!("the expression cannot be read {place}"),
        ErrorReason::Runtime(reason) => format!("{reason}, {place}"),
    }
}

/// Whether a result has nothing to print as plain text: an empty line would read as a value.
pub fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// A result as plain text, for scripts: a line for each item of a list, tabs between the items of lists in a list.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let lines = items.iter().map(|item| match item {
                Value::Array(cells) => cells.iter().map(cell).collect::<Vec<_>>().join("\t"),
                other => cell(other),
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        other => cell(other),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn query_finds_filters_and_formats() {
        let stacks = json!([
            {"name": "shop", "id": "a-1", "last_release": 3, "owner": null},
            {"name": "blog", "id": "b-2", "last_release": 9_007_199_254_740_993_u64},
        ]);
        for (expression, expected) in [
            ("[?name=='shop'].id | [0]", "a-1"),
            ("[].name", "shop\nblog"),
            ("[].[name, last_release]", "shop\t3\nblog\t9007199254740993"),
            ("[?last_release > `5`] | length(@)", "1"),
            ("[0].{n: name}", "{\"n\":\"shop\"}"),
            ("sort_by(@, &name)[0].name", "blog"),
        ] {
            let query = Query::parse(expression).expect(expression);
            assert_eq!(
                query.search(&stacks).map(|found| plain(&found)),
                Ok(expected.to_owned()),
                "{expression}"
            );
        }
    }

    #[test]
    fn null_and_empty_list_are_nothing() {
        for (value, expected) in [
            (json!(null), true),
            (json!([]), true),
            (json!(""), false),
            (json!([null]), false),
            (json!(0), false),
        ] {
            assert_eq!(is_nothing(&value), expected, "{value}");
        }
    }

    #[test]
    fn wrong_query_says_why_and_where() {
        let error = Query::parse("[?name==").expect_err("incomplete");
        assert!(error.contains("ends too early") && !error.contains('\n'), "{error}");
        let error = Query::parse("foo bar").expect_err("two words");
        assert!(error.contains("at character") && !error.contains('\n'), "{error}");
        let error = Query::parse("[?status==`succeeded` && release>`1`]").expect_err("a word as JSON");
        assert!(
            error.ends_with("write a text in single quotes: `[?status=='succeeded' && release>`1`]`"),
            "{error}"
        );
        let query = Query::parse("lengths(@)").expect("an unknown function");
        let error = query.search(&json!([])).expect_err("unknown");
        assert!(error.contains("lengths"), "{error}");
    }
}
