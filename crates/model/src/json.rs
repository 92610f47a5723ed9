//! JSON in which no object names a field twice, and no number loses a digit.

use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::problem::{Place, shortened};

/// The value as canonical JSON: no spaces, and the fields of every object sorted by the bytes of their names. Its digest does
/// not depend on the order of the fields.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|one, other| one.0.cmp(other.0));
            let field =
                |(name, value): (&String, &Value)| format!("{}:{}", Value::from(name.as_str()), canonical(value));
            format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(","))
        }
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(canonical).collect();
            format!("[{}]", elements.join(","))
        }
        leaf => leaf.to_string(),
    }
}

/// Where a text is no JSON, or not the JSON that was expected, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {what}", place.line, place.column)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub what: String,
}

/// What the parser says only to those who know its code, and what to say instead.
const WORDS: [(&str, &str); 9] = [
    (
        "expected value",
        "a value is missing, or is not JSON: a text needs double quotes",
    ),
    (
        "expected ident",
        "this word is not JSON: write `true`, `false` or `null`, or put a text into double quotes",
    ),
    ("key must be a string", "the name of a field needs double quotes"),
    ("trailing comma", "no comma may follow the last item"),
    ("trailing characters", "text follows after the end of the JSON"),
    ("expected `:`", "a `:` is missing after the name of a field"),
    (
        "expected `,` or `}`",
        "a `,` is missing between fields, or the `}` after the last one",
    ),
    (
        "expected `,` or `]`",
        "a `,` is missing between items, or the `]` after the last one",
    ),
    ("recursion limit exceeded", "values are nested too deeply"),
];

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        let place = Place {
            line: error.line().max(1),
            column: error.column().max(1),
        };
        // The message ends with the place.
        let said = error.to_string();
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        let better = WORDS.iter().find(|(parser, _)| *parser == said);
        let what = if error.is_eof() {
            "the JSON ends too early: a quote, bracket, brace or value is missing"
        } else {
            better.map_or(said, |(_, words)| words)
        };
        Self {
            place,
            what: what.to_owned(),
        }
    }
}

/// A JSON value no object of which names a field twice: of two values, one would silently be lost.
pub struct Unique(pub Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Unique)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unique(value)) = elements.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(de::Error::custom(format_args!(
                    "the field `{}` stands here twice",
                    shortened(&name)
                )));
            }
            let Unique(value) = entries.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// A number in a JSON text, or in a Terraform expression, that a JSON number here would not hold to its last digit.
///
/// Whole numbers are held up to 2^64; others as binary fractions of 53 bits, of which about 17 digits are kept.
pub fn inexact_number(text: &str) -> Option<&str> {
    next_inexact(text, 0).map(|place| &text[place])
}

/// The value of a JSON text. A number that would lose a digit becomes a text: its digits, as they were written.
pub(crate) fn exact(text: &str) -> Result<Value, serde_json::Error> {
    let mut quoted = String::new();
    let mut done = 0;
    while let Some(Range { start, end }) = next_inexact(text, done) {
        let start = start - usize::from(text[done..start].ends_with('-'));
        quoted.extend([&text[done..start], "\"", &text[start..end], "\""]);
        done = end;
    }
    if quoted.is_empty() {
        return serde_json::from_str(text);
    }
    quoted.push_str(&text[done..]);
    serde_json::from_str(&quoted)
}

/// Where the next number is, from this place on, that would lose a digit.
fn next_inexact(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = string_end(bytes, at),
            byte if byte.is_ascii_digit() => {
                let end = number_end(bytes, at);
                if !is_kept(&text[at..end], at > 0 && bytes[at - 1] == b'-') {
                    return Some(at..end);
                }
                at = end;
            }
            // A word with digits in it is no number.
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                while bytes
                    .get(at)
                    .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
                {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
    None
}

pub(crate) fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at.min(bytes.len())
}

fn number_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        let is_sign = matches!(byte, b'+' | b'-') && matches!(bytes[at - 1], b'e' | b'E');
        if !(byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E') || (at > from && is_sign)) {
            break;
        }
        at += 1;
    }
    at
}

