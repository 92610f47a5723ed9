//! Clients of a server on this machine.

use aws_credential_types::Credentials;

/// The SDK's configuration for an endpoint, with credentials that belong to no account.
pub fn sdk(url: &str) -> aws_config::SdkConfig {
    let credentials = Credentials::new("AKIDANYTHING", "any-secret", None, None, "test");
    aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("us-east-1"))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
            credentials,
        ))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

pub fn s3_client(url: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&sdk(url))
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// A request as any program or page could send it, and the status and body of its answer.
pub async fn http(request: http::Request<String>) -> (u16, String) {
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let request = request.map(axum::body::Body::from);
    let response = client.request(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(axum::body::Body::new(response.into_body()), usize::MAX).await;
    let body = body.expect("a body").to_vec();
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// `GET` without any header.
pub async fn get(url: &str) -> (u16, String) {
    http(http::Request::get(url).body(String::new()).expect("a request")).await
}
