//! A local AWS endpoint on a free port, and clients for it.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_emulator::endpoint::{Endpoint, Guard};
use aws_emulator::s3::S3;
use axum::Router;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// A running endpoint. It ends with the test's runtime.
pub struct Server {
    pub address: SocketAddr,
    pub folder: TempDir,
}

impl Server {
    /// S3 alone, over a new folder.
    pub async fn s3() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::s3_over(folder).await
    }

    /// S3 alone, over a folder that may have been used before.
    pub async fn s3_over(folder: TempDir) -> Self {
        let endpoint = Endpoint::new(open_s3(folder.path()));
        Self::start(folder, endpoint).await
    }

    pub async fn start(folder: TempDir, endpoint: Endpoint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("an address");
        serve(listener, Guard::new(address.port()).around(endpoint.router()));
        Self { address, folder }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn sdk(&self) -> aws_config::SdkConfig {
        sdk(&self.url())
    }

    pub fn s3_client(&self) -> aws_sdk_s3::Client {
        s3_client(&self.url())
    }
}

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

pub fn open_s3(folder: &Path) -> S3 {
    S3::open(&folder.join("s3")).expect("opens the objects")
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(aws_emulator::listener::no_delay(listener), router).await });
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

/// A runtime for a server that is killed: with one thread, no task goes on because another one has ended.
pub fn server() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Ends everything of a server at once, as a kill does, and returns when its ports and files are closed. The processes that it started
/// go on.
///
/// `Runtime::shutdown_background` does not wait: the next server could find the port of the one before still in use.
pub fn kill(server: Runtime) {
    server.shutdown_timeout(Duration::from_mins(1));
}
