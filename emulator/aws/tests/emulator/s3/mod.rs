//! S3 through the AWS SDK.

mod conditions;
mod listings;
mod multipart;
mod objects;
mod refusals;
mod versions;

use crate::support::Server;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;

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
