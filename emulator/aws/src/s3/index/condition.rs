//! What has to be true of an object for a write to happen.

use s3s::dto::{ETag, ETagCondition};
use s3s::{S3Error, S3Result, s3_error};

use super::Version;

/// What has to be true of the current object for a write to happen.
#[derive(Default)]
pub(in crate::s3) struct Condition {
    pub(in crate::s3) if_match: Option<ETagCondition>,
    pub(in crate::s3) if_none_match: Option<ETagCondition>,
}

impl Condition {
    pub(super) fn check(&self, current: Option<&Version>) -> S3Result<()> {
        let current = current.filter(|version| version.body.is_some());
        match &self.if_none_match {
            Some(condition) if !condition.is_any() => {
                return Err(s3_error!(
                    NotImplemented,
                    "A write takes If-None-Match with the value * alone."
                ));
            }
            Some(_) if current.is_some() => return Err(precondition_failed("If-None-Match")),
            _ => {}
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
            (Some(condition), Some(version)) if matches_etag(condition, &version.etag) => Ok(()),
            (Some(_), Some(_)) => Err(precondition_failed("If-Match")),
        }
    }
}

pub(in crate::s3) fn matches_etag(condition: &ETagCondition, etag: &str) -> bool {
    match condition.as_etag() {
        None => true,
        Some(wanted) => ETag::Strong(etag.to_owned()).strong_cmp(wanted),
    }
}

pub(in crate::s3) fn precondition_failed(condition: &str) -> S3Error {
    s3_error!(
        PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold: {condition}."
    )
}
