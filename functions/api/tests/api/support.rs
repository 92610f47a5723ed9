//! An API of the test's own, and how to speak to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dynoxide::Database;
use serde_json::{Value, json};
use slipway_api::{Api, Caller, Config, router};
use slipway_model::artifact;
use slipway_model::contract::Contract;
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Digest;
use slipway_model::operation::Operation;
use slipway_model::operation::layout::Layout;
use slipway_model::plan::{PlanSummary, pages, show};
use slipway_recording::recorded;
use slipway_store::finish::End;
use slipway_store::{Store, table};
use tokio::net::TcpListener;
use tower::ServiceExt;

const TABLE: &str = "slipway";
pub const STATE_MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:slipway-operation";

/// What the addresses of the queues begin with.
const QUEUES: &str = "https://sqs.us-east-1.amazonaws.com/000000000000/slipway";

/// A blueprint whose variables have a default, but for one.
pub const MAIN_TF: &str = r#"
variable "size" {
  type = number
}
variable "colour" {
  type    = string
  default = "red"
}
variable "password" {
  type      = string
  sensitive = true
  default   = "none"
}
variable "vpc" {
  type    = string
  default = "default"
}
variable "labels" {
  type    = any
  default = null
}
output "slipway" {
  value = {}
}
"#;

/// What the fakes were asked, and what they have.
#[derive(Default)]
pub struct Fakes {
    /// The calls of the JSON services: action and input.
    pub calls: Vec<(String, Value)>,
    /// Actions that are refused, with the error's name.
    pub refused: BTreeMap<String, String>,
    /// The objects of S3 by bucket and key.
    pub objects: BTreeMap<String, Bytes>,
    /// The lines of each log stream; an empty one is a page without events.
    pub streams: BTreeMap<String, Vec<String>>,
    /// The events of log groups, in the form of `FilterLogEvents`, each with its `group`.
    pub events: Vec<Value>,
    /// The messages of SQS, by the address of the queue. A received one is there again when it is given back.
    pub messages: BTreeMap<String, Vec<Value>>,
    /// The functions that were invoked, with their events.
    pub invoked: Vec<(String, Value)>,
    /// The roles that trust the API.
    pub trusting: BTreeSet<String>,
}

/// How many events a page of `FilterLogEvents` has.
const EVENTS_PAGE: usize = 3;

/// An API with a table and fakes of its own.
pub struct Server {
    pub router: Router,
    pub store: Store,
    pub fakes: Arc<Mutex<Fakes>>,
    /// The variables that lead to the table and the fakes.
    pub vars: BTreeMap<String, String>,
    database: Database,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a text"))
    }

    /// The fields that a problem names.
    pub fn fields(&self) -> Vec<String> {
        let problem = self.json();
        let errors = problem["errors"].as_array().expect("errors").iter();
        errors
            .map(|error| error["field"].as_str().expect("a field").to_owned())
            .collect()
    }
}

pub fn ann() -> Caller {
    Caller::named("ann", false)
}

pub fn admin() -> Caller {
    Caller::named("root", true)
}

/// A value with the attributes of each map in order: what they have otherwise depends on what else is built with this crate.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let inner: BTreeMap<_, _> = map.iter().map(|(name, value)| (name, sorted(value))).collect();
            json!(inner)
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

pub fn image(of: &str) -> String {
    format!("{of}@{}", Digest::of(of.as_bytes()))
}

/// A request of Ann's.
pub fn request(method: Method, path: &str, body: Option<&Value>) -> Request {
    let builder = Request::builder().method(method).uri(path).extension(ann());
    match body {
        None => builder.body(Body::empty()),
        Some(body) => builder
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string())),
    }
    .expect("a request")
}

