//! `variable` blocks in Terraform's JSON syntax. Their values are literal: a template in one is a text.

use serde_json::Value;

use super::Validation;
use super::constant::Constant;
use super::native::{flag_of, unknown};
use super::read::Read;
use super::types::kind;
use crate::terraform_file;
use crate::terraform_json::Node;

/// The `variable` blocks of a file; `Err` where the file cannot be read.
pub(super) fn blocks(text: &str) -> Result<Vec<Read>, String> {
    let file = Node::parse(text).map_err(|error| error.to_string())?;
    // The root may be a list of objects.
    let roots = match &file {
        Node::List(roots) => roots.iter().collect(),
        root => vec![root],
    };
    let blocks = roots.into_iter().flat_map(|root| root.labelled("variable"));
    Ok(blocks.map(|(name, block)| read(name, block)).collect())
}

fn read(name: &str, block: &Node) -> Read {
    let mut read = Read {
        name: name.to_owned(),
        ..Read::default()
    };
    let mut seen = Vec::new();
    for (key, node) in block.members() {
        if seen.contains(&key) && key != "validation" {
            read.problem(format_args!("`{key}` is given twice"), "give it once");
        }
        seen.push(key);
        match node.value() {
            Ok(value) => take(&mut read, key, value),
            Err(_) if key == "validation" => {}
            Err(twice) => read.problem(format_args!("`{key}` names `{twice}` twice"), "name it once"),
        }
    }
    let text = |block: &Node, key: &str| block.get(key).and_then(Node::as_text).unwrap_or_default().to_owned();
    for block in block.blocks("validation") {
        read.declared.validations.push(Validation {
            condition: text(block, "condition"),
            error_message: text(block, "error_message"),
        });
    }
    read
}

fn take(read: &mut Read, key: &str, value: Value) {
    match (key, value) {
        ("type", Value::String(written)) => {
            let expression = terraform_file::expression(&written).map_err(|error| error.message);
            match expression.and_then(|expression| kind(&expression)) {
                Ok(kind) => read.declared.kind = Some((kind, written)),
                Err(what) => read.problem(what, "use a Terraform type constraint"),
            }
        }
        ("type", _) => read.problem("the type is not a text", "write the type constraint as a text"),
        ("default", value) => read.declared.default = Some(Constant::Value(value)),
        ("description", Value::String(text)) => read.declared.description = Some(text),
        ("description", value @ (Value::Number(_) | Value::Bool(_))) => {
            read.declared.description = Some(value.to_string());
        }
        ("description", _) => read.problem("`description` is not a text", "write a text"),
        ("sensitive", value) => read.declared.sensitive = flag(read, key, &value),
        ("ephemeral", value) => read.declared.ephemeral = flag(read, key, &value),
        ("nullable", value) => read.declared.nullable = flag(read, key, &value),
        // The second is where a comment stands in this syntax.
        ("validation" | "//", _) => {}
        (name, _) => unknown(read, name),
    }
}

fn flag(read: &mut Read, key: &str, value: &Value) -> Option<bool> {
    let flag = flag_of(value);
    if flag.is_none() {
        read.problem(
            format_args!("`{key}` is neither true nor false"),
            "write `true` or `false`",
        );
    }
    flag
}
