//! Characters that are not seen and change how others are.

/// The variation selector that asks for a symbol as a picture in colour.
const PICTURE: char = '\u{fe0f}';

/// Each letter of a text, and whether it is a mark: it turns the direction of a line or is not seen, so that the text may read as
/// another one (<https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>). Control characters are not among them, nor is a
/// U+FE0F directly behind a symbol: that one is seen, as a picture. In a text of nothing but spaces, the spaces that are not of ASCII
/// are marks: the text would read as none.
pub fn letters(text: &str) -> impl Iterator<Item = (char, bool)> {
    let is_blank = text.chars().all(char::is_whitespace);
    let mut before: Option<char> = None;
    text.chars().map(move |letter| {
        let is_picture = letter == PICTURE && before.is_some_and(is_symbol);
        before = Some(letter);
        let is_space = is_blank && !letter.is_ascii() && !letter.is_control();
        (letter, is_space || is_mark(letter) && !is_picture)
    })
}

/// Unicode's `Default_Ignorable_Code_Point`, which has the marks of direction (`Bidi_Control`), the separators of lines and
/// paragraphs, and those of annotations (<https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt>). The blank pattern
/// of Braille (U+2800) is no space to Unicode, and looks like one.
fn is_mark(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The symbols and blocks of symbols that have a picture in colour. They are not Unicode's exact list, which grows each year: a
/// selector behind another symbol of these blocks changes nothing.
fn is_symbol(letter: char) -> bool {
    matches!(letter,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21ff}'
            | '\u{2300}'..='\u{23ff}' | '\u{24c2}' | '\u{25a0}'..='\u{27bf}' | '\u{2934}'..='\u{2935}'
            | '\u{2b00}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_what_is_not_seen() {
        for (text, marked) in [
            ("\u{26a0}\u{fe0f} ready", ""),
            ("\u{26a0}\u{fe0f}\u{fe0f}", "\u{fe0f}"),
            ("x\u{fe0f}", "\u{fe0f}"),
            ("\u{fe0f}\u{26a0}", "\u{fe0f}"),
            ("\u{26a0}\u{fe0e}\u{e0100}", "\u{fe0e}\u{e0100}"),
            ("a\u{34f}\u{115f}\u{3164}\u{2065}", "\u{34f}\u{115f}\u{3164}\u{2065}"),
            ("e\u{301} \u{5d0}\u{e000}\n\t", ""),
            ("a\u{a0}b\u{3000}", ""),
            ("a\u{2800}b", "\u{2800}"),
            ("\u{a0} \t\u{3000}", "\u{a0}\u{3000}"),
            ("  \n", ""),
        ] {
            let found: String = letters(text)
                .filter_map(|(letter, is_mark)| is_mark.then_some(letter))
                .collect();
            assert_eq!(found, marked, "{text:?}");
        }
    }
}
