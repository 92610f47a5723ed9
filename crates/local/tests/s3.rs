//! S3 through the AWS SDK.

mod support;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, Delete,
    MetadataDirective, ObjectIdentifier, VersioningConfiguration,
};
use support::Server;

const BUCKET: &str = "bucket";

async fn bucket() -> (Server, Client) {
    let server = Server::s3().await;
    let client = server.s3_client();
    client
        .create_bucket()
        .bucket(BUCKET)
        .send()
        .await
        .expect("makes the bucket");
    (server, client)
}

async fn put(client: &Client, key: &str, body: impl Into<String>) -> String {
    let output = client
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .body(ByteStream::from(body.into().into_bytes()))
        .send()
        .await
        .expect("puts");
    output.e_tag.expect("an ETag")
}

async fn get(client: &Client, key: &str) -> Option<Vec<u8>> {
    let outcome = client.get_object().bucket(BUCKET).key(key).send().await;
    match outcome {
        Ok(output) => Some(output.body.collect().await.expect("a body").to_vec()),
        Err(error) => {
            assert_eq!(error.code(), Some("NoSuchKey"), "{error:?}");
            None
        }
    }
}

fn code<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    outcome: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = outcome.expect_err("refused");
    let status = error.raw_response().expect("an answer").status().as_u16();
    (status, error.code().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_concurrent_conditional_puts_exactly_one_wins() {
    let (server, client) = bucket().await;
    for round in 0..200 {
        let puts = (0..8).map(|racer| {
            let client = client.clone();
            tokio::spawn(async move {
                let body = format!("racer {racer}");
                let put = client.put_object().bucket(BUCKET).key(format!("lock-{round}"));
                let outcome = put
                    .if_none_match("*")
                    .body(body.clone().into_bytes().into())
                    .send()
                    .await;
                outcome
                    .map(|_| body)
                    .map_err(|error| error.code().unwrap_or_default().to_owned())
            })
        });
        let outcomes: Vec<_> = futures::future::join_all(puts).await;
        let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("no panic")).collect();
        let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        assert!(outcomes.iter().all(|outcome| match outcome {
            Ok(_) => true,
            Err(code) => code == "PreconditionFailed",
        }));
        assert_eq!(
            get(&client, &format!("lock-{round}")).await.as_deref(),
            Some(winners[0].as_bytes())
        );
    }
    let left = std::fs::read_dir(server.folder.path().join("s3/bodies"))
        .expect("the folder")
        .count();
    assert_eq!(left, 200, "the losers' bodies are gone");
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let (_server, client) = bucket().await;
    let etag = client
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .body(ByteStream::from_static(b"hello world"))
        .content_type("text/plain")
        .cache_control("no-store")
        .metadata("colour", "blue")
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .send()
        .await
        .expect("puts")
        .e_tag
        .expect("an ETag");
    assert_eq!(etag, "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"");

    let read = client
        .get_object()
        .bucket(BUCKET)
        .key("a")
        .checksum_mode(ChecksumMode::Enabled);
    let output = read.send().await.expect("gets");
    assert_eq!(output.content_type.as_deref(), Some("text/plain"));
    assert_eq!(output.cache_control.as_deref(), Some("no-store"));
    assert_eq!(output.metadata.as_ref().expect("metadata")["colour"], "blue");
    assert_eq!(
        output.checksum_sha256.as_deref(),
        Some("uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=")
    );
    assert!(output.version_id.is_none());
    assert_eq!(output.body.collect().await.expect("a body").to_vec(), b"hello world");

    let range = |range: &str| client.get_object().bucket(BUCKET).key("a").range(range).send();
    let output = range("bytes=6-").await.expect("a part");
    assert_eq!(output.content_range.as_deref(), Some("bytes 6-10/11"));
    assert_eq!(output.body.collect().await.expect("a body").to_vec(), b"world");
    let output = range("bytes=-3").await.expect("a part");
    assert_eq!(output.body.collect().await.expect("a body").to_vec(), b"rld");
    assert_eq!(code(range("bytes=11-").await), (416, "InvalidRange".to_owned()));

    let head = || client.head_object().bucket(BUCKET).key("a");
    assert_eq!(head().send().await.expect("heads").content_length, Some(11));
    assert_eq!(code(head().if_none_match(&etag).send().await).0, 304);
    assert_eq!(code(head().if_match("\"other\"").send().await).0, 412);
    assert_eq!(code(client.head_object().bucket(BUCKET).key("b").send().await).0, 404);
}

#[tokio::test]
async fn a_write_or_delete_with_a_condition_happens_only_when_it_holds() {
    let (_server, client) = bucket().await;
    let first = put(&client, "state", "one").await;
    let conditional = |etag: &str| client.put_object().bucket(BUCKET).key("state").if_match(etag);
    let second = conditional(&first).body(ByteStream::from_static(b"two")).send().await;
    let second = second.expect("the condition holds").e_tag.expect("an ETag");
    let stale = conditional(&first).body(ByteStream::from_static(b"three")).send().await;
    assert_eq!(code(stale), (412, "PreconditionFailed".to_owned()));
    assert_eq!(get(&client, "state").await.as_deref(), Some(&b"two"[..]));

    let missing = client
        .put_object()
        .bucket(BUCKET)
        .key("nothing")
        .if_match(&first)
        .send()
        .await;
    assert_eq!(code(missing), (404, "NoSuchKey".to_owned()));

    let delete = |etag: &str| client.delete_object().bucket(BUCKET).key("state").if_match(etag).send();
    assert_eq!(code(delete(&first).await), (412, "PreconditionFailed".to_owned()));
    delete(&second).await.expect("deletes");
    assert_eq!(get(&client, "state").await, None);
}

#[tokio::test]
async fn any_key_is_as_good_as_any_other() {
    let (server, client) = bucket().await;
    let keys = [
        "a",
        "a/b",
        "a/b/c",
        "a//b",
        "/a",
        "..",
        "../../etc/passwd",
        ".",
        "with space",
        "plus+plus",
        "100%",
        "%2e%2e",
        "ümläut/日本",
        "q?x=1&y=2",
        "hash#1",
        "semi;colon",
        "a\\b",
        "new\nline",
        "'\"<>&",
    ];
    let long = "k".repeat(1024);
    for key in keys.iter().copied().chain([long.as_str()]) {
        put(&client, key, key).await;
    }
    for key in keys.iter().copied().chain([long.as_str()]) {
        assert_eq!(get(&client, key).await.as_deref(), Some(key.as_bytes()), "{key:?}");
    }
    let too_long = "k".repeat(1025);
    let outcome = client.get_object().bucket(BUCKET).key(too_long).send().await;
    assert_eq!(code(outcome), (400, "KeyTooLongError".to_owned()));

    // Nothing was written beside the folder.
    let names: Vec<_> = std::fs::read_dir(server.folder.path()).expect("the folder").collect();
    assert_eq!(names.len(), 1);
    for key in keys {
        client
            .delete_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .expect("deletes");
    }
    let left = client.list_objects_v2().bucket(BUCKET).send().await.expect("lists");
    assert_eq!(left.key_count, Some(1));
}

#[tokio::test]
async fn listings_are_paged_and_grouped_as_a_plain_sort_would_do_it() {
    let (_server, client) = bucket().await;
    let keys = [
        "a", "a/1", "a/2", "a/b/3", "b", "b/", "b/1", "c!", "c/1", "d/1", "d/2", "e",
    ];
    for key in keys {
        put(&client, key, "x").await;
    }
    for prefix in ["", "a", "a/", "b/", "z"] {
        for delimiter in [None, Some("/")] {
            let (mut expected, mut groups) = (Vec::new(), Vec::new());
            for key in keys.iter().filter(|key| key.starts_with(prefix)) {
                let cut = delimiter.and_then(|delimiter| key[prefix.len()..].find(delimiter));
                match cut {
                    Some(end) => groups.push(key[..=prefix.len() + end].to_owned()),
                    None => expected.push((*key).to_owned()),
                }
            }
            groups.dedup();
            for page_size in [1, 2, 3, 100] {
                let mut pages = client
                    .list_objects_v2()
                    .bucket(BUCKET)
                    .prefix(prefix)
                    .set_delimiter(delimiter.map(str::to_owned))
                    .max_keys(page_size)
                    .into_paginator()
                    .send();
                let (mut found, mut found_groups) = (Vec::new(), Vec::new());
                while let Some(page) = pages.next().await {
                    let page = page.expect("a page");
                    assert!(page.key_count.unwrap_or_default() <= page_size);
                    found.extend(page.contents().iter().filter_map(|object| object.key.clone()));
                    found_groups.extend(page.common_prefixes().iter().filter_map(|group| group.prefix.clone()));
                }
                assert_eq!(
                    (&found, &found_groups),
                    (&expected, &groups),
                    "{prefix:?} {delimiter:?} {page_size}"
                );
            }
        }
    }
    let after = client
        .list_objects_v2()
        .bucket(BUCKET)
        .start_after("c!")
        .send()
        .await
        .expect("lists");
    assert_eq!(after.key_count, Some(4));
    let first = client
        .list_objects()
        .bucket(BUCKET)
        .delimiter("/")
        .max_keys(2)
        .send()
        .await
        .expect("lists");
    assert_eq!(first.next_marker.as_deref(), Some("a/"));
    let marker = first.next_marker.expect("a marker");
    let second = client
        .list_objects()
        .bucket(BUCKET)
        .delimiter("/")
        .marker(marker)
        .send()
        .await
        .expect("lists");
    let names: Vec<_> = second.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(names, ["b", "c!", "e"]);
}

#[tokio::test]
async fn a_versioned_bucket_keeps_what_was_overwritten_and_deleted() {
    let (server, client) = bucket().await;
    put(&client, "k", "before").await;
    let enabled = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    let enable = client
        .put_bucket_versioning()
        .bucket(BUCKET)
        .versioning_configuration(enabled);
    enable.send().await.expect("enables");
    put(&client, "k", "one").await;
    put(&client, "k", "two").await;
    let deleted = client
        .delete_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .expect("deletes");
    assert_eq!(deleted.delete_marker, Some(true));
    assert_eq!(get(&client, "k").await, None);
    let listed = client.list_objects_v2().bucket(BUCKET).send().await.expect("lists");
    assert_eq!(listed.key_count, Some(0));

    let all = client
        .list_object_versions()
        .bucket(BUCKET)
        .send()
        .await
        .expect("lists versions");
    let ids: Vec<&str> = all
        .versions()
        .iter()
        .filter_map(|version| version.version_id())
        .collect();
    assert_eq!((ids.len(), all.delete_markers().len()), (3, 1));
    assert_eq!(ids[2], "null");
    let one = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .version_id(ids[1])
        .send()
        .await
        .expect("gets");
    assert_eq!(one.body.collect().await.expect("a body").to_vec(), b"one");

    // Taking the marker away brings the newest version back.
    let marker = deleted.version_id.expect("a version");
    client
        .delete_object()
        .bucket(BUCKET)
        .key("k")
        .version_id(marker)
        .send()
        .await
        .expect("deletes");
    assert_eq!(get(&client, "k").await.as_deref(), Some(&b"two"[..]));

    let full = client.delete_bucket().bucket(BUCKET).send().await;
    assert_eq!(code(full), (409, "BucketNotEmpty".to_owned()));
    for id in ids {
        client
            .delete_object()
            .bucket(BUCKET)
            .key("k")
            .version_id(id)
            .send()
            .await
            .expect("deletes");
    }
    client
        .delete_bucket()
        .bucket(BUCKET)
        .send()
        .await
        .expect("deletes the bucket");
    let left = std::fs::read_dir(server.folder.path().join("s3/bodies"))
        .expect("the folder")
        .count();
    assert_eq!(left, 0);
    assert_eq!(code(client.head_bucket().bucket(BUCKET).send().await).0, 404);
}

#[tokio::test]
async fn version_listings_are_paged_inside_a_key() {
    let (_server, client) = bucket().await;
    let enabled = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    let enable = client
        .put_bucket_versioning()
        .bucket(BUCKET)
        .versioning_configuration(enabled);
    enable.send().await.expect("enables");
    for key in ["a", "b"] {
        for body in ["1", "2", "3"] {
            put(&client, key, body).await;
        }
    }
    let (mut key, mut version, mut found) = (None, None, Vec::new());
    loop {
        let list = client.list_object_versions().bucket(BUCKET).max_keys(2);
        let page = list
            .set_key_marker(key)
            .set_version_id_marker(version)
            .send()
            .await
            .expect("lists");
        found.extend(page.versions().iter().filter_map(|version| version.key.clone()));
        if page.is_truncated != Some(true) {
            break;
        }
        (key, version) = (page.next_key_marker, page.next_version_id_marker);
    }
    assert_eq!(found, ["a", "a", "a", "b", "b", "b"]);
}

#[tokio::test]
async fn parts_become_one_object() {
    let (_server, client) = bucket().await;
    let started = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("big")
        .content_type("x/y");
    let upload = started.send().await.expect("starts").upload_id.expect("an id");
    let bodies = [
        vec![b'a'; 5 * 1024 * 1024],
        vec![b'b'; 5 * 1024 * 1024],
        b"tail".to_vec(),
    ];
    let mut parts = Vec::new();
    for (number, body) in (1..).zip(&bodies) {
        let part = client
            .upload_part()
            .bucket(BUCKET)
            .key("big")
            .upload_id(&upload)
            .part_number(number);
        let part = part.body(ByteStream::from(body.clone())).send().await.expect("uploads");
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag)
                .set_checksum_crc32(part.checksum_crc32)
                .build(),
        );
    }
    let listed = client
        .list_parts()
        .bucket(BUCKET)
        .key("big")
        .upload_id(&upload)
        .max_parts(2);
    let listed = listed.send().await.expect("lists");
    assert_eq!((listed.parts().len(), listed.is_truncated), (2, Some(true)));

    let complete = |parts: Vec<CompletedPart>| {
        let list = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        client
            .complete_multipart_upload()
            .bucket(BUCKET)
            .key("big")
            .upload_id(&upload)
            .multipart_upload(list)
            .send()
    };
    let backwards = parts.iter().cloned().rev().collect();
    assert_eq!(code(complete(backwards).await), (400, "InvalidPartOrder".to_owned()));
    let unknown = CompletedPart::builder().part_number(1).e_tag("\"00\"").build();
    assert_eq!(code(complete(vec![unknown]).await), (400, "InvalidPart".to_owned()));

    let done = complete(parts).await.expect("completes");
    assert!(
        done.e_tag.as_ref().is_some_and(|etag| etag.ends_with("-3\"")),
        "{done:?}"
    );
    let object = client
        .get_object()
        .bucket(BUCKET)
        .key("big")
        .send()
        .await
        .expect("gets");
    assert_eq!(object.content_type.as_deref(), Some("x/y"));
    assert!(object.body.collect().await.expect("a body").to_vec() == bodies.concat());
    assert_eq!(code(complete(vec![]).await).1, "NoSuchUpload");

    let small = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("small")
        .send()
        .await
        .expect("starts");
    let small = small.upload_id.expect("an id");
    let uploads = client
        .list_multipart_uploads()
        .bucket(BUCKET)
        .send()
        .await
        .expect("lists");
    assert_eq!(uploads.uploads().len(), 1);
    let abort = client
        .abort_multipart_upload()
        .bucket(BUCKET)
        .key("small")
        .upload_id(&small);
    abort.send().await.expect("aborts");
    let uploads = client
        .list_multipart_uploads()
        .bucket(BUCKET)
        .send()
        .await
        .expect("lists");
    assert_eq!(uploads.uploads().len(), 0);
}

