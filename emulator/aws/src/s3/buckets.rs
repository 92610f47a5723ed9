//! The operations on buckets, listings included.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::StatusCode;
use s3s::dto::{
    Bucket, BucketLocationConstraint, BucketVersioningStatus, CommonPrefix, CreateBucketInput, CreateBucketOutput,
    DeleteMarkerEntry, ETag, EncodingType, ListBucketsInput, ListBucketsOutput, ListObjectVersionsInput,
    ListObjectVersionsOutput, ListObjectsV2Input, ListObjectsV2Output, Object, ObjectStorageClass, ObjectVersion,
    ObjectVersionStorageClass, Owner, PutBucketVersioningInput,
};
use s3s::{S3Result, s3_error};

use super::Store;
use super::index::Version;
use super::listing::{Listing, Page, url_encoded};
use super::objects::timestamp;
use crate::wire::{ACCOUNT, REGION};

/// AWS's own: at most this many keys in a page.
const PAGE: i32 = 1000;

pub(super) fn create(store: &Store, input: &CreateBucketInput) -> S3Result<CreateBucketOutput> {
    let region = input.create_bucket_configuration.as_ref();
    let region = region.and_then(|configuration| configuration.location_constraint.as_ref());
    if let Some(region) = region.map(BucketLocationConstraint::as_str)
        && region != REGION
    {
        return Err(s3_error!(
            InvalidLocationConstraint,
            "This emulator has the region {REGION} alone, not `{region}`."
        ));
    }
    if input.object_lock_enabled_for_bucket.unwrap_or_default() {
        return Err(s3_error!(NotImplemented, "This emulator does not support Object Lock."));
    }
    // us-east-1 is the one region in which an owner may create its bucket again.
    store.index.create_bucket(&input.bucket)?;
    Ok(CreateBucketOutput {
        location: Some(format!("/{}", input.bucket)),
    })
}

pub(super) fn list(store: &Store, input: &ListBucketsInput) -> S3Result<ListBucketsOutput> {
    let buckets = store.index.buckets(input.prefix.as_deref().unwrap_or_default())?;
    let after = input.continuation_token.as_deref().unwrap_or_default();
    let limit = usize::try_from(input.max_buckets.unwrap_or(10_000)).unwrap_or_default();
    let mut rest = buckets.into_iter().filter(|bucket| bucket.name.as_str() > after);
    let page: Vec<Bucket> = rest
        .by_ref()
        .take(limit)
        .map(|bucket| Bucket {
            bucket_region: Some(REGION.to_owned()),
            creation_date: Some(timestamp(bucket.created)),
            name: Some(bucket.name),
        })
        .collect();
    let more = rest.next().is_some();
    Ok(ListBucketsOutput {
        continuation_token: page.last().filter(|_| more).and_then(|bucket| bucket.name.clone()),
        buckets: Some(page),
        owner: Some(owner()),
        prefix: input.prefix.clone(),
    })
}

pub(super) fn set_versioning(store: &Store, input: &PutBucketVersioningInput) -> S3Result<()> {
    let configuration = &input.versioning_configuration;
    if configuration
        .mfa_delete
        .as_ref()
        .is_some_and(|status| status.as_str() == "Enabled")
    {
        return Err(s3_error!(NotImplemented, "This emulator does not support MFA delete."));
    }
    match configuration.status.as_ref().map(BucketVersioningStatus::as_str) {
        Some(status @ (BucketVersioningStatus::ENABLED | BucketVersioningStatus::SUSPENDED)) => {
            store.index.set_versioning(&input.bucket, status)
        }
        _ => Err(s3_error!(
            IllegalVersioningConfigurationException,
            "The versioning status is Enabled or Suspended."
        )),
    }
}

pub(super) fn list_v2(store: &Store, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    store.index.bucket(&input.bucket)?;
    let after = match &input.continuation_token {
        Some(token) => from_token(token)?,
        None => input.start_after.clone().unwrap_or_default(),
    };
    let max_keys = page_size(input.max_keys)?;
    let listing = Listing {
        bucket: &input.bucket,
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref(),
        after_key: &after,
        after_version: None,
        limit: usize::try_from(max_keys).unwrap_or_default(),
        all_versions: false,
    };
    let page = listing.page(&store.index)?;
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let with_owner = input.fetch_owner.unwrap_or_default();
    let count = page.versions.len() + page.common_prefixes.len();
    Ok(ListObjectsV2Output {
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_ref().map(|(key, _)| BASE64.encode(key)),
        key_count: i32::try_from(count).ok(),
        common_prefixes: Some(encoding.prefixes(&page)),
        contents: Some(encoding.objects(page, with_owner)),
        delimiter: encoding.optional(input.delimiter),
        prefix: encoding.optional(Some(input.prefix.unwrap_or_default())),
        start_after: encoding.optional(input.start_after),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        max_keys: Some(max_keys),
        name: Some(input.bucket),
        ..ListObjectsV2Output::default()
    })
}

