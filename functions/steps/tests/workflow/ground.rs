//! The start of every world: the servers, a stack whose provision was requested, and its blueprint.

use std::collections::BTreeMap;

use axum::serve::ListenerExt as _;
use serde_json::{Value, json};
use slipway_model::environment::{Approval, Environment};
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Digest;
use slipway_model::stack::Configuration;
use slipway_store::Store;
use slipway_store::create::{NewStack, Outcome};
use slipway_store::idempotency;
use tokio::net::TcpListener;

use crate::aws::{self, Shared};
use crate::world::{image, name};

pub fn answer() -> idempotency::Answer {
    idempotency::Answer {
        status: 202,
        headers: Vec::new(),
        body: Vec::new(),
    }
}

pub fn created(outcome: Outcome) -> OperationId {
    match outcome {
        Outcome::Created { operation, .. } => operation.id,
        other => panic!("{other:?}"),
    }
}

pub async fn serve(aws: &Shared) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = aws::router(aws.clone());
    tokio::spawn(async move { axum::serve(listener.tap_io(|it| drop(it.set_nodelay(true))), router).await });
    format!("http://{address}")
}

pub async fn dynamodb() -> String {
    let database = dynoxide::Database::memory().expect("a database");
    let mut definition = slipway_store::table::definition();
    definition["TableName"] = "slipway".into();
    definition
        .as_object_mut()
        .expect("an object")
        .remove("TimeToLiveSpecification");
    database
        .create_table(serde_json::from_value(definition).expect("a request"))
        .expect("a table");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    format!("http://{address}")
}

pub async fn provision(store: &Store, approval: Approval, protected: bool) -> (StackId, OperationId) {
    let environment = Environment {
        name: name("live"),
        account: "000000000000".parse().expect("an account"),
        region: "us-east-1".parse().expect("a region"),
        role: None,
        external_id: None,
        approval,
        approvals_required: 1,
        self_approval: false,
        approval_timeout_seconds: 259_200,
        approval_reminder_seconds: 86_400,
        protected,
        sandbox: false,
        protected_types: None,
        variables: serde_json::Map::new(),
        references: BTreeMap::new(),
        former: BTreeMap::new(),
    };
    store.put_environment(&environment).await.expect("an environment");
    let outcome = store
        .create_stack(&new_stack(), None, |_| answer())
        .await
        .expect("the store");
    let id = created(outcome);
    (store.operation(&id).await.expect("the operation").stack, id)
}

/// A stack that is requested with images.
pub fn new_stack() -> NewStack {
    NewStack {
        name: name("guests"),
        environment: name("live"),
        configuration: Configuration {
            blueprint: name("guestbook"),
            version: "1.0.0".parse().expect("a version"),
            digest: Digest::of(b"guestbook"),
            draft: false,
            variables: serde_json::Map::new(),
            sensitive: std::collections::BTreeSet::new(),
        },
        images: BTreeMap::from([(name("web"), image(1)), (name("worker"), image(1))]),
        subscriptions: BTreeMap::new(),
        owner: None,
        requested_by: "ann".to_owned(),
        permitted: None,
        origin: None,
    }
}

/// Two services, of which one has a migration that logs to CloudWatch Logs and a schedule; a task.
pub fn contract(stack: &StackId, endpoint: &str) -> Value {
    let log = json!({"logDriver": "awslogs", "options": {"awslogs-group": "/slipway/stacks/app", "awslogs-stream-prefix": "app"}});
    json!({
        "cluster": "main",
        "network": {"subnets": ["subnet-1"], "security_groups": ["sg-1"], "assign_public_ip": false},
        "services": {
            "web": {"name": format!("{stack}-web"), "desired_count": 2, "task_definition": {
                "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [{"name": "app", "logConfiguration": log}],
            }},
            "worker": {"name": format!("{stack}-worker"), "desired_count": 1, "task_definition": {
                "containerDefinitions": [{"name": "app"}],
            }},
        },
        "migrations": [{"name": "migrate", "service": "web", "command": ["migrate"], "timeout_seconds": 60}],
        "database": {"kind": "rds-instance", "id": format!("{stack}-main")},
        "backups": [{"name": "files", "service": "worker", "command": ["copy-files"], "timeout_seconds": 60}],
        "tasks": {"load-dump": {"service": "web", "command": ["load", "dump.sql"], "timeout_seconds": 60}},
        "schedules": {"tick": {"name": format!("{stack}-tick"), "service": "web", "command": ["tick"]}},
        "health": {"url": format!("{endpoint}/healthz"), "expect": 200},
        "bake_seconds": 0,
    })
}
