//! The only randomness of an execution: a seed and how often it was drawn from.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A stream of numbers that a replay repeats exactly.
///
/// Each draw is the SHA-256 of the seed and a counter: task tokens come from here, so that one token must not reveal
/// the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Random {
    seed: u64,
    draws: u64,
}

impl Random {
    /// A stream from its start.
    pub fn new(seed: u64) -> Self {
        Self { seed, draws: 0 }
    }

    /// The next 256 bits.
    pub fn bytes(&mut self) -> [u8; 32] {
        self.draws += 1;
        let mut hasher = Sha256::new();
        hasher.update(self.seed.to_be_bytes());
        hasher.update(self.draws.to_be_bytes());
        hasher.finalize().into()
    }

    /// The next number.
    pub fn integer(&mut self) -> u64 {
        let bytes = self.bytes();
        bytes[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The next number from 0 up to and without 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are what a double holds exactly")]
    pub fn fraction(&mut self) -> f64 {
        (self.integer() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A version 4 UUID (RFC 9562).
    pub fn uuid(&mut self) -> String {
        let mut bytes = self.bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = hex::encode(&bytes[..16]);
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }

    /// A task token.
    pub fn token(&mut self) -> String {
        hex::encode(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let (mut one, mut two) = (Random::new(7), Random::new(7));
        assert_eq!(one.uuid(), two.uuid());
        assert_eq!(one, two);
        assert_ne!(one.integer(), one.integer());
        assert_ne!(Random::new(8).integer(), Random::new(7).integer());
    }

    #[test]
    fn a_uuid_says_that_it_is_of_version_4() {
        let uuid = Random::new(1).uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }

    #[test]
    fn a_fraction_is_below_one() {
        let mut random = Random::new(3);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.fraction())));
    }
}
