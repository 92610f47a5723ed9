//! The forms in which a secret may stand in a text.
//!
//! | form | written by |
//! | --- | --- |
//! | plain, trimmed, each line of several | everything |
//! | Unicode normal forms C and D | Terraform (C), file systems of Apple (D) |
//! | JSON, with the escapes of Go, Python and JavaScript; JSON inside JSON, up to three deep | Terraform's streams, `jsonencode`, structured logs |
//! | literals of Python and JavaScript: single quotes, `\\x` escapes of characters and of bytes | `repr`, tracebacks, `util.inspect` |
//! | HTML and XML, by the names and by the numbers of characters, also in ASCII | templates, reports of tests |
//! | shell quotes | `set -x`, printed commands |
//! | doubled quotes, single or double | SQL, CSV, PowerShell |
//! | percent-encoding with each usual set of safe characters, hexadecimal digits of both cases, `+` for a space | addresses, `urlencode` |
//! | base64 with both alphabets, alone and inside a longer text at each of the three offsets, wrapped into lines of any width | `base64encode`, `Authorization: Basic`, Kubernetes, PEM |
//! | base64 of UTF-16LE, alone and inside a longer text, in one line | `-EncodedCommand` of PowerShell |
//! | hexadecimal of both cases, wrapped into lines of any width | dumps |
//!
//! Where a line ends within an encoded secret, up to five bytes of the secret stand alone on one side, and are not hidden.

use std::collections::BTreeSet;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use serde_json::Value;

use super::{COMMON, SHORTEST};

/// Above this many lines, a secret's lines are hidden as they are only: each form of each would be too many patterns.
const LINES_ENCODED: usize = 200;

/// The widths at which programs break base64 (RFC 2045 and RFC 7468).
const WRAPPED: [usize; 2] = [76, 64];

/// A part of an encoded secret is hidden from so many characters on, which is six bytes: fewer could be any text.
const PART_OF_BASE64: usize = 8;
const PART_OF_HEX: usize = 12;

/// The parts of longer secrets would be too many patterns: they are hidden whole, and by [`WRAPPED`] lines.
const LONGEST_IN_PARTS: usize = 4_096;

/// The characters besides letters, digits, `-`, `.` and `_` that percent-encoders leave: Go's `QueryEscape` and Terraform's
/// `urlencode`; Python's `quote`; JavaScript's `encodeURIComponent`; Go's `PathEscape`; encoders of RFC 1738, which know no `~`.
const SAFE: [&str; 5] = ["~", "~/", "~!'()*", "~$&+=:@", ""];

/// Every form of these texts that is long enough to be hidden.
pub(super) fn all(texts: &BTreeSet<String>) -> Vec<String> {
    let mut forms = BTreeSet::new();
    for text in texts {
        for text in normal_forms(text) {
            encoded(&text, &mut forms);
            encoded(text.trim(), &mut forms);
            // Keys in environment variables have `\\n` for the ends of their lines.
            let lines: Vec<&str> = text.split("\\n").flat_map(str::lines).map(str::trim).collect();
            if lines.len() <= 1 {
                continue;
            }
            let is_short = lines.len() <= LINES_ENCODED;
            for line in lines {
                if is_short && is_long_enough(line) {
                    encoded(line, &mut forms);
                } else {
                    add(line.to_owned(), &mut forms);
                }
            }
        }
    }
    forms.into_iter().collect()
}

fn normal_forms(text: &str) -> BTreeSet<String> {
    BTreeSet::from([
        text.to_owned(),
        ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned(),
        DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned(),
    ])
}

fn is_long_enough(text: &str) -> bool {
    text.len() >= SHORTEST && !COMMON.contains(&text)
}

fn add(form: String, forms: &mut BTreeSet<String>) {
    if is_long_enough(&form) {
        forms.insert(form);
    }
}

