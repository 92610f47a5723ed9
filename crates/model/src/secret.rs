//! Secrets, and how they are kept out of everything that Slipway shows.
//!
//! Terraform hides a sensitive value where it follows it. It does not follow what a provisioner's program, a container or an AWS
//! service prints. So every writer of logs, errors, causes, plans, events and API responses passes its text through one
//! redactor, [`Secrets`]: a build through that of its process, a function through that of the stack. What only a build sees, it
//! leaves the functions in a list, [`Marked`].
//!
//! # What is hidden
//!
//! Values of sensitive variables: of the request, of the environment, defaults, and of the configurations that the stack had
//! before; what Terraform marks in plan and state, and what an environment references. Each text and number in them, and the
//! keys of maps (attribute names of `object` types are the blueprint's, not secret). Each of these whole, trimmed and line by
//! line; as given and in the Unicode normal forms C and D; and in the encodings of [`forms`].
//!
//! # What is not hidden
//!
//! - Texts shorter than [`SHORTEST`] bytes, and `true`, `false` and `null`: they occur in almost every line, so hiding them
//!   would make a log unreadable, and the position of the gaps would give the value away. Where such a value is shown by its
//!   name (variables, attributes that Terraform marks), it is hidden whole.
//! - What a program computes from a secret (a hash, a compressed or encrypted copy), and parts of a line.
//! - A secret that a person types anywhere else than into a sensitive variable: a comment, a note, the value of another
//!   variable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde_json::{Map, Value};

use crate::contract::Contract;
use crate::environment::Environment;
use crate::operation::{Failure, Operation};
use crate::stack::Configuration;
use crate::variable::{HIDDEN, Kind, Variable};

mod forms;
mod marked;
pub mod state;

pub use marked::Marked;

/// Shorter texts, in bytes, are not hidden: a four-digit PIN is hidden, `on` and `10` are not.
pub const SHORTEST: usize = 4;

/// Texts that are not hidden, whatever their length.
const COMMON: [&str; 3] = ["true", "false", "null"];

/// The texts that nothing may show, and the redactor that hides them.
#[derive(Clone, Default)]
pub struct Secrets {
    texts: BTreeSet<String>,
    finder: Option<AhoCorasick>,
}

/// Never prints a secret.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.texts.len())
    }
}

/// Where the secrets of a stack come from. What cannot be read is left out by the caller, who then shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources<'a> {
    /// The variables of every blueprint version that is concerned.
    pub schemas: &'a [&'a [Variable]],
    /// What the operation makes the stack from, and what the stack was made from before.
    pub configurations: &'a [&'a Configuration],
    /// The environment.
    pub environment: Option<&'a Environment>,
}

impl Sources<'_> {
    /// The redactor for what these give.
    pub fn secrets(&self) -> Secrets {
        let mut texts = BTreeSet::new();
        let mut kinds: BTreeMap<&str, &Kind> = BTreeMap::new();
        for variable in self
            .schemas
            .iter()
            .copied()
            .flatten()
            .filter(|variable| variable.sensitive)
        {
            kinds.insert(&variable.name, &variable.kind);
            if let Some(default) = &variable.hidden_default {
                collect(default, &variable.kind, &mut texts);
            }
            collect_defaults(&variable.kind, &mut texts);
        }
        // A value is secret if any version says so: what was sensitive stays it, and what becomes sensitive was it all along.
        let marked = self
            .configurations
            .iter()
            .flat_map(|configuration| &configuration.sensitive);
        let names: BTreeSet<&str> = marked.map(String::as_str).chain(kinds.keys().copied()).collect();
        let values = |name: &str| {
            let given = self.configurations.iter().map(|configuration| &configuration.variables);
            let environment = self.environment.map(|environment| &environment.variables);
            let former = self.environment.and_then(|environment| environment.former.get(name));
            let values = given.chain(environment).filter_map(|values| values.get(name));
            values.chain(former.into_iter().flatten()).collect::<Vec<&Value>>()
        };
        for name in names {
            let kind = kinds.get(name).copied().unwrap_or(&Kind::Any);
            for value in values(name) {
                collect(value, kind, &mut texts);
            }
        }
        Secrets::of(texts)
    }
}

