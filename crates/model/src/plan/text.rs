//! Texts that change: as lines, or as the part around the difference.

use serde_json::Value;

use super::attribute::{AttributeChange, Cut};
use crate::count::counted_as;

/// The most bytes of a text as JSON that are shown of one side.
const SIDE_BYTES: usize = 16 * 1024;

/// The most bytes of a diff's lines as JSON.
const LINES_BYTES: usize = 32 * 1024;

/// The longest text without line breaks that is shown whole though only a part of it changes.
const LINE: usize = 512;

/// How many unchanged lines stand around a change, and how many bytes around one in a long line.
const CONTEXT: usize = 3;
const AROUND: usize = 64;

/// The most comparisons of lines. Beyond that, everything between the first and the last difference counts as changed.
const COMPARISONS: usize = 1_000_000;

/// Notes the texts of an attribute; `None` for a side without one.
pub(super) fn set(change: &mut AttributeChange, before: Option<&str>, after: Option<&str>) {
    if let (Some(before), Some(after)) = (before, after) {
        if before.contains('\n') || after.contains('\n') {
            change.lines = lines(before, after);
            return;
        }
        if before.len().max(after.len()) > LINE {
            return around(change, before, after);
        }
    }
    (change.before, change.before_cut) = shown(before);
    (change.after, change.after_cut) = shown(after);
}

fn shown(text: Option<&str>) -> (Option<Value>, Option<Cut>) {
    let Some(text) = text else { return (None, None) };
    let kept = &text[..fitting(text, SIDE_BYTES)];
    let cut = (kept.len() < text.len()).then(|| Cut::of(text));
    (Some(kept.into()), cut)
}

/// Up to where a text has at most so many bytes as JSON.
pub(super) fn fitting(text: &str, bytes: usize) -> usize {
    let mut left = bytes;
    for (index, c) in text.char_indices() {
        let Some(rest) = left.checked_sub(size(c)) else {
            return index;
        };
        left = rest;
    }
    text.len()
}

/// How many bytes a character has in JSON.
fn size(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

/// Shows of two long texts what is around their difference.
fn around(change: &mut AttributeChange, before: &str, after: &str) {
    let same = |(one, other): &(char, char)| one == other;
    let head: usize = before
        .chars()
        .zip(after.chars())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let tail: usize = before[head..]
        .chars()
        .rev()
        .zip(after[head..].chars().rev())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let part = |text: &str| {
        let start = text.floor_char_boundary(head.saturating_sub(AROUND));
        let end = text.ceil_char_boundary((text.len() - tail + AROUND).min(text.len()));
        let part = &text[start..end];
        let kept = &part[..fitting(part, SIDE_BYTES)];
        let left = if start > 0 { "…" } else { "" };
        let right = if start + kept.len() < text.len() { "…" } else { "" };
        let is_whole = left.is_empty() && right.is_empty();
        (format!("{left}{kept}{right}"), (!is_whole).then(|| Cut::of(text)))
    };
    let (text, cut) = part(before);
    (change.before, change.before_cut) = (Some(text.into()), cut);
    let (text, cut) = part(after);
    (change.after, change.after_cut) = (Some(text.into()), cut);
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Keep,
    Remove,
    Add,
}

/// The changed lines of two texts with those around them, as a unified diff.
fn lines(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.split('\n').collect(), after.split('\n').collect());
    let edits = edits(&old, &new);
    let near = near_changes(&edits);
    let mut shown: Vec<String> = Vec::new();
    let (mut bytes, mut left_out) = (0, 0_u64);
    let (mut i, mut j, mut follows) = (0, 0, false);
    for (edit, near) in edits.iter().zip(near) {
        let (mark, line) = match edit {
            Edit::Remove => ('-', old[i]),
            Edit::Add => ('+', new[j]),
            Edit::Keep => (' ', new[j]),
        };
        if near {
            if !follows {
                shown.push(format!("@@ -{} +{} @@", i + 1, j + 1));
            }
            let room = LINES_BYTES.saturating_sub(bytes);
            let end = fitting(line, room);
            if end < line.len() || room == 0 {
                left_out += u64::from(*edit != Edit::Keep);
            } else {
                bytes += line.chars().map(size).sum::<usize>() + 4;
                shown.push(format!("{mark}{line}"));
            }
        }
        follows = near;
        i += usize::from(*edit != Edit::Add);
        j += usize::from(*edit != Edit::Remove);
    }
    if left_out > 0 {
        let (before, after) = (Cut::of(before), Cut::of(after));
        shown.push(format!(
            "@@ {} not shown: {} bytes ({}) become {} bytes ({}) @@",
            counted_as(left_out, "changed line is", "changed lines are"),
            before.bytes,
            before.sha256.as_str(),
            after.bytes,
            after.sha256.as_str(),
        ));
    }
    shown
}

