//! `CopyObject`.

use std::time::SystemTime;

use s3s::dto::{CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETag, MetadataDirective, Timestamp};
use s3s::{S3Result, s3_error};

use super::Store;
use super::bodies::stream;
use super::checksums::{Algorithm, set_checksums};
use super::index::Condition;
use super::objects::{attributes_of, check_supported, checksum_type};
use super::reading::{Reading, not_modified_is_412};

pub(super) async fn copy(store: &Store, input: CopyObjectInput) -> S3Result<CopyObjectOutput> {
    check_supported!(input)?;
    let (bucket, key, version) = copied_from(&input.copy_source)?;
    let (source, versioned, file) = store.open_version(bucket, key, version)?;
    Reading {
        matching: input.copy_source_if_match.as_ref(),
        not_matching: input.copy_source_if_none_match.as_ref(),
        modified_since: input.copy_source_if_modified_since.as_ref(),
        unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
    }
    .check(&source)
    .map_err(not_modified_is_412)?;
    let replace = input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let mut attributes = if replace {
        attributes_of!(input)
    } else {
        source.attributes.clone()
    };
    if !replace && bucket == input.bucket && key == input.key && version.is_none() {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing it."
        ));
    }
    let named = input.checksum_algorithm.as_ref();
    let algorithm = named.and_then(|name| Algorithm::parse(name.as_str()));
    let kept = source.attributes.checksums.keys().next().copied();
    let algorithm = algorithm.or(kept).unwrap_or(Algorithm::Crc64Nvme);
    let written = store
        .bodies
        .write(stream(file, 0..source.size), [algorithm], false)
        .await?;
    attributes.checksums.clone_from(&written.digests.checksums);
    attributes.composite_checksum = false;
    let etag = written.etag();
    let outcome = store.commit(&input.bucket, &input.key, written, &attributes, &Condition::default())?;
    let mut result = CopyObjectResult {
        e_tag: Some(ETag::Strong(etag)),
        last_modified: Some(Timestamp::from(SystemTime::now())),
        checksum_type: checksum_type(&attributes),
        ..CopyObjectResult::default()
    };
    set_checksums!(result, &attributes.checksums);
    Ok(CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: versioned.then_some(source.id),
        version_id: outcome.version,
        ..CopyObjectOutput::default()
    })
}

/// Bucket, key and version of a copy's source.
fn copied_from(source: &CopySource) -> S3Result<(&str, &str, Option<&str>)> {
    match source {
        CopySource::Bucket {
            bucket,
            key,
            version_id,
        } => Ok((bucket, key, version_id.as_deref())),
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => Err(s3_error!(
            NotImplemented,
            "This emulator does not support access points and outposts."
        )),
    }
}
