//! A table with an environment, blueprints and a source account, and a record of the calls of AWS.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slipway_events::{Config, Events};
use slipway_model::contract::Contract;
use slipway_model::name::Digest;
use slipway_model::policy::StoredPolicy;
use slipway_model::stack::Stack;
use slipway_recording::recorded;
use slipway_store::finish::End;
use slipway_store::list::StackFilter;

use crate::fake::Fake;
use crate::support::{Table, table};

pub const MACHINE: &str = "arn:aws:states:eu-west-1:000000000000:stateMachine:slipway";
pub const SHOP: &str = "111122223333";
pub const OTHER: &str = "444455556666";
pub const RESULTS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/slipway-results";

/// A table with an environment, a blueprint and a source account, and a record of the calls of AWS.
pub struct Ground {
    pub table: Table,
    pub fake: Fake,
    pub events: Events,
    /// Calls that fail, by action.
    pub broken: Arc<Mutex<Option<&'static str>>>,
}

impl Ground {
    pub async fn new() -> Self {
        let table = table().await;
        let broken: Arc<Mutex<Option<&'static str>>> = Arc::default();
        let down = Arc::clone(&broken);
        let fake = Fake::start(move |action, _| match action {
            _ if *down.lock().expect("a lock") == Some(action) => Err("InternalFailure"),
            "StartExecution" => Ok(json!({"executionArn": "arn", "startDate": 1.5})),
            "SendMessage" => Ok(json!({"MessageId": "1", "MD5OfMessageBody": "1"})),
            "PutEvents" => Ok(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})),
            _ => Err("UnknownOperationException"),
        })
        .await;
        let ground = Self {
            events: events(&table, &fake),
            table,
            fake,
            broken,
        };
        ground.configure().await;
        ground
    }

    pub async fn configure(&self) {
        let environment = json!({"name": "dev", "account": "000000000000", "region": "eu-west-1"});
        let environment = serde_json::from_value(environment).expect("an environment");
        self.table.store.put_environment(&environment).await.expect("written");
        for blueprint in ["web", "secret"] {
            let blueprint = json!({
                "name": blueprint, "version": "1.0.0", "digest": Digest::of(b"x"), "published_at": Timestamp::now(),
                "variables": [{"name": "size", "type": "number", "type_text": "number", "required": false, "nullable": true}],
            });
            let blueprint = serde_json::from_value(blueprint).expect("a blueprint");
            self.table
                .store
                .publish_blueprint(&blueprint, "ada")
                .await
                .expect("published");
        }
        self.allow(SHOP, &["provision", "release", "destroy", "drift"]).await;
    }

    pub async fn allow(&self, account: &str, actions: &[&str]) {
        let source = json!({
            "account": account, "actions": actions, "blueprints": ["web"], "environments": ["dev"],
            "results": RESULTS.replace(SHOP, account),
        });
        let source = serde_json::from_value(source).expect("a source account");
        self.table.store.put_source_account(&source).await.expect("written");
    }

    /// Stores a policy beside those that there are.
    pub async fn put_policy(&self, name: &str, text: &str) {
        let store = &self.table.store;
        let head = store.policy_head().await.expect("a head");
        let before = store.policies(head.revision).await.expect("policies");
        let mut changed = before.clone();
        changed.revision += 1;
        "ada".clone_into(&mut changed.changed_by);
        changed.policies.push(StoredPolicy {
            name: name.parse().expect("a name"),
            text: text.to_owned(),
            updated_by: "ada".to_owned(),
            updated_at: Timestamp::now(),
        });
        assert!(store.put_policies(&before, &changed).await.expect("written"));
    }

    pub async fn handle(&self, event: Value) {
        self.events.handle(event).await.expect("handled");
    }

    /// The results that were sent since the last call.
    pub fn results(&self) -> Vec<Value> {
        let calls = self.fake.signed_calls().into_iter();
        let put = calls.filter(|((action, _), _)| action == "PutEvents");
        put.flat_map(|((_, request), region)| {
            assert!(RESULTS.contains(&format!(":events:{region}:")), "{region}");
            request["Entries"].as_array().expect("entries").clone()
        })
        .map(|entry| {
            assert_eq!(
                (&entry["Source"], &entry["DetailType"]),
                (&json!("slipway"), &json!("Slipway Result"))
            );
            let mut result: Value = serde_json::from_str(entry["Detail"].as_str().expect("text")).expect("JSON");
            result["bus"] = entry["EventBusName"].clone();
            result
        })
        .collect()
    }

    pub fn last_result(&self) -> Value {
        self.results().pop().expect("a result")
    }

    /// The errors of the dead-lettered events.
    pub fn dead_lettered(&self) -> Vec<(String, String)> {
        let sent = self
            .fake
            .calls()
            .into_iter()
            .filter(|(action, _)| action == "SendMessage");
        sent.map(|(_, request)| {
            let record: Value = serde_json::from_str(request["MessageBody"].as_str().expect("a body")).expect("JSON");
            let text = |name: &str| record["responsePayload"][name].as_str().expect("text").to_owned();
            (text("errorType"), text("errorMessage"))
        })
        .collect()
    }

    pub async fn stacks(&self) -> Vec<Stack> {
        let page = self.table.store.stacks(&StackFilter::default(), 100, None).await;
        page.expect("a page").items
    }

    /// Asks for the stack `shop`, which becomes ready with these services.
    pub async fn shop(&self, services: &[&str], subscriptions: Value) -> Stack {
        self.handle(request(
            SHOP,
            &json!({
                "version": 1, "key": "shop", "action": "provision",
                "request": {"name": "shop", "blueprint": "web", "environment": "dev", "subscriptions": subscriptions},
            }),
        ))
        .await;
        let stack = self.stacks().await.pop().expect("the stack");
        let id = stack.active_operation.clone().expect("its operation");
        self.table.store.begin_operation(&id).await.expect("begun");
        let task_definition = json!({"containerDefinitions": [{"name": "app"}]});
        let services: BTreeMap<&str, Value> = services
            .iter()
            .map(|service| {
                let shape = json!({"name": service, "task_definition": task_definition, "desired_count": 1});
                (*service, shape)
            })
            .collect();
        let contract = json!({"cluster": "main", "services": services});
        let contract: Contract = serde_json::from_value(contract).expect("a contract");
        self.table
            .store
            .record_contract(&id, &contract)
            .await
            .expect("recorded");
        self.table
            .store
            .finish_operation(&id, &End::Succeeded)
            .await
            .expect("finished");
        self.table.store.stack(&stack.id).await.expect("a stack")
    }

    /// The images of a stack's releases, oldest release first, each as `service=digest`.
    pub async fn releases(&self, stack: &Stack) -> Vec<String> {
        let page = self.table.store.releases(&stack.id, 100, None).await.expect("a page");
        let shown = |release: slipway_model::release::Release| {
            let images = release.images.iter();
            let images: Vec<String> = images.map(|(service, image)| format!("{service}={image}")).collect();
            images.join(" ")
        };
        page.items.into_iter().rev().map(shown).collect()
    }
}

