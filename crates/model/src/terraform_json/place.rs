//! Where a part of a JSON text stands.

use crate::json::string_end;
use crate::problem::Place;

/// A step on the way to a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// To a member of an object. A list on the way stands for each of its elements, as it does for Terraform.
    Member(&'a str),
    /// To an element of a list. Where there is no list, the only element.
    Element(usize),
}

/// The place of the part at a path: that of its name, for a member. Where there is no such part, that of the last one on the way.
/// The text is JSON.
pub fn place(text: &str, path: &[Step<'_>]) -> Place {
    let text_at = |at| Place::of(text, at);
    let found = (0..=path.len()).rev().find_map(|taken| find(text, 0, &path[..taken]));
    found.map_or(Place::START, text_at)
}

/// The value of the member at a path, as it is written. The text is JSON.
pub fn written<'a>(text: &'a str, path: &[Step<'_>]) -> Option<&'a str> {
    let name = find(text, 0, path)?;
    let value = skip_space(text, skip_space(text, end(text, name)) + 1);
    Some(text.get(value..end(text, value))?.trim_end())
}

fn find(text: &str, at: usize, path: &[Step<'_>]) -> Option<usize> {
    let at = skip_space(text, at);
    let Some((step, rest)) = path.split_first() else {
        return Some(at);
    };
    match (text.as_bytes().get(at)?, step) {
        (b'{', Step::Member(name)) => members(text, at).find_map(|(key, value)| {
            let is_it = unquoted(text, key).is_some_and(|known| known == *name);
            match rest {
                _ if !is_it => None,
                [] => Some(key),
                rest => find(text, value, rest),
            }
        }),
        (b'[', Step::Member(_)) => elements(text, at).find_map(|element| find(text, element, path)),
        (b'[', Step::Element(index)) => find(text, elements(text, at).nth(*index)?, rest),
        (_, Step::Element(_)) => find(text, at, rest),
        _ => None,
    }
}

fn skip_space(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len()
}

fn unquoted(text: &str, at: usize) -> Option<String> {
    serde_json::from_str(&text[at..end(text, at)]).ok()
}

/// The end of the value that begins here.
fn end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut now, mut depth) = (at, 0_usize);
    while let Some(byte) = bytes.get(now) {
        match byte {
            b'"' => now = string_end(bytes, now),
            b'{' | b'[' => (now, depth) = (now + 1, depth + 1),
            b'}' | b']' if depth == 0 => return now,
            b'}' | b']' => (now, depth) = (now + 1, depth - 1),
            b',' | b':' if depth == 0 => return now,
            _ => {
                now += 1;
                continue;
            }
        }
        if depth == 0 {
            return now;
        }
    }
    now
}

/// The members of an object: where their names begin, and their values.
fn members(text: &str, at: usize) -> impl Iterator<Item = (usize, usize)> {
    parts(text, at).map(move |key| {
        let colon = skip_space(text, end(text, key));
        (key, skip_space(text, colon + 1))
    })
}

/// The elements of a list: where they begin.
fn elements(text: &str, at: usize) -> impl Iterator<Item = usize> {
    parts(text, at)
}

/// What stands between the brackets that begin here: where each part begins.
fn parts(text: &str, at: usize) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let is_object = bytes.get(at) == Some(&b'{');
    let mut next = Some(skip_space(text, at + 1));
    std::iter::from_fn(move || {
        let here = next.filter(|here| !matches!(bytes.get(*here), None | Some(b'}' | b']')))?;
        let mut after = skip_space(text, end(text, here));
        if is_object && bytes.get(after) == Some(&b':') {
            after = skip_space(text, end(text, skip_space(text, after + 1)));
        }
        next = (bytes.get(after) == Some(&b',')).then(|| skip_space(text, after + 1));
        Some(here)
    })
}

#[cfg(test)]
mod tests {
    use super::Step::{Element, Member};
    use super::*;

    #[test]
    fn part_is_found_by_its_path() {
        let text = r#"{
  "a\u0062": 1,
  "variable": [
    {"x": {"type": "a}],{"}},
    {"y": {"type": "string", "default": [1, {"z": null}, -2.5e3]}}
  ]
}"#;
        let at = |path: &[Step<'_>]| {
            let place = place(text, path);
            (place.line, place.column)
        };
        assert_eq!(at(&[]), (1, 1));
        assert_eq!(at(&[Member("ab")]), (2, 3));
        assert_eq!(at(&[Member("variable"), Member("y"), Member("default")]), (5, 30));
        let default = [
            Member("variable"),
            Member("y"),
            Member("default"),
            Element(1),
            Member("z"),
        ];
        assert_eq!(at(&default), (5, 46));
        assert_eq!(at(&[Member("variable"), Element(1), Member("y")]), (5, 6));
        assert_eq!(at(&[Member("variable"), Member("none"), Member("type")]), (3, 3));
        assert_eq!(at(&[Member("ab"), Element(0)]), (2, 14));
        assert_eq!(written(text, &[Member("ab")]), Some("1"));
        assert_eq!(written(text, &default[..3]), Some("[1, {\"z\": null}, -2.5e3]"));
        assert_eq!(written(text, &[Member("none")]), None);
    }

    #[test]
    fn text_that_is_no_json_ends_the_search() {
        for text in ["", "{", "{\"a\"", "[1,", "{\"a\": \"b", "{,}", "[[["] {
            place(text, &[Member("a"), Element(7), Member("b")]);
        }
    }
}
