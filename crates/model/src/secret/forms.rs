//! The forms in which a secret may stand in a text.
//!
//! | form | written by |
//! | --- | --- |
//! | plain, trimmed, each line of several | everything |
//! | Unicode normal forms C and D | Terraform (C), file systems of Apple (D) |
//! | JSON, with the escapes of Go, Python and JavaScript; JSON inside JSON, up to three deep | Terraform's streams, `jsonencode`, structured logs |
//! | JSON with `\\/`, and with punctuation as `\\u` and digits of both cases; inside JSON, two deep | PHP, Gson, System.Text.Json, Django |
//! | HCL: `$${` and `%%{` | `terraform output`, `terraform console` |
//! | literals of Python and JavaScript: single quotes, `\\x` escapes of characters and of bytes | `repr`, tracebacks, `util.inspect` |
//! | HTML and XML, by the names and by the numbers of characters, also in ASCII | templates, reports of tests |
//! | shell quotes, single and double; a backslash before each special character; octal escapes | `set -x`, `export -p`, `declare -p`, `printf %q` |
//! | doubled quotes, single or double; doubled `$` and `%` | SQL, CSV, PowerShell; Compose, Make, systemd |
//! | percent-encoding with each usual set of safe characters, hexadecimal digits of both cases, `+` for a space; once and twice | addresses, `urlencode` |
//! | base64 with both alphabets, alone and inside a longer text at each of the three offsets, wrapped into lines of any width | `base64encode`, `Authorization: Basic`, Kubernetes, PEM |
//! | base64 of UTF-16, alone and inside a longer text, in one line | `-EncodedCommand` of PowerShell |
//! | base64 of base64 and of JSON, likewise | `.dockerconfigjson` of Kubernetes |
//! | hexadecimal of both cases, wrapped into lines of any width | dumps |
//! | hexadecimal with `:`, `-` or a space between the bytes, and of UTF-16, in one line | fingerprints, debuggers |
//!
//! The automaton that finds them reads a text once, whatever their number. Its memory grows with their bytes, so these are bounded:
//! shorter texts come first, and those beyond the bound have the plain forms and JSON only.
//!
//! Where a line ends within an encoded secret, up to five bytes of the secret stand alone on one side, and are not hidden.

use std::collections::BTreeSet;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use serde_json::Value;

use super::{COMMON, SHORTEST};

/// The most bytes of all forms together, about. The automaton takes some thirty times as much for a moment, and a function has 256 MB.
const MOST: usize = 4 * 1024 * 1024;

/// How many bytes of forms a byte of a text has at most, about.
const FORMS_PER_BYTE: usize = 150;

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
    let mut forms = Forms::default();
    let mut by_length: Vec<&String> = texts.iter().collect();
    by_length.sort_by_key(|text| text.len());
    for text in by_length {
        let has_room = forms.bytes + text.len() * FORMS_PER_BYTE <= MOST;
        let add: fn(&str, &mut Forms) = if has_room { encoded } else { plain };
        for text in normal_forms(text) {
            add(&text, &mut forms);
            add(text.trim(), &mut forms);
            // Keys in environment variables have `\\n` for the ends of their lines.
            let lines: Vec<&str> = text.split("\\n").flat_map(str::lines).map(str::trim).collect();
            if lines.len() <= 1 {
                continue;
            }
            let add = if lines.len() <= LINES_ENCODED { add } else { as_it_is };
            for line in lines {
                add(line, &mut forms);
            }
        }
    }
    forms.found.into_iter().collect()
}

/// The forms that were found.
#[derive(Default)]
struct Forms {
    found: BTreeSet<String>,
    bytes: usize,
}

impl Forms {
    fn add(&mut self, form: String) {
        if is_long_enough(&form) {
            let bytes = form.len();
            self.bytes += if self.found.insert(form) { bytes } else { 0 };
        }
    }
}

fn normal_forms(text: &str) -> BTreeSet<String> {
    BTreeSet::from([
        text.to_owned(),
        ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned(),
        DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned(),
    ])
}

pub(super) fn is_long_enough(text: &str) -> bool {
    text.len() >= SHORTEST && !COMMON.contains(&text)
}

fn as_it_is(text: &str, forms: &mut Forms) {
    forms.add(text.to_owned());
}

