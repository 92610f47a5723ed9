//! The log of an operation: its streams one after the other, from a cursor.

use jiff::Timestamp;
use serde_json::{Value, json};
use slipway_model::operation::{LogStream, Operation};
use slipway_store::finish::End;

use crate::support::{Server, id};

fn print(server: &Server, stream: &str, lines: impl IntoIterator<Item = String>) {
    let mut fakes = server.fakes.lock().expect("not poisoned");
    fakes.streams.entry(stream.to_owned()).or_default().extend(lines);
}

async fn announce(server: &Server, operation: &Value, step: &str) {
    announce_stream(server, operation, step, false).await;
}

async fn announce_stream(server: &Server, operation: &Value, step: &str, in_segments: bool) {
    // Migrations print into a group of their stack.
    let group = match step {
        "Run migration" => "/slipway/stacks/shop",
        _ => "/slipway/builds",
    };
    let log = LogStream {
        step: step.to_owned(),
        group: group.to_owned(),
        stream: step.to_owned(),
        in_segments,
    };
    let announced = |operation: &mut Operation| {
        operation.logs.push(log.clone());
        Ok(())
    };
    let recorded = server.store.update_operation(&id(operation), announced).await;
    recorded.expect("recorded");
}

fn messages(page: &Value) -> Vec<String> {
    let lines = page["lines"].as_array().expect("lines").iter();
    lines
        .map(|line| {
            format!(
                "{} {}",
                line["step"].as_str().expect("a step"),
                line["message"].as_str().expect("a text")
            )
        })
        .collect()
}

#[tokio::test]
async fn every_line_comes_once_and_in_order() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.store.begin_operation(&id(&operation)).await.expect("begun");
    let logs = operation["links"]["logs"].as_str().expect("a path").to_owned();
    let after = |page: &Value| format!("{logs}?after={}", page["after"].as_str().expect("a cursor"));

    let nothing = server.get(&logs).await.json();
    assert_eq!((messages(&nothing), &nothing["ended"]), (vec![], &json!(false)));
    announce(&server, &operation, "Plan").await;
    let silent = server.get(&after(&nothing)).await.json();
    assert_eq!(messages(&silent), [""; 0], "a stream that is not there yet");
    print(&server, "Plan", ["one".to_owned(), "two".to_owned()]);
    // The readers of a second share what CloudWatch Logs answered; one who waits reads again.
    let two = server.get(&format!("{}&wait=25", after(&silent))).await.json();
    assert_eq!(messages(&two), ["Plan one", "Plan two"]);
    assert_eq!(two["lines"][1]["time"], "1970-01-01T00:00:01Z");

    // A line that comes late, after the next step has begun to print, is not lost.
    announce(&server, &operation, "Apply").await;
    print(&server, "Plan", ["late".to_owned()]);
    print(&server, "Apply", (0..1_500).map(|number| format!("line {number}")));
    let mut page = server.get(&after(&two)).await.json();
    let mut read = messages(&page);
    server
        .store
        .finish_operation(&id(&operation), &End::Succeeded)
        .await
        .expect("finished");
    while page["ended"] == false {
        page = server.get(&format!("{}&wait=5", after(&page))).await.json();
        read.extend(messages(&page));
    }
    assert_eq!(read.len(), 1_501);
    read.retain(|line| line.starts_with("Plan"));
    assert_eq!(read, ["Plan late"]);
    let all = server.get(&logs).await.json();
    assert_eq!(
        (all["lines"].as_array().expect("lines").len(), &all["ended"]),
        (1_000, &json!(false))
    );
}

#[tokio::test]
async fn a_page_without_lines_is_not_the_end() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.store.begin_operation(&id(&operation)).await.expect("begun");
    announce(&server, &operation, "Run migration").await;
    print(
        &server,
        "Run migration",
        ["", "one", "", "", "two"].map(ToOwned::to_owned),
    );
    let ended = server.store.finish_operation(&id(&operation), &End::Succeeded).await;
    ended.expect("finished");
    let page = server
        .get(operation["links"]["logs"].as_str().expect("a path"))
        .await
        .json();
    assert_eq!(
        (messages(&page), &page["ended"]),
        (
            vec!["Run migration one".to_owned(), "Run migration two".to_owned()],
            &json!(true)
        )
    );
}

