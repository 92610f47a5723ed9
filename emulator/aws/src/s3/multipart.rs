//! Multipart uploads.

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use s3s::dto::{
    ChecksumAlgorithm, ChecksumType, CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload, Part as ListedPart, StorageClass,
    UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3Result, s3_error};

use super::Store;
use super::bodies::{Written, stream};
use super::buckets::owner;
use super::checksums::{Algorithm, Expected, Hasher, checksums_of, composite, set_checksums};
use super::http::Payload;
use super::index::{Condition, NewVersion, Part, Settings};
use super::objects::{attributes_of, check_supported, checksum_type, receive, timestamp};

/// AWS's own: every part but the last has at least this size.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;
const PART_NUMBERS: std::ops::RangeInclusive<i32> = 1..=10_000;

pub(super) fn create(store: &Store, input: CreateMultipartUploadInput) -> S3Result<CreateMultipartUploadOutput> {
    check_supported!(input)?;
    let named = input.checksum_algorithm.as_ref();
    let algorithm = named.and_then(|name| Algorithm::parse(name.as_str()));
    let composite = match (input.checksum_type.as_ref().map(ChecksumType::as_str), algorithm) {
        (Some(ChecksumType::COMPOSITE), Some(Algorithm::Crc64Nvme))
        | (Some(ChecksumType::FULL_OBJECT), Some(Algorithm::Sha1 | Algorithm::Sha256)) => {
            return Err(s3_error!(
                InvalidRequest,
                "The checksum type is not one that the checksum algorithm has."
            ));
        }
        (Some(kind), _) => kind == ChecksumType::COMPOSITE,
        // S3's defaults: CRC64NVME is of the whole object, the others are composite.
        (None, algorithm) => algorithm.is_some_and(|algorithm| algorithm != Algorithm::Crc64Nvme),
    };
    let settings = Settings {
        attributes: attributes_of!(input),
        algorithm,
        composite,
    };
    let id = store.index.create_upload(&input.bucket, &input.key, &settings)?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_type: algorithm.map(|_| type_of(composite)),
        checksum_algorithm: input.checksum_algorithm,
        ..CreateMultipartUploadOutput::default()
    })
}

pub(super) async fn upload_part(
    store: &Store,
    mut input: UploadPartInput,
    payload: &Payload,
) -> S3Result<UploadPartOutput> {
    let upload = store.index.upload(&input.bucket, &input.key, &input.upload_id)?;
    let expected = Expected {
        md5: input.content_md5.take(),
        sha256_hex: payload.sha256_hex.clone(),
        checksums: checksums_of!(input),
    };
    let named = input.checksum_algorithm.as_ref().map(ChecksumAlgorithm::as_str);
    let named = named.or(upload.settings.algorithm.map(Algorithm::name));
    let body = input.body.take();
    let written = receive(store, body, input.content_length, named, expected, payload).await?;
    let part = keep_part(
        store,
        &input.bucket,
        &input.key,
        &input.upload_id,
        input.part_number,
        written,
    )?;
    let mut output = UploadPartOutput {
        e_tag: Some(ETag::Strong(part.etag)),
        ..UploadPartOutput::default()
    };
    set_checksums!(output, &part.checksums);
    Ok(output)
}

fn keep_part(store: &Store, bucket: &str, key: &str, upload: &str, number: i32, written: Written) -> S3Result<Part> {
    if !PART_NUMBERS.contains(&number) {
        return Err(s3_error!(
            InvalidArgument,
            "Part number must be an integer between 1 and 10000, inclusive"
        ));
    }
    let part = Part {
        number,
        body: written.name().to_owned(),
        size: written.size,
        etag: written.etag(),
        modified: Timestamp::now(),
        checksums: written.digests.checksums.clone(),
    };
    let replaced = store.index.put_part(bucket, key, upload, &part)?;
    written.keep();
    store.remove_bodies(replaced.as_slice());
    Ok(part)
}

