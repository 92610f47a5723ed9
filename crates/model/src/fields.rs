//! The fields of a JSON object from outside, read strictly.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::json::{Fault, Unique, inexact_number};
use crate::problem::{FieldProblem, shortened};

/// The fields of a JSON object, taken out one by one; problems are collected on the way.
///
/// A reader takes each field that it knows; [`Fields::problems`] then reports the remaining ones.
#[derive(Debug, Default)]
pub struct Fields {
    object: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<FieldProblem>,
}

impl Fields {
    /// The fields of the object that these bytes are; otherwise a sentence that says what they are.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err("text with a byte order mark before its JSON".to_owned());
        }
        let lost = str::from_utf8(bytes).ok().and_then(inexact_number);
        if let Some(number) = lost {
            return Err(format!(
                "JSON with the number {}, which would not be kept to its last digit",
                shortened(number)
            ));
        }
        let Unique(value) =
            serde_json::from_slice(bytes).map_err(|error| format!("not valid JSON: {}", Fault::from(error)))?;
        match value {
            Value::Object(object) => Ok(Self::new(object)),
            other => Err(format!("{}, not a JSON object", described(&other))),
        }
    }

    /// The fields of an object that was read already.
    pub fn new(object: Map<String, Value>) -> Self {
        Self {
            object,
            ..Self::default()
        }
    }

    /// A field that must be there, as text of the form of `T`. `remedy` says what to give.
    pub fn required<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str, remedy: &str) -> Option<T> {
        let absent = matches!(self.object.get(name), None | Some(Value::Null));
        if absent {
            self.problems.push(FieldProblem::new(name, "is missing", remedy));
        }
        self.optional(name, remedy)
    }

    /// A field that may be left out, as text of the form of `T`; `null` says the same as leaving it out.
    pub fn optional<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str, remedy: &str) -> Option<T> {
        let value = self.take(name)?;
        self.noted(name, parse_text(&value), remedy)
    }

    /// A field that may be left out, as a text of a form whose parser speaks to programmers; `not` says what another text is.
    pub fn optional_of<T: FromStr>(&mut self, name: &'static str, not: &str, remedy: &str) -> Option<T> {
        let value = self.take(name)?;
        let parsed = text(&value).and_then(|text| text.parse().map_err(|_| not.to_owned()));
        self.noted(name, parsed, remedy)
    }

    fn noted<T>(&mut self, name: &'static str, parsed: Result<T, String>, remedy: &str) -> Option<T> {
        parsed
            .map_err(|detail| self.problems.push(FieldProblem::new(name, detail, remedy)))
            .ok()
    }

    /// A field that may be left out, as a whole number from 1. `remedy` says what to give.
    pub fn number(&mut self, name: &'static str, remedy: &str) -> Option<u32> {
        let value = self.take(name)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| *number > 0);
        if number.is_none() {
            let given = match &value {
                Value::Number(number) => number.to_string(),
                other => described(other).to_owned(),
            };
            let detail = format!("is {given}, not a whole number from 1");
            self.problems.push(FieldProblem::new(name, detail, remedy));
        }
        number
    }

    /// The field `revision` of a record as the API shows it, which may be left out.
    pub fn revision(&mut self) -> Option<u64> {
        let value = self.take("revision")?;
        let revision = value.as_u64();
        if revision.is_none() {
            let detail = format!("is {}, not a whole number", described(&value));
            let remedy = "give the revision as it was shown, or leave it out";
            self.problems.push(FieldProblem::new("revision", detail, remedy));
        }
        revision
    }

    /// A field that may be left out, as an object.
    pub fn object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(object) => Some(object),
            other => {
                let detail = format!("is {}, not an object", described(&other));
                self.problems.push(FieldProblem::new(name, detail, "give an object"));
                None
            }
        }
    }

    /// A field that may be left out, as an object whose names have the form of `K` and whose values are texts of the form
    /// of `V`.
    pub fn texts<K, V>(&mut self, name: &'static str, remedy: &str) -> Option<BTreeMap<K, V>>
    where
        K: FromStr<Err: fmt::Display> + Ord,
        V: FromStr<Err: fmt::Display>,
    {
        let mut texts = BTreeMap::new();
        for (key, value) in self.object(name)? {
            let parsed_key = key.parse::<K>().map_err(|error| error.to_string());
            match (parsed_key, parse_text(&value)) {
                (Ok(key), Ok(value)) => {
                    texts.insert(key, value);
                }
                (Err(detail), _) | (_, Err(detail)) => {
                    let field = format!("{name}.{}", shortened(&key));
                    self.problems.push(FieldProblem::new(field, detail, remedy));
                }
            }
        }
        Some(texts)
    }

    /// A field that may be left out, as true or false.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            other => {
                let detail = format!("is {}, not true or false", described(&other));
                self.problems
                    .push(FieldProblem::new(name, detail, "give true or false, without quotes"));
                None
            }
        }
    }

    /// A field that must be there, as a list of texts of the form of `T`.
    pub fn set<T: FromStr<Err: fmt::Display> + Ord>(
        &mut self,
        name: &'static str,
        remedy: &str,
    ) -> Option<BTreeSet<T>> {
        let values = self.list(name, remedy)?;
        let mut set = BTreeSet::new();
        for (index, value) in values.iter().enumerate() {
            match parse_text(value) {
                Ok(value) => {
                    set.insert(value);
                }
                Err(detail) => {
                    let field = format!("{name}[{index}]");
                    self.problems.push(FieldProblem::new(field, detail, remedy));
                }
            }
        }
        Some(set)
    }

    /// A field that may be left out, as a list of texts of the form of `T`.
    pub fn optional_set<T: FromStr<Err: fmt::Display> + Ord>(
        &mut self,
        name: &'static str,
        remedy: &str,
    ) -> Option<BTreeSet<T>> {
        if matches!(self.object.get(name), None | Some(Value::Null)) {
            self.take(name);
            return None;
        }
        self.set(name, remedy)
    }

    /// A field that must be there, as a list of whatever.
    pub fn list(&mut self, name: &'static str, remedy: &str) -> Option<Vec<Value>> {
        let detail = match self.take(name) {
            Some(Value::Array(values)) => return Some(values),
            Some(other) => format!("is {}, not a list", described(&other)),
            None => "is missing".to_owned(),
        };
        self.problems.push(FieldProblem::new(name, detail, remedy));
        None
    }

    /// The problems: unknown fields, texts with a NUL character, and those that were collected on the way.
    pub fn problems(mut self) -> Vec<FieldProblem> {
        let remedy = match self.known.as_slice() {
            [] => "leave it out: this request has no fields".to_owned(),
            known => format!("the fields of this request are: {}", known.join(", ")),
        };
        for name in self.object.keys() {
            let field = shortened(name);
            self.problems.push(FieldProblem::new(
                field,
                "there is no such field in this request",
                &*remedy,
            ));
        }
        self.problems
    }

    /// Notes what is wrong with a field that was taken.
    pub fn problem(&mut self, problem: FieldProblem) {
        self.problems.push(problem);
    }

    /// Takes a field out; `null` says the same as leaving it out.
    pub fn take(&mut self, name: &'static str) -> Option<Value> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        let value = self.object.remove(name)?;
        note_nuls(name, &value, &mut self.problems);
        (!value.is_null()).then_some(value)
    }
}

fn parse_text<T: FromStr<Err: fmt::Display>>(value: &Value) -> Result<T, String> {
    text(value)?.parse().map_err(|error: T::Err| error.to_string())
}

fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("is {}, not a text", described(value)))
}

/// Notes every text with a NUL character: neither Terraform nor a process could carry it.
fn note_nuls(field: &str, value: &Value, problems: &mut Vec<FieldProblem>) {
    match value {
        Value::String(text) if text.contains('\0') => {
            problems.push(FieldProblem::new(field, "the text has a NUL character", "remove it"));
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                note_nuls(&format!("{field}[{index}]"), value, problems);
            }
        }
        Value::Object(object) => {
            for (name, value) in object {
                let inner = format!("{field}.{}", shortened(name));
                if name.contains('\0') {
                    problems.push(FieldProblem::new(&*inner, "the name has a NUL character", "remove it"));
                }
                note_nuls(&inner, value, problems);
            }
        }
        _ => {}
    }
}

/// What a value is, in words.
pub fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
