//! The room that the record of a stack has for what the stack is made from.
//!
//! A DynamoDB item has at most 400 KiB. After an apply that failed, the record has two configurations: what the stack should be made
//! from, and what it was made from before. So a request is judged by both: were they too large together, the failure could not be
//! recorded.

use std::collections::BTreeMap;

use super::{Configuration, Stack};
use crate::contract::Contract;
use crate::problem::FieldProblem;

/// The most bytes of a record.
pub const RECORD_BYTES: usize = 400 * 1024;

/// The most bytes of what a stack is made from, as JSON.
pub const CONFIGURATION_BYTES: usize = 240 * 1024;

/// The most bytes of that with the values that it takes the place of. Twelve KiB more: a large value can always be replaced by a small one.
pub const CONFIGURATIONS_BYTES: usize = 252 * 1024;

// What is left for the other fields of a stack: subscriptions, drift, what is unsettled.
const _: () = assert!(RECORD_BYTES - CONFIGURATIONS_BYTES - Contract::BYTES >= 28 * 1024);

impl Configuration {
    /// How many bytes it has as JSON.
    fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.len())
    }

    /// How many bytes it adds to a record that has the other configuration: a value that both have is stored once, and named.
    fn bytes_beside(&self, other: &Self) -> usize {
        let (same, differing): (BTreeMap<_, _>, BTreeMap<_, _>) = self
            .variables
            .iter()
            .partition(|(name, value)| other.variables.get(*name) == Some(*value));
        let names: usize = same.keys().map(|name| name.len() + "\"\",".len()).sum();
        let differing = differing.into_iter().map(|(name, value)| (name.clone(), value.clone()));
        let differing = Self {
            variables: differing.collect(),
            ..self.clone()
        };
        differing.bytes() + names
    }
}

impl Stack {
    /// Why its record has no room for being made from this.
    pub fn room_problem(&self, configuration: &Configuration) -> Option<FieldProblem> {
        // What an apply that fails leaves beside it.
        let before = self
            .applied
            .as_ref()
            .or_else(|| self.contract.is_some().then_some(&self.configuration));
        room_problem(configuration, before)
    }
}

/// Why the record of a stack has no room for this configuration, beside the one before if there is one.
pub fn room_problem(configuration: &Configuration, before: Option<&Configuration>) -> Option<FieldProblem> {
    let bytes = configuration.bytes();
    if bytes > CONFIGURATION_BYTES {
        return Some(FieldProblem::new(
            "variables",
            format!(
                "the values of the stack have {bytes} bytes as JSON, and a stack has at most {CONFIGURATION_BYTES}"
            ),
            "give shorter values; large data belongs into the blueprint's files or a bucket",
        ));
    }
    let both = bytes + before.map_or(0, |before| before.bytes_beside(configuration));
    (both > CONFIGURATIONS_BYTES).then(|| {
        FieldProblem::new(
            "variables",
            format!(
                "the values of the stack and those that they take the place of have {both} bytes as JSON, and a stack keeps at most \
                 {CONFIGURATIONS_BYTES} until they are applied"
            ),
            "give shorter values first, and these once that update has succeeded; large data belongs into the blueprint's files or a bucket",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Map, Value};

    use super::*;
    use crate::name::Digest;

    fn configuration(values: &[(&str, Value)]) -> Configuration {
        Configuration {
            blueprint: "guestbook".parse().expect("a name"),
            version: semver::Version::new(1, 0, 0),
            digest: Digest::of(b"blueprint"),
            draft: false,
            variables: values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect::<Map<_, _>>(),
            sensitive: BTreeSet::new(),
        }
    }

    fn blob(letter: &str, bytes: usize) -> (&'static str, Value) {
        ("blob", letter.repeat(bytes).into())
    }

    #[test]
    fn two_configurations_have_room_unless_their_values_differ() {
        let before = configuration(&[blob("a", 210_000), ("fails", false.into())]);
        assert_eq!(room_problem(&before, None), None);
        let flag = configuration(&[blob("a", 210_000), ("fails", true.into())]);
        assert_eq!(room_problem(&flag, Some(&before)), None);
        let other = configuration(&[blob("b", 210_000)]);
        let problem = room_problem(&other, Some(&before)).expect("a problem");
        assert!(
            problem.detail.contains(" bytes") && problem.detail.contains("258048"),
            "{problem:?}"
        );
    }

    #[test]
    fn a_large_value_can_be_replaced_by_a_small_one() {
        let large = configuration(&[blob("a", CONFIGURATION_BYTES - 400)]);
        assert_eq!(room_problem(&large, None), None);
        assert_eq!(room_problem(&configuration(&[blob("b", 9_000)]), Some(&large)), None);
        let problem = room_problem(&configuration(&[blob("a", CONFIGURATION_BYTES)]), None).expect("a problem");
        assert!(problem.detail.contains("at most 245760"), "{problem:?}");
    }
}
