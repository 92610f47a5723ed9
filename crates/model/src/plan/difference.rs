//! What differs between two values of Terraform's, attribute by attribute.
//!
//! `terraform show -json` gives a value before and after, and beside them values of the same shape that mark what is unknown
//! or sensitive with `true`. A mark that does not fit its value counts for all of it: what may be sensitive is.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::attribute::AttributeChange;
use super::path;
use super::text;
use crate::json::{Unique, inexact_number};

/// The deepest nesting of JSON texts in JSON texts that is looked into.
const JSON_DEPTH: u8 = 3;

/// The most bytes of the changes in a JSON text: where there are more, it is a text as any other.
const JSON_BYTES: usize = 64 * 1024;

/// The mark for a whole value.
const ALL: Value = Value::Bool(true);

/// The two sides of a change with their marks, at one path.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sides<'a> {
    pub(super) before: Option<&'a Value>,
    pub(super) after: Option<&'a Value>,
    pub(super) unknown: Option<&'a Value>,
    pub(super) before_sensitive: Option<&'a Value>,
    pub(super) after_sensitive: Option<&'a Value>,
}

/// A mark at one path.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mark<'a> {
    /// Nothing here is marked.
    Clear,
    /// Everything here is.
    Whole,
    /// Something below may be.
    Below(&'a Value),
}

impl<'a> Mark<'a> {
    fn of(mark: Option<&'a Value>, value: Option<&Value>) -> Self {
        match (mark, value) {
            (None, _) => Self::Clear,
            (Some(mark), _) if is_clear(mark) => Self::Clear,
            (Some(mark @ Value::Object(_)), None | Some(Value::Null | Value::Object(_))) => Self::Below(mark),
            (Some(mark @ Value::Array(_)), None | Some(Value::Null | Value::Array(_))) => Self::Below(mark),
            _ => Self::Whole,
        }
    }

    fn value(self) -> Option<&'a Value> {
        match self {
            Self::Below(value) => Some(value),
            _ => None,
        }
    }
}

pub(super) fn is_clear(mark: &Value) -> bool {
    match mark {
        Value::Null | Value::Bool(false) => true,
        Value::Array(marks) => marks.iter().all(is_clear),
        Value::Object(marks) => marks.values().all(is_clear),
        _ => false,
    }
}

/// Every text and number that is marked, also by a mark that does not fit its value.
pub(super) fn marked(value: Option<&Value>, mark: Option<&Value>, found: &mut Vec<Value>) {
    let Some(value) = value else { return };
    match (Mark::of(mark, Some(value)), value) {
        (Mark::Clear, _) | (_, Value::Null | Value::Bool(_)) => {}
        (Mark::Whole, Value::Object(fields)) => {
            for value in fields.values() {
                marked(Some(value), Some(&ALL), found);
            }
        }
        (Mark::Whole, Value::Array(elements)) => {
            for value in elements {
                marked(Some(value), Some(&ALL), found);
            }
        }
        (Mark::Below(mark), Value::Object(fields)) => fields
            .iter()
            .for_each(|(name, value)| marked(Some(value), field(Some(mark), name), found)),
        (Mark::Below(mark), Value::Array(elements)) => elements
            .iter()
            .enumerate()
            .for_each(|(index, value)| marked(Some(value), element(Some(mark), Some(index)), found)),
        (Mark::Whole | Mark::Below(_), leaf) => found.push(leaf.clone()),
    }
}

/// Every attribute that differs, in the order of their paths' names. `hide` takes known secrets out of texts.
pub(super) fn attributes(sides: Sides<'_>, hide: &dyn Fn(&str) -> String) -> Vec<AttributeChange> {
    let mut walk = Walk {
        hide,
        found: Vec::new(),
        json_depth: 0,
    };
    walk.compare(String::new(), sides);
    walk.found
}

struct Walk<'a> {
    hide: &'a dyn Fn(&str) -> String,
    found: Vec<AttributeChange>,
    json_depth: u8,
}

