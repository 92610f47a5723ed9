//! The operations on objects.

use std::time::SystemTime;

use futures::StreamExt;
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::dto::{
    ChecksumType, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag,
    ETagCondition, Error, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, PutObjectInput,
    PutObjectOutput, Timestamp,
};
use s3s::{S3Error, S3Result, s3_error};

use super::bodies::blob;
use super::checksums::{Algorithm, Expected, checksums_of, set_checksums};
use super::http::Payload;
use super::index::{Attributes, Condition, Version};
use super::reading::{Reading, content_range, length_of, range_of};
use super::{Store, index};

/// AWS's limit for an object that is put in one request.
const LARGEST_PUT: i64 = 5 * 1024 * 1024 * 1024;

/// The fields that describe an object, which several inputs have under the same names.
macro_rules! attributes_of {
    ($input:expr) => {
        $crate::s3::index::Attributes {
            content_type: $input.content_type.clone(),
            cache_control: $input.cache_control.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_encoding: $input.content_encoding.clone(),
            content_language: $input.content_language.clone(),
            expires: $input.expires.clone(),
            metadata: $input.metadata.clone().unwrap_or_default().into_iter().collect(),
            ..$crate::s3::index::Attributes::default()
        }
    };
}

/// Refuses the settings of an object that the emulator would not honour.
macro_rules! check_supported {
    ($input:expr) => {
        $crate::s3::objects::refuse_unoffered(&[
            ("SSE-C", $input.sse_customer_algorithm.is_some()),
            ("Object Lock", $input.object_lock_mode.is_some()),
            ("Object Lock", $input.object_lock_legal_hold_status.is_some()),
            ("tagging", $input.tagging.is_some()),
            ("website redirection", $input.website_redirect_location.is_some()),
            (
                "SSE-KMS",
                $input
                    .server_side_encryption
                    .as_ref()
                    .is_some_and(|kind| kind.as_str() != s3s::dto::ServerSideEncryption::AES256),
            ),
            (
                "another storage class",
                $input
                    .storage_class
                    .as_ref()
                    .is_some_and(|class| class.as_str() != s3s::dto::StorageClass::STANDARD),
            ),
        ])
    };
}

pub(super) use {attributes_of, check_supported};

pub(super) fn refuse_unoffered(settings: &[(&str, bool)]) -> S3Result<()> {
    match settings.iter().find(|(_, asked_for)| *asked_for) {
        None => Ok(()),
        Some((name, _)) => Err(s3_error!(NotImplemented, "This emulator does not support {name}.")),
    }
}

pub(super) async fn put(store: &Store, mut input: PutObjectInput, payload: &Payload) -> S3Result<PutObjectOutput> {
    check_supported!(input)?;
    if input.content_length.is_some_and(|length| length > LARGEST_PUT) {
        return Err(s3_error!(
            EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size: 5 GiB."
        ));
    }
    let mut attributes = attributes_of!(input);
    let condition = Condition {
        if_match: input.if_match.take(),
        if_none_match: input.if_none_match.take(),
    };
    // Before the body is read: a request that is going to be refused need not be received.
    store.index.bucket(&input.bucket)?;
    let expected = Expected {
        md5: input.content_md5.take(),
        sha256_hex: payload.sha256_hex.clone(),
        checksums: checksums_of!(input),
    };
    let named = input
        .checksum_algorithm
        .as_ref()
        .map(s3s::dto::ChecksumAlgorithm::as_str);
    let body = input.body.take();
    let written = receive(store, body, input.content_length, named, expected, payload).await?;
    attributes.checksums.clone_from(&written.digests.checksums);
    let etag = written.etag();
    let outcome = store.commit(&input.bucket, &input.key, written, &attributes, &condition)?;
    let mut output = PutObjectOutput {
        e_tag: Some(ETag::Strong(etag)),
        version_id: outcome.version,
        checksum_type: Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
        ..PutObjectOutput::default()
    };
    set_checksums!(output, &attributes.checksums);
    Ok(output)
}