/// A text as it is and in JSON.
fn plain(text: &str, forms: &mut Forms) {
    if !is_long_enough(text) {
        return;
    }
    as_it_is(text, forms);
    for escape in ESCAPES {
        forms.add(escape(text));
    }
}

/// A text in each encoding. A text that is too short has no encodings.
fn encoded(text: &str, forms: &mut Forms) {
    if !is_long_enough(text) {
        return;
    }
    as_it_is(text, forms);
    in_json(text, forms);
    for form in literals(text).into_iter().chain(markups(text)) {
        forms.add(form);
    }
    in_shell(text, forms);
    for (char, doubled) in [("'", "''"), ("\"", "\"\""), ("$", "$$"), ("%", "%%")] {
        forms.add(text.replace(char, doubled));
    }
    for safe in SAFE {
        for form in percent(text, safe) {
            forms.add(form.replace('%', "%25").replace('+', "%2B"));
            forms.add(form);
        }
    }
    in_base64(text, forms);
    in_hexadecimal(text, forms);
}

/// The escapes of serde and JavaScript, of Go, and of Python.
const ESCAPES: [fn(&str) -> String; 3] = [json, json_of_go, json_in_ascii];

fn in_json(text: &str, forms: &mut Forms) {
    for once in ESCAPES.map(|escape| escape(text)) {
        for twice in ESCAPES.map(|escape| escape(&once)) {
            forms.add(json(&twice));
            forms.add(twice);
        }
        forms.add(hcl(&once));
        forms.add(once);
    }
    forms.add(hcl(text));
    for escaped in ESCAPED {
        for slash in ["/", "\\/"] {
            // PHP has upper-case digits for punctuation, and lower-case ones for what is not ASCII.
            for in_ascii in [None, Some(Digits::Lower), Some(Digits::Upper)] {
                for digits in [Digits::Lower, Digits::Upper] {
                    let once = json_with(text, (escaped, digits), in_ascii, slash);
                    forms.add(json(&once));
                    forms.add(once);
                }
            }
        }
    }
}

