//! The log of a service, over a fake of CloudWatch Logs that gives three events a page.

use axum::http::Method;
use serde_json::{Value, json};
use slipway_api::Caller;
use slipway_model::contract::Contract;
use slipway_store::finish::End;

use crate::support::{Server, id, request, stack_id};

/// A stack whose services print: `web` into the stack's own group, `spy` into that of another stack, and `silent` nowhere.
async fn printing(server: &Server, environment: &str) -> (String, String) {
    let variables = json!({"size": 1, "password": "hunter2-hunter2"});
    let operation = server.create("shop", environment, &variables).await;
    let (id, stack) = (id(&operation), stack_id(&operation));
    server.store.begin_operation(&id).await.expect("begun");
    let group = format!("/slipway/stacks/{stack}");
    let service = |group: &str| {
        let options = json!({"awslogs-group": group, "awslogs-stream-prefix": "app"});
        let main = json!({"name": "main", "logConfiguration": {"logDriver": "awslogs", "options": options}});
        json!({"name": "s", "desired_count": 1, "task_definition": {"family": "f", "containerDefinitions": [main]}})
    };
    let silent = json!({"name": "s", "desired_count": 1, "task_definition": {"family": "f", "containerDefinitions": [{"name": "main"}]}});
    let services = json!({"web": service(&group), "spy": service("/slipway/stacks/lusab-babad"), "silent": silent});
    let contract = Contract::parse(&json!({"cluster": "main", "services": services})).expect("a contract");
    server.store.record_contract(&id, &contract).await.expect("recorded");
    server
        .store
        .finish_operation(&id, &End::Succeeded)
        .await
        .expect("finished");
    (format!("/v1/stacks/{stack}/services/web/logs"), group)
}

fn print(server: &Server, group: &str, task: &str, lines: &[(i64, &str)]) {
    let mut fakes = server.fakes.lock().expect("not poisoned");
    for (time, message) in lines {
        let number = fakes.events.len();
        fakes.events.push(json!({
            "group": group, "logStreamName": format!("app/main/{task}"), "timestamp": time, "message": format!("{message}\n"),
            "eventId": format!("event-{number}"),
        }));
    }
}

fn messages(page: &Value) -> Vec<&str> {
    let lines = page["lines"].as_array().expect("lines").iter();
    lines.map(|line| line["message"].as_str().expect("a text")).collect()
}

/// Their list is beside the stack's state. Without a list that can be read, nothing says what a line must not show.
#[tokio::test]
async fn values_that_only_builds_see_are_hidden() {
    let server = Server::with_blueprint().await;
    let (path, group) = printing(&server, "local").await;
    let stack = group.rsplit('/').next().expect("an ID").to_owned();
    print(&server, &group, "one", &[(1_000, "password generated-canary")]);
    let list = |text: &'static str| {
        let mut fakes = server.fakes.lock().expect("not poisoned");
        fakes
            .objects
            .insert(format!("/state/stacks/{stack}/secrets.json"), text.into());
    };
    let since = format!("{path}?since=1970-01-01T00:00:01Z");
    list(r#"["generated-canary"]"#);
    let read = server.get(&since).await.json();
    assert_eq!(messages(&read), ["password (sensitive)"]);
    list("damaged");
    let refused = server.get(&since).await;
    assert_eq!(refused.status, 404, "{refused:?}");
    let problem = refused.json().to_string();
    assert!(
        problem.contains("list of the stack's secrets is damaged") && !problem.contains("canary"),
        "{problem}"
    );
}

#[tokio::test]
async fn every_line_of_a_service_comes_once() {
    let server = Server::with_blueprint().await;
    let (path, group) = printing(&server, "local").await;
    let since = format!("{path}?since=1970-01-01T00:00:01Z");
    let nothing = server.get(&since).await.json();
    assert_eq!(
        (messages(&nothing), &nothing["more"]),
        (vec![], &json!(false)),
        "no group yet"
    );

    print(
        &server,
        &group,
        "one",
        &[(900, "before"), (1_000, "a"), (5_000, "c"), (9_000, "e")],
    );
    print(
        &server,
        &group,
        "two",
        &[
            (3_000, "b"),
            (7_000, "d"),
            (9_000, "f"),
            (9_000, "password hunter2-hunter2"),
        ],
    );
    let all = server.get(&since).await.json();
    assert_eq!(messages(&all), ["a", "b", "c", "d", "e", "f", "password (sensitive)"]);
    let first = json!({"time": "1970-01-01T00:00:01Z", "container": "main", "task": "one", "message": "a"});
    assert_eq!(all["lines"][0], first);

    let after = |page: &Value| format!("{path}?after={}", page["after"].as_str().expect("a cursor"));
    let again = server.get(&after(&all)).await.json();
    assert_eq!(messages(&again), [""; 0]);
    print(
        &server,
        &group,
        "two",
        &[(8_000, "late"), (9_000, "same"), (9_500, "new"), (2_000, "lost")],
    );
    let waited = server.get(&format!("{}&wait=25", after(&again))).await.json();
    assert_eq!(messages(&waited), ["late", "same", "new"]);
    assert_eq!(messages(&server.get(&after(&waited)).await.json()), [""; 0]);
}

