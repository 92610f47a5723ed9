//! `.tfvars` files: the values that a root module gives itself.

use serde_json::{Map, Value};

use super::constant::{self, Constant, constant};
use crate::json::Fault;
use crate::problem::Place;
use crate::terraform_file;
use crate::terraform_json::{self, Node, Step};

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
    let given = read("", text);
    for Given { name, value, .. } in
        given.map_err(|(at, what)| format!("line {}, column {}: {what}", at.line, at.column))?
    {
        match value {
            Constant::Value(value) => values.insert(name, value),
            Constant::Written(text) => {
                return Err(format!(
                    "`{name}`: {text} cannot be kept exactly: give a value with fewer digits"
                ));
            }
        };
    }
    Ok(values)
}

/// A value that a file gives a variable.
pub(super) struct Given {
    pub(super) name: String,
    pub(super) value: Constant,
    pub(super) at: Place,
}

/// The values in a file.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Given>, (Place, String)> {
    if file.ends_with(".json") {
        return read_json(text);
    }
    let body = terraform_file::parse(text).map_err(|error| (error.place, error.message))?;
    if let Some(block) = body.blocks.first() {
        return Err((block.at, format!("it has a block `{}`", block.kind)));
    }
    let mut values: Vec<Given> = Vec::new();
    for argument in &body.arguments {
        let name = argument.name.to_owned();
        if values.iter().any(|known| known.name == name) {
            return Err((argument.named_at, format!("`{name}` is given twice")));
        }
        let value = constant(argument).map_err(|(at, what)| (at, format!("the value of `{name}`: {what}")))?;
        values.push(Given {
            name,
            value,
            at: argument.at,
        });
    }
    Ok(values)
}

fn read_json(text: &str) -> Result<Vec<Given>, (Place, String)> {
    let node = Node::parse(text).map_err(|Fault { place, what }| (place, what))?;
    let Node::Object(members) = &node else {
        return Err((Place::START, "it is not an object".to_owned()));
    };
    let value = |(name, node): &(String, Node)| {
        let path = [Step::Member(name)];
        let at = terraform_json::place(text, &path);
        let value = node
            .value()
            .map_err(|twice| (at, format!("`{name}` names `{twice}` twice")))?;
        Ok(Given {
            name: name.clone(),
            value: constant::in_json(value, terraform_json::written(text, &path)),
            at,
        })
    };
    members.iter().map(value).collect()
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
