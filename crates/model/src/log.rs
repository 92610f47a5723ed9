//! The log of a build in the artifacts bucket: the runner writes segments, and any number of readers share them.
//!
//! CloudWatch Logs has the same lines, but takes 25 `GetLogEvents` a second from all readers of an account together:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>. S3 takes 5,500 reads a second of a prefix:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>.

use serde::{Deserialize, Serialize};

/// The most bytes of one line: a longer one is continued on the next.
pub const LINE_BYTES: usize = 64 * 1024;

/// About how many bytes of lines a segment has at most.
pub const SEGMENT_BYTES: usize = 512 * 1024;

/// A part of the log. It never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// What was printed.
    pub lines: Vec<Line>,
    /// Whether no segment follows.
    #[serde(default)]
    pub last: bool,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When it was printed, in milliseconds since 1970.
    pub time: i64,
    /// The text, without the line break.
    pub message: String,
}

/// The parts of a text of at most so many bytes each, cut between characters.
pub fn parts(text: &str, bytes: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let (part, after) = text.split_at(text.floor_char_boundary(bytes));
        if part.is_empty() {
            // A character that is longer than a part, or an empty text.
            return Some(text);
        }
        rest = Some(after).filter(|after| !after.is_empty());
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_characters_and_make_the_text_again() {
        for (text, bytes, expected) in [
            ("", 4, vec![""]),
            ("abc", 4, vec!["abc"]),
            ("abcdefgh", 4, vec!["abcd", "efgh"]),
            ("aééé", 4, vec!["aé", "éé"]),
            ("é", 1, vec!["é"]),
        ] {
            assert_eq!(parts(text, bytes).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
