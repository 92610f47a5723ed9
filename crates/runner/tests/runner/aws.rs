//! As much of AWS as the runner needs, on loopback: S3 in memory, STS, CodeBuild's `BatchGetBuilds`, DynamoDB by the embedded
//! emulator. It can go away and come back at the same addresses with all that it had. S3 can be that of [`Moto`] instead.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt as _;
use dynoxide::Database;
use serde_json::{Value, json};
use slipway_model::name::Digest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::moto::Moto;

/// What the servers remember.
#[derive(Default)]
struct Memory {
    /// Objects by `/bucket/key`.
    objects: BTreeMap<String, Bytes>,
    /// How many of the next answers with an object end in its middle.
    cut: u32,
    /// How many of the next requests are throttled.
    throttled: u32,
    /// Whether all requests for locks of states are, and how many there were.
    throttles_locks: bool,
    lock_requests: u32,
    /// The same of DynamoDB, by connections.
    database_cut: u32,
    database_throttled: u32,
    /// The status of builds that are not running any more, by id.
    ended_builds: HashMap<String, &'static str>,
}

type Shared = Arc<Mutex<Memory>>;

/// The servers, while they run.
pub struct Aws {
    memory: Shared,
    database: Database,
    pub s3: SocketAddr,
    pub dynamodb: SocketAddr,
    runtime: Option<Runtime>,
    /// An independent S3 in place of the one in memory.
    moto: Option<Moto>,
}

impl Aws {
    /// Starts the servers on free ports.
    pub fn start() -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        let mut aws = Self {
            memory: Shared::default(),
            database: Database::memory().expect("a database"),
            s3: any,
            dynamodb: any,
            runtime: None,
            moto: None,
        };
        aws.come_back();
        aws
    }

    /// Starts the servers, with the S3 of moto.
    pub fn with_s3_of(moto: Moto) -> Self {
        Self {
            moto: Some(moto),
            ..Self::start()
        }
    }

    /// moto's server, where S3 is that of it.
    pub fn moto(&self) -> &Moto {
        self.moto.as_ref().expect("an S3 of moto's")
    }

    /// Ends the servers at once, in the middle of whatever they do, and returns when their ports are free.
    pub fn go_away(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_mins(1));
        }
    }

    /// Starts the servers where they were.
    pub fn come_back(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (s3, dynamodb, database) = runtime.block_on(async {
            let bind = async |address: SocketAddr| TcpListener::bind(address).await.expect("the port");
            (bind(self.s3).await, bind(self.dynamodb).await, bind(any).await)
        });
        self.s3 = s3.local_addr().expect("an address");
        self.dynamodb = dynamodb.local_addr().expect("an address");
        let router = Router::new().fallback(answer).with_state(Arc::clone(&self.memory));
        runtime.spawn(async move { axum::serve(s3.tap_io(|it| drop(it.set_nodelay(true))), router).await });
        let behind = database.local_addr().expect("an address");
        runtime.spawn(pass_on(dynamodb, behind, Arc::clone(&self.memory)));
        runtime.spawn(dynoxide::server::serve_with_shutdown(
            database,
            self.database.clone(),
            std::future::pending(),
        ));
        self.runtime = Some(runtime);
    }

    /// The variables that point clients here.
    pub fn vars(&self) -> BTreeMap<String, String> {
        let vars = [
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{}", self.s3)),
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", self.dynamodb)),
        ];
        let vars = vars.into_iter().chain(self.moto.iter().flat_map(Moto::vars));
        vars.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Makes a table as its definition describes it.
    pub fn create_table(&self, name: &str, mut definition: Value) {
        definition["TableName"] = name.into();
        if let Some(moto) = self.moto.as_ref().filter(|moto| moto.build.is_some()) {
            definition
                .as_object_mut()
                .expect("properties")
                .remove("TimeToLiveSpecification");
            return moto.create_table(&definition);
        }
        let request = serde_json::from_value(definition).expect("the body of CreateTable");
        self.database.create_table(request).expect("a table");
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().expect("no test panics while it holds this")
    }

    /// An object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        match &self.moto {
            Some(moto) => moto.object(bucket, key),
            None => self.memory().objects.get(&format!("/{bucket}/{key}")).cloned(),
        }
    }

    /// Writes an object.
    pub fn put(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) {
        match &self.moto {
            Some(moto) => moto.put(bucket, key, bytes.into()),
            None => {
                self.memory().objects.insert(format!("/{bucket}/{key}"), bytes.into());
            }
        }
    }

    /// Deletes an object.
    pub fn remove(&self, bucket: &str, key: &str) {
        match &self.moto {
            Some(moto) => moto.delete(bucket, key),
            None => {
                self.memory().objects.remove(&format!("/{bucket}/{key}"));
            }
        }
    }

    /// The keys of a bucket that start with `prefix`.
    pub fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let start = format!("/{bucket}/{prefix}");
        let memory = self.memory();
        let keys = memory.objects.keys().filter(|key| key.starts_with(&start));
        keys.map(|key| key[bucket.len() + 2..].to_owned()).collect()
    }

    /// How many versions of an object there are on moto, and how often it was deleted.
    pub fn versions(&self, bucket: &str, key: &str) -> (usize, usize) {
        let moto = self.moto.as_ref().expect("moto, for S3 in memory keeps no versions");
        moto.versions(bucket, key)
    }

    /// Cuts and throttles as many answers of S3.
    pub fn disturb(&self, cut: u32, throttled: u32) {
        let mut memory = self.memory();
        (memory.cut, memory.throttled) = (cut, throttled);
    }

    /// Throttles every request for the lock of a state, or none.
    pub fn throttle_locks(&self, is_throttled: bool) {
        self.memory().throttles_locks = is_throttled;
    }

    /// How many requests for the locks of states there were.
    pub fn lock_requests(&self) -> u32 {
        self.memory().lock_requests
    }

    /// Cuts and throttles the first answer of as many connections of DynamoDB.
    pub fn disturb_database(&self, cut: u32, throttled: u32) {
        let mut memory = self.memory();
        (memory.database_cut, memory.database_throttled) = (cut, throttled);
    }

    /// What is left of that.
    pub fn database_disturbances(&self) -> (u32, u32) {
        let memory = self.memory();
        (memory.database_cut, memory.database_throttled)
    }

    /// What is left of that.
    pub fn disturbances(&self) -> (u32, u32) {
        let memory = self.memory();
        (memory.cut, memory.throttled)
    }

    /// Has CodeBuild say that a build has ended.
    pub fn end_build(&self, id: &str) {
        self.memory().ended_builds.insert(id.to_owned(), "STOPPED");
    }
}

