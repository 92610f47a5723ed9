//! Functions of texts. Those that depend on Unicode's tables, of which there are several, are known for ASCII alone.

use super::value::Evaluated;
use super::{Stop, Value, arithmetic, pattern};

/// Functions of texts; `None` for others.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    let flag = |test: fn(&str, &str) -> bool| match arguments {
        [text, part] => text
            .as_text()
            .and_then(|text| Ok(Value::Bool(test(&text, &part.as_text()?)))),
        _ => Err(Stop::Unknown),
    };
    let text = |change: fn(&str) -> String| match arguments {
        [text] => text.as_text().and_then(ascii).map(|text| Value::Text(change(&text))),
        _ => Err(Stop::Unknown),
    };
    Some(match (name, arguments) {
        ("startswith", _) => flag(|text, part| text.starts_with(part)),
        ("endswith", _) => flag(|text, part| text.ends_with(part)),
        ("strcontains", _) => flag(|text, part| text.contains(part)),
        ("lower", _) => text(str::to_ascii_lowercase),
        ("upper", _) => text(str::to_ascii_uppercase),
        ("trimspace", _) => text(|text| text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']).to_owned()),
        ("trim", [text, set]) => trim(text, set),
        ("trimprefix", [text, part]) => without(text, part, |text, part| text.strip_prefix(part)),
        ("trimsuffix", [text, part]) => without(text, part, |text, part| text.strip_suffix(part)),
        ("split", [separator, text]) => split(separator, text),
        ("join", [separator, lists @ ..]) => join(separator, lists),
        ("substr", [text, offset, length]) => substr(text, offset, length),
        ("replace", [text, part, other]) => replace(text, part, other),
        ("regex", [pattern, text]) => pattern::first(pattern, text),
        ("regexall", [pattern, text]) => pattern::all(pattern, text),
        ("format", [form, values @ ..]) => format(form, values),
        _ => return None,
    })
}

/// A text of ASCII characters; of others, the functions here may not do as Terraform does.
pub(super) fn ascii(text: String) -> Result<String, Stop> {
    if text.is_ascii() { Ok(text) } else { Err(Stop::Unknown) }
}

fn trim(text: &Value, set: &Value) -> Evaluated {
    let (text, set) = (text.as_text()?, set.as_text()?);
    Ok(Value::Text(text.trim_matches(|c| set.contains(c)).to_owned()))
}

fn without(text: &Value, part: &Value, strip: for<'a> fn(&'a str, &str) -> Option<&'a str>) -> Evaluated {
    let (text, part) = (text.as_text()?, part.as_text()?);
    Ok(Value::Text(strip(&text, &part).unwrap_or(&text).to_owned()))
}

fn split(separator: &Value, text: &Value) -> Evaluated {
    let (separator, text) = (separator.as_text()?, text.as_text()?);
    if separator.is_empty() {
        let characters = ascii(text)?;
        let characters = characters.chars().map(|character| Value::Text(character.to_string()));
        return Ok(Value::List(characters.collect()));
    }
    let parts = text.split(&*separator).map(|part| Value::Text(part.to_owned()));
    Ok(Value::List(parts.collect()))
}

fn join(separator: &Value, lists: &[Value]) -> Evaluated {
    let separator = separator.as_text()?;
    let mut parts = Vec::new();
    for list in lists {
        for part in list.as_elements()? {
            parts.push(part.as_text()?);
        }
    }
    Ok(Value::Text(parts.join(&separator)))
}

fn substr(text: &Value, offset: &Value, length: &Value) -> Evaluated {
    let text = ascii(text.as_text()?)?;
    let (offset, length) = (offset.as_whole()?, length.as_whole()?);
    // From the end, or to the end: not often enough to say it twice.
    let (Ok(offset), Ok(length)) = (usize::try_from(offset), usize::try_from(length)) else {
        return Err(Stop::Unknown);
    };
    let start = offset.min(text.len());
    let end = start.saturating_add(length).min(text.len());
    Ok(Value::Text(text[start..end].to_owned()))
}

fn replace(text: &Value, part: &Value, other: &Value) -> Evaluated {
    let (text, part, other) = (text.as_text()?, part.as_text()?, other.as_text()?);
    let is_pattern = part.len() > 1 && part.starts_with('/') && part.ends_with('/');
    if is_pattern || part.is_empty() {
        return Err(Stop::Unknown);
    }
    Ok(Value::Text(text.replace(&part, &other)))
}

/// `%s` and `%d` alone.
fn format(form: &Value, values: &[Value]) -> Evaluated {
    let form = form.as_text()?;
    let mut parts = form.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    let mut values = values.iter();
    for part in parts {
        let value = values.next().ok_or(Stop::Unknown)?;
        let (value, rest) = if let Some(rest) = part.strip_prefix('s') {
            (value.as_text()?, rest)
        } else if let Some(rest) = part.strip_prefix('d') {
            (arithmetic::whole(value.as_whole()?)?.as_text()?, rest)
        } else {
            return Err(Stop::Unknown);
        };
        text.push_str(&value);
        text.push_str(rest);
    }
    if values.next().is_some() {
        return Err(Stop::Unknown);
    }
    Ok(Value::Text(text))
}
