//! Errors of an evaluation in the words of the reference implementation of `JSONata`, which AWS passes on.
//!
//! The evaluator used here has the codes of the reference implementation, and often other words: it does not say
//! which function or which values an error is about. [`Culprit`] brings that back.

/// What an error is about.
#[derive(Debug, Default)]
pub(super) struct Culprit {
    /// The name of the function, without its `$`.
    pub function: Option<String>,
    /// The operator, as it is written.
    pub operator: Option<&'static str>,
    /// The operands as JSON text.
    pub operands: Vec<String>,
}

/// Whether the words for an error name something that its message does not hold.
pub(super) fn lacks_culprit(message: &str) -> bool {
    match message.split_once(": ") {
        Some(("T0410" | "T0412", text)) => !text.contains(" of function "),
        Some(("T2009" | "T2010" | "D1002", _)) => true,
        _ => false,
    }
}

/// The message as AWS has it.
pub(super) fn reworded(message: &str, culprit: &Culprit) -> String {
    let Some((code, text)) = message.split_once(": ") else {
        return message.to_owned();
    };
    let text = match code {
        "T0410" | "T0412" => signature(text, culprit),
        "T2001" | "T2002" => operator_quoted(text),
        "T2009" | "T2010" => comparison(code, text, culprit),
        "D1001" => "Number out of range: null".to_owned(),
        "D1002" => negation(culprit),
        "D3030" => text
            .replacen("Cannot convert '", "Unable to cast value to a number: \"", 1)
            .replace("' to number", "\""),
        "D3100" => radix(text),
        "D3138" => text.trim_end_matches(|c| c != '.').to_owned(),
        _ => fixed(code).unwrap_or(text).to_owned(),
    };
    format!("{code}: {text}")
}

/// `T0410` and `T0412`: `Argument 1 of function "sum" must be an array of "numbers"`.
fn signature(text: &str, culprit: &Culprit) -> String {
    if text.contains(" of function \"") {
        return text.to_owned();
    }
    let words: Vec<&str> = text.split(' ').collect();
    let (position, function) = match words[..] {
        ["Argument", position, "of", "function", function, ..] if function != "does" => {
            (position.to_owned(), Some(function.trim_start_matches('$').to_owned()))
        }
        ["Argument", "count", "mismatch:", "expected", expected, "got", got] => {
            let count = |text: &str| text.trim_end_matches(',').parse::<usize>().unwrap_or(0);
            (count(expected).min(count(got)).saturating_add(1).to_string(), None)
        }
        ["Argument", position, ..] => (position.to_owned(), None),
        _ => return text.to_owned(),
    };
    let function = function
        .filter(|name| name != "undefined")
        .or_else(|| culprit.function.clone());
    let function = function.map_or_else(|| "undefined".to_owned(), |name| format!("\"{name}\""));
    let demand = match text.split_once("must be an array of ") {
        Some((_, kind)) => format!("must be an array of \"{}s\"", kind.trim_end_matches('s').to_lowercase()),
        None => "does not match function signature".to_owned(),
    };
    format!("Argument {position} of function {function} {demand}")
}

/// `The left side of the + operator ...`: the operator stands in quotes.
fn operator_quoted(text: &str) -> String {
    let quoted = text.split_once(" side of the ").and_then(|(before, rest)| {
        let (operator, after) = rest.split_once(" operator ")?;
        let operator = operator.trim_matches('"');
        Some(format!("{before} side of the \"{operator}\" operator {after}"))
    });
    quoted.unwrap_or_else(|| text.to_owned())
}

fn comparison(code: &str, text: &str, culprit: &Culprit) -> String {
    match (code, culprit.operator, &culprit.operands[..]) {
        ("T2009", Some(operator), [left, right]) => {
            format!(
                "The values {left} and {right} either side of operator \"{operator}\" must be of the same data type"
            )
        }
        ("T2010", Some(operator), _) => {
            format!("The expressions either side of operator \"{operator}\" must evaluate to numeric or string values")
        }
        _ => text.to_owned(),
    }
}

fn negation(culprit: &Culprit) -> String {
    let value = culprit.operands.first().map_or("undefined", String::as_str);
    format!("Cannot negate a non-numeric value: {value}")
}

fn radix(text: &str) -> String {
    let given = text.rsplit(' ').next().unwrap_or_default();
    format!("The radix of the formatBase function must be between 2 and 36.  It was given {given}")
}