impl Secrets {
    fn of(mut texts: BTreeSet<String>) -> Self {
        texts.retain(|text| !text.trim().is_empty());
        let patterns = forms::all(&texts);
        // What is found may overlap: each span is hidden whole, so that no end of a secret is left beside another.
        let finder = (!patterns.is_empty()).then(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(&patterns)
        });
        // It is built or exceeds 2³¹ states, which the table's limit of 400 KB for a configuration rules out.
        let finder = finder.and_then(Result::ok);
        Self { texts, finder }
    }

    /// These, and more values, of which nothing says what shape they have: attributes that Terraform marks.
    #[must_use]
    pub fn with(&self, values: &[Value]) -> Self {
        let mut texts = self.texts.clone();
        // Names of attributes are the provider's.
        for value in values {
            collect_leaves(value, &mut texts);
        }
        Self::of(texts)
    }

    /// These, and those on the list of a stack.
    #[must_use]
    pub fn with_marked(&self, marked: &Marked) -> Self {
        let mut texts = self.texts.clone();
        texts.extend(marked.0.iter().cloned());
        Self::of(texts)
    }

    /// These, and those.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::of(self.texts.union(&other.texts).cloned().collect())
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.finder.is_none()
    }

    /// The text without them.
    pub fn hide(&self, text: &str) -> String {
        let Some(finder) = &self.finder else {
            return text.to_owned();
        };
        let (mut shown, mut done) = (String::with_capacity(text.len()), 0);
        for (start, end) in spans(finder, text) {
            shown.push_str(&text[done..start]);
            shown.push_str(HIDDEN);
            done = end;
        }
        shown.push_str(&text[done..]);
        shown
    }

    /// Hides them in a text where it is.
    pub fn hide_in(&self, text: &mut String) {
        if !self.is_empty() {
            *text = self.hide(text);
        }
    }

    /// Hides them in each text, number and key of a value.
    pub fn hide_value(&self, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => match self.hide(&number.to_string()) {
                shown if shown == number.to_string() => value.clone(),
                shown => Value::from(shown),
            },
            Value::String(text) => Value::from(self.hide(text)),
            Value::Array(values) => values.iter().map(|value| self.hide_value(value)).collect(),
            Value::Object(members) => Value::Object(self.hide_members(members)),
        }
    }

    fn hide_members(&self, members: &Map<String, Value>) -> Map<String, Value> {
        let hidden = |(key, value): (&String, &Value)| (self.hide(key), self.hide_value(value));
        members.iter().map(hidden).collect()
    }

    /// Hides them in a failure.
    pub fn hide_in_failure(&self, failure: &mut Failure) {
        self.hide_in(&mut failure.message);
        failure.address.iter_mut().for_each(|address| self.hide_in(address));
    }

    /// Hides them in what a build writes on the record of its operation.
    pub fn hide_in_operation(&self, operation: &mut Operation) {
        if self.is_empty() {
            return;
        }
        operation
            .failure
            .iter_mut()
            .for_each(|failure| self.hide_in_failure(failure));
        let current = operation
            .progress
            .iter_mut()
            .filter_map(|progress| progress.current.as_mut());
        current.for_each(|address| self.hide_in(address));
        let drifted = operation.drift.iter_mut().flat_map(|drift| &mut drift.resources);
        drifted.for_each(|resource| self.hide_in(&mut resource.address));
    }

    /// Hides them in what a contract says to people. What the workflow works with stays: with another address or command, the
    /// release would fail.
    pub fn hide_in_contract(&self, contract: &mut Contract) {
        for texts in [&mut contract.notes, &mut contract.endpoints] {
            *texts = std::mem::take(texts)
                .into_iter()
                .fold(BTreeMap::new(), |mut shown, (name, mut text)| {
                    self.hide_in(&mut text);
                    let mut name = self.hide(&name);
                    // Two names may be the same without their secrets.
                    while shown.contains_key(&name) {
                        name.push('*');
                    }
                    shown.insert(name, text);
                    shown
                });
        }
    }
}

