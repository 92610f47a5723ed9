//! Blocks and arguments.

use std::borrow::Cow;

use hcl_edit::parser::parse_expr;

use super::scan::{self, Fault, LEVELS};
use super::{Argument, Block, Body, SyntaxError, is_identifier};
use crate::problem::Place;

/// Reads a whole file.
pub(super) fn read(text: &str) -> Result<Body<'_>, SyntaxError> {
    let mut reader = Reader {
        text,
        at: 0,
        known: (0, Place::START),
    };
    reader.body(0).map_err(|(at, message)| SyntaxError {
        place: Place::of(text, at),
        message: message.to_owned(),
    })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The last byte whose place was asked for, with its place: the next one comes after it.
    known: (usize, Place),
}

impl<'a> Reader<'a> {
    /// The place of a byte, which is not before the last that was asked for.
    fn place(&mut self, byte: usize) -> Place {
        let (before, place) = self.known;
        self.known = (byte, place.after(&self.text[before..byte]));
        self.known.1
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over space and comments, and over line ends where these mean nothing.
    fn skip_space(&mut self, line_ends: bool) -> Result<(), Fault> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' if line_ends => self.at += 1,
                _ => match scan::comment(self.text, self.at)? {
                    Some(end) => self.at = end,
                    None => return Ok(()),
                },
            }
        }
        Ok(())
    }

    fn identifier(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        // No character outside of ASCII can stand directly after an identifier.
        let ends = |c: char| c.is_ascii() && !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let name = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if !is_identifier(name) {
            return None;
        }
        self.at += name.len();
        Some(name)
    }

    /// Reads up to the end of the file, or to the bracket that closes a block.
    fn body(&mut self, level: usize) -> Result<Body<'a>, Fault> {
        if level > LEVELS {
            return Err((self.at, "blocks are nested more than 120 levels deep"));
        }
        let mut body = Body::default();
        loop {
            self.skip_space(true)?;
            if self.peek().is_none() || (level > 0 && self.peek() == Some(b'}')) {
                return Ok(body);
            }
            let began = self.at;
            let name = self.identifier().ok_or((began, "expected an argument or a block"))?;
            self.skip_space(false)?;
            let named_at = self.place(began);
            if self.peek() == Some(b'=') {
                self.at += 1;
                body.arguments.push(self.argument(name, named_at)?);
            } else {
                body.blocks.push(self.block(name, named_at, level)?);
                self.skip_space(false)?;
                if !matches!(self.peek(), None | Some(b'\n' | b'}')) {
                    return Err((self.at, "expected the end of the line after the block"));
                }
            }
        }
    }

    /// The expression of an argument, up to the end of its line, or of the block in whose line it stands.
    fn argument(&mut self, name: &'a str, named_at: Place) -> Result<Argument<'a>, Fault> {
        self.skip_space(false)?;
        let from = self.at;
        let mut end = from;
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' | b'}' => break,
                b')' | b']' => return Err((self.at, "this bracket closes none")),
                b'#' => break,
                b'/' if self.text[self.at..].starts_with("//") => break,
                _ => {
                    let is_comment = scan::comment(self.text, self.at)?.is_some();
                    self.at = scan::step(self.text, self.at, 0)?;
                    if !is_comment && !byte.is_ascii_whitespace() {
                        end = self.at;
                    }
                }
            }
        }
        if end == from {
            return Err((from, "expected an expression"));
        }
        Ok(Argument {
            name,
            text: &self.text[from..end],
            named_at,
            at: self.place(from),
        })
    }

    fn block(&mut self, kind: &'a str, at: Place, level: usize) -> Result<Block<'a>, Fault> {
        let mut labels = Vec::new();
        loop {
            self.skip_space(false)?;
            match self.peek() {
                Some(b'{') => break,
                Some(b'"') => labels.push(self.quoted_label()?),
                _ => {
                    let began = self.at;
                    let label = self
                        .identifier()
                        .ok_or((began, "expected `=`, a label, or the `{` of a block"))?;
                    labels.push(Cow::Borrowed(label));
                }
            }
        }
        let began = self.at;
        self.at += 1;
        let body = self.body(level + 1)?;
        if self.peek().is_none() {
            return Err((began, "the block is not closed"));
        }
        self.at += 1;
        Ok(Block { kind, labels, body, at })
    }

    fn quoted_label(&mut self) -> Result<Cow<'a, str>, Fault> {
        let from = self.at;
        self.at = scan::quoted(self.text, from, 0)?;
        let written = &self.text[from + 1..self.at - 1];
        if !written.contains(['\\', '$', '%']) {
            return Ok(Cow::Borrowed(written));
        }
        let parsed = parse_expr(&self.text[from..self.at]).ok();
        let label = parsed.and_then(|label| label.as_str().map(str::to_owned));
        label.map(Cow::Owned).ok_or((from, "a label is a plain text"))
    }
}
