//! `.tfvars` files: the values that a root module gives itself.

use serde_json::{Map, Value};

use super::constant::{Constant, constant};
use crate::terraform_file;
use crate::terraform_json::Node;

/// The variable files that Terraform loads by itself, in its order of precedence: a later one wins
/// (`https://developer.hashicorp.com/terraform/language/values/variables#variable-definition-precedence`).
pub(super) fn in_order<'a>(files: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let automatic = |file: &str| file.ends_with(".auto.tfvars") || file.ends_with(".auto.tfvars.json");
    let rank = |file: &str| match file {
        "terraform.tfvars" => Some(0),
        "terraform.tfvars.json" => Some(1),
        file => automatic(file).then_some(2),
    };
    let mut found: Vec<_> = files
        .iter()
        .filter_map(|(file, text)| Some((rank(file)?, *file, *text)))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, file, text)| (file, text)).collect()
}

/// The values in a `.tfvars` file, for a request.
pub fn values_in(text: &str) -> Result<Map<String, Value>, String> {
    let mut values = Map::new();
    for (name, value) in read("", text)? {
        match value {
            Constant::Value(value) if !values.contains_key(&name) => values.insert(name, value),
            Constant::Value(_) => return Err(format!("`{name}` is given twice")),
            Constant::Written(text) => {
                return Err(format!(
                    "`{name}`: {text} cannot be kept exactly: give a value with fewer digits"
                ));
            }
        };
    }
    Ok(values)
}

/// The values in a file by the names of their variables.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<(String, Constant)>, String> {
    if file.ends_with(".json") {
        let values = Node::parse(text).map_err(|error| error.to_string())?;
        let value = |(name, node): &(String, Node)| {
            let value = node
                .value()
                .map_err(|twice| format!("`{name}` names `{twice}` twice"))?;
            Ok((name.clone(), Constant::Value(value)))
        };
        return values.members().iter().map(value).collect();
    }
    let body = terraform_file::parse(text).map_err(|error| error.to_string())?;
    if let Some(block) = body.blocks.first() {
        return Err(format!("it has a block `{}`", block.kind));
    }
    let value = |argument: &terraform_file::Argument<'_>| {
        let value = constant(argument).map_err(|what| format!("the value of `{}`: {what}", argument.name))?;
        Ok((argument.name.to_owned(), value))
    };
    body.arguments.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_request_may_be_written_as_terraforms() {
        let values = values_in("size = 2 * 4\nzones = [\n  \"a\", # first\n]\n").expect("values");
        assert_eq!(Value::Object(values), serde_json::json!({"size": 8, "zones": ["a"]}));
        for (text, words) in [
            ("a = 1\na = 2", "twice"),
            ("a = 0.12345678901234567890123", "digits"),
            ("a = file(\"x\")", "not a constant"),
            ("{\"a\": 1}", "line 1"),
        ] {
            let error = values_in(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