pub(super) async fn complete(
    store: &Store,
    mut input: CompleteMultipartUploadInput,
) -> S3Result<CompleteMultipartUploadOutput> {
    let upload = store.index.upload(&input.bucket, &input.key, &input.upload_id)?;
    let uploaded = store.index.parts(&input.bucket, &input.key, &input.upload_id)?;
    let named = input
        .multipart_upload
        .take()
        .and_then(|list| list.parts)
        .unwrap_or_default();
    let parts = named_parts(&named, uploaded)?;
    let size: u64 = parts.iter().map(|part| part.size).sum();
    if input
        .mpu_object_size
        .is_some_and(|claimed| claimed.cast_unsigned() != size)
    {
        return Err(s3_error!(
            InvalidRequest,
            "The parts do not have the size that x-amz-mp-object-size names."
        ));
    }

    let settings = upload.settings;
    let whole = if settings.composite {
        None
    } else {
        Some(settings.algorithm.unwrap_or(Algorithm::Crc64Nvme))
    };
    let written = concatenate(store, &parts, whole).await?;
    let mut attributes = settings.attributes;
    attributes.composite_checksum = settings.composite;
    attributes.checksums.clone_from(&written.digests.checksums);
    if let Some(algorithm) = settings.algorithm.filter(|_| settings.composite) {
        let digests: Option<Vec<&str>> = parts
            .iter()
            .map(|part| part.checksums.get(&algorithm).map(String::as_str))
            .collect();
        let digest = digests.and_then(|digests| composite(algorithm, &digests));
        attributes.checksums.extend(digest.map(|digest| (algorithm, digest)));
    }
    for (algorithm, claimed) in checksums_of!(input) {
        if attributes
            .checksums
            .get(&algorithm)
            .is_some_and(|computed| *computed != claimed)
        {
            return Err(s3_error!(
                BadDigest,
                "The checksum of the object is not the one that was given."
            ));
        }
    }

    let etag = etag_of(&parts)?;
    let new = NewVersion {
        body: written.name(),
        size: written.size,
        etag: &etag,
        attributes: &attributes,
    };
    let condition = Condition {
        if_match: input.if_match.take(),
        if_none_match: input.if_none_match.take(),
    };
    let outcome = store
        .index
        .complete_upload(&input.bucket, &input.key, &input.upload_id, &new, &condition)?;
    written.keep();
    store.remove_bodies(&outcome.freed);
    let mut output = CompleteMultipartUploadOutput {
        e_tag: Some(ETag::Strong(etag)),
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        version_id: outcome.version,
        checksum_type: checksum_type(&attributes),
        ..CompleteMultipartUploadOutput::default()
    };
    set_checksums!(output, &attributes.checksums);
    Ok(output)
}

/// The uploaded parts that the request names, in its order, each one compared with what the request says of it.
fn named_parts(named: &[CompletedPart], mut uploaded: Vec<Part>) -> S3Result<Vec<Part>> {
    if named.is_empty() {
        return Err(s3_error!(MalformedXML, "You must specify at least one part."));
    }
    if !named.is_sorted_by(|first, second| first.part_number < second.part_number) {
        return Err(s3_error!(
            InvalidPartOrder,
            "The list of parts was not in ascending order. Parts must be ordered by part number."
        ));
    }
    let mut parts = Vec::with_capacity(named.len());
    for wanted in named {
        let position = uploaded
            .iter()
            .position(|part| Some(part.number) == wanted.part_number && says_the_same(wanted, part));
        let position = position.ok_or_else(|| {
            s3_error!(
                InvalidPart,
                "One or more of the specified parts could not be found: the part may not have been uploaded, or its \
                 entity tag may not match."
            )
        })?;
        parts.push(uploaded.remove(position));
    }
    let all_but_last = &parts[..parts.len() - 1];
    if all_but_last.iter().any(|part| part.size < SMALLEST_PART) {
        return Err(s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed object size."
        ));
    }
    Ok(parts)
}

fn says_the_same(wanted: &CompletedPart, part: &Part) -> bool {
    let same_etag = wanted.e_tag.as_ref().is_none_or(|etag| etag.value() == part.etag);
    let claimed = checksums_of!(wanted);
    same_etag
        && claimed
            .iter()
            .all(|(algorithm, value)| part.checksums.get(algorithm).is_none_or(|known| known == value))
}

