//! SQS on the wire: the AWS CLI's protocol, long polls, dead letters, and what a crash leaves.

use crate::support;
use std::time::Duration;

use aws_emulator::clock::{Clock, SetClock};
use aws_emulator::endpoint::Endpoint;
use aws_emulator::ledger::Ledger;
use aws_emulator::sqs::Sqs;
use aws_emulator::wire::JsonProtocol;
use futures::FutureExt as _;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything here takes: who waits for longer waits in vain.
const LIMIT: Duration = Duration::from_secs(20);

struct World {
    sqs: Sqs,
    clock: SetClock,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self::over(
            tempfile::tempdir().expect("a temporary folder"),
            SetClock::at(Timestamp::now()),
        )
    }

    fn over(folder: TempDir, clock: SetClock) -> Self {
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
        let sqs = Sqs::new(ledger, Clock::Set(clock.clone()), "http://127.0.0.1:1").expect("opens");
        Self { sqs, clock, folder }
    }

    /// What a `kill -9` leaves is the ledger alone.
    fn crash(self) -> Self {
        Self::over(self.folder, self.clock)
    }

    async fn call(&self, action: &str, body: Value) -> Value {
        let answer = tokio::time::timeout(LIMIT, self.sqs.call(action, body)).await;
        answer.expect(action).expect(action)
    }

    async fn refused(&self, action: &str, body: Value) -> String {
        let error = self.sqs.call(action, body).await.expect_err(action);
        error.code.into_owned()
    }

    async fn create(&self, name: &str, attributes: Value) -> String {
        let created = self
            .call("CreateQueue", json!({"QueueName": name, "Attributes": attributes}))
            .await;
        created["QueueUrl"].as_str().expect("a URL").to_owned()
    }

    async fn send(&self, url: &str, body: &str) {
        self.call("SendMessage", json!({"QueueUrl": url, "MessageBody": body}))
            .await;
    }

    /// Waits for a message, and returns it.
    async fn receive(&self, url: &str, timeout: u32) -> Value {
        let body = json!({
            "QueueUrl": url, "WaitTimeSeconds": 20, "VisibilityTimeout": timeout, "MessageSystemAttributeNames": ["All"],
        });
        self.call("ReceiveMessage", body).await["Messages"][0].take()
    }

    /// Advances the clock, once the others of a `join!` wait.
    async fn advance(&self, seconds: i64) {
        tokio::task::yield_now().await;
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// How many messages are visible, in flight and delayed.
    async fn counts(&self, url: &str) -> [Value; 3] {
        let body = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        let attributes = self.call("GetQueueAttributes", body).await["Attributes"].take();
        ["", "NotVisible", "Delayed"].map(|kind| attributes[format!("ApproximateNumberOfMessages{kind}")].clone())
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{name}")
}

#[tokio::test]
async fn a_message_is_received_by_one_until_its_timeout_and_deleted_by_its_receipt() {
    let world = World::new();
    let url = world.create("work", json!({})).await;
    assert_eq!(url, "http://127.0.0.1:1/000000000000/work");
    let attributes = json!({"kind": {"DataType": "String", "StringValue": "greeting"}});
    let body = json!({"QueueUrl": url, "MessageBody": "hello", "MessageAttributes": attributes});
    let sent = world.call("SendMessage", body).await;
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");

    let body =
        json!({"QueueUrl": url, "VisibilityTimeout": 1, "MessageAttributeNames": ["ki.*"], "AttributeNames": ["All"]});
    let first = world.call("ReceiveMessage", body).await["Messages"][0].take();
    assert_eq!(
        (&first["MessageId"], &first["Body"]),
        (&sent["MessageId"], &json!("hello"))
    );
    assert_eq!(first["MessageAttributes"], attributes);
    assert_eq!(first["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(first["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(world.counts(&url).await, ["0", "1", "0"]);
    assert_eq!(world.call("ReceiveMessage", json!({"QueueUrl": url})).await, json!({}));

    // It comes back when its timeout is over, to who waits for it.
    let (second, ()) = tokio::join!(world.receive(&url, 600), world.advance(1));
    assert_eq!(second["Attributes"]["ApproximateReceiveCount"], "2");
    let receipt = |message: &Value| json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
    world.call("DeleteMessage", receipt(&first)).await;
    assert_eq!(
        world.counts(&url).await,
        ["0", "1", "0"],
        "an old receipt deletes nothing"
    );

    let mut visibility = receipt(&second);
    visibility["VisibilityTimeout"] = json!(0);
    world.call("ChangeMessageVisibility", visibility.clone()).await;
    assert_eq!(world.counts(&url).await, ["1", "0", "0"]);
    assert_eq!(
        world.refused("ChangeMessageVisibility", visibility).await,
        "MessageNotInflight"
    );
    let third = world.receive(&url, 600).await;
    for _ in 0..2 {
        world.call("DeleteMessage", receipt(&third)).await;
        assert_eq!(world.counts(&url).await, ["0", "0", "0"]);
    }
}

#[tokio::test]
async fn who_waits_is_woken_by_a_message_a_delay_a_deletion_and_the_end_of_the_server() {
    let world = World::new();
    let url = world
        .create("work", json!({"ReceiveMessageWaitTimeSeconds": "20"}))
        .await;
    let (message, ()) = tokio::join!(world.receive(&url, 60), async {
        tokio::task::yield_now().await;
        world.send(&url, "now").await;
    });
    assert_eq!(message["Body"], "now");
    let delayed = json!({"QueueUrl": url, "MessageBody": "later", "DelaySeconds": 1});
    world.call("SendMessage", delayed).await;
    assert_eq!(world.counts(&url).await, ["0", "1", "1"]);
    let (message, ()) = tokio::join!(world.receive(&url, 60), world.advance(1));
    assert_eq!(message["Body"], "later");

    let receive = || world.sqs.call("ReceiveMessage", json!({"QueueUrl": url}));
    let (refused, _) = tokio::join!(receive(), async {
        tokio::task::yield_now().await;
        world.call("DeleteQueue", json!({"QueueUrl": url})).await
    });
    assert_eq!(refused.expect_err("the queue was deleted").code, "QueueDoesNotExist");

    let url = world.create("work", json!({})).await;
    let body = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
    let (answer, ()) = tokio::join!(world.call("ReceiveMessage", body), async {
        tokio::task::yield_now().await;
        world.sqs.shutdown();
    });
    assert_eq!(answer, json!({}));
}

#[tokio::test]
async fn each_message_is_received_once_however_many_ask() {
    let world = World::new();
    let url = world.create("work", json!({})).await;
    let receives = (0..20).map(|_| world.receive(&url, 600));
    let sends = async {
        for number in 0..20 {
            world.send(&url, &number.to_string()).await;
        }
    };
    let (messages, ()) = tokio::join!(futures::future::join_all(receives), sends);
    let mut bodies: Vec<u32> = messages
        .iter()
        .map(|message| message["Body"].as_str().expect("a body").parse().expect("a number"))
        .collect();
    bodies.sort_unstable();
    assert_eq!(bodies, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn messages_received_too_often_are_dead_lettered() {
    let world = World::new();
    let dead = world.create("dead", json!({})).await;
    let policy = json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 2}).to_string();
    let url = world.create("work", json!({"RedrivePolicy": policy})).await;
    world.send(&url, "poison").await;
    for _ in 0..2 {
        assert_eq!(world.receive(&url, 0).await["Body"], "poison");
    }
    world.send(&url, "good").await;
    assert_eq!(
        world.receive(&url, 600).await["Body"],
        "good",
        "what is behind it is not blocked"
    );
    assert_eq!(world.counts(&url).await, ["0", "1", "0"]);

    let world = world.crash();
    let message = world.receive(&dead, 600).await;
    assert_eq!(message["Body"], "poison");
    assert_eq!(message["Attributes"]["DeadLetterQueueSourceArn"], arn("work"));
}

#[tokio::test]
async fn a_crash_loses_nothing_and_gives_nothing_back_before_its_time() {
    let world = World::new();
    let url = world.create("work", json!({"VisibilityTimeout": "600"})).await;
    for body in ["deleted", "received", "waiting"] {
        world.send(&url, body).await;
    }
    let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": 2});
    let received = world.call("ReceiveMessage", receive).await["Messages"].take();
    let receipt = |message: &Value| json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
    world.call("DeleteMessage", receipt(&received[0])).await;

    let world = world.crash();
    assert_eq!(world.counts(&url).await, ["1", "1", "0"]);
    assert_eq!(world.receive(&url, 600).await["Body"], "waiting");
    world.call("DeleteMessage", receipt(&received[1])).await;
    let url_of = world.call("GetQueueUrl", json!({"QueueName": "work"})).await;
    assert_eq!(url_of["QueueUrl"], url);
    world.call("PurgeQueue", json!({"QueueUrl": url})).await;
    assert_eq!(world.crash().counts(&url).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn queues_are_listed_in_pages_and_batches_have_an_outcome_for_each_entry() {
    let world = World::new();
    for name in ["a-1", "a-2", "a-3", "b"] {
        world.create(name, json!({})).await;
    }
    let page = |token: Option<&str>| json!({"QueueNamePrefix": "a", "MaxResults": 2, "NextToken": token});
    let first = world.call("ListQueues", page(None)).await;
    let second = world.call("ListQueues", page(first["NextToken"].as_str())).await;
    assert_eq!(
        (
            first["QueueUrls"].as_array().map(Vec::len),
            second["QueueUrls"].as_array().map(Vec::len)
        ),
        (Some(2), Some(1))
    );
    assert_eq!(second["NextToken"], Value::Null);

    let url = second["QueueUrls"][0].as_str().expect("a URL").to_owned();
    let entries = json!([{"Id": "good", "MessageBody": "x"}, {"Id": "bad", "MessageBody": ""}]);
    let sent = world
        .call("SendMessageBatch", json!({"QueueUrl": url, "Entries": entries}))
        .await;
    assert_eq!(
        (&sent["Successful"][0]["Id"], &sent["Failed"][0]["Code"]),
        (&json!("good"), &json!("MissingParameter"))
    );
    let receipt = world.receive(&url, 60).await["ReceiptHandle"].take();
    let entries = json!([{"Id": "1", "ReceiptHandle": receipt, "VisibilityTimeout": 0}, {"Id": "2", "ReceiptHandle": "none", "VisibilityTimeout": 0}]);
    let changed = world
        .call(
            "ChangeMessageVisibilityBatch",
            json!({"QueueUrl": url, "Entries": entries}),
        )
        .await;
    assert_eq!(
        (&changed["Successful"], &changed["Failed"][0]["Id"]),
        (&json!([{"Id": "1"}]), &json!("2"))
    );
    let receipt = world.receive(&url, 60).await["ReceiptHandle"].take();
    let entries = json!([{"Id": "1", "ReceiptHandle": receipt}]);
    let deleted = world
        .call("DeleteMessageBatch", json!({"QueueUrl": url, "Entries": entries}))
        .await;
    assert_eq!(deleted["Successful"], json!([{"Id": "1"}]));
}

#[tokio::test]
async fn what_sqs_refuses_is_refused_by_its_name() {
    let world = World::new();
    let url = world.create("work", json!({"VisibilityTimeout": "31"})).await;
    world.create("work", json!({})).await;
    let dead = json!({"deadLetterTargetArn": arn("nothing"), "maxReceiveCount": 1}).to_string();
    let own = json!({"deadLetterTargetArn": arn("work"), "maxReceiveCount": 1}).to_string();
    let long = "x".repeat(1_048_577);
    for (action, body, code) in [
        (
            "CreateQueue",
            json!({"QueueName": "work", "Attributes": {"VisibilityTimeout": "30"}}),
            "QueueNameExists",
        ),
        ("CreateQueue", json!({"QueueName": "a.fifo"}), "InvalidParameterValue"),
        ("CreateQueue", json!({"QueueName": "../a"}), "InvalidParameterValue"),
        (
            "CreateQueue",
            json!({"QueueName": "a", "Colour": 1}),
            "SerializationException",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "a", "Attributes": {"RedrivePolicy": dead}}),
            "InvalidAttributeValue",
        ),
        (
            "SetQueueAttributes",
            json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": own}}),
            "InvalidAttributeValue",
        ),
        (
            "GetQueueAttributes",
            json!({"QueueUrl": url, "AttributeNames": ["Colour"]}),
            "InvalidAttributeName",
        ),
        (
            "SendMessage",
            json!({"QueueUrl": url, "MessageBody": long}),
            "InvalidParameterValue",
        ),
        (
            "SendMessage",
            json!({"QueueUrl": url, "MessageBody": "x", "DelaySeconds": 901}),
            "InvalidParameterValue",
        ),
        (
            "SendMessage",
            json!({"QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g"}),
            "SerializationException",
        ),
        (
            "SendMessageBatch",
            json!({"QueueUrl": url, "Entries": []}),
            "EmptyBatchRequest",
        ),
        (
            "ReceiveMessage",
            json!({"QueueUrl": url, "MaxNumberOfMessages": 11}),
            "InvalidParameterValue",
        ),
        (
            "ReceiveMessage",
            json!({"QueueUrl": url, "WaitTimeSeconds": 21}),
            "InvalidParameterValue",
        ),
        (
            "ReceiveMessage",
            json!({"QueueUrl": url.replace("work", "gone")}),
            "QueueDoesNotExist",
        ),
        ("ReceiveMessage", json!({"QueueUrl": "work"}), "InvalidAddress"),
        (
            "DeleteMessage",
            json!({"QueueUrl": url, "ReceiptHandle": "x"}),
            "ReceiptHandleIsInvalid",
        ),
        ("AddPermission", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(world.refused(action, body.clone()).await, code, "{action} {body:.100}");
    }
}

#[tokio::test]
async fn an_error_has_the_name_that_clients_of_the_older_protocol_match() {
    let world = World::new();
    let sqs = world.sqs.clone();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let endpoint =
        Endpoint::new(support::open_s3(folder.path())).json("AmazonSQS", JsonProtocol::V1_0, move |action, body| {
            let sqs = sqs.clone();
            async move { sqs.call(&action, body).await }.boxed()
        });
    let server = support::Server::start(folder, endpoint).await;
    let request = Request::post(server.url())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AmazonSQS.GetQueueUrl")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/sqs/aws4_request, Signature=b",
        )
        .body(json!({"QueueName": "gone"}).to_string())
        .expect("a request");
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let response = client
        .request(request.map(axum::body::Body::from))
        .await
        .expect("an answer");
    assert_eq!(response.status(), 400);
    assert_eq!(
        response.headers()["x-amzn-query-error"],
        "AWS.SimpleQueueService.NonExistentQueue;Sender"
    );
    assert_eq!(response.headers()["x-amzn-errortype"], "QueueDoesNotExist");
}
