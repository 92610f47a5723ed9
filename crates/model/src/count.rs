//! Counts, as people read them.

use std::fmt::Display;

/// A count with its noun: `1 stack`, `2 stacks`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    counted_as(count, noun, &format!("{noun}s"))
}

/// Likewise, where the plural is another word: `1 check failed`, `2 checks failed`.
pub fn counted_as<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    let words = if count == N::from(1) { one } else { many };
    format!("{count} {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_every_other_count_plural() {
        assert_eq!(
            [0_u64, 1, 2].map(|count| counted(count, "stack")),
            ["0 stacks", "1 stack", "2 stacks"]
        );
        assert_eq!(counted_as(1_usize, "check failed", "checks failed"), "1 check failed");
        assert_eq!(counted_as(3_u32, "check failed", "checks failed"), "3 checks failed");
    }
}
