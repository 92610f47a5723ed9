//! Texts that are too long for their place.

/// The beginning of a text, of at most so many bytes, with a `…` after it; all of a text that is no longer.
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_not_cut_in_two() {
        assert_eq!(cut("äöü", 6), "äöü");
        assert_eq!(cut("äöü", 5), "äö…");
        assert_eq!(cut("äöü", 4), "äö…");
        assert_eq!(cut("", 0), "");
    }
}
