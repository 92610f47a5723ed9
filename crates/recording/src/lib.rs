//! A record of the AWS calls that the tests make. `scripts/check_permissions.py` compares it with the policies of the template, and with
//! AWS's service models.
//!
//! Nothing is recorded unless `SLIPWAY_RECORD_CALLS` names a folder. Every process then appends to a file of its own in it, a line of
//! JSON for each call that differs from those before. [`recorded`] records what a program under test calls, whatever answers it; the
//! local AWS records what reaches its port.

mod client;
mod file;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use aws_types::SdkConfig;
use serde::Serialize;

use self::client::Client;
pub use self::file::Recording;

/// The folder of the record.
pub const FOLDER: &str = "SLIPWAY_RECORD_CALLS";
/// The test that a process was started by; without it, the name of the thread, which is the test's in Rust's test harness.
pub const TEST: &str = "SLIPWAY_RECORDED_TEST";

/// A call of AWS as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The logical id in `template.yaml` of what calls: `ApiFunction`.
    pub principal: String,
    /// The access key that it is signed with: another one than the principal's own after a role was assumed.
    pub key: String,
    /// The service that it is signed for.
    pub service: String,
    /// `X-Amz-Target`, where the protocol has one.
    pub target: Option<String>,
    /// `POST`.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Empty where it is a stream.
    pub body: String,
}

impl Call {
    /// A call by the parts of its request. The signature in `authorization` says the key and the service.
    pub fn new(
        principal: &str,
        authorization: &str,
        target: Option<&str>,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Self {
        let (key, service) = signature(authorization).unwrap_or_default();
        Self {
            principal: principal.to_owned(),
            key: key.to_owned(),
            service: service.to_owned(),
            target: target.map(str::to_owned),
            method: method.to_owned(),
            path: path.to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
        }
    }
}

/// The access key and the service of `… Credential=KEY/20261121/us-east-1/s3/aws4_request, …`.
pub fn signature(authorization: &str) -> Option<(&str, &str)> {
    let (_, credential) = authorization.split_once("Credential=")?;
    let scope = credential.split([',', ' ']).next()?;
    // From the end, for an access key may hold a slash.
    let mut parts = scope.rsplitn(5, '/');
    (parts.next()? == "aws4_request").then_some(())?;
    let service = parts.next()?;
    Some((parts.nth(2)?, service))
}

/// The record of this process, if there is one.
///
/// # Panics
///
/// If the folder cannot be written to: a record with holes would show calls as unused.
pub fn recording() -> Option<&'static Recording> {
    static RECORDING: LazyLock<Option<Recording>> = LazyLock::new(|| {
        let folder = std::env::var_os(FOLDER)?;
        let opened: io::Result<Recording> = Recording::open(&PathBuf::from(folder));
        Some(opened.unwrap_or_else(|error| panic!("failed to open the record of calls: {error}")))
    });
    RECORDING.as_ref()
}

/// The configuration with which a program's calls are recorded as this principal's.
pub fn recorded(principal: &'static str, config: &SdkConfig) -> SdkConfig {
    match (recording(), config.http_client()) {
        (Some(recording), Some(inner)) => wrapped(principal, inner, recording, config),
        _ => config.clone(),
    }
}

fn wrapped(
    principal: &'static str,
    inner: SharedHttpClient,
    recording: &'static Recording,
    config: &SdkConfig,
) -> SdkConfig {
    let inner: Arc<dyn HttpClient> = Arc::new(inner);
    let client = Client {
        principal,
        inner,
        recording,
    };
    config.clone().into_builder().http_client(client).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_names_key_and_service() {
        let header =
            "AWS4-HMAC-SHA256 Credential=AS/IA/20261121/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(signature(header), Some(("AS/IA", "states")));
        assert_eq!(signature("Bearer abc"), None);
    }

    #[test]
    fn same_call_is_recorded_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let recording = Recording::open(folder.path()).expect("a file");
        let call = |path: &str| {
            Call::new(
                "ApiFunction",
                "",
                Some("DynamoDB_20120810.GetItem"),
                "POST",
                path,
                b"{}",
            )
        };
        for path in ["/", "/", "/other"] {
            recording.write(&call(path));
        }
        let file = std::fs::read_dir(folder.path())
            .expect("a folder")
            .next()
            .expect("a file")
            .expect("an entry");
        let text = std::fs::read_to_string(file.path()).expect("text");
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["test"], "tests::same_call_is_recorded_once");
        assert_eq!(lines[1]["path"], "/other");
    }
}