async fn concatenate(store: &Store, parts: &[Part], algorithm: Option<Algorithm>) -> S3Result<Written> {
    let mut files = Vec::with_capacity(parts.len());
    for part in parts {
        let file = store.bodies.read(&part.body).map_err(S3Error::internal_error)?;
        files.push(Ok::<_, std::io::Error>((file, part.size)));
    }
    let bytes = futures::stream::iter(files)
        .map_ok(|(file, size)| stream(file, 0..size))
        .try_flatten();
    store.bodies.write(bytes.boxed(), algorithm, false).await
}

/// The MD5 of the parts' MD5s, and their number: the `ETag` that S3 gives such objects.
fn etag_of(parts: &[Part]) -> S3Result<String> {
    let mut hasher = Hasher::new([], false);
    for part in parts {
        hasher.update(&hex::decode(&part.etag).map_err(|_| s3_error!(InternalError, "A part has no MD5."))?);
    }
    Ok(format!("{}-{}", hex::encode(hasher.finish().md5), parts.len()))
}

pub(super) fn list_parts(store: &Store, input: ListPartsInput) -> S3Result<ListPartsOutput> {
    let upload = store.index.upload(&input.bucket, &input.key, &input.upload_id)?;
    let parts = store.index.parts(&input.bucket, &input.key, &input.upload_id)?;
    let after = input.part_number_marker.unwrap_or_default();
    let limit = input.max_parts.unwrap_or(1000).clamp(0, 1000);
    let mut rest = parts.into_iter().filter(|part| part.number > after);
    let page: Vec<ListedPart> = rest
        .by_ref()
        .take(usize::try_from(limit).unwrap_or_default())
        .map(|part| {
            let mut listed = ListedPart {
                e_tag: Some(ETag::Strong(part.etag)),
                last_modified: Some(timestamp(part.modified)),
                part_number: Some(part.number),
                size: Some(part.size.cast_signed()),
                ..ListedPart::default()
            };
            set_checksums!(listed, &part.checksums);
            listed
        })
        .collect();
    let truncated = rest.next().is_some();
    let algorithm = upload.settings.algorithm;
    Ok(ListPartsOutput {
        is_truncated: Some(truncated),
        next_part_number_marker: page.last().filter(|_| truncated).and_then(|part| part.part_number),
        parts: Some(page),
        max_parts: Some(limit),
        owner: Some(owner()),
        part_number_marker: input.part_number_marker,
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        checksum_algorithm: algorithm.map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: algorithm.map(|_| type_of(upload.settings.composite)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        ..ListPartsOutput::default()
    })
}

pub(super) fn list(store: &Store, input: ListMultipartUploadsInput) -> S3Result<ListMultipartUploadsOutput> {
    if input.delimiter.is_some() || input.key_marker.is_some() || input.upload_id_marker.is_some() {
        return Err(s3_error!(
            NotImplemented,
            "This emulator lists uploads in one page and without a delimiter."
        ));
    }
    let uploads = store
        .index
        .uploads(&input.bucket, input.prefix.as_deref().unwrap_or_default())?;
    let uploads = uploads.into_iter().map(|upload| MultipartUpload {
        initiated: Some(timestamp(upload.started)),
        key: Some(upload.key),
        owner: Some(owner()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(upload.id),
        ..MultipartUpload::default()
    });
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        is_truncated: Some(false),
        prefix: input.prefix,
        uploads: Some(uploads.collect()),
        ..ListMultipartUploadsOutput::default()
    })
}

pub(super) fn abort(store: &Store, bucket: &str, key: &str, upload: &str) -> S3Result<()> {
    let freed = store.index.abort_upload(bucket, key, upload)?;
    store.remove_bodies(&freed);
    Ok(())
}

fn type_of(composite: bool) -> ChecksumType {
    ChecksumType::from_static(if composite {
        ChecksumType::COMPOSITE
    } else {
        ChecksumType::FULL_OBJECT
    })
}
