//! Texts of strangers, as people may read them.

use std::borrow::Cow;
use std::fmt::Write as _;

use slipway_model::marks;

/// A text as people may read it: what a blueprint or an image prints must not move the cursor, set the clipboard or turn
/// letters around. Control characters other than line ends and tabs are written as `\x1b`, [marks] as `\u{202e}`.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let text: Cow<'_, str> = if text.contains("\r\n") {
        text.replace("\r\n", "\n").into()
    } else {
        text.into()
    };
    let is_harmful = |(c, is_mark): (char, bool)| is_mark || c.is_control() && !matches!(c, '\n' | '\t');
    if !marks::letters(&text).any(is_harmful) {
        return text;
    }
    let mut shown = String::new();
    for (c, is_mark) in marks::letters(&text) {
        // Writing into a text never fails.
        let _ = match u32::from(c) {
            _ if !is_harmful((c, is_mark)) => shown.write_char(c),
            code @ 0..=0xff => write!(shown, "\\x{code:02x}"),
            code => write!(shown, "\\u{{{code:x}}}"),
        };
    }
    shown.into()
}

/// A harmless text as a part of a line: with its line breaks written as `\n`, it cannot pass for other lines.
pub fn in_a_line(text: &str) -> String {
    harmless(text).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_no_escapes_of_strangers() {
        assert!(matches!(harmless("a\tb\nü ✓"), Cow::Borrowed(_)));
        for (text, shown) in [
            ("\u{1b}[2Jgone", "\\x1b[2Jgone"),
            ("\u{1b}]52;c;cm0gLXJm\u{7}", "\\x1b]52;c;cm0gLXJm\\x07"),
            ("50 %\r100 %", "50 %\\x0d100 %"),
            ("a\r\nb", "a\nb"),
            ("\u{9b}31m", "\\x9b31m"),
            ("exe.\u{202e}txt", "exe.\\u{202e}txt"),
            ("10.0.0.0/8\u{200f},\u{200b}0", "10.0.0.0/8\\u{200f},\\u{200b}0"),
            ("\u{61c}a\u{ad}b", "\\u{61c}a\\xadb"),
            (
                "a\u{34f}b \u{26a0}\u{fe0f} c\u{fe0f}",
                "a\\u{34f}b \u{26a0}\u{fe0f} c\\u{fe0f}",
            ),
        ] {
            assert_eq!(harmless(text), shown);
        }
        assert_eq!(in_a_line("ok\r\nready\u{1b}"), "ok\\nready\\x1b");
    }
}