#[tokio::test]
async fn a_copy_takes_or_replaces_the_metadata_and_many_are_deleted_at_once() {
    let (_server, client) = bucket().await;
    let original = client
        .put_object()
        .bucket(BUCKET)
        .key("from")
        .metadata("colour", "blue");
    original
        .body(ByteStream::from_static(b"bytes"))
        .send()
        .await
        .expect("puts");
    let copy = |to: &str| {
        client
            .copy_object()
            .bucket(BUCKET)
            .key(to)
            .copy_source(format!("{BUCKET}/from"))
    };
    copy("same").send().await.expect("copies");
    copy("new")
        .metadata_directive(MetadataDirective::Replace)
        .metadata("colour", "red")
        .send()
        .await
        .expect("copies");
    for (key, colour) in [("same", "blue"), ("new", "red")] {
        let head = client
            .head_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .expect("heads");
        assert_eq!(head.metadata.expect("metadata")["colour"], colour);
    }
    let missing = client
        .copy_object()
        .bucket(BUCKET)
        .key("x")
        .copy_source(format!("{BUCKET}/nothing"))
        .send()
        .await;
    assert_eq!(code(missing), (404, "NoSuchKey".to_owned()));

    let objects = ["from", "same", "new", "never-was"]
        .map(|key| ObjectIdentifier::builder().key(key).build().expect("an object"));
    let delete = Delete::builder()
        .set_objects(Some(objects.to_vec()))
        .build()
        .expect("a request");
    let output = client
        .delete_objects()
        .bucket(BUCKET)
        .delete(delete)
        .send()
        .await
        .expect("deletes");
    assert_eq!((output.deleted().len(), output.errors().len()), (4, 0));
    assert_eq!(get(&client, "from").await, None);
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let (_server, client) = bucket().await;
    let outcome = client.get_bucket_policy().bucket(BUCKET).send().await;
    assert_eq!(code(outcome), (501, "NotImplemented".to_owned()));
    let tagged = client.put_object().bucket(BUCKET).key("a").tagging("a=b").send().await;
    assert_eq!(code(tagged), (501, "NotImplemented".to_owned()));
    let outcome = client.list_objects_v2().bucket("nowhere").send().await;
    assert_eq!(code(outcome), (404, "NoSuchBucket".to_owned()));
}