#[tokio::test]
async fn a_follower_hears_of_new_lines_and_of_the_end() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.store.begin_operation(&id(&operation)).await.expect("begun");
    let logs = operation["links"]["logs"].as_str().expect("a path").to_owned();
    let speak = async {
        announce(&server, &operation, "Plan").await;
        print(&server, "Plan", ["hello".to_owned()]);
    };
    let follow = format!("{logs}?wait=25");
    let (page, ()) = tokio::join!(server.get(&follow), speak);
    let page = page.json();
    assert_eq!(messages(&page), ["Plan hello"]);
    let follow = format!("{logs}?wait=25&after={}", page["after"].as_str().expect("a cursor"));
    let operation = id(&operation);
    let (end, _) = tokio::join!(
        server.get(&follow),
        server.store.finish_operation(&operation, &End::Succeeded)
    );
    assert_eq!((messages(&end.json()), &end.json()["ended"]), (vec![], &json!(true)));
}

#[tokio::test]
async fn a_cursor_belongs_to_its_log() {
    let server = Server::with_blueprint().await;
    let one = server.create("one", "local", &json!({"size": 1})).await;
    let two = server.create("two", "local", &json!({"size": 1})).await;
    let page = server.get(one["links"]["logs"].as_str().expect("a path")).await.json();
    let after = page["after"].as_str().expect("a cursor").to_owned();
    for wrong in ["x", "e30", "%00", after.as_str()] {
        let answer = server
            .get(&format!(
                "{}?after={wrong}",
                two["links"]["logs"].as_str().expect("a path")
            ))
            .await;
        assert_eq!(
            (answer.status, answer.fields()),
            (400, vec!["after".to_owned()]),
            "{wrong}"
        );
    }
}

/// What the runner puts into the artifacts bucket.
async fn segment(server: &Server, operation: &Value, number: u32, messages: &[&str], last: bool) {
    let time = |index: usize| i64::from(number) * 1_000 + i64::try_from(index).expect("few lines");
    let lines = messages.iter().enumerate();
    let lines: Vec<Value> = lines
        .map(|(index, message)| json!({"time": time(index), "message": message}))
        .collect();
    let recorded = server.store.operation(&id(operation)).await.expect("the operation");
    let key = slipway_model::artifact::log_segment(&recorded, "Plan", number);
    let body = json!({"lines": lines, "last": last}).to_string();
    let mut fakes = server.fakes.lock().expect("not poisoned");
    fakes.objects.insert(format!("/artifacts/{key}"), body.into());
}

#[tokio::test]
async fn twenty_readers_of_a_build_ask_cloudwatch_nothing() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.store.begin_operation(&id(&operation)).await.expect("begun");
    announce_stream(&server, &operation, "Plan", true).await;
    let logs = operation["links"]["logs"].as_str().expect("a path").to_owned();
    segment(&server, &operation, 1, &["one", "two"], false).await;
    let pages = futures::future::join_all((0..20).map(|_| server.get(&logs))).await;
    let after = pages.first().expect("a page").json()["after"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    for page in pages {
        assert_eq!(messages(&page.json()), ["Plan one", "Plan two"]);
    }
    segment(&server, &operation, 2, &["three"], true).await;
    let page = server.get(&format!("{logs}?after={after}&wait=25")).await.json();
    assert_eq!(
        (messages(&page), &page["ended"]),
        (vec!["Plan three".to_owned()], &json!(false))
    );
    server
        .store
        .finish_operation(&id(&operation), &End::Succeeded)
        .await
        .expect("finished");
    let page = server
        .get(&format!(
            "{logs}?after={}&wait=25",
            page["after"].as_str().expect("a cursor")
        ))
        .await
        .json();
    assert_eq!((messages(&page), &page["ended"]), (vec![], &json!(true)));
    assert_eq!(server.calls("GetLogEvents"), Vec::<Value>::new());
}

