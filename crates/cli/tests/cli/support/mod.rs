//! A server of its own for each test: the real program on free ports, with a data folder that goes when the test does.

#![allow(dead_code, reason = "every test file uses a part of this")]

pub mod processes;
pub mod states;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The program under test.
pub const SLIPWAY: &str = env!("CARGO_BIN_EXE_slipway");

/// How long an operation may take before a test gives up on it: far more than it needs, so that only a stuck one gets there.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running server.
pub struct Server {
    data: TempDir,
    options: Vec<String>,
    process: Child,
    pub api: String,
    pub aws: String,
    http: reqwest::Client,
}

/// A crash of a server by itself.
pub struct Crash {
    /// Before or after which call: `before:17`.
    pub point: String,
    /// The file with what the server says on standard error.
    pub log: PathBuf,
}

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Server {
    /// A server on an empty data folder.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server that is started with these options too.
    pub fn start_with(options: &[&str]) -> Self {
        let data = TempDir::new().expect("a folder");
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        // It fails where another test of this process has done so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (process, up) = spawn(data.path(), &options, None);
        let up = up.expect("the server starts");
        Self {
            api: address(&up, "api"),
            aws: address(&up, "aws"),
            data,
            options,
            process,
            http: reqwest::Client::new(),
        }
    }

    /// Kills the server as `kill -9` does, and starts it again on the same data.
    pub fn kill_and_restart(mut self) -> Self {
        let before = (self.api.clone(), self.aws.clone());
        assert!(self.restart(None), "the server starts");
        assert_eq!((&self.api, &self.aws), (&before.0, &before.1), "the ports are kept");
        self
    }

    /// Kills the server, if it runs, and starts it again on the same data; whether it listens, or has crashed before that.
    pub fn restart(&mut self, crash: Option<&Crash>) -> bool {
        // It fails if the server has crashed.
        let _ = self.process.kill();
        self.process.wait().expect("the server has ended");
        let (process, up) = spawn(self.data.path(), &self.options, crash);
        self.process = process;
        // The connections to the dead one are of no use.
        self.http = reqwest::Client::new();
        if let Some(up) = &up {
            (self.api, self.aws) = (address(up, "api"), address(up, "aws"));
        }
        up.is_some()
    }

    /// Whether the server has ended by itself.
    pub fn has_crashed(&mut self) -> bool {
        self.process.try_wait().expect("the server is a child").is_some()
    }

    /// The ID of the server's process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The folder with the server's data.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Runs the command line against this server.
    pub fn slipway(&self, args: &[&str]) -> Output {
        Command::new(SLIPWAY)
            .args(args)
            .env("SLIPWAY_DATA", self.data.path())
            .env_remove("AWS_ENDPOINT_URL")
            .stdin(Stdio::null())
            .output()
            .expect("slipway runs")
    }

    /// Pushes an image of these files, and gives its name.
    pub fn push_image(&self, files: &[(&str, &str)]) -> String {
        let folder = TempDir::new().expect("a folder");
        for (file, text) in files {
            std::fs::write(folder.path().join(file), text).expect("a file");
        }
        let folder = folder.path().to_string_lossy();
        let pushed = self.slipway(&["image", "push", &folder, "--repository", "shop"]);
        assert!(pushed.status.success(), "{pushed:?}");
        String::from_utf8(pushed.stdout).expect("a name").trim().to_owned()
    }

    /// Sends a request; the answer of a server that crashes is an error.
    pub async fn try_request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.api));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await?;
        Ok(Answer {
            status: answer.status(),
            headers: answer.headers().clone(),
            text: answer.text().await?,
        })
    }

    /// Sends a request.
    pub async fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Answer {
        let answer = self.try_request(method, path, headers, body).await;
        answer.expect("the server answers")
    }

    /// Sends JSON.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.request(method, path, &headers, Some(body.to_string())).await
    }

    /// Puts an environment in which every plan waits for an approval, and requesters may approve.
    pub async fn approve_every_plan_in(&self, environment: &str) {
        let body =
            json!({"account": "000000000000", "region": "us-east-1", "approval": "always", "self_approval": true});
        let put = self
            .send(Method::PUT, &format!("/v1/environments/{environment}"), &body)
            .await;
        assert!(put.status.is_success(), "{}", put.text);
    }

    /// Reads a resource that is there.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.request(Method::GET, path, &[], None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.json()
    }

    /// What an approval of this operation quotes.
    pub async fn sheet(&self, operation: &str) -> Value {
        let sheet = self.get(&format!("/v1/operations/{operation}/sheet")).await;
        json!({"sheet": sheet["hash"]})
    }

    /// Calls the local AWS.
    pub async fn aws(&self, target: &str, request: &Value) -> Value {
        let answer = self.try_aws(target, request).await;
        answer.unwrap_or_else(|error| panic!("{target} {request}: {error}"))
    }

    /// Calls the local AWS; what it rejects is a text.
    pub async fn try_aws(&self, target: &str, request: &Value) -> Result<Value, String> {
        let version = if target.starts_with("AWSStepFunctions") || target.starts_with("DynamoDB") {
            "1.0"
        } else {
            "1.1"
        };
        let answer = self
            .http
            .post(&self.aws)
            .header("content-type", format!("application/x-amz-json-{version}"))
            .header("x-amz-target", target)
            // The local AWS wants a signature, and knows no key to check it with.
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/any/aws4_request",
            )
            .body(request.to_string())
            .send()
            .await
            .expect("the local AWS answers");
        let status = answer.status();
        let text = answer.text().await.expect("the local AWS ends its answer");
        if !status.is_success() {
            return Err(format!("{status} {text}"));
        }
        Ok(serde_json::from_str(&text).expect("the local AWS speaks JSON"))
    }

    /// Publishes a blueprint of one file.
    pub async fn publish(&self, name: &str, version: &str, main: &str) -> Answer {
        let path = format!("/v1/blueprints/{name}/versions/{version}");
        self.send(Method::PUT, &path, &json!({ "files": { "main.tf": main } }))
            .await
    }

    /// Asks for a stack; gives the operation as it was answered.
    pub async fn create(&self, name: &str, blueprint: &str, variables: &Value) -> Value {
        let body = json!({ "name": name, "blueprint": blueprint, "environment": "local", "variables": variables });
        let answer = self.send(Method::POST, "/v1/stacks", &body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        answer.json()
    }

    /// Waits until an operation has ended.
    pub async fn ended(&self, operation: &Value) -> Value {
        let id = operation["id"].as_str().expect("an operation");
        self.operation_that(id, |operation| !operation["ended_at"].is_null())
            .await
    }

    /// Waits until an operation is as `wanted` says, by long polls.
    pub async fn operation_that(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            let mut path = format!("/v1/operations/{id}");
            loop {
                let operation = self.get(&path).await;
                if wanted(&operation) {
                    return operation;
                }
                path = format!("/v1/operations/{id}?wait=20&seen={}", operation["revision"]);
            }
        };
        if let Ok(operation) = tokio::time::timeout(PATIENCE, looking).await {
            return operation;
        }
        panic!("stuck: {}", self.get(&format!("/v1/operations/{id}")).await)
    }

    /// Waits until the execution of an operation has ended too: the operation's record is written by its last steps.
    pub async fn execution_ended(&self, operation: &Value) -> Value {
        let looking = async {
            loop {
                // An operation that ended before it began does not have the ARN on its record, and may have an execution.
                let id = operation["id"].as_str().expect("an ID");
                let arn = format!("arn:aws:states:us-east-1:000000000000:execution:slipway-operation:{id}");
                let request = json!({ "executionArn": arn });
                let execution = self.aws("AWSStepFunctions.DescribeExecution", &request).await;
                if execution["status"] != "RUNNING" {
                    return execution;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looking)
            .await
            .expect("the execution ends")
    }

    /// Waits until an operation has ended, and sees that it succeeded.
    pub async fn succeeded(&self, operation: &Value) -> Value {
        let ended = self.ended(operation).await;
        assert_eq!(ended["status"], "succeeded", "{ended:#}");
        ended
    }
}

impl Drop for Server {
    /// Asks the server to stop, so that it stops its tasks; what does not stop is killed.
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// Starts a server, and reads where it listens; nothing if it ends before that.
fn spawn(data: &Path, options: &[String], crash: Option<&Crash>) -> (Child, Option<Value>) {
    let mut command = Command::new(SLIPWAY);
    command
        .args(["up", "--json", "--port", "0", "--aws-port", "0", "--data"])
        .arg(data)
        .args(options)
        // Which test the calls are of, where calls are recorded.
        .env(
            "SLIPWAY_RECORDED_TEST",
            std::thread::current().name().unwrap_or_default(),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if let Some(crash) = crash {
        let log = std::fs::File::create(&crash.log).expect("a file");
        command.env("SLIPWAY_CRASH", &crash.point).stderr(log);
    }
    let mut process = command.spawn().expect("slipway starts");
    let mut line = String::new();
    let stdout = process.stdout.as_mut().expect("its output");
    let read = BufReader::new(stdout).read_line(&mut line).expect("its output is text");
    let up = (read > 0).then(|| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}")));
    (process, up)
}

fn address(up: &Value, name: &str) -> String {
    let address = up[name].as_str();
    address.unwrap_or_else(|| panic!("no {name} in {up}")).to_owned()
}

/// Waits for a condition that sends no notification: a file that another program writes.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let looking = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// A number that a variable gives.
pub fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse::<T>().ok();
    assert!(number.is_some(), "{variable} is a number");
    number
}

/// A program on PATH.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The text of a Terraform string in which `text` stands literally.
pub fn hcl_string(text: &str) -> String {
    serde_json::to_string(text)
        .expect("a string")
        .replace("${", "$${")
        .replace("%{", "%%{")
}

/// Where the stand-in for the AWS provider is installed, once for all tests.
pub fn stand_in() -> PathBuf {
    let installer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tf/testing/provider/install.sh");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stand-in");
    std::fs::create_dir_all(&folder).expect("a folder");
    // Tests run at once.
    let lock = std::fs::File::create(folder.join("lock")).expect("a file");
    lock.lock().expect("a lock");
    if !folder.join("terraformrc").is_file() {
        let done = Command::new(installer)
            .arg(&folder)
            .output()
            .expect("the installer runs");
        assert!(done.status.success(), "the stand-in is not installed: {done:?}");
    }
    folder
}
