//! JSON files that requests are made from.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};
use slipway_model::json::{Fault, Unique, inexact_number};
use slipway_model::variable::values_in;

use crate::error::Error;

/// The object in a JSON file; `-` is the standard input, which appears in no list of processes.
pub fn object_in(path: &Path) -> Result<Map<String, Value>, Error> {
    object(&text_in(path)?, path, "Correct it")
}

/// The values of variables in a JSON file or in a `.tfvars` file; `-` is the standard input.
pub fn variables_in(path: &Path) -> Result<Map<String, Value>, Error> {
    let text = text_in(path)?;
    let ends = |end: &str| path.extension().is_some_and(|is| is == end);
    if ends("json") {
        return object(&text, path, "Correct it");
    }
    if !ends("tfvars") {
        let remedy = "Correct it, or end the name of a file of variables with `.tfvars`";
        return object(&text, path, remedy);
    }
    values_in(&text).map_err(|what| {
        let remedy = "Write values in lines like `size = 2`";
        Error::Usage(format!("failed to read {}: {what}. {remedy}", path.display()))
    })
}

/// The text of a file, without a byte order mark.
fn text_in(path: &Path) -> Result<String, Error> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    let text = text.map_err(Error::file("read", path))?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

fn object(text: &str, path: &Path, remedy: &str) -> Result<Map<String, Value>, Error> {
    if let Some(number) = inexact_number(text) {
        return Err(Error::Usage(format!(
            "{}: the number {number} would not be kept to its last digit: give a shorter one, or use a variable that takes a text",
            path.display()
        )));
    }
    let parsed = serde_json::from_str(text);
    match parsed {
        Ok(Unique(Value::Object(mut object))) => {
            // For editors: no request has it.
            object.remove("$schema");
            Ok(object)
        }
        Ok(_) => Err(Error::Usage(format!(
            "failed to read {}: it is not a JSON object. Write one, such as {{\"size\": 1}}",
            path.display()
        ))),
        Err(error) => Err(Error::Usage(format!(
            "failed to read {} as JSON: {}. {remedy}",
            path.display(),
            Fault::from(error)
        ))),
    }
}
