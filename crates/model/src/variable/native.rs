//! `variable` blocks in Terraform's native syntax.

use serde_json::Value;

use super::Validation;
use super::constant::{Constant, constant};
use super::declared::{Given, Read};
use super::types::kind;
use crate::problem::Place;
use crate::terraform_file::references::references;
use crate::terraform_file::{self, Argument, Block};

/// The `variable` blocks of a file; `Err` where the file cannot be read.
pub(super) fn blocks(text: &str) -> Result<Vec<Read>, (Place, String)> {
    let body = terraform_file::parse(text).map_err(|error| (error.place, error.message))?;
    Ok(body.blocks_of("variable").map(read).collect())
}

fn read(block: &Block<'_>) -> Read {
    let name = block.labels.first().map(|label| label.clone().into_owned());
    let mut read = Read::new(name.unwrap_or_default(), block.at);
    if block.labels.len() != 1 {
        read.problem(
            block.at,
            "the block has not one label",
            "write `variable \"name\" { … }`",
        );
    }
    let mut seen = Vec::new();
    for argument in &block.body.arguments {
        if seen.contains(&argument.name) {
            read.problem(
                argument.named_at,
                format_args!("`{}` is given twice", argument.name),
                "give it once",
            );
        }
        seen.push(argument.name);
        take(&mut read, argument);
    }
    for inner in &block.body.blocks {
        if inner.kind == "validation" {
            let validation = validation(inner, &mut read);
            read.declared.validations.push(validation);
        } else {
            read.problem(
                inner.at,
                format_args!("a block `{}` is not known", inner.kind),
                "a variable has blocks `validation` only",
            );
        }
    }
    read
}

fn take(read: &mut Read, argument: &Argument<'_>) {
    match argument.name {
        "type" => {
            let expression = argument.expression().map_err(|error| (error.place, error.message));
            let read_kind = |expression| kind(&expression).map_err(|wrong| (argument.place_at(wrong.byte), wrong.what));
            match expression.and_then(read_kind) {
                Ok(kind) => read.declared.kind = Some((kind, argument.text.to_owned())),
                Err((at, what)) => read.problem(at, what, "use a Terraform type constraint"),
            }
        }
        "default" => match constant(argument) {
            Ok(value) => read.declared.default = Some(Given::new(value, argument.at)),
            Err((at, what)) => read.problem(
                at,
                format_args!("the default cannot be read: {what}"),
                "write a constant value",
            ),
        },
        "description" => match constant(argument) {
            Ok(Constant::Value(Value::String(text))) => read.declared.description = Some(text.trim_end().to_owned()),
            Ok(Constant::Value(text @ (Value::Number(_) | Value::Bool(_)))) => {
                read.declared.description = Some(text.to_string());
            }
            Ok(Constant::Written(text)) => read.declared.description = Some(text),
            Ok(_) | Err(_) => read.problem(
                argument.at,
                "`description` is not a text",
                "write a text without references",
            ),
        },
        "sensitive" => read.declared.sensitive = flag(read, argument),
        "ephemeral" => read.declared.ephemeral = flag(read, argument),
        "nullable" => read.declared.nullable = flag(read, argument),
        name => unknown(read, argument.named_at, name),
    }
}

/// Names an argument that no Terraform knows. `deprecated` and `const` are of later ones than the oldest that is supported.
pub(super) fn unknown(read: &mut Read, at: Place, name: &str) {
    if !["deprecated", "const"].contains(&name) {
        read.problem(
            at,
            format_args!("the argument `{name}` is not known"),
            "correct its name, or leave it out",
        );
    }
}

/// A flag, as Terraform evaluates it. One that cannot be evaluated here is on: it is better to hide too much.
fn flag(read: &mut Read, argument: &Argument<'_>) -> Option<bool> {
    let value = match constant(argument) {
        Ok(Constant::Value(value)) => value,
        Ok(Constant::Written(_)) => return Some(true),
        Err((at, what)) => {
            read.problem(
                at,
                format_args!("`{}`: {what}", argument.name),
                "write `true` or `false`",
            );
            return Some(true);
        }
    };
    let flag = flag_of(&value);
    if flag.is_none() {
        read.problem(
            argument.at,
            format_args!("`{}` is neither true nor false", argument.name),
            "write `true` or `false`",
        );
    }
    flag
}

/// The text that an argument comes to, whatever a stack is given.
pub(crate) fn text_of(argument: &Argument<'_>) -> Option<String> {
    match constant(argument) {
        Ok(Constant::Value(Value::String(text))) => Some(text),
        _ => None,
    }
}

/// Whether a flag of any block is on, or may be.
pub(crate) fn is_on(argument: &Argument<'_>) -> bool {
    match constant(argument) {
        Ok(Constant::Value(value)) => flag_of(&value) != Some(false),
        _ => true,
    }
}

/// A value as a flag: a text converts.
pub(super) fn flag_of(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn validation(block: &Block<'_>, read: &mut Read) -> Validation {
    let body = &block.body;
    for argument in &body.arguments {
        if !["condition", "error_message"].contains(&argument.name) {
            unknown(read, argument.named_at, argument.name);
        }
    }
    for name in ["condition", "error_message"] {
        match body.argument(name).map(Argument::expression) {
            None => read.problem(
                block.at,
                format_args!("a validation has no `{name}`"),
                "write both `condition` and `error_message`",
            ),
            Some(Ok(expression)) if name == "condition" => {
                let own = references(&expression)
                    .iter()
                    .any(|reference| reference.path.first() == Some(&read.name) && reference.root == "var");
                if let Some(condition) = body.argument(name).filter(|_| !own) {
                    let detail = format_args!("the condition does not refer to var.{}", read.name).to_string();
                    read.problem(
                        condition.at,
                        detail,
                        "check the variable's own value: Terraform accepts no other validation",
                    );
                }
            }
            // What only Terraform can read, it checks.
            Some(_) => {}
        }
    }
    let text = |name: &str| body.argument(name).map_or("", |argument| argument.text).to_owned();
    let message = body
        .argument("error_message")
        .and_then(|message| constant(message).ok());
    Validation {
        condition: text("condition"),
        // A message may be a template; it is shown as it is written then.
        error_message: match message {
            Some(Constant::Value(Value::String(message))) => message.trim_end().to_owned(),
            _ => text("error_message"),
        },
    }
}
