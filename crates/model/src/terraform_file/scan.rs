//! Where strings, heredocs, comments and brackets end.

use super::is_identifier;

/// How deep brackets and blocks may be nested: parsing an expression takes stack for every level.
pub(super) const LEVELS: usize = 120;

/// A fault at a byte.
pub(super) type Fault = (usize, &'static str);

/// The end of a comment that begins here; `None` where none does. That of a comment to the end of its line is before the line end.
pub(super) fn comment(text: &str, at: usize) -> Result<Option<usize>, Fault> {
    let rest = &text.as_bytes()[at..];
    if rest.starts_with(b"#") || rest.starts_with(b"//") {
        return Ok(Some(text[at..].find('\n').map_or(text.len(), |line_end| at + line_end)));
    }
    if !rest.starts_with(b"/*") {
        return Ok(None);
    }
    let end = text[at + 2..].find("*/").ok_or((at, "the comment is not closed"))?;
    Ok(Some(at + 2 + end + 2))
}

/// After the closing quote of a string that begins here.
pub(super) fn quoted(text: &str, from: usize, level: usize) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let mut at = from + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return Ok(at + 1),
            b'\n' => break,
            b'$' | b'%' => match template(bytes, at) {
                Template::Begins => at = bracketed(text, at + 1, level + 1)?,
                Template::Escaped => at += 3,
                Template::None => at += 1,
            },
            _ => at += 1,
        }
    }
    Err((from, "the string is not closed in its line"))
}

/// What a `$` or `%` in a string or a heredoc is.
pub(super) enum Template {
    /// It begins `${` or `%{`.
    Begins,
    /// It is `$${` or `%%{`.
    Escaped,
    /// It stands for itself.
    None,
}

pub(super) fn template(bytes: &[u8], at: usize) -> Template {
    match (bytes.get(at + 1), bytes.get(at + 2)) {
        (Some(b'{'), _) => Template::Begins,
        (Some(second), Some(b'{')) if *second == bytes[at] => Template::Escaped,
        _ => Template::None,
    }
}

/// The content and the end of a heredoc that begins here; `None` where none does. Its end is after the word that ends it.
pub(super) fn heredoc(text: &str, at: usize) -> Result<Option<(usize, usize)>, Fault> {
    let Some(rest) = text[at..].strip_prefix("<<") else {
        return Ok(None);
    };
    let word = rest.strip_prefix('-').unwrap_or(rest);
    let Some((word, _)) = word.split_once('\n') else {
        return Err((at, "the heredoc has no end"));
    };
    let word = word.trim_end_matches('\r');
    if !is_identifier(word) {
        return Err((at, "a heredoc begins with `<<WORD`, alone in its line"));
    }
    let content = at + text[at..].find('\n').unwrap_or_default() + 1;
    let mut line_at = content;
    for line in text[content..].split_inclusive('\n') {
        if line.trim() == word {
            return Ok(Some((content, line_at + line.trim_end().len())));
        }
        line_at += line.len();
    }
    Err((at, "the heredoc has no end"))
}

/// After the bracket that closes the one here.
pub(super) fn bracketed(text: &str, from: usize, level: usize) -> Result<usize, Fault> {
    if level > LEVELS {
        return Err((from, "brackets are nested more than 120 levels deep"));
    }
    let bytes = text.as_bytes();
    let closing = closing(bytes[from]);
    let mut at = from + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b')' | b']' | b'}' if byte == closing => return Ok(at + 1),
            b')' | b']' | b'}' => return Err((at, "this bracket closes another one than the last that was opened")),
            _ => at = step(text, at, level)?,
        }
    }
    Err((from, "the bracket is not closed"))
}

/// After what begins here in an expression: a string, a comment, a heredoc, brackets with what is in them, or one byte.
pub(super) fn step(text: &str, at: usize, level: usize) -> Result<usize, Fault> {
    match text.as_bytes()[at] {
        b'"' => quoted(text, at, level),
        b'(' | b'[' | b'{' => bracketed(text, at, level + 1),
        b'#' | b'/' => Ok(comment(text, at)?.unwrap_or(at + 1)),
        b'<' => Ok(heredoc(text, at)?.map_or(at + 1, |(_, end)| end)),
        _ => Ok(at + 1),
    }
}

pub(super) fn closing(opening: u8) -> u8 {
    match opening {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}