impl Memory {
    /// What DynamoDB answers in place of itself.
    fn database_disturbance(&mut self) -> Option<&'static str> {
        if self.database_cut > 0 {
            self.database_cut -= 1;
            return Some("HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 999\r\n\r\n{");
        }
        if self.database_throttled > 0 {
            self.database_throttled -= 1;
            // As a proxy in between answers: without an error of DynamoDB.
            return Some("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
        None
    }
}

/// Passes connections on to DynamoDB, apart from those that are disturbed.
async fn pass_on(listener: TcpListener, database: SocketAddr, memory: Shared) {
    while let Ok((mut client, _)) = listener.accept().await {
        let disturbance = memory.lock().expect("no handler panics").database_disturbance();
        tokio::spawn(async move {
            if let Some(answer) = disturbance {
                let mut request = vec![0; 65536];
                if client.read(&mut request).await.unwrap_or(0) > 0 {
                    // A client that has gone away is disturbed as well.
                    let _ = client.write_all(answer.as_bytes()).await;
                }
            } else if let Ok(mut server) = TcpStream::connect(database).await {
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

async fn answer(State(memory): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    record(&method, &uri, &headers, &body);
    let mut memory = memory.lock().expect("no handler panics");
    if headers.contains_key("x-amz-target") {
        return builds(&memory, &body);
    }
    if method == Method::POST && uri.path() == "/" {
        return session();
    }
    if memory.throttled > 0 {
        memory.throttled -= 1;
        return error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    }
    let path = uri.path().to_owned();
    if path.ends_with(".tflock") {
        memory.lock_requests += 1;
        if memory.throttles_locks {
            return error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
        }
    }
    if method == Method::GET && uri.query().is_some_and(|query| query.contains("list-type=2")) {
        return list(&memory, &path, uri.query().unwrap_or_default());
    }
    let found = memory.objects.get(&path).cloned();
    let matches = |name: &str| {
        let wanted = headers.get(name)?.to_str().ok()?.trim_matches('"').to_owned();
        Some(
            found
                .as_ref()
                .is_some_and(|bytes| wanted == "*" || wanted == etag(bytes)),
        )
    };
    if matches("if-match") == Some(false) || matches("if-none-match") == Some(true) {
        return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    }
    match (method, found) {
        (Method::PUT, _) => {
            let bytes = unchunked(&headers, body);
            let etag = etag(&bytes);
            memory.objects.insert(path, bytes);
            ([("etag", format!("\"{etag}\""))], "").into_response()
        }
        (Method::DELETE, _) => {
            memory.objects.remove(&path);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::GET, Some(bytes)) if memory.cut > 0 => {
            memory.cut -= 1;
            cut(&bytes)
        }
        (Method::GET | Method::HEAD, Some(bytes)) => {
            let length = bytes.len();
            let etag = format!("\"{}\"", etag(&bytes));
            let part = headers.contains_key("range");
            let status = if part {
                StatusCode::PARTIAL_CONTENT
            } else {
                StatusCode::OK
            };
            let range = format!("bytes 0-{}/{length}", length.saturating_sub(1));
            let modified = "Sat, 21 Nov 2026 09:00:00 GMT".to_owned();
            let headers = [("etag", etag), ("content-range", range), ("last-modified", modified)];
            (status, headers, Body::from(bytes)).into_response()
        }
        _ => error(StatusCode::NOT_FOUND, "NoSuchKey"),
    }
}

/// The first half of an object; then the connection breaks.
fn cut(bytes: &Bytes) -> Response {
    let half = Ok(bytes.slice(..bytes.len() / 2));
    let broken = Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    let body = Body::from_stream(futures::stream::iter([half, broken]));
    ([("content-length", bytes.len().to_string())], body).into_response()
}

/// Writes down what builds call, in a run that records it: the runner and Terraform are programs of their own.
fn record(method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) {
    let Some(recording) = slipway_recording::recording() else {
        return;
    };
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let target = header("x-amz-target");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // The bodies of S3 are streams. STS has its calls in theirs.
    let is_call = target.is_some() || uri.path() == "/";
    recording.write(&slipway_recording::Call::new(
        "Builds",
        header("authorization").unwrap_or_default(),
        target,
        method.as_str(),
        path,
        if is_call { body } else { b"" },
    ));
}

/// A body as it was before the client split it into signed chunks.
fn unchunked(headers: &HeaderMap, body: Bytes) -> Bytes {
    let chunked = headers
        .get("content-encoding")
        .is_some_and(|value| value.to_str().is_ok_and(|text| text.contains("aws-chunked")));
    if !chunked {
        return body;
    }
    let (mut rest, mut whole) = (body.as_ref(), Vec::new());
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]);
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    whole.into()
}

fn etag(bytes: &[u8]) -> String {
    Digest::of(bytes).hex()[..32].to_owned()
}

/// The response of STS to a request for a session.
fn session() -> Response {
    let body = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIATEST</AccessKeyId>\
                <SecretAccessKey>test</SecretAccessKey><SessionToken>test</SessionToken>\
                <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
    ([("content-type", "text/xml")], body).into_response()
}

fn error(status: StatusCode, code: &str) -> Response {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
    (status, [("content-type", "application/xml")], body).into_response()
}

fn list(memory: &Memory, path: &str, query: &str) -> Response {
    let prefix = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("prefix="))
        .unwrap_or_default();
    let bucket = path.trim_matches('/');
    let start = format!("/{bucket}/{}", prefix.replace("%2F", "/"));
    let mut contents = Vec::new();
    for (key, bytes) in memory.objects.iter().filter(|(key, _)| key.starts_with(&start)) {
        let key = &key[bucket.len() + 2..];
        let size = bytes.len();
        contents.push(format!("<Contents><Key>{key}</Key><Size>{size}</Size></Contents>"));
    }
    let contents = contents.concat();
    let body = format!(
        "<?xml version=\"1.0\"?><ListBucketResult><Name>{bucket}</Name><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
    );
    ([("content-type", "application/xml")], body).into_response()
}

fn builds(memory: &Memory, body: &[u8]) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let builds: Vec<Value> = request["ids"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|id| {
            let status = memory.ended_builds.get(id).copied().unwrap_or("IN_PROGRESS");
            json!({ "id": id, "buildStatus": status })
        })
        .collect();
    axum::Json(json!({ "builds": builds })).into_response()
}
