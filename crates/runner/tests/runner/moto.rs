//! moto's server: an independent S3, with versions and conditional writes, and STS. It records its requests.

use std::io::{BufRead, BufReader};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
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
    /// The credentials of CodeBuild's role, where IAM is enforced.
    pub build: Option<Keys>,
    /// The keys of a user with all permissions.
    admin: Keys,
}

/// Credentials.
#[derive(Debug, Clone, Deserialize)]
pub struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

impl Keys {
    /// The variables that hold them.
    pub fn vars(&self) -> Vec<(&'static str, String)> {
        let token = self.token.iter().map(|token| ("AWS_SESSION_TOKEN", token.clone()));
        let keys = [
            ("AWS_ACCESS_KEY_ID", self.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret.clone()),
        ];
        keys.into_iter().chain(token).collect()
    }
}

/// What `moto_with_sessions.py` says of itself.
#[derive(Debug, Deserialize)]
struct Guarded {
    endpoint: String,
    admin: Keys,
    build: Keys,
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
        let mut printed = BufReader::new(server.stderr.take().expect("a pipe")).lines();
        let endpoint = printed.find_map(|line| {
            let line = line.expect("text");
            let (_, address) = line.split_once("Running on ")?;
            Some(address.trim().to_owned())
        });
        // It prints more, and must not block on a full pipe.
        std::thread::spawn(move || printed.for_each(drop));
        let endpoint = endpoint.expect("moto_server says where it runs");
        let admin = Keys {
            id: "test".to_owned(),
            secret: "test".to_owned(),
            token: None,
        };
        Some(Self::with(server, folder, endpoint, admin, None))
    }

    /// Starts it with IAM enforced, session policies too, and the roles of builds that template.yaml has. Sessions of builds
    /// last `seconds`, where that is not 0. `None` without moto or what resolves the template.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub fn guarded(seconds: u32) -> Option<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new("python3");
        command
            .arg(here.join("tests/runner/moto_with_sessions.py"))
            .arg(here.join("../../scripts/resolve_policies.py"))
            .arg(seconds.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut server = command.spawn().ok()?;
        let mut line = String::new();
        let mut printed = BufReader::new(server.stdout.take().expect("a pipe"));
        printed.read_line(&mut line).expect("text");
        let mut errors = BufReader::new(server.stderr.take().expect("a pipe")).lines();
        let Ok(guarded) = serde_json::from_str::<Guarded>(&line) else {
            let _ = server.wait();
            let said: Vec<String> = errors.by_ref().map_while(Result::ok).collect();
            assert!(
                std::env::var_os("CI").is_none(),
                "moto does not start: {}",
                said.join("\n")
            );
            let why = said.last().map(String::as_str).unwrap_or_default();
            println!("skipped: `pip install 'moto[server]' aws-sam-translator` to run this ({why})");
            return None;
        };
        std::thread::spawn(move || errors.for_each(drop));
        let folder = tempfile::tempdir().expect("a folder");
        let build = Some(guarded.build);
        Some(Self::with(server, folder, guarded.endpoint, guarded.admin, build))
    }

    fn with(server: Child, folder: TempDir, endpoint: String, admin: Keys, build: Option<Keys>) -> Self {
        let vars = [
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", endpoint.clone()),
        ];
        let vars = vars.into_iter().chain(admin.vars());
        let vars = vars.map(|(name, value)| (name.to_owned(), value)).collect();
        let config = slipway_aws::sdk_config(&vars);
        let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
        let moto = Self {
            endpoint,
            client: Client::from_conf(config.build()),
            runtime: Runtime::new().expect("a runtime"),
            server,
            folder,
            build,
            admin,
        };
        for bucket in [STATES, ARTIFACTS] {
            moto.make(bucket);
        }
        moto
    }

    /// Calls IAM with a form, as the user with all permissions.
    pub fn iam(&self, form: &str) {
        self.ask("iam", &[], form);
    }

    /// Makes a table as its definition describes it.
    pub fn create_table(&self, definition: &Value) {
        let headers = [
            "X-Amz-Target: DynamoDB_20120810.CreateTable",
            "Content-Type: application/x-amz-json-1.0",
        ];
        self.ask("dynamodb", &headers, &definition.to_string());
    }

    fn ask(&self, service: &str, headers: &[&str], body: &str) {
        let mut curl = Command::new("curl");
        for header in headers {
            curl.args(["--header", header]);
        }
        let done = curl
            .args(["--silent", "--show-error", "--fail", "--aws-sigv4"])
            .arg(format!("aws:amz:us-east-1:{service}"))
            .args(["--user", &format!("{}:{}", self.admin.id, self.admin.secret)])
            .args(["--data", body, &self.endpoint])
            .output()
            .expect("curl");
        assert!(done.status.success(), "{done:?}");
    }

    /// The environment variables for clients of moto.
    pub fn vars(&self) -> Vec<(&'static str, String)> {
        let mut services = vec![
            "AWS_ENDPOINT_URL_S3",
            "AWS_ENDPOINT_URL_STS",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            "AWS_ENDPOINT_URL_SSM",
        ];
        if self.build.is_some() {
            // The table is of use where its permissions are enforced.
            services.push("AWS_ENDPOINT_URL_DYNAMODB");
        }
        let services = services.into_iter().map(|service| (service, self.endpoint.clone()));
        services.chain(self.admin.vars()).collect()
    }

    /// Everything that it was asked so far.
    pub fn requests(&self) -> Vec<Recorded> {
        let recording = std::fs::read_to_string(self.folder.path().join("recording")).expect("a recording");
        let request = |request: Result<Value, serde_json::Error>| {
            let request = request.expect("JSON");
            let body = request["body"].as_str().unwrap_or_default();
            let body = STANDARD.decode(body).unwrap_or_default();
            Recorded {
                url: request["url"].as_str().expect("a URL").to_owned(),
                body: String::from_utf8_lossy(&body).into_owned(),
                headers: request["headers"].clone(),
            }
        };
        // Two of its threads may write on one line.
        let requests = serde_json::Deserializer::from_str(&recording).into_iter();
        requests.map(request).collect()
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

    /// Makes a call of a service with a JSON protocol; the answer's body.
    pub fn json(&self, service: &str, target: &str, body: &Value) -> Value {
        let address = self.endpoint.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).expect("a connection");
        let body = body.to_string();
        write!(
            connection,
            "POST / HTTP/1.1\r\nHost: {service}.us-east-1.amazonaws.com\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request\r\n\
             X-Amz-Target: {target}\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
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
