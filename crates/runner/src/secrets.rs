//! The values of sensitive variables, taken out of what people see.
//!
//! Terraform hides them where it knows of them. It does not know what a provisioner's program prints, nor what a condition's
//! message was made to say.

use serde_json::Value;
use slipway_model::operation::Operation;
use slipway_model::stack::{Configuration, HIDDEN};

use crate::stream::Diagnostic;

/// Shorter texts are kept: the log would be unreadable without every `on` or `1`, and to hide them protects nothing.
const SHORTEST: usize = 4;

/// Texts that must not be shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Those of an operation's configuration.
    pub(crate) fn of(operation: &Operation) -> Self {
        let Configuration {
            variables, sensitive, ..
        } = &operation.configuration;
        let mut texts = Vec::new();
        for value in sensitive.iter().filter_map(|name| variables.get(name)) {
            collect(value, &mut texts);
        }
        Self::new(texts)
    }

    fn new(mut texts: Vec<String>) -> Self {
        // A text may stand in JSON, where it is written otherwise, and by Go (Terraform's streams) otherwise still.
        let escaped: Vec<String> = texts
            .iter()
            .flat_map(|text| [escaped(text), escaped_by_go(text)])
            .collect();
        texts.extend(escaped);
        texts.retain(|text| text.len() >= SHORTEST);
        // The longest first: a text that is a part of another must not leave the rest of it.
        texts.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        texts.dedup();
        Self(texts)
    }

    /// These, and more values.
    pub(crate) fn with(&self, values: &[Value]) -> Self {
        let mut texts = self.0.clone();
        for value in values {
            collect(value, &mut texts);
        }
        Self::new(texts)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without them.
    pub(crate) fn hide(&self, text: &str) -> String {
        let hide = |shown: String, secret: &String| {
            if shown.contains(secret.as_str()) {
                shown.replace(secret.as_str(), HIDDEN)
            } else {
                shown
            }
        };
        self.0.iter().fold(text.to_owned(), hide)
    }

    /// The diagnostic without them.
    pub(crate) fn hide_in(&self, diagnostic: &mut Diagnostic) {
        diagnostic.summary = self.hide(&diagnostic.summary);
        diagnostic.detail = self.hide(&diagnostic.detail);
    }
}

/// A text as it stands in JSON, between the quotes.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// A text as Go writes it into JSON: `encoding/json` escapes what would mean something in HTML or JavaScript, too.
fn escaped_by_go(text: &str) -> String {
    let mut escaped = escaped(text);
    for (char, code) in [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        escaped = escaped.replace(char, code);
    }
    escaped
}

/// Every text and number in a value.
fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => texts.push(number.to_string()),
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(values) => values.values().for_each(|value| collect(value, texts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_secret_is_left_whatever_it_looks_like() {
        let mut texts = Vec::new();
        collect(
            &serde_json::json!({"user": "root", "keys": ["hunter2", "hunter2-more"], "pin": 123_456, "on": true}),
            &mut texts,
        );
        let secrets = Secrets::new(texts);
        let shown = secrets.hide("root hunter2-more 123456 hunter2 true");
        assert_eq!(shown, format!("{HIDDEN} {HIDDEN} {HIDDEN} {HIDDEN} true"));
    }

    #[test]
    fn a_secret_is_hidden_in_each_form_that_json_gives_it() {
        let secrets = Secrets::new(vec!["\"a<b>&c\"\u{2028}".to_owned()]);
        for written in [
            "\"a<b>&c\"\u{2028}",
            "{\"v\":\"\\\"a<b>&c\\\"\u{2028}\"}",
            r#"{"v":"\"a\u003cb\u003e\u0026c\"\u2028"}"#,
        ] {
            let shown = secrets.hide(written);
            assert!(
                shown.contains(HIDDEN) && !shown.contains('a'),
                "{written} became {shown}"
            );
        }
    }
}