/// Writes the body of a request and compares it with all that the request says about it.
pub(super) async fn receive(
    store: &Store,
    body: Option<s3s::dto::StreamingBlob>,
    length: Option<i64>,
    named: Option<&str>,
    mut expected: Expected,
    payload: &Payload,
) -> S3Result<super::bodies::Written> {
    let mut algorithms: Vec<Algorithm> = expected.checksums.keys().copied().collect();
    algorithms.extend(&payload.announced);
    algorithms.extend(named.and_then(Algorithm::parse));
    if algorithms.is_empty() {
        // S3's own default.
        algorithms.push(Algorithm::Crc64Nvme);
    }
    let has_sha256 = expected.sha256_hex.is_some();
    // No body at all is an empty one.
    let bytes = futures::stream::iter(body).flatten();
    let written = store.bodies.write(bytes, algorithms, has_sha256).await?;
    if length.is_some_and(|length| length.cast_unsigned() != written.size) {
        return Err(s3_error!(
            IncompleteBody,
            "You did not provide the number of bytes specified by the Content-Length header."
        ));
    }
    expected.checksums.extend(payload.trailing_checksums());
    written.digests.verify(&expected)?;
    Ok(written)
}

pub(super) fn get(store: &Store, input: &GetObjectInput) -> S3Result<(GetObjectOutput, StatusCode)> {
    refuse_unoffered(&[
        ("SSE-C", input.sse_customer_algorithm.is_some()),
        ("reading one part of an object", input.part_number.is_some()),
    ])?;
    let (version, versioned, file) = store.open_version(&input.bucket, &input.key, input.version_id.as_deref())?;
    Reading {
        matching: input.if_match.as_ref(),
        not_matching: input.if_none_match.as_ref(),
        modified_since: input.if_modified_since.as_ref(),
        unmodified_since: input.if_unmodified_since.as_ref(),
    }
    .check(&version)?;
    let range = range_of(input.range.as_ref(), version.size)?;
    let attributes = &version.attributes;
    let mut output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(blob(file, range.clone().unwrap_or(0..version.size))),
        content_length: Some(length_of(range.as_ref(), version.size)),
        content_range: range.as_ref().map(|range| content_range(range, version.size)),
        content_type: Some(content_type(attributes)),
        cache_control: attributes.cache_control.clone(),
        content_disposition: attributes.content_disposition.clone(),
        content_encoding: attributes.content_encoding.clone(),
        content_language: attributes.content_language.clone(),
        expires: attributes.expires.clone(),
        e_tag: Some(ETag::Strong(version.etag.clone())),
        last_modified: Some(timestamp(version.modified)),
        metadata: metadata(attributes),
        version_id: versioned.then(|| version.id.clone()),
        ..GetObjectOutput::default()
    };
    // A checksum of the whole says nothing about a part.
    if input.checksum_mode.is_some() && range.is_none() {
        set_checksums!(output, &attributes.checksums);
        output.checksum_type = checksum_type(attributes);
    }
    let status = if range.is_some() {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    Ok((output, status))
}

pub(super) fn head(store: &Store, input: &HeadObjectInput) -> S3Result<HeadObjectOutput> {
    refuse_unoffered(&[
        ("SSE-C", input.sse_customer_algorithm.is_some()),
        ("reading one part of an object", input.part_number.is_some()),
    ])?;
    let (version, versioned, _) = store.open_version(&input.bucket, &input.key, input.version_id.as_deref())?;
    Reading {
        matching: input.if_match.as_ref(),
        not_matching: input.if_none_match.as_ref(),
        modified_since: input.if_modified_since.as_ref(),
        unmodified_since: input.if_unmodified_since.as_ref(),
    }
    .check(&version)?;
    let range = range_of(input.range.as_ref(), version.size)?;
    let attributes = &version.attributes;
    let mut output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(length_of(range.as_ref(), version.size)),
        content_range: range.as_ref().map(|range| content_range(range, version.size)),
        content_type: Some(content_type(attributes)),
        cache_control: attributes.cache_control.clone(),
        content_disposition: attributes.content_disposition.clone(),
        content_encoding: attributes.content_encoding.clone(),
        content_language: attributes.content_language.clone(),
        expires: attributes.expires.clone(),
        e_tag: Some(ETag::Strong(version.etag.clone())),
        last_modified: Some(timestamp(version.modified)),
        metadata: metadata(attributes),
        version_id: versioned.then(|| version.id.clone()),
        ..HeadObjectOutput::default()
    };
    if input.checksum_mode.is_some() && range.is_none() {
        set_checksums!(output, &attributes.checksums);
        output.checksum_type = checksum_type(attributes);
    }
    Ok(output)
}

