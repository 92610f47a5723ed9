//! `regex` and `regexall`. Terraform's patterns are RE2's; those of the library here are nearly the same, and a pattern in which
//! the two might differ is left to Terraform.

use std::collections::BTreeMap;

use regex_lite::{Captures, Regex};

use super::value::Evaluated;
use super::{Stop, Value};

/// Escapes of letters and digits that mean the same in both.
const ESCAPES: &str = "dDsSwWbBAzntrfvx";

/// `regex(pattern, text)`: what the pattern captures where it matches first.
pub(super) fn first(pattern: &Value, text: &Value) -> Evaluated {
    let (pattern, text) = (pattern.as_text()?, text.as_text()?);
    let regex = compiled(&pattern, &text)?;
    match regex.captures(&text) {
        Some(captures) => captured(&regex, &captures),
        None => Err(Stop::Error),
    }
}

/// `regexall(pattern, text)`: the same for every place.
pub(super) fn all(pattern: &Value, text: &Value) -> Evaluated {
    let (pattern, text) = (pattern.as_text()?, text.as_text()?);
    let regex = compiled(&pattern, &text)?;
    let all: Result<_, _> = regex
        .captures_iter(&text)
        .map(|captures| captured(&regex, &captures))
        .collect();
    Ok(Value::List(all?))
}

/// The whole match, its groups in order, or its groups by name.
fn captured(regex: &Regex, captures: &Captures<'_>) -> Evaluated {
    let text = |found: Option<regex_lite::Match<'_>>| {
        found.map_or(Value::Null, |found| Value::Text(found.as_str().to_owned()))
    };
    let names: Vec<Option<&str>> = regex.capture_names().skip(1).collect();
    if names.is_empty() {
        return Ok(text(captures.get(0)));
    }
    if names.iter().all(Option::is_none) {
        let groups = (1..=names.len()).map(|group| text(captures.get(group)));
        return Ok(Value::List(groups.collect()));
    }
    let by_name: Option<BTreeMap<String, Value>> = names
        .iter()
        .map(|name| name.map(|name| (name.to_owned(), text(captures.name(name)))))
        .collect();
    // Some with names and some without are refused.
    by_name.map(Value::Map).ok_or(Stop::Error)
}

fn compiled(pattern: &str, text: &str) -> Result<Regex, Stop> {
    if !means_the_same(pattern, text) {
        return Err(Stop::Unknown);
    }
    Regex::new(pattern).map_err(|_| Stop::Unknown)
}

/// Whether a pattern means in one library what it means in the other.
fn means_the_same(pattern: &str, text: &str) -> bool {
    // Without regard to case, they disagree about letters beyond ASCII.
    if pattern.contains("(?") && !(pattern.is_ascii() && text.is_ascii()) {
        return false;
    }
    let mut characters = pattern.chars().peekable();
    let mut class: Option<char> = None;
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or_default();
        match character {
            // The ends of words, which one of them writes so.
            '\\' if next == '<' || next == '>' => return false,
            '\\' if next.is_ascii_alphanumeric() && !ESCAPES.contains(next) || !next.is_ascii() => return false,
            '\\' => {
                characters.next();
                class = class.map(|_| '\\');
                continue;
            }
            // A count without a lower bound is text in one of them.
            '{' if class.is_none() && next == ',' => return false,
            '[' if class.is_none() => {
                if next == '^' {
                    characters.next();
                }
                // The first bracket of a class is one of its characters.
                if characters.peek() == Some(&']') {
                    characters.next();
                }
                class = Some('[');
                continue;
            }
            ']' => class = None,
            '[' if next == ':' => {
                // The name of a class, to its end.
                while characters.next().is_some_and(|part| part != ']') {}
            }
            // Classes in classes, and what one of them takes for an operation on these.
            '[' if class.is_some() => return false,
            '&' | '~' | '-' if class == Some(character) => return false,
            _ => {}
        }
        class = class.map(|_| character);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_may_mean_two_things_is_left_alone() {
        for same in [
            "^[a-z][a-z0-9-]{0,31}$",
            r"^db\.[a-z0-9-]+\.[a-z0-9]+$",
            "^[[:alpha:]_]+$",
            r"[\w.+-]+@[\w-]+",
            "^[]a-]+$",
            r"/(1[6-9]|2[0-4])$",
            "(?i)^abc$",
        ] {
            assert!(means_the_same(same, ""), "{same}");
        }
        for other in [
            r"\p{Greek}",
            r"\Qa.b\E",
            "[a&&b]",
            "[a[b]]",
            "x{,3}",
            "[a--b]",
            r"\1",
            r"\<a",
        ] {
            assert!(compiled(other, "").is_err(), "{other}");
        }
        assert!(!means_the_same("(?i)k", "\u{212a}"));
    }
}
