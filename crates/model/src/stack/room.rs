//! The room that the record of a stack has for what the stack is made from, and for the output `slipway` of its blueprint.
//!
//! A DynamoDB item has at most 400 KiB. After an apply that failed, the record has two configurations: what the stack should be made
//! from, and what it was made from before. So a request is judged by both: were they too large together, the failure could not be
//! recorded.

use std::collections::BTreeMap;

use super::{Configuration, Stack};
use crate::contract::Contract;
use crate::problem::FieldProblem;
use crate::terraform::OUTPUT;

/// The most bytes of a record.
pub const RECORD_BYTES: usize = 400 * 1024;

/// The most bytes of what a stack is made from, as JSON.
pub const CONFIGURATION_BYTES: usize = 240 * 1024;

/// The most bytes of that with the contract.
pub const MADE_BYTES: usize = 360 * 1024;

/// The most bytes of both with the values that the configuration takes the place of. Twelve KiB more: a large value can always be
/// replaced by a small one.
pub const KEPT_BYTES: usize = 372 * 1024;

// What is left for the other fields of a stack: subscriptions, drift, what is unsettled.
const _: () = assert!(RECORD_BYTES - KEPT_BYTES >= 28 * 1024);

impl Configuration {
    /// How many bytes it has as JSON.
    fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.len())
    }

    /// How many bytes its values have.
    fn value_bytes(&self) -> usize {
        serde_json::to_string(&self.variables).map_or(usize::MAX, |text| text.len())
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
        let contract = self.contract.as_ref().map_or(0, Contract::bytes);
        if self.is_over_and_grows_no_further(configuration, contract) {
            return None;
        }
        room_problem(configuration).or_else(|| {
            let (bytes, most) = self.excess(configuration, contract)?;
            Some(FieldProblem::new(
                "variables",
                format!(
                    "the values of the stack, those that they take the place of, and the output `{OUTPUT}` have {bytes} bytes as JSON, and \
                     the record of a stack has room for {most}"
                ),
                "give shorter values first, and these once that update has succeeded; large data belongs into the blueprint's files or a \
                 bucket",
            ))
        })
    }

    /// Why its record has no room for a contract of so many bytes, if it is made from this.
    pub fn contract_room_problem(&self, configuration: &Configuration, contract: usize) -> Option<FieldProblem> {
        if self.is_over_and_grows_no_further(configuration, contract) {
            return None;
        }
        let (bytes, most) = self.excess(configuration, contract)?;
        Some(FieldProblem::new(
            OUTPUT,
            format!(
                "has {contract} bytes as JSON, {bytes} with the values of the stack, and the record of a stack has room for {most}"
            ),
            "shorten the output or the values: move long commands and values into files of the images",
        ))
    }

    /// Whether the record has more than it may have, of an earlier version of Slipway, and these have no more than that. Without room for the
    /// values of before, the end of a failed apply leaves these out: otherwise such a stack could not be changed, not even to be smaller.
    fn is_over_and_grows_no_further(&self, configuration: &Configuration, contract: usize) -> bool {
        let known = self.contract.as_ref().map_or(0, Contract::bytes);
        let mut stored = std::iter::once(&self.configuration).chain(&self.applied);
        let is_over = stored.clone().any(|one| one.bytes() > CONFIGURATION_BYTES)
            || self.excess(&self.configuration, known).is_some();
        let bytes = configuration.value_bytes();
        is_over && contract <= known && stored.any(|one| bytes <= one.value_bytes())
    }

    /// How many bytes these have, with what an apply that fails leaves beside them, and how many they may have, if they have more.
    fn excess(&self, configuration: &Configuration, contract: usize) -> Option<(usize, usize)> {
        let before = self.contract.is_some().then_some(&self.configuration);
        let before = self.applied.as_ref().or(before);
        let made = configuration.bytes() + contract;
        let kept = made + before.map_or(0, |before| before.bytes_beside(configuration));
        if made > MADE_BYTES {
            Some((made, MADE_BYTES))
        } else {
            (kept > KEPT_BYTES).then_some((kept, KEPT_BYTES))
        }
    }
}

