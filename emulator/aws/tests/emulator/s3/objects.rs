//! What is put comes back as it was.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, Delete, MetadataDirective, ObjectIdentifier};

use super::{BUCKET, bucket, code, get, put};
use crate::support;
use crate::support::Server;

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
