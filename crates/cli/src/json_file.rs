//! JSON files that requests are made from.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};
use slipway_model::json::Unique;

use crate::error::Error;

/// The object in a JSON file; `-` is the standard input, where nobody sees what is typed.
pub fn object_in(path: &Path) -> Result<Map<String, Value>, Error> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    let text = text.map_err(|source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let parsed = serde_json::from_str(&text);
    match parsed {
        Ok(Unique(Value::Object(object))) => Ok(object),
        Ok(_) => Err(Error::Usage(format!("{} is not a JSON object", path.display()))),
        Err(error) => Err(Error::Usage(format!(
            "{} is not a JSON object: {error}",
            path.display()
        ))),
    }
}
