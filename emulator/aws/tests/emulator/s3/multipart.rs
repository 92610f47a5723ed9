//! Objects in parts.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use super::{BUCKET, bucket, code};

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
