//! What a read may ask for besides an object: conditions and a range.

use std::ops::Range;

use http::header::ETAG;
use http::{HeaderMap, HeaderValue};
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::index::{Version, matches_etag, precondition_failed};
use super::objects::timestamp;

/// The conditions of a read, by the ends of their headers' names.
pub(super) struct Reading<'a> {
    pub(super) matching: Option<&'a ETagCondition>,
    pub(super) not_matching: Option<&'a ETagCondition>,
    pub(super) modified_since: Option<&'a Timestamp>,
    pub(super) unmodified_since: Option<&'a Timestamp>,
}

impl Reading<'_> {
    /// In the order of RFC 9110: an `ETag` decides before a date does.
    pub(super) fn check(&self, version: &Version) -> S3Result<()> {
        // HTTP dates have whole seconds.
        let modified = jiff::Timestamp::from_second(version.modified.as_second()).unwrap_or(version.modified);
        let modified = timestamp(modified);
        match self.matching {
            Some(condition) if !matches_etag(condition, &version.etag) => return Err(precondition_failed("If-Match")),
            None if self.unmodified_since.is_some_and(|date| modified > *date) => {
                return Err(precondition_failed("If-Unmodified-Since"));
            }
            _ => {}
        }
        let unchanged = match self.not_matching {
            Some(condition) => matches_etag(condition, &version.etag),
            None => self.modified_since.is_some_and(|date| modified <= *date),
        };
        if unchanged {
            Err(not_modified(&version.etag))
        } else {
            Ok(())
        }
    }
}

fn not_modified(etag: &str) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{etag}\"")) {
        headers.insert(ETAG, etag);
    }
    error.set_headers(headers);
    error
}

/// The source of a copy has no cache to validate.
pub(super) fn not_modified_is_412(error: S3Error) -> S3Error {
    if *error.code() == S3ErrorCode::NotModified {
        precondition_failed("x-amz-copy-source-if-*")
    } else {
        error
    }
}

pub(super) fn range_of(range: Option<&s3s::dto::Range>, size: u64) -> S3Result<Option<Range<u64>>> {
    let unsatisfiable = |error| s3_error!(error, InvalidRange, "The requested range is not satisfiable");
    range.map(|range| range.check(size).map_err(unsatisfiable)).transpose()
}

pub(super) fn length_of(range: Option<&Range<u64>>, size: u64) -> i64 {
    range.map_or(size, |range| range.end - range.start).cast_signed()
}

pub(super) fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}