impl Walk<'_> {
    fn compare(&mut self, path: String, sides: Sides<'_>) {
        // An attribute that is null and one that is not there are the same to Terraform. In a JSON text they are not.
        let is_there = |value: &&Value| self.json_depth > 0 || !value.is_null();
        let before = sides.before.filter(is_there);
        let after = sides.after.filter(is_there);
        let unknown = Mark::of(sides.unknown, after);
        let before_mark = Mark::of(sides.before_sensitive, before);
        let after_mark = Mark::of(sides.after_sensitive, after);
        let is_same = before == after && unknown == Mark::Clear;
        if is_same && before_mark == after_mark {
            return;
        }
        if before_mark == Mark::Whole || after_mark == Mark::Whole {
            // One that was not sensitive and will be, or the other way round, is hidden on both sides.
            let unknown = unknown != Mark::Clear;
            if before.is_some() || after.is_some() || unknown {
                self.found.push(AttributeChange {
                    path,
                    before_sensitive: before.is_some(),
                    after_sensitive: after.is_some() || unknown,
                    // Hidden because of the other side: who requests it may have chosen which side is sensitive.
                    before_hidden: before.is_some() && before_mark != Mark::Whole,
                    after_hidden: after.is_some() && after_mark != Mark::Whole,
                    after_unknown: unknown,
                    ..AttributeChange::default()
                });
            }
            return;
        }
        if unknown == Mark::Whole {
            return self.becomes_unknown(path, before, before_mark.value());
        }
        let below = Sides {
            before,
            after,
            unknown: unknown.value(),
            before_sensitive: before_mark.value(),
            after_sensitive: after_mark.value(),
        };
        let parts = [before, after, below.unknown];
        if fit(&parts, Value::is_object) {
            self.objects(&path, below);
        } else if fit(&parts, Value::is_array) {
            self.arrays(&path, below);
        } else if parts
            .iter()
            .flatten()
            .any(|value| value.is_object() || value.is_array())
        {
            // It is of another kind than it was.
            let (removed, added) = below.split();
            self.compare(path.clone(), removed);
            self.compare(path, added);
        } else {
            self.leaf(path, before, after);
        }
    }

    /// Every leaf before, of a value that is unknown after.
    fn becomes_unknown(&mut self, path: String, before: Option<&Value>, sensitive: Option<&Value>) {
        let start = self.found.len();
        self.compare(
            path.clone(),
            Sides {
                before,
                before_sensitive: sensitive,
                ..Sides::default()
            },
        );
        if self.found.len() == start {
            self.found.push(AttributeChange {
                path,
                ..AttributeChange::default()
            });
        }
        self.found[start..]
            .iter_mut()
            .for_each(|change| change.after_unknown = true);
    }

    fn objects(&mut self, path: &str, sides: Sides<'_>) {
        let parts = [sides.before, sides.after, sides.unknown];
        let names: BTreeSet<&String> = parts
            .iter()
            .flatten()
            .filter_map(|part| part.as_object())
            .flat_map(Map::keys)
            .collect();
        if names.is_empty() {
            return self.leaf(path.to_owned(), sides.before, sides.after);
        }
        let start = self.found.len();
        for name in names {
            let (shown, first) = ((self.hide)(name), self.found.len());
            let path = path::field(path, &shown);
            let sides = Sides {
                before: field(sides.before, name),
                after: field(sides.after, name),
                unknown: field(sides.unknown, name),
                before_sensitive: field(sides.before_sensitive, name),
                after_sensitive: field(sides.after_sensitive, name),
            };
            self.compare(path, sides);
            let is_hidden = shown != *name;
            self.found[first..]
                .iter_mut()
                .for_each(|change| change.path_hidden |= is_hidden);
        }
        if self.found.len() == start && sides.before.is_some() != sides.after.is_some() {
            // An object of nulls comes or goes.
            self.leaf(path.to_owned(), sides.before, sides.after);
        }
    }

    fn arrays(&mut self, path: &str, sides: Sides<'_>) {
        let elements = |part: Option<&Value>| part.and_then(Value::as_array).map_or(0, Vec::len);
        let (old, new) = (
            elements(sides.before),
            elements(sides.after).max(elements(sides.unknown)),
        );
        if old == 0 && new == 0 {
            return self.leaf(path.to_owned(), sides.before, sides.after);
        }
        for (old, new) in aligned(sides, old, new) {
            let path = path::element(path, new.or(old).unwrap_or_default());
            if let (Some(Value::Null), None) | (None, Some(Value::Null)) =
                (element(sides.before, old), element(sides.after, new))
                && element(sides.unknown, new).is_none_or(is_clear)
            {
                // Unlike a field, an element counts though it is null.
                let (before, after) = (old.map(|_| Value::Null), new.map(|_| Value::Null));
                self.found.push(AttributeChange {
                    path,
                    before,
                    after,
                    ..AttributeChange::default()
                });
                continue;
            }
            self.compare(
                path,
                Sides {
                    before: element(sides.before, old),
                    after: element(sides.after, new),
                    unknown: element(sides.unknown, new),
                    before_sensitive: element(sides.before_sensitive, old),
                    after_sensitive: element(sides.after_sensitive, new),
                },
            );
        }
    }

    fn leaf(&mut self, path: String, before: Option<&Value>, after: Option<&Value>) {
        if before == after {
            return;
        }
        let (shown_before, shown_after) = (
            before.map(|value| self.hidden(value)),
            after.map(|value| self.hidden(value)),
        );
        let mut change = AttributeChange {
            path,
            before_hidden: shown_before.as_ref() != before,
            after_hidden: shown_after.as_ref() != after,
            ..AttributeChange::default()
        };
        let (before, after) = (shown_before, shown_after);
        let texts = [&before, &after].map(|side| side.as_ref().map(|value| value.as_str()));
        if let [None | Some(Some(_)), None | Some(Some(_))] = texts {
            let [before, after] = texts.map(Option::flatten);
            change.json = self.json(before, after);
            // An escape in the text may hide from the first look what stands in it.
            change.before_hidden |= change.json.iter().any(|within| within.before_hidden);
            change.after_hidden |= change
                .json
                .iter()
                .any(|within| within.after_hidden || within.path_hidden);
            if change.json.is_empty() {
                text::set(&mut change, before, after);
            }
        } else {
            (change.before, change.after) = (before, after);
        }
        self.found.push(change);
    }

    /// What differs in a text that is JSON on each side that there is. Nothing where they only look different, and where a field that
    /// stands twice or a number with too many digits would not be seen.
    fn json(&self, before: Option<&str>, after: Option<&str>) -> Vec<AttributeChange> {
        if self.json_depth == JSON_DEPTH {
            return Vec::new();
        }
        let parsed = |text: &str| -> Option<Value> {
            let is_composite = text.trim_start().starts_with(['{', '[']);
            if !is_composite || inexact_number(text).is_some() {
                return None;
            }
            serde_json::from_str(text).ok().map(|Unique(value)| value)
        };
        let (old, new) = (before.map(parsed), after.map(parsed));
        let (None | Some(Some(_)), None | Some(Some(_))) = (&old, &new) else {
            return Vec::new();
        };
        let mut walk = Walk {
            hide: self.hide,
            found: Vec::new(),
            json_depth: self.json_depth + 1,
        };
        let (old, new) = (old.flatten(), new.flatten());
        walk.compare(
            String::new(),
            Sides {
                before: old.as_ref(),
                after: new.as_ref(),
                ..Sides::default()
            },
        );
        let bytes: usize = walk.found.iter().map(AttributeChange::bytes).sum();
        if bytes > JSON_BYTES { Vec::new() } else { walk.found }
    }

    /// The value without known secrets: Terraform does not know what `nonsensitive` lets out.
    fn hidden(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => (self.hide)(text).into(),
            Value::Number(number) => {
                let text = number.to_string();
                let hidden = (self.hide)(&text);
                if hidden == text { value.clone() } else { hidden.into() }
            }
            other => without_secrets(other, self.hide),
        }
    }
}

