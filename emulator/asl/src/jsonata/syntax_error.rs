//! A syntax error in the words of `JSONata`'s own parser, which AWS passes on without their code.
//!
//! The parser used here names a symbol by the name of its token: `RightBracket` where `JSONata` says `"]"`.

/// The message of AWS for a message of the parser.
pub(super) fn message(parser: &str) -> String {
    let sentence = without_code(parser.strip_prefix("Invalid syntax: ").unwrap_or(parser));
    let words: Vec<String> = sentence.split(' ').map(symbol_for).collect();
    words.join(" ")
}

/// `S0202: Expected ...` without its code.
fn without_code(message: &str) -> &str {
    match message.split_once(": ") {
        Some((code, sentence)) if code.len() == 5 && code.starts_with('S') => sentence,
        _ => message,
    }
}

fn symbol_for(word: &str) -> String {
    let (name, comma) = match word.strip_suffix(',') {
        Some(name) => (name, ","),
        None => (word, ""),
    };
    let symbol = SYMBOLS.iter().find(|(token, _)| *token == name);
    match (symbol, name.split_once('(')) {
        (Some((_, symbol)), _) => format!("\"{symbol}\"{comma}"),
        (None, Some(("Identifier" | "String" | "Variable" | "Number", value))) => {
            format!("{}{comma}", value.trim_end_matches(')'))
        }
        (None, _) => word.to_owned(),
    }
}

const SYMBOLS: [(&str, &str); 33] = [
    ("Plus", "+"),
    ("Minus", "-"),
    ("Star", "*"),
    ("StarStar", "**"),
    ("Slash", "/"),
    ("Percent", "%"),
    ("Equal", "="),
    ("NotEqual", "!="),
    ("LessThan", "<"),
    ("LessThanOrEqual", "<="),
    ("GreaterThan", ">"),
    ("GreaterThanOrEqual", ">="),
    ("Ampersand", "&"),
    ("Dot", "."),
    ("DotDot", ".."),
    ("Question", "?"),
    ("Colon", ":"),
    ("ColonEqual", ":="),
    ("TildeArrow", "~>"),
    ("LeftParen", "("),
    ("RightParen", ")"),
    ("LeftBracket", "["),
    ("RightBracket", "]"),
    ("LeftBrace", "{"),
    ("RightBrace", "}"),
    ("Comma", ","),
    ("Semicolon", ";"),
    ("Caret", "^"),
    ("Pipe", "|"),
    ("Hash", "#"),
    ("At", "@"),
    ("And", "and"),
    ("Or", "or"),
];

#[cfg(test)]
mod tests {
    use jsonata_core::parser::parse;

    use super::*;

    #[test]
    fn a_message_reads_as_that_of_aws() {
        for (source, expected) in [
            ("a[1,2)", r#"Expected "]", got ",""#),
            (
                "\"unterminated",
                "String literal must be terminated by a matching quote",
            ),
            ("1 +", "Unexpected end of expression"),
            ("", "Unexpected end of expression"),
            (r#"{"a":}"#, r#"The symbol "}" cannot be used as a unary operator"#),
            ("phone %.other", r#"The symbol "." cannot be used as a unary operator"#),
            ("(1", r#"Expected ")" before end of expression"#),
            ("{'a' 1}", r#"Expected ":", got 1.0"#),
            ("a b", r#"Syntax error: "b""#),
        ] {
            let error = parse(source).expect_err(source);
            assert_eq!(message(&error.to_string()), expected, "{source}");
        }
    }
}
