//! Objects of the artifacts bucket.

use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::AggregatedBytes;

use crate::Api;
use crate::error::Error;

impl Api {
    /// An object, of at most `limit` bytes where there is one; none where there is no such object. `doing` says what it is read for.
    pub(crate) async fn artifact(
        &self,
        doing: &'static str,
        key: &str,
        limit: Option<usize>,
    ) -> Result<Option<AggregatedBytes>, Error> {
        let object = self
            .s3
            .get_object()
            .bucket(&self.artifacts_bucket)
            .key(key)
            .send()
            .await;
        let object = match object {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => return Ok(None),
            Err(error) => return Err(unavailable(doing, aws_sdk_s3::Error::from(error))),
        };
        let length = object.content_length().and_then(|length| usize::try_from(length).ok());
        if let Some(limit) = limit.filter(|limit| length.is_none_or(|length| length > *limit)) {
            return Err(Error::TooLarge { limit });
        }
        let bytes = object.body.collect().await.map_err(|error| unavailable(doing, error))?;
        Ok(Some(bytes))
    }
}

/// S3 did not answer while the API was `doing` something.
pub(crate) fn unavailable(doing: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Unavailable {
        doing,
        source: source.into(),
    }
}