/// A value without known secrets, at any depth.
pub(super) fn without_secrets(value: &Value, hide: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => hide(text).into(),
        Value::Array(values) => values.iter().map(|value| without_secrets(value, hide)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (hide(name), without_secrets(value, hide)))
            .collect(),
        other => other.clone(),
    }
}

fn field<'v>(part: Option<&'v Value>, name: &str) -> Option<&'v Value> {
    part?.get(name)
}

fn element(part: Option<&Value>, index: Option<usize>) -> Option<&Value> {
    part?.get(index?)
}

/// Whether each part that there is is of this kind, and one is.
fn fit(parts: &[Option<&Value>], kind: impl Fn(&Value) -> bool) -> bool {
    parts.iter().flatten().all(|part| kind(part)) && parts.iter().any(Option::is_some)
}

impl<'a> Sides<'a> {
    /// The sides of the field of this name.
    pub(super) fn at(self, name: &str) -> Self {
        let field = |part: Option<&'a Value>| match part {
            // A mark for all of it is one for each field.
            Some(mark @ Value::Bool(_)) => Some(mark),
            part => part.and_then(|part| part.get(name)),
        };
        Self {
            before: self.before.and_then(|part| part.get(name)),
            after: self.after.and_then(|part| part.get(name)),
            unknown: field(self.unknown),
            before_sensitive: field(self.before_sensitive),
            after_sensitive: field(self.after_sensitive),
        }
    }

    fn split(self) -> (Self, Self) {
        let removed = Self {
            after: None,
            unknown: None,
            after_sensitive: None,
            ..self
        };
        let added = Self {
            before: None,
            before_sensitive: None,
            ..self
        };
        (removed, added)
    }
}

/// Which elements of two arrays belong together: all by their place where none was added or removed, otherwise the equal ones,
/// and the others between those by their place.
fn aligned(sides: Sides<'_>, old: usize, new: usize) -> Vec<(Option<usize>, Option<usize>)> {
    let equal = |i: usize, j: usize| {
        let after = element(sides.after, Some(j));
        let is_known = Mark::of(element(sides.unknown, Some(j)), after) == Mark::Clear;
        is_known && element(sides.before, Some(i)) == after
    };
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    for (old_next, new_next) in text::matches(old, new, equal).into_iter().chain([(old, new)]) {
        while i < old_next || j < new_next {
            pairs.push(((i < old_next).then_some(i), (j < new_next).then_some(j)));
            i += usize::from(i < old_next);
            j += usize::from(j < new_next);
        }
        if old_next < old {
            pairs.push((Some(old_next), Some(new_next)));
        }
        (i, j) = (old_next + 1, new_next + 1);
    }
    pairs
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
