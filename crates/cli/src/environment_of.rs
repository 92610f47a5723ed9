//! The environment that a filter names.

use serde_json::Value;

use crate::client::Client;
use crate::error::Error;

/// The title of the API's answer for a resource that does not exist.
const NOT_FOUND: &str = "Not found";

/// Rejects an environment that does not exist, with the names of those that do. If the caller may not read environments, it rejects
/// nothing: the filter then matches nothing.
pub async fn require_environment(name: &str, client: &Client) -> Result<(), Error> {
    let found: Result<Value, Error> = client.get(&format!("/v1/environments/{name}")).await;
    match found {
        Err(Error::Refused { title, detail, errors }) if title == NOT_FOUND => {
            Err(Error::Refused { title, detail, errors })
        }
        _ => Ok(()),
    }
}
