//! Dead-lettered events.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, admin, request};

async fn as_admin(server: &Server, method: Method, path: &str) -> Answer {
    let mut request = request(method, path, None);
    request.extensions_mut().insert(admin());
    server.send(request).await
}

/// A server with a rejected request, and in the other queue the end of a task and a delivery, which reached no function.
async fn server() -> Server {
    let server = Server::start().await;
    let rejected = json!({
        "requestPayload": {"detail-type": "Slipway Request", "account": "111122223333", "detail": {"key": "a"}},
        "responsePayload": {"errorType": "Slipway.EventRefused", "errorMessage": "the account may not release"},
    });
    let ended = json!({"detail-type": "ECS Task State Change", "account": "000000000000", "detail": {}});
    let due = json!({"detail-type": "Slipway Delivery Due", "account": "000000000000", "detail": {}});
    let target = |name: &str| format!("arn:aws:lambda:us-east-1:000000000000:function:slipway-{name}");
    let message = |id: &str, body: Value, second: u32, target: &str| {
        json!({
            "MessageId": id, "ReceiptHandle": id, "Body": body.to_string(), "Attributes": {"SentTimestamp": format!("{second}000")},
            "MessageAttributes": {"TARGET_ARN": {"StringValue": target}, "ERROR_CODE": {"StringValue": "SDK_CLIENT_ERROR"}},
        })
    };
    let mut fakes = server.fakes.lock().expect("not poisoned");
    let mut put = |queue: &str, message| {
        let queue = format!("https://sqs.us-east-1.amazonaws.com/000000000000/slipway-{queue}-events");
        fakes.messages.entry(queue).or_default().push(message);
    };
    put("unhandled", message("one", rejected, 1_795_000_000, ""));
    put(
        "undelivered",
        message("two", ended, 1_794_000_000, &target("steps:live")),
    );
    put("undelivered", message("three", due, 1_796_000_000, &target("notify")));
    drop(fakes);
    server
}

#[tokio::test]
async fn dead_letters_are_listed_with_their_reason() {
    let server = server().await;
    for _ in 0..2 {
        let listed = as_admin(&server, Method::GET, "/v1/dead-letters").await;
        assert_eq!(listed.status, 200, "{listed:?}");
        let listed = listed.json();
        assert_eq!(
            listed["items"][1],
            json!({
                "id": "one", "queue": "unhandled", "since": "2026-11-18T11:06:40Z", "type": "Slipway Request", "account": "111122223333",
                "error": "Slipway.EventRefused", "reason": "the account may not release",
            })
        );
        assert_eq!(listed["items"][0]["error"], "SDK_CLIENT_ERROR", "the oldest is first");
    }
    assert_eq!(server.get("/v1/dead-letters").await.status, 403, "for administrators");
}

#[tokio::test]
async fn redriven_event_goes_to_its_function_once() {
    let server = server().await;
    let redrive = async |id: &str| as_admin(&server, Method::POST, &format!("/v1/dead-letters/{id}/redrive")).await;
    assert_eq!(redrive("one").await.status, 202);
    assert_eq!(redrive("two").await.status, 202);
    assert_eq!(redrive("three").await.status, 202);
    assert_eq!(redrive("two").await.status, 404);
    assert_eq!(redrive("none").await.status, 404);
    let invoked = server.fakes.lock().expect("not poisoned").invoked.clone();
    let invoked: Vec<(&str, &Value)> = invoked
        .iter()
        .map(|(name, event)| (name.as_str(), &event["detail-type"]))
        .collect();
    assert_eq!(
        invoked,
        [
            ("slipway-events", &json!("Slipway Request")),
            ("slipway-steps:live", &json!("ECS Task State Change")),
            ("slipway-notify", &json!("Slipway Delivery Due"))
        ]
    );
    let records = as_admin(&server, Method::GET, "/v1/audit?action=redrive").await.json();
    let subjects: Vec<&Value> = records["items"]
        .as_array()
        .expect("records")
        .iter()
        .map(|one| &one["subject"])
        .collect();
    assert_eq!(
        subjects,
        ["event/three", "event/two", "event/one"].map(|it| json!(it)).each_ref()
    );
}