pub(super) fn list_versions(store: &Store, input: ListObjectVersionsInput) -> S3Result<ListObjectVersionsOutput> {
    store.index.bucket(&input.bucket)?;
    let max_keys = page_size(input.max_keys)?;
    let listing = Listing {
        bucket: &input.bucket,
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref(),
        after_key: input.key_marker.as_deref().unwrap_or_default(),
        after_version: input.version_id_marker.as_deref(),
        limit: usize::try_from(max_keys).unwrap_or_default(),
        all_versions: true,
    };
    let page = listing.page(&store.index)?;
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let common_prefixes = encoding.prefixes(&page);
    let next = page.next.clone();
    let (versions, markers): (Vec<Version>, Vec<Version>) =
        page.versions.into_iter().partition(|version| version.body.is_some());
    Ok(ListObjectVersionsOutput {
        is_truncated: Some(next.is_some()),
        next_key_marker: encoding.optional(next.as_ref().map(|(key, _)| key.clone())),
        next_version_id_marker: next.and_then(|(_, version)| version),
        common_prefixes: Some(common_prefixes),
        versions: Some(versions.into_iter().map(|version| encoding.version(version)).collect()),
        delete_markers: Some(markers.into_iter().map(|marker| encoding.marker(marker)).collect()),
        delimiter: encoding.optional(input.delimiter),
        prefix: encoding.optional(Some(input.prefix.unwrap_or_default())),
        key_marker: encoding.optional(Some(input.key_marker.unwrap_or_default())),
        version_id_marker: input.version_id_marker,
        encoding_type: input.encoding_type,
        max_keys: Some(max_keys),
        name: Some(input.bucket),
        ..ListObjectVersionsOutput::default()
    })
}

/// Whether the names in an answer are URL-encoded, so that XML can carry any of them.
struct Encoding {
    url: bool,
}

impl Encoding {
    fn of(kind: Option<&EncodingType>) -> Self {
        Self {
            url: kind.is_some_and(|kind| kind.as_str() == EncodingType::URL),
        }
    }

    fn name(&self, text: String) -> String {
        if self.url { url_encoded(&text) } else { text }
    }

    fn optional(&self, text: Option<String>) -> Option<String> {
        text.map(|text| self.name(text))
    }

    fn prefixes(&self, page: &Page) -> Vec<CommonPrefix> {
        let prefixes = page.common_prefixes.iter().map(|prefix| CommonPrefix {
            prefix: Some(self.name(prefix.clone())),
        });
        prefixes.collect()
    }

    fn objects(&self, page: Page, with_owner: bool) -> Vec<Object> {
        let objects = page.versions.into_iter().map(|version| Object {
            e_tag: Some(ETag::Strong(version.etag)),
            key: Some(self.name(version.key)),
            last_modified: Some(timestamp(version.modified)),
            owner: with_owner.then(owner),
            size: Some(version.size.cast_signed()),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Object::default()
        });
        objects.collect()
    }

    fn version(&self, version: Version) -> ObjectVersion {
        ObjectVersion {
            e_tag: Some(ETag::Strong(version.etag)),
            is_latest: Some(version.latest),
            key: Some(self.name(version.key)),
            last_modified: Some(timestamp(version.modified)),
            owner: Some(owner()),
            size: Some(version.size.cast_signed()),
            storage_class: Some(ObjectVersionStorageClass::from_static(
                ObjectVersionStorageClass::STANDARD,
            )),
            version_id: Some(version.id),
            ..ObjectVersion::default()
        }
    }

    fn marker(&self, marker: Version) -> DeleteMarkerEntry {
        DeleteMarkerEntry {
            is_latest: Some(marker.latest),
            key: Some(self.name(marker.key)),
            last_modified: Some(timestamp(marker.modified)),
            owner: Some(owner()),
            version_id: Some(marker.id),
        }
    }
}

pub(super) fn owner() -> Owner {
    Owner {
        display_name: Some("emulator".to_owned()),
        id: Some(ACCOUNT.to_owned()),
    }
}

fn page_size(asked: Option<i32>) -> S3Result<i32> {
    match asked.unwrap_or(PAGE) {
        size @ 0.. => Ok(size.min(PAGE)),
        size => {
            let mut error = s3_error!(InvalidArgument, "max-keys must not be negative: {size}.");
            error.set_status_code(StatusCode::BAD_REQUEST);
            Err(error)
        }
    }
}

fn from_token(token: &str) -> S3Result<String> {
    BASE64
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}