/// Whether the decimal number is the one that comes out of its binary form again.
fn is_kept(written: &str, is_negative: bool) -> bool {
    if written.parse::<i64>().is_ok() || (!is_negative && written.parse::<u64>().is_ok()) {
        return true;
    }
    let Ok(number) = written.parse::<f64>() else {
        // Not a number: the parser of the text reports it.
        return true;
    };
    number.is_finite() && digits(written) == digits(&format!("{number:e}"))
}

/// The digits of a number without zeros around them, and where its point is from the first of them.
fn digits(written: &str) -> (String, i64) {
    let (mantissa, exponent) = written.split_once(['e', 'E']).unwrap_or((written, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    if significant.is_empty() {
        return (String::new(), 0);
    }
    let leading = all.len() - significant.len();
    let point = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let exponent = exponent.parse::<i64>().unwrap_or_default();
    (
        significant.trim_end_matches('0').to_owned(),
        exponent.saturating_add(point(whole.len())) - point(leading),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_said_in_the_words_of_writers() {
        for (text, place, part) in [
            ("{\"a\": 1,\n", "line 2, column 1: ", "ends too early"),
            ("{\"a\": \"b", "line 1, column 8: ", "ends too early"),
            ("{\"a\": truth}", "line 1, column 10: ", "write `true`"),
            ("{\"a\": b}", "line 1, column 7: ", "a text needs double quotes"),
            ("{a: 1}", "line 1, column 2: ", "the name of a field"),
            ("{\"a\" 1}", "line 1, column 6: ", "a `:` is missing"),
            (
                "{\"a\": 1 \"b\": 2}",
                "line 1, column 9: ",
                "a `,` is missing between fields",
            ),
            ("[1 2]", "line 1, column 4: ", "a `,` is missing between items"),
            ("[1,]", "line 1, column 4: ", "no comma may follow"),
            ("{} {}", "line 1, column 4: ", "text follows"),
            (&"[".repeat(200), "line 1, column 128: ", "nested too deeply"),
        ] {
            let error = serde_json::from_str::<Value>(text).expect_err(text);
            let said = Fault::from(error).to_string();
            assert!(said.starts_with(place) && said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn a_number_that_would_lose_a_digit_becomes_its_digits() {
        let text =
            r#"{"a": 100000000000000000001, "b": [-0.10000000000000000000001, 2.5e3], "c": "100000000000000000001"}"#;
        let value = exact(text).expect("JSON");
        let digits = "100000000000000000001";
        let expected = serde_json::json!({"a": digits, "b": ["-0.10000000000000000000001", 2.5e3], "c": digits});
        assert_eq!(value, expected);
        assert!(exact("{\"a\": 100000000000000000001").is_err());
    }

    #[test]
    fn a_number_that_would_lose_a_digit_is_found() {
        for kept in [
            "0.1",
            "1.10",
            "-0.5e-3",
            "1e30",
            "18446744073709551615",
            "0",
            "0.0",
            "1E+2",
            "100",
            "[1, \"0.12345678901234567890123\"]",
            "a12345678901234567890123",
            "1.5e22",
            "\"\\\"0.12345678901234567890123\"",
        ] {
            assert_eq!(inexact_number(kept), None, "{kept}");
        }
        for (text, lost) in [
            ("{\"a\": [0.12345678901234567890123]}", "0.12345678901234567890123"),
            ("18446744073709551616", "18446744073709551616"),
            ("-9007199254740993.5", "9007199254740993.5"),
            ("1e400", "1e400"),
        ] {
            assert_eq!(inexact_number(text), Some(lost), "{text}");
        }
    }

    #[test]
    fn canonical_json_has_one_order() {
        let one: Value = serde_json::from_str(r#"{"b": [1, {"z": null, "a": "ü\n"}], "a": 1.50}"#).expect("JSON");
        let other: Value = serde_json::from_str(r#"{"a":1.5,"b":[1,{"a":"ü\n","z":null}]}"#).expect("JSON");
        assert_eq!(canonical(&one), r#"{"a":1.5,"b":[1,{"a":"ü\n","z":null}]}"#);
        assert_eq!(canonical(&one), canonical(&other));
    }
}
