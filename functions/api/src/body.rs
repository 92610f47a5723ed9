//! The body of a request: one JSON object, read strictly.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::LengthLimitError;
pub use slipway_model::fields::Fields;
pub use slipway_model::problem::shortened;

use crate::error::Error;

/// The most bytes of a request about stacks, releases and operations.
pub const REQUEST_SIZE: usize = 256 * 1024;

/// The most bytes of a request that publishes a blueprint. Lambda takes an event of 6 MB, in which the body is a text whose quotes and
/// line breaks are two bytes each, whatever is in it: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
pub const BLUEPRINT_SIZE: usize = 3_000_000;

/// The most bytes of a document that is uploaded instead: the largest blueprint, each byte of which JSON may write as six.
pub const UPLOAD_SIZE: usize = 6 * slipway_model::blueprint::SOURCE_SIZE + 64 * 1024;

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