#[tokio::test]
async fn a_request_has_to_be_signed_or_presigned() {
    let (server, client) = bucket().await;
    put(&client, "a", "secret").await;
    let url = format!("{}/{BUCKET}/a", server.url());
    assert_eq!(support::get(&url).await.0, 403);

    let lifetime = PresigningConfig::expires_in(std::time::Duration::from_mins(1)).expect("a lifetime");
    let presigned = client
        .get_object()
        .bucket(BUCKET)
        .key("a")
        .presigned(lifetime)
        .await
        .expect("presigns");
    assert_eq!(support::get(presigned.uri()).await, (200, "secret".to_owned()));
    let expired = presigned.uri().replace("X-Amz-Expires=60", "X-Amz-Expires=-1");
    assert_eq!(support::get(&expired).await.0, 403);
    let forged = presigned.uri().replace("/a?", "?delete&");
    let forged = http::Request::post(forged)
        .body("<Delete/>".to_owned())
        .expect("a request");
    assert_eq!(support::http(forged).await.0, 403);
}

#[tokio::test]
async fn a_body_that_is_not_what_was_said_is_not_stored() {
    let (_server, client) = bucket().await;
    let wrong = client
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .content_md5("AAAAAAAAAAAAAAAAAAAAAA==");
    let outcome = wrong.body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(code(outcome), (400, "BadDigest".to_owned()));
    let wrong = client
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .checksum_crc64_nvme("AAAAAAAAAAA=");
    let outcome = wrong.body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(code(outcome), (400, "BadDigest".to_owned()));
    assert_eq!(get(&client, "a").await, None);
}

