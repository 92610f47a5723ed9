//! One-off tasks, and what is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_emulator::ecs::{Ecs, ImageSource};
use aws_emulator::host::Host;
use aws_emulator::ledger::Ledger;
use bytes::Bytes;
use serde_json::{Value, json};

use super::machine::{Data, Machine, hex_digest, queues, tar_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_off_task_has_its_overrides_its_files_its_log_and_its_exit_code() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    machine.call("CreateCluster", json!({"clusterName": "c"})).await;
    let container = json!({
        "entryPoint": ["/bin/sh", "-c"],
        "command": ["exit 1"],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}],
        "logConfiguration": {"logDriver": "awslogs",
            "options": {"awslogs-group": "/c", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}},
    });
    let command = "cat assets/hello; echo; /usr/bin/env | sort | grep -v ^PWD; exit 42";
    let overrides = json!({"containerOverrides": [
        {"name": "web", "command": [command], "environment": [{"name": "B", "value": "$(id) \"2\""}]}]});
    let task = machine.run(container, overrides).await;
    assert_eq!(task["lastStatus"], "STOPPED");
    assert_eq!(task["containers"][0]["exitCode"], 42);
    assert_eq!(task["stopCode"], "EssentialContainerExited");
    assert!(task["stoppedAt"].as_f64().unwrap() >= task["startedAt"].as_f64().unwrap());
    let id = task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap();
    let lines = machine.lines("/c", &format!("p/web/{id}")).await;
    let home = format!("HOME={}", data.path().join("tasks").join(id).join("work").display());
    assert_eq!(
        lines,
        [
            "hello from the image",
            "A=1",
            "AWS_ENDPOINT_URL=http://localhost:4566",
            "B=$(id) \"2\"",
            &home,
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "RELEASE=none"
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overrides_longer_than_ecs_takes_are_rejected() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    machine.call("CreateCluster", json!({"clusterName": "c"})).await;
    let definition = machine.register("once", json!({})).await;
    let run = |length: usize| {
        let overrides = json!({"containerOverrides": [{"name": "web", "command": ["x".repeat(length)]}]});
        json!({"cluster": "c", "taskDefinition": definition, "overrides": overrides})
    };
    let around = run(0)["overrides"].to_string().len();
    machine
        .ecs
        .call("RunTask", run(8_192 - around))
        .await
        .expect("8,192 characters");
    let error = machine
        .ecs
        .call("RunTask", run(8_193 - around))
        .await
        .expect_err("one more");
    assert_eq!(error.code, "InvalidParameterException", "{error:?}");
    assert!(error.message.contains("at most 8192"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_cannot_start_say_why_and_volumes_are_kept() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    machine.call("CreateCluster", json!({"clusterName": "c"})).await;
    for (container, reason) in [
        (
            json!({"image": format!("team/none@sha256:{}", "1".repeat(64))}),
            "there is no image",
        ),
        (
            json!({"image": format!("team/altered@sha256:{}", "0".repeat(64))}),
            "is not what",
        ),
        (json!({"entryPoint": ["eval", "x"]}), "there is no program `eval`"),
    ] {
        let task = machine.run(container, json!({})).await;
        assert_eq!(task["stopCode"], "TaskFailedToStart");
        assert!(task["stoppedReason"].as_str().unwrap().contains(reason), "{task:#}");
        assert_eq!(task["containers"][0]["exitCode"], Value::Null);
    }
    let script = "echo kept >>data/file; test \"$(wc -l <data/file)\" -eq \"$LINES_WANTED\"";
    let with_volume = |command: &str, wanted: &str| {
        json!({"family": "volume", "volumes": [{"name": "d"}], "containerDefinitions": [{
            "name": "web", "image": machine.image, "entryPoint": ["/bin/sh", "-c"], "command": [command],
            "environment": [{"name": "LINES_WANTED", "value": wanted}],
            "mountPoints": [{"sourceVolume": "d", "containerPath": "/data"}]}]})
    };
    for wanted in ["1", "2"] {
        let answer = machine
            .call("RegisterTaskDefinition", with_volume(script, wanted))
            .await;
        let definition = &answer["taskDefinition"]["taskDefinitionArn"];
        let run = machine
            .call("RunTask", json!({"cluster": "c", "taskDefinition": definition}))
            .await;
        let task = machine.stopped(&run["tasks"][0]).await;
        assert_eq!(task["containers"][0]["exitCode"], 0);
    }
    assert!(data.path().join("volumes/c/d/file").exists());
    machine.call("DeleteCluster", json!({"cluster": "c"})).await;
    assert!(!data.path().join("volumes/c").exists());
}

#[tokio::test]
async fn the_errors_of_aws() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    assert_eq!(
        machine
            .code("DescribeTasks", json!({"cluster": "c", "tasks": ["x"]}))
            .await,
        "ClusterNotFoundException"
    );
    machine.call("CreateCluster", json!({"clusterName": "c"})).await;
    machine.call("CreateCluster", json!({"clusterName": "c"})).await;
    let service = json!({"cluster": "c", "service": "web"});
    assert_eq!(
        machine.code("UpdateService", service.clone()).await,
        "ServiceNotFoundException"
    );
    assert_eq!(
        machine
            .code("RunTask", json!({"cluster": "c", "taskDefinition": "x"}))
            .await,
        "ClientException"
    );
    assert_eq!(
        machine.code("ExecuteCommand", json!({})).await,
        "UnknownOperationException"
    );
    let register = |container: Value| json!({"family": "f", "containerDefinitions": [container]});
    for container in [
        json!({"name": "web", "image": "nginx:latest"}),
        json!({"name": "web", "image": machine.image, "secrets": [{"name": "A", "from": "b"}]}),
        json!({"name": "web", "image": machine.image, "mountPoints": [{"sourceVolume": "no", "containerPath": "/x"}]}),
    ] {
        assert_eq!(
            machine.code("RegisterTaskDefinition", register(container)).await,
            "ClientException"
        );
    }
    let two = json!({"family": "f", "containerDefinitions": [
        {"name": "a", "image": machine.image}, {"name": "b", "image": machine.image}]});
    assert_eq!(machine.code("RegisterTaskDefinition", two).await, "ClientException");

    let first = machine.register("f", json!({"command": ["exit"]})).await;
    let second = machine.register("f", json!({})).await;
    assert!(first.ends_with("task-definition/f:1") && second.ends_with("task-definition/f:2"));
    machine
        .call("DeregisterTaskDefinition", json!({"taskDefinition": first}))
        .await;
    assert_eq!(
        machine
            .code("RunTask", json!({"cluster": "c", "taskDefinition": first}))
            .await,
        "ClientException"
    );
    let active = machine.call("ListTaskDefinitions", json!({"familyPrefix": "f"})).await;
    assert_eq!(active["taskDefinitionArns"], json!([second]));
    let newest = machine
        .call("DescribeTaskDefinition", json!({"taskDefinition": "f"}))
        .await;
    assert_eq!(newest["taskDefinition"]["revision"], 2);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let definition = machine
        .register("p", json!({"portMappings": [{"containerPort": 1, "hostPort": port}]}))
        .await;
    let create = json!({"cluster": "c", "serviceName": "web", "taskDefinition": definition, "desiredCount": 1});
    let error = machine.ecs.call("CreateService", create.clone()).await.unwrap_err();
    assert_eq!(error.code, "InvalidParameterException");
    assert!(error.message.contains(&port.to_string()), "{error}");
    assert_eq!(
        machine.code("UpdateService", service.clone()).await,
        "ServiceNotFoundException"
    );
    drop(taken);
    let made = machine.call("CreateService", create.clone()).await;
    let again = machine.call("CreateService", create).await;
    assert_eq!(made["service"]["createdAt"], again["service"]["createdAt"]);
    let other = json!({"cluster": "c", "serviceName": "web", "desiredCount": 0});
    assert_eq!(machine.code("CreateService", other).await, "InvalidParameterException");
    assert_eq!(
        machine.code("DeleteCluster", json!({"cluster": "c"})).await,
        "ClusterContainsServicesException"
    );
    assert_eq!(
        machine.code("DeleteService", service.clone()).await,
        "InvalidParameterException"
    );
    let force = json!({"cluster": "c", "service": "web", "force": true});
    assert_eq!(
        machine.call("DeleteService", force.clone()).await["service"]["status"],
        "INACTIVE"
    );
    assert_eq!(machine.code("DeleteService", force).await, "ServiceNotActiveException");
    machine.call("DeleteCluster", json!({"cluster": "c"})).await;
    assert_eq!(
        machine.code("ListServices", json!({"cluster": "c"})).await,
        "ClusterNotFoundException"
    );
}

#[tokio::test]
async fn an_image_that_leads_out_of_its_folder_is_refused() {
    let data = Data::new();
    let tar = tar_of(&[
        ("image.json", br#"{"entrypoint": ["/bin/true"]}"#),
        ("../../escaped", b"x"),
    ]);
    let digest = hex_digest(&tar);
    let images: ImageSource = Arc::new(move |_| {
        let tar = Bytes::from(tar.clone());
        Box::pin(async move { Ok(Some(tar)) })
    });
    let ledger = Ledger::open(&data.path().join("ledger.db")).unwrap();
    let host = Host::new(&data.path().join("data"), ledger.clone(), queues(&ledger)).unwrap();
    let ecs = Ecs::new(&host, BTreeMap::new(), images).unwrap();
    ecs.call("CreateCluster", json!({"clusterName": "c"})).await.unwrap();
    let body = json!({"family": "f", "containerDefinitions": [{"name": "x", "image": format!("r@sha256:{digest}")}]});
    ecs.call("RegisterTaskDefinition", body).await.unwrap();
    let run = ecs
        .call("RunTask", json!({"cluster": "c", "taskDefinition": "f"}))
        .await
        .unwrap();
    let task = ecs
        .stopped("c", run["tasks"][0]["taskArn"].as_str().unwrap())
        .await
        .unwrap();
    assert!(
        task["stoppedReason"].as_str().unwrap().contains("leads out of it"),
        "{task:#}"
    );
    assert!(!data.path().join("escaped").exists() && !data.path().join("data/escaped").exists());
}
