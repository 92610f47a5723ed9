//! The log of an operation: its streams one after the other, from a cursor.

use serde_json::{Value, json};
use slipway_model::operation::{LogStream, Operation};
use slipway_store::finish::End;

use crate::support::{Server, id};

fn print(server: &Server, stream: &str, lines: impl IntoIterator<Item = String>) {
    let mut fakes = server.fakes.lock().expect("not poisoned");
    fakes.streams.entry(stream.to_owned()).or_default().extend(lines);
}

async fn announce(server: &Server, operation: &Value, step: &str) {
    let log = LogStream {
        step: step.to_owned(),
        group: "builds".to_owned(),
        stream: step.to_owned(),
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
    let two = server.get(&after(&silent)).await.json();
    assert_eq!(messages(&two), ["Plan one", "Plan two"]);
    assert_eq!(two["lines"][1]["time"], "1970-01-01T00:00:01Z");

    // A line that comes late, after the next step has begun to print, is not lost.
    announce(&server, &operation, "Apply").await;
    print(&server, "Plan", ["late".to_owned()]);
    print(&server, "Apply", (0..1_500).map(|number| format!("line {number}")));
    let mut page = server.get(&after(&two)).await.json();
    assert_eq!(messages(&page)[..2], ["Plan late", "Apply line 0"]);
    let mut count = messages(&page).len();
    server
        .store
        .finish_operation(&id(&operation), &End::Succeeded)
        .await
        .expect("finished");
    while page["ended"] == false {
        page = server.get(&format!("{}&wait=5", after(&page))).await.json();
        count += messages(&page).len();
    }
    assert_eq!(count, 1_501);
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
    announce(&server, &operation, "Plan").await;
    print(&server, "Plan", ["", "one", "", "", "two"].map(ToOwned::to_owned));
    let ended = server.store.finish_operation(&id(&operation), &End::Succeeded).await;
    ended.expect("finished");
    let page = server
        .get(operation["links"]["logs"].as_str().expect("a path"))
        .await
        .json();
    assert_eq!(
        (messages(&page), &page["ended"]),
        (vec!["Plan one".to_owned(), "Plan two".to_owned()], &json!(true))
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