#[tokio::test]
async fn objects_are_there_after_a_restart_and_half_uploads_are_not() {
    let (server, client) = bucket().await;
    put(&client, "a", "kept").await;
    let bodies = server.folder.path().join("s3/bodies");
    std::fs::write(bodies.join("cut-off"), b"half").expect("writes");
    let server = Server::s3_over(server.folder).await;
    assert_eq!(get(&server.s3_client(), "a").await.as_deref(), Some(&b"kept"[..]));
    assert_eq!(std::fs::read_dir(bodies).expect("the folder").count(), 1);
}

#[tokio::test]
async fn the_handle_of_this_process_sees_the_same_objects() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let s3 = support::open_s3(folder.path());
    s3.ensure_bucket("images", false).expect("makes the bucket");
    let chunks = [Ok::<_, std::io::Error>("he".into()), Ok("llo".into())];
    s3.put("images", "app/1.tar", futures::stream::iter(chunks))
        .await
        .expect("puts");
    assert_eq!(
        s3.get("images", "app/1.tar").await.expect("gets").as_deref(),
        Some(&b"hello"[..])
    );
    assert_eq!(s3.get("images", "app/2.tar").await.expect("gets"), None);
    let listed = s3.list("images", "app/").expect("lists");
    assert_eq!((listed.len(), listed[0].size), (1, 5));
}
