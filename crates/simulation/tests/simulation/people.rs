//! The callers of the API: they request, approve, reject and cancel, and they repeat what was not answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use asl_interpreter::Event;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use slipway_api::Caller;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::ecs::image;
use crate::world::World;

/// The timeout of the function of the API.
const API: Duration = Duration::from_secs(29);

/// How often a request is sent until its caller gives up.
const ATTEMPTS: u32 = 20;

/// How many requests a requester makes.
const REQUESTS: u64 = 6;

/// What the API has acknowledged.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// How many requests for an operation were made, by any caller.
    pub requested: usize,
    pub operations: BTreeSet<String>,
    pub stacks: BTreeSet<String>,
    pub approved: BTreeSet<String>,
    pub rejected: BTreeSet<String>,
    pub cancelled: BTreeSet<String>,
}

/// A request to the API.
#[derive(Debug, Clone)]
struct Call {
    caller: Caller,
    method: Method,
    path: String,
    body: Option<Value>,
    /// The idempotency key.
    key: String,
}

pub fn ann() -> Caller {
    Caller::named("ann", false)
}

pub fn administrator() -> Caller {
    Caller::named("root", true)
}

impl World {
    /// Publishes the blueprint of all stacks.
    pub async fn publish(&self) {
        let main = "variable \"size\" {\n  type = number\n}\noutput \"slipway\" {\n  value = {}\n}\n";
        let call = Call {
            caller: administrator(),
            method: Method::PUT,
            path: "/v1/blueprints/web/versions/1.0.0".to_owned(),
            body: Some(json!({"files": {"main.tf": main}})),
            key: "publish".to_owned(),
        };
        let answer = self.call(&call).await;
        assert_eq!(answer.as_ref().map(|answer| answer.0), Some(201), "{answer:?}");
    }

    /// Somebody who makes requests, and sometimes cancels one.
    pub async fn request(self: Arc<Self>, number: u64) {
        for at in 0..REQUESTS {
            let pause = self.chance(|chance| chance.seconds(1, 600));
            sleep(pause).await;
            if self.history().is_violated() {
                return;
            }
            self.stop_execution_by_chance();
            let call = self.next_request(format!("{number}-{at}"));
            let cancels = call.path.ends_with("/cancel");
            self.acknowledged().requested += usize::from(!cancels);
            let Some((202, operation)) = self.call(&call).await else {
                continue;
            };
            let mut acknowledged = self.acknowledged();
            let id = text(&operation["id"]);
            if cancels {
                acknowledged.cancelled.insert(id);
            } else {
                acknowledged.stacks.insert(text(&operation["stack"]["id"]));
                acknowledged.operations.insert(id);
            }
        }
    }

    /// Sometimes an operator stops an execution by hand.
    fn stop_execution_by_chance(self: &Arc<Self>) {
        let (stops, which) = self.draw(|faults, chance| (chance.happens(faults.stopped), chance.next()));
        let running = self.executions().running();
        let at = usize::try_from(which).unwrap_or(0) % running.len().max(1);
        if let Some(name) = running.get(at).filter(|_| stops) {
            self.note(&format!("an operator stops {name}"));
            self.deliver(
                name,
                Event::Abort {
                    error: None,
                    cause: None,
                },
            );
        }
    }

    fn next_request(&self, key: String) -> Call {
        let (stacks, operations) = {
            let known = self.acknowledged();
            let stacks: Vec<String> = known.stacks.iter().cloned().collect();
            let operations: Vec<String> = known.operations.iter().cloned().collect();
            (stacks, operations)
        };
        let (what, which, size) = self.chance(|chance| (chance.below(100), chance.next(), chance.below(9)));
        let nth = |all: &[String]| {
            let at = usize::try_from(which).unwrap_or(0) % all.len().max(1);
            all.get(at).cloned()
        };
        let environment = if which % 2 == 0 { "live" } else { "dev" };
        let variables = json!({"variables": {"size": size}});
        let images = json!({"images": {"web": image(size)}});
        let create = || {
            let mut body = json!({
                "name": format!("stack-{key}"), "blueprint": "web", "environment": environment, "variables": {"size": size},
            });
            if size % 2 == 1 {
                body["images"] = images["images"].clone();
            }
            (Method::POST, "/v1/stacks".to_owned(), Some(body))
        };
        let (method, path, body) = match (what, nth(&stacks), nth(&operations)) {
            (0..15, ..) | (_, None, _) | (_, _, None) => create(),
            (15..35, _, Some(operation)) => (Method::POST, format!("/v1/operations/{operation}/cancel"), None),
            (35..58, Some(stack), _) => (Method::PATCH, format!("/v1/stacks/{stack}"), Some(variables)),
            (58..68, Some(stack), _) => (Method::DELETE, format!("/v1/stacks/{stack}"), None),
            (68..86, Some(stack), _) => (Method::POST, format!("/v1/stacks/{stack}/releases"), Some(images)),
            (86..91, Some(stack), _) => (Method::POST, format!("/v1/stacks/{stack}/rollback"), Some(json!({}))),
            (91..96, Some(stack), _) => (Method::POST, format!("/v1/stacks/{stack}/preview"), Some(variables)),
            (_, Some(stack), _) => (Method::POST, format!("/v1/stacks/{stack}/drift"), None),
        };
        Call {
            caller: ann(),
            method,
            path,
            body,
            key,
        }
    }