#[tokio::test]
async fn lines_of_an_apply_in_the_build_of_plan_have_its_step() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.store.begin_operation(&id(&operation)).await.expect("begun");
    let at = |milliseconds| Timestamp::from_millisecond(milliseconds).expect("a time");
    let begun = |operation: &mut Operation| {
        operation.begin_build("Plan", at(900));
        operation.begin_build("Apply", at(2_000));
        Ok(())
    };
    let begun = server.store.update_operation(&id(&operation), begun).await;
    begun.expect("the steps are recorded");
    announce_stream(&server, &operation, "Plan", true).await;
    segment(&server, &operation, 1, &["plans"], false).await;
    segment(&server, &operation, 2, &["applies", "ends"], true).await;
    let page = server
        .get(operation["links"]["logs"].as_str().expect("a path"))
        .await
        .json();
    assert_eq!(messages(&page), ["Plan plans", "Apply applies", "Apply ends"]);
}

#[tokio::test]
async fn a_killed_builds_last_lines_come_from_cloudwatch() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.store.begin_operation(&id(&operation)).await.expect("begun");
    announce_stream(&server, &operation, "Plan", true).await;
    segment(&server, &operation, 1, &["one"], false).await;
    print(&server, "Plan", ["two".to_owned()]);
    server
        .store
        .finish_operation(&id(&operation), &End::Succeeded)
        .await
        .expect("finished");
    let page = server
        .get(operation["links"]["logs"].as_str().expect("a path"))
        .await
        .json();
    assert_eq!(
        (messages(&page), &page["ended"]),
        (vec!["Plan one".to_owned(), "Plan two".to_owned()], &json!(true))
    );
    assert_eq!(
        server.calls("GetLogEvents")[0]["startTime"],
        1_001,
        "after the last line of the segments"
    );
}

#[tokio::test]
async fn readers_of_a_tasks_log_share_the_calls() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.store.begin_operation(&id(&operation)).await.expect("begun");
    announce(&server, &operation, "Run task").await;
    print(&server, "Run task", ["one".to_owned()]);
    let logs = operation["links"]["logs"].as_str().expect("a path").to_owned();
    for page in futures::future::join_all((0..20).map(|_| server.get(&logs))).await {
        assert_eq!(messages(&page.json()), ["Run task one"]);
    }
    let calls = server.calls("GetLogEvents").len();
    assert!(calls <= 10, "{calls} calls for 20 readers of 2 pages");
}

/// The bytes of what the function answers to Lambda: the body is a text in JSON.
fn answer_bytes(body: &[u8]) -> usize {
    Value::from(String::from_utf8_lossy(body).into_owned())
        .to_string()
        .len()
}

#[tokio::test]
async fn no_page_is_larger_than_lambda_answers() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.store.begin_operation(&id(&operation)).await.expect("begun");
    announce(&server, &operation, "Plan").await;
    // What a program that logs JSON prints, and one line that no answer holds.
    let line = "{\"a\":\"b\"}".repeat(800);
    print(
        &server,
        "Plan",
        (0..1_000)
            .map(|_| line.clone())
            .chain(["x".repeat(50_000_000), "end".to_owned()]),
    );
    server
        .store
        .finish_operation(&id(&operation), &End::Succeeded)
        .await
        .expect("finished");
    let logs = operation["links"]["logs"].as_str().expect("a path").to_owned();
    let (mut path, mut lines) = (logs.clone(), Vec::new());
    loop {
        let answer = server.get(&path).await;
        assert!(answer_bytes(&answer.body) < 6_291_556, "{}", answer_bytes(&answer.body));
        let page = answer.json();
        lines.extend(messages(&page));
        if page["ended"] == true {
            break;
        }
        assert!(!messages(&page).is_empty(), "the cursor moves");
        path = format!("{logs}?after={}", page["after"].as_str().expect("a cursor"));
    }
    assert_eq!(
        (lines.len(), lines[0].as_str(), lines[1_001].as_str()),
        (1_002, &*format!("Plan {line}"), "Plan end")
    );
    assert!(
        lines[1_000].ends_with("… [49737856 more bytes]"),
        "{}",
        &lines[1_000][lines[1_000].len() - 40..]
    );
}
