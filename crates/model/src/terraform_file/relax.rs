//! Expressions that HCL accepts and hcl-edit does not, written so that it does.
//!
//! Each change puts spaces in the place of something, so that the length stays.

use std::collections::BTreeMap;

use super::scan::{self, Template};

/// The expression without line ends and comments where HCL counts none (in `{ for … }`, in templates, in brackets inside these),
/// and with the last of the values that an object gives to one key. `None` where its brackets do not match.
pub(super) fn relaxed(text: &str) -> Option<String> {
    let mut relaxer = Relaxer {
        text,
        out: text.as_bytes().to_vec(),
    };
    let mut at = 0;
    while at < text.len() {
        at = relaxer.step(at, false)?;
    }
    String::from_utf8(relaxer.out).ok()
}

struct Relaxer<'a> {
    text: &'a str,
    out: Vec<u8>,
}

impl Relaxer<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn blank(&mut self, from: usize, to: usize) {
        self.out[from..to].fill(b' ');
    }

    /// After what begins here. `joins`: line ends count for nothing here.
    fn step(&mut self, at: usize, joins: bool) -> Option<usize> {
        match self.byte(at)? {
            b'"' => self.quoted(at),
            b'(' | b'[' => self.bracketed(at, joins),
            b'{' if self.is_for(at) => self.bracketed(at, true),
            b'{' => self.object(at),
            b'#' | b'/' => {
                let Some(end) = scan::comment(self.text, at).ok()? else {
                    return Some(at + 1);
                };
                if joins {
                    self.blank(at, end);
                }
                Some(end)
            }
            b'<' => {
                let Some((content, end)) = scan::heredoc(self.text, at).ok()? else {
                    return Some(at + 1);
                };
                self.templates(content, end, false)?;
                // The end of the line that ends a heredoc stays.
                Some(if self.byte(end) == Some(b'\n') { end + 1 } else { end })
            }
            b'\n' if joins => {
                self.blank(at, at + 1);
                Some(at + 1)
            }
            _ => Some(at + 1),
        }
    }

    /// Brackets up to the one that closes them.
    fn bracketed(&mut self, from: usize, joins: bool) -> Option<usize> {
        let closing = scan::closing(self.byte(from)?);
        let mut at = from + 1;
        while self.byte(at)? != closing {
            at = self.step(at, joins)?;
        }
        Some(at + 1)
    }

    fn is_for(&self, at: usize) -> bool {
        let rest = self.text[at + 1..].trim_start();
        rest.strip_prefix("for")
            .is_some_and(|rest| rest.starts_with(char::is_whitespace))
    }

    fn quoted(&mut self, from: usize) -> Option<usize> {
        let end = scan::quoted(self.text, from, 0).ok()?;
        self.templates(from + 1, end - 1, true)?;
        Some(end)
    }

    /// The templates in a string or a heredoc.
    fn templates(&mut self, from: usize, to: usize, has_escapes: bool) -> Option<()> {
        let mut at = from;
        while at < to {
            at = match self.byte(at)? {
                b'\\' if has_escapes => at + 2,
                b'$' | b'%' => match scan::template(self.text.as_bytes(), at) {
                    Template::Begins => self.bracketed(at + 1, true)?,
                    Template::Escaped => at + 3,
                    Template::None => at + 1,
                },
                _ => at + 1,
            };
        }
        Some(())
    }

    /// An object, `{ key = value, … }`: of two values of one key, the first is left out.
    fn object(&mut self, from: usize) -> Option<usize> {
        let text = self.text;
        let mut items: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let mut at = from + 1;
        loop {
            at = self.skip_space(at)?;
            if self.byte(at)? == b'}' {
                return Some(at + 1);
            }
            let began = at;
            while !matches!(self.byte(at)?, b'=' | b':' | b'}') {
                at = self.step(at, false)?;
            }
            let key = text[began..at].trim().trim_matches('"');
            while !matches!(self.byte(at)?, b',' | b'\n' | b'}') {
                at = self.step(at, false)?;
            }
            if self.byte(at)? == b',' {
                at += 1;
            }
            if let Some((start, end)) = items.insert(key, (began, at)) {
                self.blank(start, end);
            }
        }
    }

    fn skip_space(&self, mut at: usize) -> Option<usize> {
        loop {
            match self.byte(at)? {
                b' ' | b'\t' | b'\r' | b'\n' => at += 1,
                _ => match scan::comment(self.text, at).ok()? {
                    Some(end) => at = end,
                    None => return Some(at),
                },
            }
        }
    }
}
