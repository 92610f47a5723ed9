//! A table in a DynamoDB of the test's own, and records for it. The tests of `events` and `sweep` use this file, too.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use dynoxide::Database;
use serde_json::{Map, Value};
use slipway_model::id::OperationId;
use slipway_model::name::{Digest, Image, Name};
use slipway_model::operation::work::Work;
use slipway_model::operation::{Failure, Operation};
use slipway_model::request::Patch;
use slipway_model::stack::{Configuration, Stack};
use slipway_store::create::{NewOperation, NewStack, Outcome};
use slipway_store::idempotency::{Answer, Idempotency};
use slipway_store::{Error, Store, table};
use tokio::net::TcpListener;

/// Approves a plan, as often as it takes: what the approval was judged by may change.
pub async fn approve(store: &Store, id: &OperationId, by: &str) -> Result<Operation, Error> {
    loop {
        let read = store.operation(id).await?;
        if let Some(approved) = store.try_approve(&read, by.into()).await? {
            return Ok(approved);
        }
    }
}

/// An empty table.
pub struct Table {
    pub store: Store,
    pub client: Client,
    pub name: &'static str,
    /// The environment of a function that has this table.
    pub vars: BTreeMap<String, String>,
}

pub async fn table() -> Table {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let database = Database::memory().expect("a database");
    tokio::spawn(dynoxide::server::serve_with_shutdown(
        listener,
        database,
        std::future::pending(),
    ));
    let name = "slipway";
    let vars = BTreeMap::from(
        [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &format!("http://{address}")),
            ("SLIPWAY_TABLE", name),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let config = slipway_aws::sdk_config(&vars);
    let client = Client::new(&config);
    create(&client, name, &table::definition()).await;
    Table {
        store: Store::new(&config, name),
        client,
        name,
        vars,
    }
}

/// Makes the table that the definition describes.
async fn create(client: &Client, name: &str, definition: &Value) {
    let text = |value: &Value, key: &str| value[key].as_str().expect(key).to_owned();
    let list = |value: &Value, key: &str| value[key].as_array().expect(key).clone();
    let keys = |value: &Value| {
        let key = |element: &Value| {
            KeySchemaElement::builder()
                .attribute_name(text(element, "AttributeName"))
                .key_type(KeyType::from(text(element, "KeyType").as_str()))
                .build()
                .expect("a key")
        };
        Some(list(value, "KeySchema").iter().map(key).collect())
    };
    let attribute = |element: &Value| {
        AttributeDefinition::builder()
            .attribute_name(text(element, "AttributeName"))
            .attribute_type(ScalarAttributeType::from(text(element, "AttributeType").as_str()))
            .build()
            .expect("an attribute")
    };
    let index = |element: &Value| {
        let projected = list(&element["Projection"], "NonKeyAttributes");
        let projected = projected
            .iter()
            .map(|name| name.as_str().expect("a name").to_owned())
            .collect();
        let projection = Projection::builder()
            .projection_type(ProjectionType::from(
                text(&element["Projection"], "ProjectionType").as_str(),
            ))
            .set_non_key_attributes(Some(projected));
        GlobalSecondaryIndex::builder()
            .index_name(text(element, "IndexName"))
            .set_key_schema(keys(element))
            .projection(projection.build())
            .build()
            .expect("an index")
    };
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::from(text(definition, "BillingMode").as_str()))
        .set_key_schema(keys(definition))
        .set_attribute_definitions(Some(
            list(definition, "AttributeDefinitions").iter().map(attribute).collect(),
        ))
        .set_global_secondary_indexes(Some(
            list(definition, "GlobalSecondaryIndexes").iter().map(index).collect(),
        ))
        .send()
        .await
        .expect("the table is as DynamoDB wants it");
}

pub fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub fn configuration(blueprint: &str) -> Configuration {
    Configuration {
        blueprint: name(blueprint),
        version: "1.0.0".parse().expect("a version"),
        digest: Digest::of(blueprint.as_bytes()),
        draft: false,
        variables: Map::new(),
        sensitive: BTreeSet::new(),
    }
}

pub fn images(release: u8) -> BTreeMap<Name, Image> {
    let digest = Digest::of(&[release]);
    BTreeMap::from([(name("web"), format!("guestbook@{digest}").parse().expect("an image"))])
}

pub fn new_stack(called: &str) -> NewStack {
    NewStack {
        name: name(called),
        environment: name("dev"),
        configuration: configuration("guestbook"),
        images: BTreeMap::new(),
        subscriptions: BTreeMap::new(),
        owner: None,
        requested_by: "ada".to_owned(),
        permitted: None,
        origin: None,
    }
}

/// An update and a preview that change nothing.
pub const UPDATE: Work = Work::update(None);
pub const PREVIEW: Work = Work::Preview { patch: None };

/// A release of these images.
pub fn release(stack: &Stack, images: BTreeMap<Name, Image>) -> Work {
    Work::release_of(stack.next_release(images), true)
}

pub fn request(work: Work, stack: &Stack) -> NewOperation {
    NewOperation::new(work, stack.clone(), "ada")
}

/// The answer that says which operation it is about.
/// An update that changes these variables.
pub fn changed(stack: &Stack, values: &Value) -> NewOperation {
    let patch = Patch {
        variables: values.as_object().cloned().expect("values"),
        ..Patch::default()
    };
    let mut configuration = stack.configuration.clone();
    configuration.variables = patch.over(&configuration.variables);
    let work = Work::update(Some(patch));
    NewOperation {
        configuration: Some(configuration),
        ..request(work, stack)
    }
}

pub fn answer(accepted: slipway_store::create::Accepted<'_>) -> Answer {
    Answer {
        status: 202,
        headers: vec![(
            "location".to_owned(),
            format!("/v1/operations/{}", accepted.operation.id),
        )],
        body: format!("{} {:?} \u{0}ü", accepted.operation.id, accepted.position).into_bytes(),
    }
}

pub fn key(key: &str, request: &str) -> Idempotency {
    Idempotency {
        caller: "ada".to_owned(),
        key: key.to_owned(),
        request: Digest::of(request.as_bytes()),
    }
}

pub fn failure(named: &str) -> Failure {
    Failure {
        name: named.to_owned(),
        step: "Apply".to_owned(),
        message: "it broke".to_owned(),
        address: None,
    }
}

pub fn created(outcome: Outcome) -> Operation {
    match outcome {
        Outcome::Created { operation, .. } => *operation,
        other => panic!("not created: {other:?}"),
    }
}

impl Table {
    /// A stack whose provision has begun.
    pub async fn provisioning(&self, new: &NewStack) -> (Stack, OperationId) {
        let operation = created(self.store.create_stack(new, None, answer).await.expect("a stack"));
        let (operation, stack) = self.store.begin_operation(&operation.id).await.expect("begun");
        (stack, operation.id)
    }

    /// A stack that is ready.
    pub async fn ready(&self, new: &NewStack) -> Stack {
        let (stack, operation) = self.provisioning(new).await;
        let end = slipway_store::finish::End::Succeeded;
        self.store.finish_operation(&operation, &end).await.expect("finished");
        self.store.stack(&stack.id).await.expect("a stack")
    }

    /// How many items the table has, without the audit log and notifications.
    pub async fn items(&self) -> usize {
        let scan = self.client.scan().table_name(self.name).send().await.expect("a scan");
        let is_log = |item: &&std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
            item["pk"]
                .as_s()
                .is_ok_and(|key| key.starts_with("audit") || key.starts_with("notifications#"))
        };
        scan.items().iter().filter(|item| !is_log(item)).count()
    }
}
