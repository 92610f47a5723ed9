//! The list of a stack's secrets that no record has: values that Terraform marks as sensitive, and those that an environment
//! references.
//!
//! A build sees them in the plan and the state. The functions that show what containers print know only the records, so the build
//! leaves them a list: an object beside the stack's state, which has the same values in clear.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{collect_leaves, forms};
use crate::id::StackId;

/// The longest list that is read, in bytes of its texts. A function with 256 MB searches for all of them.
const LONGEST: usize = 256 * 1024;

/// The list, newest values first.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marked(pub(super) Vec<String>);

/// Never prints a secret.
impl fmt::Debug for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Marked({})", self.0.len())
    }
}

impl Marked {
    /// The key of a stack's list in the bucket of the states. It is below the stack's prefix, where Terraform takes it for no workspace
    /// and may not write.
    pub fn key(stack: &StackId) -> String {
        format!("stacks/{stack}/secrets.json")
    }

    /// Adds every text and number in these values that is long enough to be hidden. Of a text that is JSON, what is in it.
    pub fn add(&mut self, values: &[Value]) {
        let mut texts = BTreeSet::new();
        for value in values {
            collect_leaves(value, &mut texts);
        }
        for known in &self.0 {
            texts.remove(known);
        }
        let is_listed = |text: &String| forms::is_long_enough(text.trim()) && !holds_others(text);
        self.0.extend(texts.into_iter().filter(is_listed));
    }

    /// These, and those of an earlier list: old lines of logs have old values. The oldest are left out where there is no room.
    #[must_use]
    pub fn with_earlier(mut self, earlier: Self) -> Self {
        let known: BTreeSet<String> = self.0.iter().cloned().collect();
        let mut room = LONGEST.saturating_sub(self.bytes());
        for text in earlier.0 {
            if known.contains(&text) {
                continue;
            }
            let Some(left) = room.checked_sub(text.len()) else {
                break;
            };
            room = left;
            self.0.push(text);
        }
        self
    }

    /// Whether nothing is on it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is longer than what is read.
    pub fn is_too_long(&self) -> bool {
        self.bytes() > LONGEST
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(String::len).sum()
    }

    /// The object's content.
    pub fn to_json(&self) -> Vec<u8> {
        json!(self).to_string().into_bytes()
    }

    /// The list that an object holds; none if it holds something else. An error of the parser could quote it.
    pub fn parse(object: &[u8]) -> Option<Self> {
        serde_json::from_slice(object).ok()
    }
}

/// Whether a text is JSON whose own texts are on the list.
fn holds_others(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(Value::Object(_) | Value::Array(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Marked {
        Marked(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn texts_that_can_be_hidden_are_listed_once() {
        let mut marked = list(&["known"]);
        marked.add(&[
            json!({"password": "generated", "on": true, "port": 5432, "short": "abc"}),
            json!(["known", null, r#"{"user": "inner", "pin": "12"}"#, "false", "   "]),
        ]);
        assert_eq!(marked, list(&["known", "5432", "generated", "inner"]));
        assert_eq!(Marked::parse(&marked.to_json()), Some(marked.clone()));
        assert_eq!(format!("{marked:?}"), "Marked(4)");
        assert_eq!(Marked::parse(br#"{"password": "generated"}"#), None);
    }

    #[test]
    fn oldest_values_leave_a_full_list() {
        let half = "x".repeat(LONGEST / 2);
        let newest = list(&[&half, "new"]);
        let merged = newest.with_earlier(list(&["new", "old", &"y".repeat(LONGEST / 2), "oldest"]));
        assert_eq!(merged, list(&[&half, "new", "old"]));
        assert!(!merged.is_too_long());
        assert!(list(&[&half, &half, "new"]).is_too_long());
    }
}
