//! moto's server: an S3 that nobody here wrote, with versions and conditional writes, and an STS. It records what it is asked.

use std::io::{BufRead, BufReader};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{ARTIFACTS, STATES};

/// The server, while it runs.
pub struct Moto {
    pub endpoint: String,
    client: Client,
    runtime: Runtime,
    server: Child,
    folder: TempDir,
}

/// A request that the server had.
#[derive(Debug)]
pub struct Recorded {
    pub url: String,
    pub body: String,
    headers: Value,
}

impl Recorded {
    /// A header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let headers = self.headers.as_object().expect("headers").iter();
        let found = headers.into_iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The id of the key that it was signed with.
    pub fn key(&self) -> &str {
        let (_, credential) = self
            .header("authorization")
            .split_once("Credential=")
            .expect("a signature");
        credential.split('/').next().expect("a key")
    }
}

impl Moto {
    /// Starts the server on a free port of loopback, with the buckets as `template.yaml` makes them; `None` without moto.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("moto_server");
        command
            .env("MOTO_ENABLE_RECORDING", "true")
            .env("MOTO_RECORDER_FILEPATH", folder.path().join("recording"));
        command.args(["--host", "127.0.0.1", "--port", "0"]);
        let Ok(mut server) = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn() else {
            println!("skipped: moto_server is not on PATH; `pip install 'moto[server]'` to run this");
            return None;
        };
        let mut told = BufReader::new(server.stderr.take().expect("a pipe")).lines();
        let endpoint = told.find_map(|line| {
            let line = line.expect("text");
            let (_, address) = line.split_once("Running on ")?;
            Some(address.trim().to_owned())
        });
        // It goes on telling, and must not wait for a reader.
        std::thread::spawn(move || told.for_each(drop));
        let endpoint = endpoint.expect("moto_server says where it runs");
        let vars = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", &endpoint),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let config = slipway_store::aws::sdk_config(&vars);
        let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
        let moto = Self {
            endpoint,
            client: Client::from_conf(config.build()),
            runtime: Runtime::new().expect("a runtime"),
            server,
            folder,
        };
        for bucket in [STATES, ARTIFACTS] {
            moto.make(bucket);
        }
        Some(moto)
    }

    /// Everything that it was asked so far.
    pub fn requests(&self) -> Vec<Recorded> {
        let recording = std::fs::read_to_string(self.folder.path().join("recording")).expect("a recording");
        let request = |line: &str| {
            let request: Value = serde_json::from_str(line).expect("JSON");
            let body = request["body"].as_str().unwrap_or_default();
            let body = STANDARD.decode(body).unwrap_or_default();
            Recorded {
                url: request["url"].as_str().expect("a URL").to_owned(),
                body: String::from_utf8_lossy(&body).into_owned(),
                headers: request["headers"].clone(),
            }
        };
        recording.lines().map(request).collect()
    }

    /// Asks STS by a form; the answer.
    pub fn sts(&self, form: &str) -> String {
        let address = self.endpoint.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).expect("a connection");
        write!(
            connection,
            "POST / HTTP/1.1\r\nHost: sts.us-east-1.amazonaws.com\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sts/aws4_request\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        )
        .expect("sent");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        answer
    }

    fn make(&self, bucket: &str) {
        let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        self.runtime.block_on(async {
            let made = self.client.create_bucket().bucket(bucket).send().await;
            made.expect("a bucket");
            let versioned = self.client.put_bucket_versioning().bucket(bucket);
            let versioned = versioned.versioning_configuration(versioning.build()).send().await;
            versioned.expect("versions");
        });
    }

    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.runtime.block_on(async {
            match self.client.get_object().bucket(bucket).key(key).send().await {
                Ok(object) => Some(object.body.collect().await.expect("a body").into_bytes()),
                Err(SdkError::ServiceError(error)) if error.err().is_no_such_key() => None,
                Err(error) => panic!("{error:?}"),
            }
        })
    }

    pub fn put(&self, bucket: &str, key: &str, bytes: Bytes) {
        let put = self.client.put_object().bucket(bucket).key(key).body(bytes.into());
        self.runtime.block_on(put.send()).expect("a written object");
    }

    pub fn delete(&self, bucket: &str, key: &str) {
        let delete = self.client.delete_object().bucket(bucket).key(key);
        self.runtime.block_on(delete.send()).expect("a deleted object");
    }

    /// How many versions of an object there are, and how often it was deleted.
    pub fn versions(&self, bucket: &str, key: &str) -> (usize, usize) {
        let list = self.client.list_object_versions().bucket(bucket).prefix(key);
        let list = self.runtime.block_on(list.send()).expect("a list");
        let versions = list.versions().iter().filter(|version| version.key() == Some(key));
        let deletions = list.delete_markers().iter().filter(|marker| marker.key() == Some(key));
        (versions.count(), deletions.count())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