/// For each edit whether a change is near.
fn near_changes(edits: &[Edit]) -> Vec<bool> {
    let mut near = vec![false; edits.len()];
    for (index, _) in edits.iter().enumerate().filter(|(_, edit)| **edit != Edit::Keep) {
        let end = (index + CONTEXT + 1).min(edits.len());
        near[index.saturating_sub(CONTEXT)..end].fill(true);
    }
    near
}

/// The edits that lead from one list to the other.
fn edits(old: &[&str], new: &[&str]) -> Vec<Edit> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let rest = old[head..].iter().rev().zip(new[head..].iter().rev());
    let tail = rest.take_while(|(one, other)| one == other).count();
    let mut edits = vec![Edit::Keep; head];
    let (old_middle, new_middle) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let kept = matches(old_middle.len(), new_middle.len(), |i, j| {
        old_middle[i] == new_middle[j]
    });
    let (mut i, mut j) = (0, 0);
    for (old_next, new_next) in kept.into_iter().chain([(old_middle.len(), new_middle.len())]) {
        edits.resize(edits.len() + old_next - i, Edit::Remove);
        edits.resize(edits.len() + new_next - j, Edit::Add);
        if old_next < old_middle.len() {
            edits.push(Edit::Keep);
        }
        (i, j) = (old_next + 1, new_next + 1);
    }
    edits.resize(edits.len() + tail, Edit::Keep);
    edits
}

/// The longest common subsequence of two lists: pairs of indexes, in order. None where that would take too long.
pub(super) fn matches(old: usize, new: usize, equal: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    if old.saturating_mul(new) > COMPARISONS {
        return Vec::new();
    }
    let width = new + 1;
    let mut longest = vec![0_u32; (old + 1) * width];
    for i in (0..old).rev() {
        for j in (0..new).rev() {
            longest[i * width + j] = if equal(i, j) {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old && j < new {
        if equal(i, j) {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(before: &str, after: &str) -> AttributeChange {
        let mut change = AttributeChange::default();
        set(&mut change, Some(before), Some(after));
        change
    }

    #[test]
    fn long_text_is_a_unified_diff_of_its_changed_lines() {
        let before: Vec<String> = (1..=30).map(|line| format!("line {line}")).collect();
        let mut after = before.clone();
        after[14] = "another line 15".to_owned();
        after.push("one more".to_owned());
        let change = change(&before.join("\n"), &after.join("\n"));
        assert_eq!((change.before, change.after), (None, None));
        assert_eq!(
            change.lines,
            [
                "@@ -12 +12 @@",
                " line 12",
                " line 13",
                " line 14",
                "-line 15",
                "+another line 15",
                " line 16",
                " line 17",
                " line 18",
                "@@ -28 +28 @@",
                " line 28",
                " line 29",
                " line 30",
                "+one more",
            ]
        );
    }

    #[test]
    fn text_that_is_too_long_says_so() {
        let (before, after) = ("a\n".repeat(100_000), "b\n".repeat(100_000));
        let lines = change(&before, &after).lines;
        let last = lines.last().expect("lines");
        assert!(
            last.contains("changed lines are not shown: 200000 bytes (sha256:"),
            "{last}"
        );
        assert!(serde_json::to_vec(&lines).expect("JSON").len() < 3 * LINES_BYTES);

        let long = "x".repeat(5_000_000);
        let change = change(&long, &format!("{long}y"));
        assert_eq!(change.after_cut, Some(Cut::of(&format!("{long}y"))));
        assert!(
            change
                .after
                .expect("an excerpt")
                .as_str()
                .expect("a text")
                .ends_with("xy")
        );

        let mut created = AttributeChange::default();
        set(&mut created, None, Some(&long));
        assert_eq!(created.after_cut.map(|cut| cut.bytes), Some(5_000_000));
    }

    #[test]
    fn long_line_shows_what_is_around_its_difference() {
        let (head, tail) = ("h".repeat(600), "t".repeat(600));
        let change = change(&format!("{head}ü{tail}"), &format!("{head}ö{tail}"));
        let expected = |c: &str| Value::from(format!("…{}{c}{}…", "h".repeat(AROUND), "t".repeat(AROUND)));
        assert_eq!(
            (change.before, change.after),
            (Some(expected("ü")), Some(expected("ö")))
        );
    }

    proptest! {
        /// Whatever the lines are, the edits make the new ones of the old ones.
        #[test]
        fn edits_lead_from_one_text_to_the_other(old in "[ab\n]{0,20}", new in "[ab\n]{0,20}") {
            let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
            let (mut i, mut j) = (0, 0);
            for edit in edits(&old, &new) {
                if edit == Edit::Keep {
                    prop_assert_eq!(old[i], new[j]);
                }
                i += usize::from(edit != Edit::Add);
                j += usize::from(edit != Edit::Remove);
            }
            prop_assert_eq!((i, j), (old.len(), new.len()));
        }
    }
}
