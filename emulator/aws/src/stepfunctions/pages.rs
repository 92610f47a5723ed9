//! Pages of a list: opaque tokens that say where the next page begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::wire::AwsError;

const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

/// How many items a page has. AWS reads 0 as its default.
pub fn size(max_results: Option<usize>) -> Result<usize, AwsError> {
    match max_results.unwrap_or(0) {
        0 => Ok(DEFAULT_PAGE),
        size if size <= LARGEST_PAGE => Ok(size),
        size => Err(AwsError::validation(format!(
            "1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: Member must \
             have value less than or equal to {LARGEST_PAGE}"
        ))),
    }
}

/// A token that says `place`.
pub fn token(place: &impl Serialize) -> Result<String, AwsError> {
    let text = serde_json::to_vec(place).map_err(|error| AwsError::internal(&error))?;
    Ok(URL_SAFE_NO_PAD.encode(text))
}

/// The place that a token says.
pub fn place<T: DeserializeOwned>(token: &str) -> Result<T, AwsError> {
    let text = URL_SAFE_NO_PAD.decode(token).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok())
        .ok_or_else(|| AwsError::new("InvalidToken", "Invalid Token: 'Invalid token'"))
}
