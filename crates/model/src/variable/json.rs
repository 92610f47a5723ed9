//! `variable` blocks in Terraform's JSON syntax. Their values are literal: a template in one is a text.

use serde_json::Value;

use super::Validation;
use super::constant;
use super::declared::{Given, Read};
use super::native::{flag_of, unknown};
use super::types::kind;
use crate::json::Fault;
use crate::problem::Place;
use crate::terraform_file;
use crate::terraform_json::{self, Node, Step};

/// The `variable` blocks of a file; `Err` where the file cannot be read.
pub(super) fn blocks(text: &str) -> Result<Vec<Read>, (Place, String)> {
    let file = Node::parse(text).map_err(|Fault { place, what }| (place, what))?;
    let blocks = file.labelled("variable").into_iter();
    Ok(blocks.map(|(name, block)| read(text, name, block)).collect())
}

fn read(text: &str, name: &str, block: &Node) -> Read {
    let variable = [Step::Member("variable"), Step::Member(name)];
    let place = |path: &[Step<'_>]| terraform_json::place(text, &[&variable, path].concat());
    let mut read = Read::new(name.to_owned(), place(&[]));
    let mut seen = Vec::new();
    for (key, node) in block.members() {
        // Where a comment stands in this syntax.
        if key == "//" {
            continue;
        }
        let at = place(&[Step::Member(key)]);
        if seen.contains(&key) && key != "validation" {
            read.problem(at, format_args!("`{key}` is given twice"), "give it once");
        }
        seen.push(key);
        match node.value() {
            Ok(value) if key == "default" => {
                let written = terraform_json::written(text, &[&variable, [Step::Member(key)].as_slice()].concat());
                read.declared.default = Some(Given::new(constant::in_json(value, written), at));
            }
            Ok(value) => take(&mut read, at, key, value),
            Err(_) if key == "validation" => {}
            Err(twice) => read.problem(at, format_args!("`{key}` names `{twice}` twice"), "name it once"),
        }
    }
    let text_of = |block: &Node, key: &str| block.get(key).and_then(Node::as_text).unwrap_or_default().to_owned();
    for (index, block) in block.blocks("validation").into_iter().enumerate() {
        for (key, _) in block.members() {
            if !["//", "condition", "error_message"].contains(&key.as_str()) {
                let path = [Step::Member("validation"), Step::Element(index), Step::Member(key)];
                unknown(&mut read, place(&path), key);
            }
        }
        for name in ["condition", "error_message"] {
            if block.get(name).is_none() {
                let at = place(&[Step::Member("validation"), Step::Element(index)]);
                read.problem(
                    at,
                    format_args!("a validation has no `{name}`"),
                    "write both `condition` and `error_message`",
                );
            }
        }
        read.declared.validations.push(Validation {
            condition: text_of(block, "condition"),
            error_message: text_of(block, "error_message"),
        });
    }
    read
}

fn take(read: &mut Read, at: Place, key: &str, value: Value) {
    match (key, value) {
        ("type", Value::String(written)) => {
            let expression = terraform_file::expression(written.trim()).map_err(|error| error.message);
            match expression.and_then(|expression| kind(&expression).map_err(|wrong| wrong.what)) {
                Ok(kind) => read.declared.kind = Some((kind, written)),
                Err(what) => read.problem(at, what, "use a Terraform type constraint"),
            }
        }
        ("type", _) => read.problem(at, "the type is not a text", "write the type constraint as a text"),
        ("description", Value::String(text)) => read.declared.description = Some(text),
        ("description", value @ (Value::Number(_) | Value::Bool(_))) => {
            read.declared.description = Some(value.to_string());
        }
        ("description", _) => read.problem(at, "`description` is not a text", "write a text"),
        ("sensitive", value) => read.declared.sensitive = flag(read, at, key, &value),
        ("ephemeral", value) => read.declared.ephemeral = flag(read, at, key, &value),
        ("nullable", value) => read.declared.nullable = flag(read, at, key, &value),
        ("validation", _) => {}
        (name, _) => unknown(read, at, name),
    }
}

fn flag(read: &mut Read, at: Place, key: &str, value: &Value) -> Option<bool> {
    let flag = flag_of(value);
    if flag.is_none() {
        read.problem(
            at,
            format_args!("`{key}` is neither true nor false"),
            "write `true` or `false`",
        );
    }
    flag
}
