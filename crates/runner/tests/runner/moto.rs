//! moto's server: an S3 that nobody here wrote, with versions and conditional writes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use axum::body::Bytes;
use tokio::runtime::Runtime;

use crate::support::{ARTIFACTS, STATES};

/// The server, while it runs.
pub struct Moto {
    pub endpoint: String,
    client: Client,
    runtime: Runtime,
    server: Child,
}

impl Moto {
    /// Starts the server on a free port of loopback, with the buckets as `template.yaml` makes them; `None` without moto.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub fn start() -> Option<Self> {
        let mut command = Command::new("moto_server");
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
        };
        for bucket in [STATES, ARTIFACTS] {
            moto.make(bucket);
        }
        Some(moto)
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
