//! Paths of attributes, as Terraform's language writes them: `tags.Name`, `ingress[0].from_port`, `labels["a b"]`.

use serde_json::Value;

use super::text::fitting;

/// The most bytes of a name in a path: a map may have a key of any length.
const NAME_BYTES: usize = 512;

/// The path of a field below `path`.
pub(super) fn field(path: &str, name: &str) -> String {
    let is_plain = name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let kept = &name[..fitting(name, NAME_BYTES)];
    match (is_plain && kept.len() == name.len(), path.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
        (false, _) if kept.len() == name.len() => format!("{path}[{}]", Value::from(name)),
        // Two long keys with one beginning stay two paths.
        (false, _) => format!(
            "{path}[{}…{}]",
            Value::from(kept),
            crate::name::Digest::of(name.as_bytes()).hex()
        ),
    }
}

/// The path of an element of the list at `path`.
pub(super) fn element(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// A path that Terraform gives as a list of steps; `None` for one that is not understood.
pub(super) fn of_steps(steps: &Value, hide: &dyn Fn(&str) -> String) -> Option<String> {
    let mut path = String::new();
    for step in steps.as_array()? {
        path = match step {
            Value::String(name) => field(&path, &hide(name)),
            Value::Number(index) => format!("{path}[{index}]"),
            _ => return None,
        };
    }
    Some(path)
}

/// An address without secrets: keys of `for_each` may be some. What stands outside quotes are names of the configuration.
pub fn address_without_secrets(address: &str, hide: &dyn Fn(&str) -> String) -> String {
    let mut shown = String::with_capacity(address.len());
    let mut rest = address;
    while let Some(start) = rest.find('"') {
        let (before, quoted) = rest.split_at(start + 1);
        let end = end_of_quote(quoted);
        shown.push_str(before);
        shown.push_str(&hide(&quoted[..end]));
        rest = &quoted[end..];
        if let Some(after) = rest.strip_prefix('"') {
            shown.push('"');
            rest = after;
        }
    }
    shown + rest
}

/// Where a quoted text ends, from behind its first quote.
fn end_of_quote(quoted: &str) -> usize {
    let mut is_escaped = false;
    let end = quoted.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.unwrap_or(quoted.len())
}

/// Whether one path is the other, or leads to it.
pub(super) fn leads_to(path: &str, other: &str) -> bool {
    other
        .strip_prefix(path)
        .is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_in_addresses_are_hidden_and_names_are_not() {
        let hide = |text: &str| text.replace("secret", "***");
        for (address, shown) in [
            ("aws_secret.secret", "aws_secret.secret"),
            (
                r#"module.a["secret"].aws_secret.b["x.secret\"]secret"]"#,
                r#"module.a["***"].aws_secret.b["x.***\"]***"]"#,
            ),
            (r#"a.b["secret"#, r#"a.b["***"#),
            ("a.b[0]", "a.b[0]"),
        ] {
            assert_eq!(address_without_secrets(address, &hide), shown);
        }
    }

    #[test]
    fn path_reads_as_in_terraform() {
        let path = |steps: Value| of_steps(&steps, &str::to_owned).expect("a path");
        assert_eq!(path(json!(["ingress", 0, "from_port"])), "ingress[0].from_port");
        assert_eq!(path(json!(["labels", "a b", "c"])), "labels[\"a b\"].c");
        assert_eq!(path(json!(["a-b", "1"])), "a-b[\"1\"]");
        assert_eq!(of_steps(&json!([true]), &str::to_owned), None);
        assert_eq!(of_steps(&json!("engine"), &str::to_owned), None);
        let long = field("map", &"k".repeat(5_000));
        assert!(long.len() < 1_000 && long != field("map", &"k".repeat(5_001)), "{long}");
    }

    #[test]
    fn path_leads_to_what_is_below_it() {
        for (path, other) in [("a", "a"), ("a", "a.b"), ("a", "a[0].b"), ("", "a")] {
            assert!(leads_to(path, other), "{path} {other}");
        }
        for (path, other) in [("a", "ab"), ("a.b", "a"), ("a[1]", "a[10]")] {
            assert!(!leads_to(path, other), "{path} {other}");
        }
    }
}