/// Why no stack has room for being made from this.
pub fn room_problem(configuration: &Configuration) -> Option<FieldProblem> {
    let bytes = configuration.bytes();
    (bytes > CONFIGURATION_BYTES).then(|| {
        FieldProblem::new(
            "variables",
            format!(
                "the values of the stack have {bytes} bytes as JSON, and a stack has at most {CONFIGURATION_BYTES}"
            ),
            "give shorter values; large data belongs into the blueprint's files or a bucket",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Map, Value, json};

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

    fn stack(configuration: &Configuration, contract: usize) -> Stack {
        let at = "2026-01-01T00:00:00Z";
        let record = json!({
            "id": "lusab-babad", "name": "shop", "environment": "live", "owner": "ann", "status": "ready", "revision": 7,
            "configuration": configuration, "last_release": 7, "created_at": at, "updated_at": at,
            "contract": {"notes": {"text": "n".repeat(contract)}},
        });
        serde_json::from_value(record).expect("a stack")
    }

    #[test]
    fn two_configurations_have_room_unless_their_values_differ() {
        let before = configuration(&[blob("a", 210_000), ("fails", false.into())]);
        assert_eq!(room_problem(&before), None);
        let stack = stack(&before, 1_000);
        let flag = configuration(&[blob("a", 210_000), ("fails", true.into())]);
        assert_eq!(stack.room_problem(&flag), None);
        let other = configuration(&[blob("b", 210_000)]);
        let problem = stack.room_problem(&other).expect("a problem");
        assert!(problem.detail.contains("has room for 380928"), "{problem:?}");
        // The values of before are kept until an apply succeeds.
        let mut failed = stack;
        failed.commit(&flag, false);
        assert_eq!(failed.room_problem(&flag), None);
        assert!(failed.room_problem(&other).is_some());
    }

    #[test]
    fn a_large_value_can_be_replaced_by_a_small_one() {
        let large = configuration(&[blob("a", CONFIGURATION_BYTES - 400)]);
        assert_eq!(room_problem(&large), None);
        let small = configuration(&[blob("b", 9_000)]);
        assert_eq!(
            stack(&large, MADE_BYTES - CONFIGURATION_BYTES - 1_000).room_problem(&small),
            None
        );
        let problem = room_problem(&configuration(&[blob("a", CONFIGURATION_BYTES)])).expect("a problem");
        assert!(problem.detail.contains("at most 245760"), "{problem:?}");
    }

    #[test]
    fn stack_over_the_limits_can_be_made_no_larger() {
        for bytes in [CONFIGURATION_BYTES + 1_000, KEPT_BYTES + 1_000] {
            let before = configuration(&[blob("a", bytes), ("flag", false.into())]);
            let stack = stack(&before, 1_000);
            let contract = stack.contract.as_ref().map_or(0, Contract::bytes);
            let mut newer = configuration(&[blob("a", bytes), ("flag", true.into())]);
            newer.version = semver::Version::new(1, 0, 10_000);
            let small = configuration(&[blob("b", 9_000)]);
            for made in [&before, &newer, &small] {
                assert_eq!(stack.room_problem(made), None);
                assert_eq!(stack.contract_room_problem(made, contract), None);
            }
            let larger = configuration(&[blob("b", bytes + 1), ("flag", false.into())]);
            assert!(stack.room_problem(&larger).is_some());
            assert!(stack.contract_room_problem(&before, MADE_BYTES).is_some());
        }
    }

    #[test]
    fn contract_has_the_room_that_the_values_leave() {
        let values = configuration(&[blob("a", 200_000)]);
        let stack = stack(&values, 1_000);
        assert_eq!(stack.contract_room_problem(&values, 150_000), None);
        let problem = stack.contract_room_problem(&values, 200_000).expect("a problem");
        assert_eq!(problem.field, OUTPUT);
        assert!(
            problem.detail.contains("has 200000 bytes") && problem.detail.contains("has room for 368640"),
            "{problem:?}"
        );
    }
}