    /// Somebody who decides about plans.
    pub async fn approve(self: Arc<Self>) {
        loop {
            let pause = self.chance(|chance| chance.seconds(5, 240));
            sleep(pause).await;
            let list = self.of_administrator(Method::GET, "/v1/operations?status=waiting_for_approval".to_owned());
            let Some((200, page)) = self.call(&list).await else {
                continue;
            };
            for operation in page["items"].as_array().into_iter().flatten() {
                let what = self.chance(|chance| chance.below(10));
                match what {
                    0..6 => self.approve_plan(&text(&operation["id"])).await,
                    6..8 => self.reject_plan(&text(&operation["id"])).await,
                    _ => {}
                }
            }
        }
    }

    async fn approve_plan(&self, id: &str) {
        let sheet = self.of_administrator(Method::GET, format!("/v1/operations/{id}/sheet"));
        let Some((200, sheet)) = self.call(&sheet).await else {
            return;
        };
        let mut approve = self.of_administrator(Method::POST, format!("/v1/operations/{id}/approve"));
        approve.body = Some(json!({"sheet": sheet["hash"]}));
        if let Some((202, _)) = self.call(&approve).await {
            self.acknowledged().approved.insert(id.to_owned());
        }
    }

    async fn reject_plan(&self, id: &str) {
        let mut reject = self.of_administrator(Method::POST, format!("/v1/operations/{id}/reject"));
        reject.body = Some(json!({"reason": "not today"}));
        if let Some((202, _)) = self.call(&reject).await {
            self.acknowledged().rejected.insert(id.to_owned());
        }
    }

    fn of_administrator(&self, method: Method, path: String) -> Call {
        let key = self.chance(|chance| format!("decision-{:x}", chance.next()));
        Call {
            caller: administrator(),
            method,
            path,
            body: None,
            key,
        }
    }

    /// Sends a request until it is answered; `None` where its caller gives up.
    async fn call(&self, call: &Call) -> Option<(u16, Value)> {
        for _ in 0..ATTEMPTS {
            let router = self.functions().api;
            let request = call.request();
            let sent = async move {
                let response = router.oneshot(request).await.expect("infallible");
                let status = response.status().as_u16();
                let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
                (status, body.unwrap_or_default())
            };
            let answer = self.run(API, sent).await;
            let status = answer.as_ref().map(|answer| answer.0);
            self.note(&format!("{} {} {status:?}", call.method, call.path));
            match answer {
                Ok((status, body)) if status < 500 && status != 429 => {
                    return Some((status, serde_json::from_slice(&body).unwrap_or_default()));
                }
                _ => {}
            }
            let pause = self.chance(|chance| chance.millis(500, 10_000));
            sleep(pause).await;
        }
        None
    }
}

impl Call {
    fn request(&self) -> Request<Body> {
        let request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .extension(self.caller.clone());
        let request = match self.method {
            Method::GET => request,
            _ => request.header("idempotency-key", &self.key),
        };
        let request = match &self.body {
            None => request.body(Body::empty()),
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
        };
        request.expect("a request")
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Environments in which plans wait for an approval, and in which they do not.
pub fn environments() -> [Value; 2] {
    let environment = |name: &str, approval: &str| {
        json!({
            "name": name, "account": "000000000000", "region": "us-east-1", "approval": approval,
            "approval_timeout_seconds": 1_800,
        })
    };
    [environment("live", "always"), environment("dev", "never")]
}