pub(super) fn delete(store: &Store, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
    refuse_unoffered(&[
        (
            "x-amz-if-match-last-modified-time",
            input.if_match_last_modified_time.is_some(),
        ),
        ("x-amz-if-match-size", input.if_match_size.is_some()),
    ])?;
    let condition = Condition {
        if_match: input.if_match,
        if_none_match: None,
    };
    let outcome = store
        .index
        .delete(&input.bucket, &input.key, input.version_id.as_deref(), &condition)?;
    store.remove_bodies(&outcome.freed);
    Ok(DeleteObjectOutput {
        delete_marker: outcome.delete_marker.then_some(true),
        version_id: outcome.version,
        ..DeleteObjectOutput::default()
    })
}

pub(super) fn delete_many(store: &Store, input: DeleteObjectsInput) -> S3Result<DeleteObjectsOutput> {
    if input.delete.objects.is_empty() || input.delete.objects.len() > 1000 {
        return Err(s3_error!(MalformedXML, "A request deletes 1 to 1000 objects."));
    }
    store.index.bucket(&input.bucket)?;
    let quiet = input.delete.quiet.unwrap_or_default();
    let mut deleted = Vec::new();
    let mut errors = Vec::new();
    for object in input.delete.objects {
        let condition = Condition {
            if_match: object.e_tag.map(ETagCondition::ETag),
            if_none_match: None,
        };
        match store
            .index
            .delete(&input.bucket, &object.key, object.version_id.as_deref(), &condition)
        {
            Ok(outcome) => {
                store.remove_bodies(&outcome.freed);
                if !quiet {
                    deleted.push(deleted_object(object.key, object.version_id, outcome));
                }
            }
            Err(error) => errors.push(Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key),
                message: error.message().map(str::to_owned),
                version_id: object.version_id,
            }),
        }
    }
    Ok(DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        ..DeleteObjectsOutput::default()
    })
}

fn deleted_object(key: String, version: Option<String>, outcome: index::Outcome) -> DeletedObject {
    DeletedObject {
        delete_marker: outcome.delete_marker.then_some(true),
        delete_marker_version_id: outcome.delete_marker.then_some(outcome.version).flatten(),
        key: Some(key),
        version_id: version,
    }
}

/// The error for reading a delete marker: 404 for the current version, 405 for one that was named.
pub(super) fn deleted(marker: &Version, named: bool) -> S3Error {
    let mut error = if named {
        s3_error!(
            MethodNotAllowed,
            "The specified method is not allowed against this resource: it is a delete marker."
        )
    } else {
        s3_error!(NoSuchKey, "The specified key does not exist.")
    };
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    if let Ok(id) = HeaderValue::from_str(&marker.id) {
        headers.insert("x-amz-version-id", id);
    }
    error.set_headers(headers);
    error
}

fn content_type(attributes: &Attributes) -> String {
    let default = || "binary/octet-stream".to_owned();
    attributes.content_type.clone().unwrap_or_else(default)
}

fn metadata(attributes: &Attributes) -> Option<s3s::dto::Metadata> {
    let metadata = attributes.metadata.clone();
    (!metadata.is_empty()).then(|| metadata.into_iter().collect())
}

pub(super) fn checksum_type(attributes: &Attributes) -> Option<ChecksumType> {
    let kind = if attributes.composite_checksum {
        ChecksumType::COMPOSITE
    } else {
        ChecksumType::FULL_OBJECT
    };
    (!attributes.checksums.is_empty()).then(|| ChecksumType::from_static(kind))
}

pub(super) fn timestamp(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from(SystemTime::from(time))
}
