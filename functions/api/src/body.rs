//! The body of a request: one JSON object, read strictly.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::LengthLimitError;
pub use slipway_model::fields::{Fields, shortened};

use crate::error::Error;

/// The most bytes of a request about stacks, releases and operations.
pub const REQUEST_SIZE: usize = 256 * 1024;

/// The most bytes of a request that publishes a blueprint: its files and the JSON around them, below the 6 MB that
/// Lambda takes.
pub const BLUEPRINT_SIZE: usize = 5 * 1024 * 1024;

/// The bytes of a body, at most `limit` of them.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Error> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if declared
        .and_then(|length| length.parse::<usize>().ok())
        .is_some_and(|length| length > limit)
    {
        return Err(Error::TooLarge { limit });
    }
    to_bytes(body, limit).await.map_err(|error| {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(source) = cause {
            if source.is::<LengthLimitError>() {
                return Error::TooLarge { limit };
            }
            cause = source.source();
        }
        Error::Malformed("The body broke off before its end.".to_owned())
    })
}

/// The body has to be declared as JSON: a form of a web page cannot do that.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    let given = headers
        .get(CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("application/merge-patch+json")
    {
        Ok(())
    } else {
        Err(Error::UnsupportedMediaType(shortened(given)))
    }
}

/// The fields of the object that a body is.
pub(crate) fn fields(bytes: &[u8]) -> Result<Fields, Error> {
    Fields::parse(bytes).map_err(|what| Error::Malformed(format!("The body is {what}. Send a JSON object.")))
}