#[tokio::test]
async fn long_service_log_comes_in_parts() {
    let server = Server::with_blueprint().await;
    let (path, group) = printing(&server, "local").await;
    // All of one millisecond, which is more than a cursor can name.
    let lines: Vec<String> = (0..150).map(|number| format!("line {number}")).collect();
    let lines: Vec<(i64, &str)> = lines.iter().map(|line| (1_000, line.as_str())).collect();
    print(&server, &group, "one", &lines);
    let mut read = Vec::new();
    let mut next = format!("{path}?since=1970-01-01T00:00:01Z");
    loop {
        let page = server.get(&next).await.json();
        read.extend(messages(&page).into_iter().map(str::to_owned));
        next = format!("{path}?after={}", page["after"].as_str().expect("a cursor"));
        if page["more"] != true {
            break;
        }
    }
    let expected: Vec<&str> = lines.iter().map(|(_, line)| *line).collect();
    assert_eq!(read, expected);
    assert!(next.len() < 8_000, "it fits into the line of a request: {}", next.len());
    assert_eq!(messages(&server.get(&next).await.json()), [""; 0]);
}

#[tokio::test]
async fn only_the_logs_of_the_stack_are_read() {
    let server = Server::with_blueprint().await;
    let (path, group) = printing(&server, "local").await;
    print(
        &server,
        "/slipway/stacks/lusab-babad",
        "one",
        &[(1_000, "of another stack")],
    );
    print(&server, &group, "one", &[(1_000, "own")]);
    let of = |service: &str| path.replace("/web/", &format!("/{service}/"));
    for (service, said) in [
        ("spy", "prints to no log"),
        ("silent", "prints to no log"),
        ("none", "its services are"),
    ] {
        let answer = server.get(&of(service)).await;
        let detail = answer.json()["detail"].to_string();
        assert_eq!(
            (answer.status, detail.contains(said)),
            (404, true),
            "{service}: {detail}"
        );
    }
    assert!(server.calls("FilterLogEvents").is_empty());

    let mut of_another = request(Method::GET, &path, None);
    of_another.extensions_mut().insert(Caller::named("bob", false));
    assert_eq!(
        server.send(of_another).await.status,
        403,
        "they are private to the owner"
    );

    let page = server.get(&path).await.json();
    let after = page["after"].as_str().expect("a cursor");
    for query in [
        "after=x".to_owned(),
        format!("after={after}&since=1970-01-01T00:00:01Z"),
        "since=now".to_owned(),
        "wait=26".to_owned(),
    ] {
        assert_eq!(server.get(&format!("{path}?{query}")).await.status, 400, "{query}");
    }
    let foreign = format!("{}?after={after}", of("silent"));
    assert_eq!(server.get(&foreign).await.status, 404);
}

#[tokio::test]
async fn logs_of_other_accounts_are_read_with_the_logs_role() {
    let server = Server::with_blueprint().await;
    let environment = json!({
        "name": "away", "account": "444455556666", "region": "eu-west-1", "external_id": "0123456789abcdef",
        "role": "arn:aws:iam::444455556666:role/slipway-environment-away",
    });
    let environment = serde_json::from_value(environment).expect("an environment");
    server.store.put_environment(&environment).await.expect("written");
    let (path, group) = printing(&server, "away").await;
    let stack = group.rsplit('/').next().expect("an id").to_owned();

    let refused = server.get(&path).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.json()["detail"].to_string().contains("aws/target-account"));

    let role = "arn:aws:iam::444455556666:role/slipway-logs-away";
    server
        .fakes
        .lock()
        .expect("not poisoned")
        .trusting
        .insert(role.to_owned());
    print(&server, &group, "one", &[(1_000, "elsewhere")]);
    for _ in 0..2 {
        let page = server.get(&format!("{path}?since=1970-01-01T00:00:01Z")).await.json();
        assert_eq!(messages(&page), ["elsewhere"]);
    }
    let assumed = server.calls("AssumeRole");
    let [_, assumed] = assumed.as_slice() else {
        panic!("one session for a stack: {assumed:?}");
    };
    assert_eq!(
        (&assumed["RoleArn"], &assumed["RoleSessionName"], &assumed["ExternalId"]),
        (
            &json!(role),
            &json!(format!("logs-{stack}")),
            &json!("arn:aws:states:us-east-1:000000000000:stateMachine:slipway-operation")
        )
    );
    let policy = assumed["Policy"].as_str().expect("a session policy");
    assert!(
        policy.contains(&format!("log-group:/slipway/stacks/{stack}/*")) && policy.contains("logs:FilterLogEvents"),
        "{policy}"
    );
}
