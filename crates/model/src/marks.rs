//! Characters that are not seen and change how others are.

/// Whether a character turns the direction of a line or is not seen, so that a text with it may read as another one
/// (<https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>). Control characters are not among them.
pub fn is_mark(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