/// The spans that hold a secret, apart from each other and in order.
fn spans(finder: &AhoCorasick, text: &str) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = finder
        .find_overlapping_iter(text)
        .map(|found| (found.start(), found.end()))
        .collect();
    found.sort_unstable();
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (start, end) in found {
        match spans.last_mut() {
            Some((_, last)) if start <= *last => *last = (*last).max(end),
            _ => spans.push((start, end)),
        }
    }
    spans
}

/// Every text and number in a value of this type, and the keys of its maps.
fn collect(value: &Value, kind: &Kind, texts: &mut BTreeSet<String>) {
    match (value, kind) {
        (Value::Array(values), Kind::List(kind) | Kind::Set(kind)) => {
            for value in values {
                collect(value, kind, texts);
            }
        }
        (Value::Array(values), Kind::Tuple(kinds)) => {
            let kinds = kinds.iter().chain(std::iter::repeat(&Kind::Any));
            values
                .iter()
                .zip(kinds)
                .for_each(|(value, kind)| collect(value, kind, texts));
        }
        (Value::Array(values), _) => values.iter().for_each(|value| collect(value, &Kind::Any, texts)),
        (Value::Object(members), Kind::Object(attributes)) => {
            for (name, value) in members {
                let kind = attributes.get(name).map_or(&Kind::Any, |attribute| &attribute.kind);
                collect(value, kind, texts);
            }
        }
        (Value::Object(members), kind) => {
            let kind = if let Kind::Map(kind) = kind { kind } else { &Kind::Any };
            for (key, value) in members {
                texts.insert(key.clone());
                collect(value, kind, texts);
            }
        }
        (leaf, _) => collect_leaves(leaf, texts),
    }
}

/// The defaults of the attributes of a type.
fn collect_defaults(kind: &Kind, texts: &mut BTreeSet<String>) {
    match kind {
        Kind::List(kind) | Kind::Set(kind) | Kind::Map(kind) => collect_defaults(kind, texts),
        Kind::Tuple(kinds) => kinds.iter().for_each(|kind| collect_defaults(kind, texts)),
        Kind::Object(attributes) => {
            for attribute in attributes.values() {
                if let Some(default) = &attribute.default {
                    collect(default, &attribute.kind, texts);
                }
                collect_defaults(&attribute.kind, texts);
            }
        }
        Kind::Any | Kind::String | Kind::Number | Kind::Bool => {}
    }
}

/// Every text and number in a value. A text that is JSON has its own: the password in a secret of RDS.
fn collect_leaves(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            texts.insert(number.to_string());
            // Terraform writes `1e6` as `1000000`, and the largest numbers like that, too.
            let whole = number
                .as_f64()
                .filter(|value| value.fract() == 0.0 && value.abs() < 1e15);
            texts.extend(whole.map(|value| format!("{value:.0}")));
            texts.extend(in_full(&number.to_string()));
        }
        Value::String(text) => {
            texts.insert(text.clone());
            if text.trim_start().starts_with(['{', '['])
                && let Ok(inner) = serde_json::from_str(text)
            {
                collect_leaves(&inner, texts);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_leaves(value, texts)),
        Value::Object(members) => members.values().for_each(|value| collect_leaves(value, texts)),
    }
}

/// A whole number that is written with an exponent, without one. It is made of the digits: a float has others.
fn in_full(number: &str) -> Option<String> {
    let (mantissa, exponent) = number.split_once(['e', 'E'])?;
    let exponent: usize = exponent.trim_start_matches('+').parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    (fraction.len() <= exponent).then(|| format!("{whole}{fraction:0<exponent$}"))
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