fn in_shell(text: &str, forms: &mut Forms) {
    forms.add(text.replace('\'', r"'\''"));
    forms.add(text.replace('\'', r#"'"'"'"#));
    // Between double quotes.
    forms.add(behind_backslashes(text, |_, char| "$`\"\\".contains(char)));
    // Without quotes. These two characters are special where a word begins.
    let special = |char: char| " \t!\"$&'()*,;<>?[\\]^`{|}".contains(char);
    forms.add(behind_backslashes(text, |_, char| special(char)));
    forms.add(behind_backslashes(text, |index, char| {
        special(char) || index == 0 && "~#".contains(char)
    }));
    for quote in ['\'', '"'] {
        forms.add(in_octal(text, quote));
    }
}

fn in_base64(text: &str, forms: &mut Forms) {
    base64_forms(text.as_bytes(), text.len() <= LONGEST_IN_PARTS, forms);
    // Six bytes are three characters here, which could be of any text. PowerShell does not break the line.
    let units = || text.encode_utf16();
    base64_forms(&units().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(), false, forms);
    base64_forms(&units().flat_map(u16::to_be_bytes).collect::<Vec<u8>>(), false, forms);
    for in_json in ESCAPES.map(|escape| escape(text)) {
        if in_json != text {
            base64_forms(in_json.as_bytes(), false, forms);
        }
    }
    for once in base64_known(text.as_bytes()) {
        for twice in base64_known(once.as_bytes()) {
            forms.add(twice);
        }
    }
}

fn in_hexadecimal(text: &str, forms: &mut Forms) {
    let units = || text.encode_utf16();
    for digits in [Digits::Lower, Digits::Upper] {
        let whole = hexadecimal(text.bytes(), "", digits);
        // A line of a dump begins with a whole byte.
        if text.len() <= LONGEST_IN_PARTS {
            parts(&whole, PART_OF_HEX, 2, forms);
        }
        forms.add(whole);
        for between in [":", "-", " "] {
            forms.add(hexadecimal(text.bytes(), between, digits));
        }
        forms.add(hexadecimal(units().flat_map(u16::to_le_bytes), "", digits));
        forms.add(hexadecimal(units().flat_map(u16::to_be_bytes), "", digits));
    }
}

/// The case of hexadecimal digits.
#[derive(Clone, Copy)]
enum Digits {
    Lower,
    Upper,
}

fn hexadecimal(bytes: impl Iterator<Item = u8>, between: &str, digits: Digits) -> String {
    let mut hex = String::new();
    for byte in bytes {
        if !hex.is_empty() {
            hex.push_str(between);
        }
        // Writing to a string does not fail.
        let _ = match digits {
            Digits::Lower => write!(hex, "{byte:02x}"),
            Digits::Upper => write!(hex, "{byte:02X}"),
        };
    }
    hex
}

/// The parts of an encoded text that a line may have of it.
fn parts(encoded: &str, length: usize, step: usize, forms: &mut Forms) {
    let parts = encoded.as_bytes().windows(length).step_by(step);
    parts.for_each(|part| forms.add(String::from_utf8_lossy(part).into_owned()));
}

/// A text with a backslash before some of its characters.
fn behind_backslashes(text: &str, is_special: impl Fn(usize, char) -> bool) -> String {
    let mut form = String::new();
    for (index, char) in text.char_indices() {
        if is_special(index, char) {
            form.push('\\');
        }
        form.push(char);
    }
    form
}

/// A text between `$'` and `'`, or quotes of C: what is not ASCII by its bytes.
fn in_octal(text: &str, quote: char) -> String {
    let mut form = String::new();
    for char in text.chars() {
        match char {
            '\n' => form.push_str("\\n"),
            '\r' => form.push_str("\\r"),
            '\t' => form.push_str("\\t"),
            '\x1b' => form.push_str("\\E"),
            '\\' => form.push_str("\\\\"),
            char if char == quote => form.extend(['\\', char]),
            char if char.is_ascii() && !char.is_ascii_control() => form.push(char),
            char => {
                for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(form, "\\{byte:03o}");
                }
            }
        }
    }
    form
}

/// A text in a string of HCL, where these two begin a template.
fn hcl(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// The punctuation that an encoder of JSON writes by its number: none; Go and Rails; Gson; PHP with `JSON_HEX_…`; System.Text.Json;
/// `escapejs` of Django.
const ESCAPED: [&str; 6] = ["", "<>&", "<>&='", "<>&'\"", "<>&'\"+`", "<>&'\"=`-;\\"];

/// A text in JSON with these characters by their numbers, and what is not ASCII, too, if that has digits; and with this for a slash.
fn json_with(text: &str, (escaped, digits): (&str, Digits), in_ascii: Option<Digits>, slash: &str) -> String {
    let mut form = String::new();
    for char in text.chars() {
        let by_number = if char.is_ascii() {
            Some(digits).filter(|_| escaped.contains(char))
        } else {
            in_ascii
        };
        match by_number {
            Some(digits) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = match digits {
                        Digits::Lower => write!(form, "\\u{unit:04x}"),
                        Digits::Upper => write!(form, "\\u{unit:04X}"),
                    };
                }
            }
            None if char == '/' => form.push_str(slash),
            None if char.is_ascii_alphanumeric() => form.push(char),
            None => form.push_str(&json(char.encode_utf8(&mut [0; 4]))),
        }
    }
    form
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
fn base64_forms(text: &[u8], in_parts: bool, forms: &mut Forms) {
    for known in base64_known(text) {
        if in_parts {
            parts(&known, PART_OF_BASE64, 1, forms);
        }
        forms.add(known);
    }
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        let whole = engine.encode(text);
        for width in WRAPPED.into_iter().filter(|width| whole.len() > *width) {
            for line in whole.as_bytes().chunks(width) {
                forms.add(String::from_utf8_lossy(line).into_owned());
            }
        }
        forms.add(whole);
    }
}

/// The characters of base64 that a text alone decides, of both alphabets and at each offset in what is encoded.
fn base64_known(text: &[u8]) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for offset in 0..3 {
            let mut bytes = vec![0; offset];
            bytes.extend_from_slice(text);
            let whole = engine.encode(&bytes);
            // A character holds six bits: those with bits of what comes before or after are not known.
            let (first, end) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
            known.insert(whole[first..end.max(first)].to_owned());
        }
    }
    known
}

#[cfg(test)]
#[path = "forms_tests.rs"]
mod tests;
