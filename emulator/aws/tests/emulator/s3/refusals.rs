//! What is refused.

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;

use super::{BUCKET, bucket, code, get, put};
use crate::support;

#[tokio::test]
async fn unsupported_operations_are_rejected() {
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