/// Puts this many requests into the queue of rejected ones, named by their numbers.
fn fill(server: &Server, count: u32) {
    let mut fakes = server.fakes.lock().expect("not poisoned");
    let queue = "https://sqs.us-east-1.amazonaws.com/000000000000/slipway-unhandled-events".to_owned();
    fakes
        .messages
        .entry(queue)
        .or_default()
        .extend((0..count).map(|number| {
            let event = json!({"requestPayload": {"detail-type": "Slipway Request", "detail": {"key": number}}});
            json!({"MessageId": format!("m{number}"), "ReceiptHandle": format!("m{number}"), "Body": event.to_string()})
        }));
}

#[tokio::test]
async fn any_of_many_dead_letters_is_found_and_the_rest_is_counted() {
    let server = Server::start().await;
    fill(&server, 1_207);
    let listed = as_admin(&server, Method::GET, "/v1/dead-letters").await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1_000));
    assert_eq!(listed["more"], 207);
    for id in ["m1206", "m0"] {
        let redriven = as_admin(&server, Method::POST, &format!("/v1/dead-letters/{id}/redrive")).await;
        assert_eq!(redriven.status, 202, "{redriven:?}");
    }
    let again = as_admin(&server, Method::POST, "/v1/dead-letters/m1206/redrive").await;
    assert_eq!(again.status, 404, "{again:?}");
    let listed = as_admin(&server, Method::GET, "/v1/dead-letters").await.json();
    assert_eq!(listed["more"], 205);
}

#[tokio::test]
async fn a_failed_list_hides_no_dead_letter() {
    let server = Server::start().await;
    fill(&server, 1_207);
    let count = "GetQueueAttributes";
    server.refuse(count, "AccessDenied");
    assert_eq!(as_admin(&server, Method::GET, "/v1/dead-letters").await.status, 503);
    server.fakes.lock().expect("not poisoned").refused.remove(count);
    let listed = as_admin(&server, Method::GET, "/v1/dead-letters").await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1_000));
    assert_eq!(listed["more"], 207, "the others were given back");
}

#[tokio::test]
async fn failed_notifications_are_listed_and_redriven_where_they_have_an_event() {
    let server = Server::start().await;
    let context = json!({"functionArn": "arn:aws:lambda:us-east-1:000000000000:function:slipway-notify:$LATEST"});
    let event = json!({"requestContext": context, "requestPayload": {"detail-type": "Slipway Notification Due"}});
    let stream = json!({"requestContext": context, "DDBStreamBatchInfo": {"batchSize": 3}});
    {
        let mut fakes = server.fakes.lock().expect("not poisoned");
        let queue = "https://sqs.us-east-1.amazonaws.com/000000000000/slipway-unhandled-notifications".to_owned();
        let message = |id: &str, body: &Value| json!({"MessageId": id, "ReceiptHandle": id, "Body": body.to_string()});
        let queue = fakes.messages.entry(queue).or_default();
        queue.extend([message("event", &event), message("stream", &stream)]);
    }
    let listed = as_admin(&server, Method::GET, "/v1/dead-letters").await.json();
    let kinds = listed["items"].as_array().expect("events").iter();
    let kinds: Vec<(&Value, &Value)> = kinds.map(|one| (&one["queue"], &one["type"])).collect();
    let of = "notifications";
    assert_eq!(
        kinds,
        [
            (&json!(of), &json!("Slipway Notification Due")),
            (&json!(of), &json!("records of the table's stream"))
        ]
    );
    let redrive = async |id: &str| as_admin(&server, Method::POST, &format!("/v1/dead-letters/{id}/redrive")).await;
    assert_eq!(redrive("event").await.status, 202);
    let refused = redrive("stream").await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(
        refused.json()["detail"]
            .to_string()
            .contains("slipway event discard stream")
    );
    let fakes = server.fakes.lock().expect("not poisoned");
    assert_eq!(fakes.invoked[0].0, "slipway-notify");
}