impl Server {
    pub async fn start() -> Self {
        let database = Database::memory().expect("a database");
        let mut definition = table::definition();
        let fields = definition.as_object_mut().expect("an object");
        fields.insert("TableName".to_owned(), TABLE.into());
        let definition = serde_json::from_value(definition).expect("a definition");
        database.create_table(definition).expect("a table");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let dynamodb = listener.local_addr().expect("an address");
        let never = std::future::pending();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database.clone(), never));

        let fakes = Arc::new(Mutex::new(Fakes::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = Router::new().fallback(fake).with_state(Arc::clone(&fakes));
        tokio::spawn(axum::serve(listener, app).into_future());

        let vars = BTreeMap::from(
            [
                ("SLIPWAY_TABLE", TABLE),
                ("SLIPWAY_ARTIFACTS_BUCKET", "artifacts"),
                ("SLIPWAY_STATE_BUCKET", "state"),
                ("SLIPWAY_STATE_MACHINE_ARN", STATE_MACHINE),
                ("SLIPWAY_CONCURRENT_WAITS", "5"),
                ("SLIPWAY_UNHANDLED_EVENTS_URL", &format!("{QUEUES}-unhandled-events")),
                (
                    "SLIPWAY_UNDELIVERED_EVENTS_URL",
                    &format!("{QUEUES}-undelivered-events"),
                ),
                ("SLIPWAY_EVENTS_FUNCTION", "slipway-events"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_ENDPOINT_URL", &format!("http://{address}")),
                ("AWS_ENDPOINT_URL_DYNAMODB", &format!("http://{dynamodb}")),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let config = Config::from_vars(&vars).expect("a config");
        let sdk_config = slipway_aws::sdk_config(&vars);
        Self {
            router: router(Api::new(&config, &recorded("ApiFunction", &sdk_config))),
            store: Store::new(&sdk_config, TABLE),
            fakes,
            vars,
            database,
        }
    }

    /// Serves with more environment variables.
    pub fn configure(&mut self, more: &[(&str, &str)]) {
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.vars.extend(more);
        let config = Config::from_vars(&self.vars).expect("a config");
        self.router = router(Api::new(
            &config,
            &recorded("ApiFunction", &slipway_aws::sdk_config(&self.vars)),
        ));
    }

    /// A server with the environments `local` and `live` (protected, and it gives `vpc`) and the blueprint `web` in 1.0.0.
    pub async fn with_blueprint() -> Self {
        let server = Self::start().await;
        for environment in [
            json!({"name": "local", "account": "000000000000", "region": "us-east-1"}),
            json!({"name": "live", "account": "000000000000", "region": "us-east-1", "protected": true,
                "variables": {"vpc": "vpc-1"}}),
        ] {
            let environment = serde_json::from_value(environment).expect("an environment");
            server.store.put_environment(&environment).await.expect("written");
        }
        server.publish("web", "1.0.0", MAIN_TF).await;
        server
    }

    pub async fn publish(&self, name: &str, version: &str, main_tf: &str) {
        let path = format!("/v1/blueprints/{name}/versions/{version}");
        let mut request = request(Method::PUT, &path, Some(&json!({"files": {"main.tf": main_tf}})));
        request.extensions_mut().insert(admin());
        let answer = self.send(request).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    pub async fn send(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        };
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
        if answer.status >= 400 {
            assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
            let problem = answer.json();
            assert_eq!(problem["status"], answer.status, "{problem}");
            let kind = problem["type"].as_str().expect("a type");
            assert!(kind.starts_with("urn:slipway:problem:"), "{problem}");
        }
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, None)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(request(Method::POST, path, Some(body))).await
    }

    /// What an approval of an operation quotes: the sheet as it is now.
    pub async fn sheet(&self, operation: &Value) -> Value {
        let path = operation["links"]["self"].as_str().expect("a path");
        let sheet = self.get(&format!("{path}/sheet")).await;
        assert_eq!(sheet.status, 200, "{sheet:?}");
        json!({"sheet": sheet.json()["hash"]})
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(request(Method::PATCH, path, Some(body))).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(request(Method::DELETE, path, None)).await
    }

    /// Asks for a stack of the blueprint `web` with these variables; the operation.
    pub async fn create(&self, name: &str, environment: &str, variables: &Value) -> Value {
        let body = json!({"name": name, "blueprint": "web", "environment": environment, "variables": variables});
        let answer = self.post("/v1/stacks", &body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()
    }

    /// A stack that is ready, with these services; its path.
    pub async fn ready(&self, name: &str, services: &[&str]) -> String {
        self.ready_with(name, services, &json!({})).await
    }

    /// Likewise, with more in its contract.
    pub async fn ready_with(&self, name: &str, services: &[&str], more: &Value) -> String {
        let operation = self
            .create(name, "local", &json!({"size": 1, "password": "hunter2"}))
            .await;
        let id = id(&operation);
        self.store.begin_operation(&id).await.expect("begun");
        let service = |name: &&str| {
            let task = json!({"family": "f", "containerDefinitions": [{"name": "main"}]});
            (
                (*name).to_owned(),
                json!({"name": name, "task_definition": task, "desired_count": 1}),
            )
        };
        let services: serde_json::Map<String, Value> = services.iter().map(service).collect();
        let mut contract = json!({"cluster": "main", "services": services});
        for (attribute, value) in more.as_object().expect("an object") {
            contract[attribute] = value.clone();
        }
        let contract = Contract::parse(&contract).expect("a contract");
        self.store.record_contract(&id, &contract).await.expect("recorded");
        self.store
            .finish_operation(&id, &End::Succeeded)
            .await
            .expect("finished");
        operation["links"]["stack"].as_str().expect("a path").to_owned()
    }

    /// Plays an operation to its end; one with a release brings that out.
    pub async fn play(&self, operation: &Value) {
        let id = id(operation);
        let (operation, _) = self.store.begin_operation(&id).await.expect("begun");
        if let Some(number) = operation.release() {
            self.store.begin_release(&id, number).await.expect("begun");
        }
        self.store
            .finish_operation(&id, &End::Succeeded)
            .await
            .expect("finished");
    }

    /// Keeps a plan as a build does, from what `terraform show -json` says; its summary.
    pub async fn keep_plan(&self, id: &OperationId, shown: &Value) -> PlanSummary {
        let begun = self.store.update_operation(id, |operation: &mut Operation| {
            operation.artifacts = Layout::ByStack;
            Ok(())
        });
        let operation = begun.await.expect("the operation");
        let shown = show::read(shown.to_string().as_bytes(), &|text| text.to_owned()).expect("a plan");
        let (summary, objects) = pages::of(shown);
        let key = |name: &str| format!("/artifacts/{}", artifact::of_operation(&operation, name));
        let mut fakes = self.fakes.lock().expect("not poisoned");
        for (name, object) in objects.named() {
            fakes.objects.insert(key(&name), object.into());
        }
        summary
    }

    /// Writes an item as by hand.
    pub fn write(&self, item: &Value) {
        let request = serde_json::from_value(json!({"TableName": TABLE, "Item": item})).expect("a request");
        self.database.put_item(request).expect("written");
    }

    /// Every item of the table, without the audit log.
    pub fn items(&self) -> Vec<String> {
        let request = serde_json::from_value(json!({"TableName": TABLE})).expect("a scan");
        let scan = serde_json::to_value(self.database.scan(request).expect("scanned")).expect("JSON");
        let items = scan["Items"].as_array().expect("items");
        let is_audit = |item: &&Value| item["pk"]["S"].as_str().is_some_and(|key| key.starts_with("audit"));
        let mut items: Vec<String> = items
            .iter()
            .filter(|item| !is_audit(item))
            .map(|item| sorted(item).to_string())
            .collect();
        items.sort();
        items
    }

    /// The inputs of the calls of this action.
    pub fn calls(&self, action: &str) -> Vec<Value> {
        let fakes = self.fakes.lock().expect("not poisoned");
        let calls = fakes.calls.iter().filter(|(name, _)| name == action);
        calls.map(|(_, input)| input.clone()).collect()
    }

    /// From now on this action is refused with this error.
    pub fn refuse(&self, action: &str, error: &str) {
        let mut fakes = self.fakes.lock().expect("not poisoned");
        fakes.refused.insert(action.to_owned(), error.to_owned());
    }
}

pub fn id(operation: &Value) -> OperationId {
    operation["id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("an operation id")
}

pub fn stack_id(operation: &Value) -> StackId {
    operation["stack"]["id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("a stack id")
}

async fn fake(State(fakes): State<Arc<Mutex<Fakes>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let mut fakes = fakes.lock().expect("not poisoned");
    let Some(target) = parts.headers.get("x-amz-target") else {
        let path = parts.uri.path().to_owned();
        if parts.method == Method::PUT {
            fakes.objects.insert(path, body);
            return StatusCode::OK.into_response();
        }
        if let Some(function) = path.strip_prefix("/2015-03-31/functions/") {
            let qualifier = parts.uri.query().and_then(|query| query.strip_prefix("Qualifier="));
            let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
            let function = format!("{}{qualifier}", function.trim_end_matches("/invocations"));
            fakes
                .invoked
                .push((function, serde_json::from_slice(&body).expect("JSON")));
            return StatusCode::ACCEPTED.into_response();
        }
        if parts.method == Method::POST {
            return assume_role(&mut fakes, &body);
        }
        return match fakes.objects.get(&path) {
            Some(object) => object.clone().into_response(),
            None => (
                StatusCode::NOT_FOUND,
                "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>",
            )
                .into_response(),
        };
    };
    let action = target
        .to_str()
        .expect("a text")
        .split('.')
        .next_back()
        .expect("an action")
        .to_owned();
    let input: Value = serde_json::from_slice(&body).expect("JSON");
    fakes.calls.push((action.clone(), input.clone()));
    if let Some(error) = fakes.refused.get(&action) {
        return (
            StatusCode::BAD_REQUEST,
            json!({"__type": error, "message": "refused"}).to_string(),
        )
            .into_response();
    }
    let output = match action.as_str() {
        "StartExecution" => {
            let name = input["name"].as_str().expect("a name");
            json!({"executionArn": format!("{STATE_MACHINE}:{name}"), "startDate": 0})
        }
        "SendTaskSuccess" | "SendTaskFailure" => json!({}),
        "ReceiveMessage" | "GetQueueAttributes" | "DeleteMessage" | "ChangeMessageVisibilityBatch" => {
            queue(&mut fakes, &action, &input)
        }
        "StopExecution" => json!({"stopDate": 0}),
        "GetLogEvents" => {
            let Some(events) = log_events(&fakes, &input) else {
                let error = json!({"__type": "ResourceNotFoundException", "message": "no such stream"});
                return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
            };
            events
        }
        "FilterLogEvents" => {
            let Some(events) = filtered_events(&fakes, &input) else {
                let error = json!({"__type": "ResourceNotFoundException", "message": "no such group"});
                return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
            };
            events
        }
        other => panic!("{other} is not faked"),
    };
    output.to_string().into_response()
}

/// A page of a stream. A token is the index of the next line.
fn log_events(fakes: &Fakes, input: &Value) -> Option<Value> {
    let lines = fakes.streams.get(input["logStreamName"].as_str()?)?;
    let limit = usize::try_from(input["limit"].as_u64()?).ok()?;
    let from: usize = input["nextToken"]
        .as_str()
        .map_or(0, |token| token.parse().expect("a token"));
    let to = lines.len().min(from + limit);
    let gap = lines[from..to].iter().position(String::is_empty);
    let (end, to) = match gap {
        Some(0) => (from, from + 1),
        Some(length) => (from + length, from + length),
        None => (to, to),
    };
    let events = (from..end).map(|index| json!({"timestamp": 1_000 * index, "message": format!("{}\n", lines[index])}));
    Some(json!({"events": events.collect::<Vec<_>>(), "nextForwardToken": to.to_string(), "nextBackwardToken": "0"}))
}

/// A page of the events of a group, by time. A token is the index of the next event.
fn filtered_events(fakes: &Fakes, input: &Value) -> Option<Value> {
    let of_group = |event: &&Value| event["group"] == input["logGroupName"];
    let mut events: Vec<&Value> = fakes.events.iter().filter(of_group).collect();
    if events.is_empty() {
        return None;
    }
    let prefix = input["logStreamNamePrefix"].as_str().expect("a prefix");
    events.retain(|event| {
        let stream = event["logStreamName"].as_str().expect("a stream");
        stream.starts_with(prefix) && event["timestamp"].as_i64() >= input["startTime"].as_i64()
    });
    events.sort_by_key(|event| event["timestamp"].as_i64());
    let from: usize = input["nextToken"]
        .as_str()
        .map_or(0, |token| token.parse().expect("a token"));
    let to = events.len().min(from + EVENTS_PAGE);
    let next = (to < events.len()).then(|| to.to_string());
    Some(json!({"events": events[from..to], "nextToken": next}))
}

/// STS, as small as the API needs it.
fn assume_role(fakes: &mut Fakes, body: &Bytes) -> Response {
    let uri = format!("/?{}", String::from_utf8_lossy(body)).parse().expect("a form");
    let Query(fields) = Query::<BTreeMap<String, String>>::try_from_uri(&uri).expect("a form");
    let is_trusted = fakes.trusting.contains(&fields["RoleArn"]);
    fakes.calls.push((fields["Action"].clone(), json!(fields)));
    if !is_trusted {
        let error = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        return (StatusCode::FORBIDDEN, error).into_response();
    }
    let credentials = "<AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>";
    format!("<AssumeRoleResponse><AssumeRoleResult><Credentials>{credentials}</Credentials></AssumeRoleResult></AssumeRoleResponse>").into_response()
}

/// SQS: the receipt of a message is its ID.
fn queue(fakes: &mut Fakes, action: &str, input: &Value) -> Value {
    let queue = input["QueueUrl"].as_str().expect("a queue");
    let messages = fakes.messages.entry(queue.to_owned()).or_default();
    let is_it = |message: &Value| message["MessageId"] == input["ReceiptHandle"];
    match action {
        "ReceiveMessage" => {
            let visible = messages.iter_mut().filter(|message| message["hidden"] != true);
            let most = input["MaxNumberOfMessages"]
                .as_u64()
                .and_then(|most| most.try_into().ok());
            let received: Vec<Value> = visible
                .take(most.expect("a number"))
                .map(|message| {
                    message["hidden"] = true.into();
                    message.clone()
                })
                .collect();
            json!({ "Messages": received })
        }
        "GetQueueAttributes" => {
            let visible = messages.iter().filter(|message| message["hidden"] != true).count();
            json!({"Attributes": {"ApproximateNumberOfMessages": visible.to_string()}})
        }
        "DeleteMessage" => {
            messages.retain(|message| !is_it(message));
            json!({})
        }
        _ => {
            let entries = input["Entries"].as_array().expect("entries");
            let is_given_back = |message: &Value| {
                entries
                    .iter()
                    .any(|entry| entry["ReceiptHandle"] == message["MessageId"])
            };
            let given_back = messages.iter_mut().filter(|message| is_given_back(message));
            given_back.for_each(|message| message["hidden"] = false.into());
            json!({})
        }
    }
}