/// Messages in which nothing changes from one expression to another.
fn fixed(code: &str) -> Option<&'static str> {
    let found = FIXED.iter().find(|(known, _)| *known == code);
    found.map(|(_, text)| *text)
}

const FIXED: [(&str, &str); 22] = [
    ("T1006", "Attempted to invoke a non-function"),
    (
        "T2003",
        "The left side of the range operator (..) must evaluate to an integer",
    ),
    (
        "T2004",
        "The right side of the range operator (..) must evaluate to an integer",
    ),
    (
        "T2006",
        "The right side of the function application operator ~> must be a function",
    ),
    ("D3010", "Second argument of replace function cannot be an empty string"),
    (
        "D3011",
        "Fourth argument of replace function must evaluate to a positive number",
    ),
    (
        "D3020",
        "Third argument of split function must evaluate to a positive number",
    ),
    (
        "D3040",
        "Third argument of match function must evaluate to a positive number",
    ),
    (
        "D3080",
        "The picture string must only contain a maximum of two sub-pictures",
    ),
    (
        "D3081",
        "The sub-picture must not contain more than one instance of the 'decimal-separator' character",
    ),
    (
        "D3082",
        "The sub-picture must not contain more than one instance of the 'percent' character",
    ),
    (
        "D3083",
        "The sub-picture must not contain more than one instance of the 'per-mille' character",
    ),
    (
        "D3084",
        "The sub-picture must not contain both a 'percent' and a 'per-mille' character",
    ),
    (
        "D3085",
        "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit \
         character' or a member of the 'decimal digit family'",
    ),
    (
        "D3086",
        "The sub-picture must not contain a passive character that is preceded by an active character and that is \
         followed by another active character",
    ),
    (
        "D3087",
        "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a \
         'decimal-separator' character",
    ),
    (
        "D3088",
        "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
    ),
    (
        "D3089",
        "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
    ),
    (
        "D3090",
        "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed \
         by an instance of the 'optional digit character'",
    ),
    (
        "D3091",
        "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is \
         followed by a member of the 'decimal digit family'",
    ),
    (
        "D3092",
        "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an \
         'exponent-separator'",
    ),
    (
        "D3093",
        "The exponent part of the sub-picture must comprise only of one or more characters that are members of the \
         'decimal digit family'",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_function_its_operator_and_its_values() {
        let call = Culprit {
            function: Some("sum".to_owned()),
            ..Culprit::default()
        };
        let comparison = Culprit {
            operator: Some("<"),
            operands: vec!["\"a\"".to_owned(), "1".to_owned()],
            ..Culprit::default()
        };
        for (message, culprit, expected) in [
            (
                "T0410: Argument 2 must be (String or Function)",
                &call,
                "T0410: Argument 2 of function \"sum\" does not match function signature",
            ),
            (
                "T0412: Argument 1 must be an array of Number",
                &call,
                "T0412: Argument 1 of function \"sum\" must be an array of \"numbers\"",
            ),
            (
                "T0410: Argument count mismatch: expected 2, got 1",
                &call,
                "T0410: Argument 2 of function \"sum\" does not match function signature",
            ),
            (
                "T0412: Argument 1 of function $join must be an array of String",
                &call,
                "T0412: Argument 1 of function \"join\" must be an array of \"strings\"",
            ),
            (
                "T2009: The expressions on either side of operator \"<\" must be of the same data type",
                &comparison,
                "T2009: The values \"a\" and 1 either side of operator \"<\" must be of the same data type",
            ),
            (
                "T2010: Cannot compare boolean and number",
                &comparison,
                "T2010: The expressions either side of operator \"<\" must evaluate to numeric or string values",
            ),
            (
                "T1006: Attempted to invoke a non-function: $nosuch",
                &call,
                "T1006: Attempted to invoke a non-function",
            ),
            (
                "D3030: Cannot convert 'x' to number",
                &call,
                "D3030: Unable to cast value to a number: \"x\"",
            ),
            (
                "D3138: The $single() function expected exactly 1 matching result.  Instead it matched more. (2 values)",
                &call,
                "D3138: The $single() function expected exactly 1 matching result.  Instead it matched more.",
            ),
            ("D3137: my own: words", &call, "D3137: my own: words"),
        ] {
            assert_eq!(reworded(message, culprit), expected);
        }
    }
}