/// The environment of the function on this table, with this for the rest of AWS.
pub fn vars(table: &Table, fake: &Fake) -> BTreeMap<String, String> {
    let mut vars = table.vars.clone();
    vars.insert("AWS_ENDPOINT_URL".to_owned(), fake.url.clone());
    vars.insert("AWS_MAX_ATTEMPTS".to_owned(), "1".to_owned());
    vars.insert("SLIPWAY_STATE_MACHINE_ARN".to_owned(), MACHINE.to_owned());
    vars.insert("SLIPWAY_UNHANDLED_EVENTS_URL".to_owned(), "https://queue".to_owned());
    vars
}

/// The function.
pub fn events(table: &Table, fake: &Fake) -> Events {
    let vars = vars(table, fake);
    let config = Config::from_vars(&vars).expect("every variable");
    Events::new(config, &recorded("EventsFunction", &slipway_aws::sdk_config(&vars)))
}

pub fn envelope(account: &str, source: &str, detail_type: &str, time: Timestamp, detail: &Value) -> Value {
    json!({
        "version": "0", "id": Digest::of(time.to_string().as_bytes()).hex()[..8], "detail-type": detail_type, "source": source,
        "account": account, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "region": "eu-west-1", "resources": [],
        "detail": detail,
    })
}

pub fn request(account: &str, detail: &Value) -> Value {
    envelope(
        account,
        "com.example.portal",
        "Slipway Request",
        Timestamp::now(),
        detail,
    )
}

pub fn provision(key: &str, called: &str) -> Value {
    json!({
        "version": 1, "key": key, "action": "provision",
        "request": {"name": called, "blueprint": "web", "environment": "dev", "variables": {"size": 2}},
    })
}

/// A push of an image so many seconds after a fixed time.
pub fn pushed(account: &str, repository: &str, tag: &str, image: &str, seconds: i64) -> Value {
    let time: Timestamp = "2026-11-01T12:00:00Z".parse().expect("a time");
    let detail = json!({
        "result": "SUCCESS", "repository-name": repository, "image-digest": Digest::of(image.as_bytes()), "action-type": "PUSH",
        "image-tag": tag,
    });
    envelope(
        account,
        "aws.ecr",
        "ECR Image Action",
        time + SignedDuration::from_secs(seconds),
        &detail,
    )
}

pub fn released(repository: &str, image: &str) -> String {
    format!(
        "{SHOP}.dkr.ecr.eu-west-1.amazonaws.com/{repository}@{}",
        Digest::of(image.as_bytes())
    )
}

pub fn follows(repository: &str, tags: &str) -> Value {
    json!({"repository": format!("arn:aws:ecr:eu-west-1:{SHOP}:repository/{repository}"), "tags": tags})
}