/// A text in each encoding. A text that is too short has no encodings.
fn encoded(text: &str, forms: &mut BTreeSet<String>) {
    if !is_long_enough(text) {
        return;
    }
    add(text.to_owned(), forms);
    let escapes = [json, json_of_go, json_in_ascii];
    for once in escapes.map(|escape| escape(text)) {
        for twice in escapes.map(|escape| escape(&once)) {
            add(json(&twice), forms);
            add(twice, forms);
        }
        add(once, forms);
    }
    for form in literals(text).into_iter().chain(markups(text)) {
        add(form, forms);
    }
    add(text.replace('\'', r"'\''"), forms);
    add(text.replace('\'', r#"'"'"'"#), forms);
    add(text.replace('\'', "''"), forms);
    add(text.replace('"', "\"\""), forms);
    for safe in SAFE {
        for form in percent(text, safe) {
            add(form, forms);
        }
    }
    base64_forms(text.as_bytes(), text.len() <= LONGEST_IN_PARTS, forms);
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    // Six bytes are three characters here, which could be of any text. PowerShell does not break the line.
    base64_forms(&utf_16, false, forms);
    let hex = text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    for hex in [hex.to_ascii_uppercase(), hex] {
        // A line of a dump begins with a whole byte.
        if text.len() <= LONGEST_IN_PARTS {
            parts(&hex, PART_OF_HEX, 2, forms);
        }
        add(hex, forms);
    }
}

/// The parts of an encoded text that a line may have of it.
fn parts(encoded: &str, length: usize, step: usize, forms: &mut BTreeSet<String>) {
    let parts = encoded.as_bytes().windows(length).step_by(step);
    forms.extend(parts.map(|part| String::from_utf8_lossy(part).into_owned()));
}

/// A text as it stands in JSON, between the quotes.
fn json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// A text as Go writes it into JSON: `encoding/json` escapes what would mean something in HTML or JavaScript, too.
fn json_of_go(text: &str) -> String {
    let mut escaped = json(text);
    for (char, code) in [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        escaped = escaped.replace(char, code);
    }
    escaped
}

/// A text as Python writes it into JSON: in ASCII.
fn json_in_ascii(text: &str) -> String {
    let mut escaped = String::new();
    for char in json(text).chars() {
        if char.is_ascii() {
            escaped.push(char);
        } else {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// A text as a literal of Python or JavaScript, between the quotes. Which of the quotes in it are escaped depends on those around it:
/// `repr` and `util.inspect` choose quotes that the text does not have, and escape single ones if it has both.
fn literals(text: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for escaped_quote in [None, Some('\''), Some('"')] {
        for in_ascii in [Ascii::No, Ascii::Characters, Ascii::Bytes] {
            // Python has lower-case digits, JavaScript upper-case ones.
            forms.push(literal(text, escaped_quote, in_ascii, |digits| digits));
            forms.push(literal(text, escaped_quote, in_ascii, |digits| {
                digits.to_ascii_uppercase()
            }));
        }
    }
    forms
}

/// How a literal has what is not ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ascii {
    /// As it is: `repr`.
    No,
    /// By the numbers of the characters: `ascii`.
    Characters,
    /// By their bytes: the literal of bytes.
    Bytes,
}

fn literal(text: &str, escaped_quote: Option<char>, in_ascii: Ascii, case: fn(String) -> String) -> String {
    let mut form = String::new();
    for char in text.chars() {
        let code = u32::from(char);
        match char {
            '\\' => form.push_str("\\\\"),
            '\n' => form.push_str("\\n"),
            '\r' => form.push_str("\\r"),
            '\t' => form.push_str("\\t"),
            char if Some(char) == escaped_quote => form.extend(['\\', char]),
            char if !char.is_ascii_control() && (char.is_ascii() || in_ascii == Ascii::No) => form.push(char),
            char if in_ascii == Ascii::Bytes => {
                for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                    form.push_str("\\x");
                    form.push_str(&case(format!("{byte:02x}")));
                }
            }
            _ => {
                let (escape, digits) = match code {
                    0..=0xff => ("\\x", format!("{code:02x}")),
                    0x100..=0xffff => ("\\u", format!("{code:04x}")),
                    _ => ("\\U", format!("{code:08x}")),
                };
                form.push_str(escape);
                form.push_str(&case(digits));
            }
        }
    }
    form
}

/// A text in HTML and XML: in an element, where quotes stay, and in attributes, as several libraries write quotes.
fn markups(text: &str) -> Vec<String> {
    let plain = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let quotes = [
        ("\"", "'"),
        ("&quot;", "'"),
        ("&quot;", "&#39;"),
        ("&quot;", "&#x27;"),
        ("&quot;", "&apos;"),
        ("&#34;", "&#39;"),
    ];
    let forms = quotes.map(|(double, single)| plain.replace('"', double).replace('\'', single));
    let decimal = |code: u32| format!("&#{code};");
    let hex = |code: u32| format!("&#x{code:x};");
    let numbered = |text: &str, number: fn(u32) -> String| -> String {
        let char = |char: char| match char {
            char if char.is_ascii() => char.to_string(),
            char => number(u32::from(char)),
        };
        text.chars().map(char).collect()
    };
    let numbered_forms = |form: &String| [numbered(form, decimal), numbered(form, hex)];
    let unescaped = text.to_owned();
    let all: Vec<String> = forms.iter().chain([&unescaped]).flat_map(numbered_forms).collect();
    forms.into_iter().chain(all).collect()
}

/// A text percent-encoded, with digits of both cases, and with `+` for spaces.
fn percent(text: &str, safe: &str) -> [String; 3] {
    let encode = |digits: fn(u8) -> String| -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            byte if safe.as_bytes().contains(&byte) => char::from(byte).to_string(),
            byte => digits(byte),
        };
        text.bytes().map(byte).collect()
    };
    let upper = encode(|byte| format!("%{byte:02X}"));
    let lower = encode(|byte| format!("%{byte:02x}"));
    let form = upper.replace("%20", "+");
    [upper, lower, form]
}

/// The characters of base64 that a text alone decides, wherever it begins in what is encoded, and its wrapped lines.
fn base64_forms(text: &[u8], in_parts: bool, forms: &mut BTreeSet<String>) {
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for offset in 0..3 {
            let mut bytes = vec![0; offset];
            bytes.extend_from_slice(text);
            let whole = engine.encode(&bytes);
            // A character holds six bits: those with bits of what comes before or after are not known.
            let (first, end) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
            let known = &whole[first..end.max(first)];
            if in_parts {
                parts(known, PART_OF_BASE64, 1, forms);
            }
            add(known.to_owned(), forms);
            if offset > 0 {
                continue;
            }
            for width in WRAPPED.into_iter().filter(|width| whole.len() > *width) {
                for line in whole.as_bytes().chunks(width) {
                    add(String::from_utf8_lossy(line).into_owned(), forms);
                }
            }
            add(whole, forms);
        }
    }
}
