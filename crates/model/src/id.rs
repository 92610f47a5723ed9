//! Typed ids: one kind of id cannot be passed where another is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::textual::textual;

/// A text that is not an id of the kind that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct InvalidId {
    text: String,
    expected: &'static str,
}

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";

/// The id of a stack: short, and sayable over the telephone, like `lusab-babad`.
///
/// It is 32 bits as two *proquints* (Wilkerson, "A Proposal for Proquints", arXiv:0901.4016). It is also the name of the
/// stack's Terraform workspace, and blueprints put it into the names of what they make, so it is lower case and 11
/// characters long: room is left in the 32 characters that a load balancer's name may have.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StackId(String);

impl StackId {
    /// The id that spells these 32 bits. Two equal numbers give one id: the caller draws them at random.
    pub fn from_bits(bits: u32) -> Self {
        let [a, b, c, d] = bits.to_be_bytes();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Self(format!("{}-{}", proquint(high), proquint(low)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Five letters for 16 bits: four for a consonant, two for a vowel.
fn proquint(bits: u16) -> String {
    let consonant = |shift: u16| char::from(CONSONANTS[usize::from(bits >> shift & 0xf)]);
    let vowel = |shift: u16| char::from(VOWELS[usize::from(bits >> shift & 0x3)]);
    [consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)]
        .iter()
        .collect()
}

fn is_proquint(text: &str) -> bool {
    text.len() == 5
        && text.bytes().enumerate().all(|(position, letter)| match position {
            1 | 3 => VOWELS.contains(&letter),
            _ => CONSONANTS.contains(&letter),
        })
}

impl FromStr for StackId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once('-') {
            Some((high, low)) if is_proquint(high) && is_proquint(low) => Ok(Self(text.to_owned())),
            _ => Err(InvalidId {
                text: text.to_owned(),
                expected: "a stack id, which looks like `lusab-babad`",
            }),
        }
    }
}

/// The id of an operation, like `op-01kaj3v9mz5x0q8r2t4w6y7z9a`: ids sort in the order of creation.
///
/// It is a ULID in lower case after `op-`, and also the name of the operation's Step Functions execution, so that
/// starting an operation twice is harmless.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperationId(String);

impl OperationId {
    /// The operation id that carries this ULID.
    pub fn from_ulid(ulid: Ulid) -> Self {
        Self(format!("op-{}", ulid.to_string().to_ascii_lowercase()))
    }

    /// A new id, later than every id that this machine made in an earlier millisecond.
    pub fn generate() -> Self {
        Self::from_ulid(Ulid::generate())
    }

    /// The first of the IDs that are made at this time or later.
    pub fn first_at(time: jiff::Timestamp) -> Self {
        let milliseconds = u64::try_from(time.as_millisecond()).unwrap_or_default();
        Self::from_ulid(Ulid::from_parts(milliseconds, 0))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OperationId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId {
            text: text.to_owned(),
            expected: "an operation id, which starts with `op-`",
        };
        let ulid = text.strip_prefix("op-").ok_or_else(invalid)?;
        let parsed = Ulid::from_string(&ulid.to_ascii_uppercase()).map_err(|_| invalid())?;
        // One id has one spelling: it is a key.
        let id = Self::from_ulid(parsed);
        if id.0 == text { Ok(id) } else { Err(invalid()) }
    }
}

/// The number of a release of a stack: 1 for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseNumber(pub u32);

impl ReleaseNumber {
    /// The number of the release after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for ReleaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

textual!(InvalidId: StackId, OperationId);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_proposals_own_example_is_spelled_as_it_says() {
        // 127.0.0.1 in the paper.
        assert_eq!(StackId::from_bits(0x7f00_0001).as_str(), "lusab-babad");
    }

    proptest! {
        #[test]
        fn every_number_spells_an_id_that_parses_and_no_two_share_one(a: u32, b: u32) {
            let (first, second) = (StackId::from_bits(a), StackId::from_bits(b));
            prop_assert_eq!(first.as_str().parse::<StackId>(), Ok(first.clone()));
            prop_assert_eq!(a == b, first == second);
        }

        #[test]
        fn operation_ids_sort_as_their_ulids_do(a: u128, b: u128) {
            let (a, b) = (Ulid::from(a), Ulid::from(b));
            let (first, second) = (OperationId::from_ulid(a), OperationId::from_ulid(b));
            prop_assert_eq!(a.cmp(&b), first.cmp(&second));
            prop_assert_eq!(first.as_str().parse::<OperationId>(), Ok(first.clone()));
        }

        #[test]
        fn no_other_text_is_an_id(text in "\\PC{0,30}") {
            prop_assume!(!text.starts_with("op-"));
            prop_assert!(text.parse::<OperationId>().is_err());
            prop_assert!(text.len() == 11 || text.parse::<StackId>().is_err());
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        for text in [
            "OP-01KAJ3V9MZ5X0Q8R2T4W6Y7Z9A",
            "op-01KAJ3V9MZ5X0Q8R2T4W6Y7Z9A",
            "op-",
            "lusab-babad/..",
            "LUSAB-BABAD",
        ] {
            assert!(text.parse::<OperationId>().is_err(), "{text}");
            assert!(text.parse::<StackId>().is_err(), "{text}");
        }
    }
}
