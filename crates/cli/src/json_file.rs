//! JSON files that requests are made from.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use slipway_model::json::Unique;

use crate::error::Error;

/// The object in a JSON file.
pub fn object_in(path: &Path) -> Result<Map<String, Value>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::File {
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
