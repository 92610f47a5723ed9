//! JSON files that requests are made from.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};
use slipway_model::json::{Fault, Unique, inexact_number};
use slipway_model::variable::values_in;

use crate::error::Error;

/// The object in a JSON file, or the values in a `.tfvars` file; `-` is the standard input, which appears in no list of processes.
pub fn object_in(path: &Path) -> Result<Map<String, Value>, Error> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    let text = text.map_err(Error::file("read", path))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if path.extension().is_some_and(|end| end == "tfvars") {
        return values_in(text).map_err(|what| {
            let remedy = "Write values in lines like `size = 2`";
            Error::Usage(format!("failed to read {}: {what}. {remedy}", path.display()))
        });
    }
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
            "failed to read {} as JSON: {}. Correct it{}",
            path.display(),
            Fault::from(error),
            if path.extension().is_some_and(|end| end == "json") {
                ""
            } else {
                ", or end the name of a file of variables with `.tfvars`"
            }
        ))),
    }
}
