//! Services: rollouts, failures, and the death of the server.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::machine::{Data, LIMIT, Machine, ask, get, request_loop};
use crate::support::{kill, server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_drops_no_request() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    let port = machine.serve().await;
    let mut kept = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(ask(&mut kept, "/").await.as_deref(), Some("1"));
    let loops = [request_loop(port, "/"), request_loop(port, "/slow")];
    let definition = machine.release(port, "2", "ok").await;
    let deployment = machine.update(&definition, 2).await;
    // A connection that is asked on all the time is served by the old task until it is drained.
    assert_eq!(ask(&mut kept, "/slow").await.as_deref(), Some("1"));
    machine.announced(&deployment, "SERVICE_DEPLOYMENT_COMPLETED").await;
    let service = machine.service().await;
    assert_eq!(
        (
            &service["runningCount"],
            &service["deployments"].as_array().unwrap().len()
        ),
        (&json!(2), &1)
    );
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    for _ in 0..10 {
        assert_eq!(get(port, "/").await.as_deref(), Some("2"));
    }
    for (is_over, requests) in loops {
        is_over.store(true, Ordering::Relaxed);
        let answers = requests.await.unwrap();
        let failed = answers.iter().filter(|answer| answer.is_none()).count();
        assert_eq!(failed, 0, "of {} requests", answers.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_never_becomes_healthy_is_rolled_back() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    let port = machine.serve().await;
    let before = machine.service().await["deployments"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let tasks = machine
        .call("ListTasks", json!({"cluster": "c", "serviceName": "web"}))
        .await;
    for mode in ["crash", "deaf", "sick"] {
        let (is_over, requests) = request_loop(port, "/");
        let definition = machine.release(port, "2", mode).await;
        let deployment = machine.update(&definition, 2).await;
        machine.announced(&deployment, "SERVICE_DEPLOYMENT_FAILED").await;
        let mut heard = machine.heard.clone();
        while machine.service().await["deployments"][0]["rolloutState"] != "COMPLETED" {
            tokio::time::timeout(LIMIT, heard.changed()).await.unwrap().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        let answers = requests.await.unwrap();
        assert!(
            answers.iter().all(|answer| answer.as_deref() == Some("1")),
            "the old tasks serve all the time"
        );
        if mode == "sick" {
            let list = json!({"cluster": "c", "serviceName": "web", "desiredStatus": "STOPPED"});
            let stopped = machine.call("ListTasks", list).await;
            let described = json!({"cluster": "c", "tasks": stopped["taskArns"]});
            let described = machine.call("DescribeTasks", described).await;
            // The rollback stops the last of them, which may be unhealthy by then.
            let is_sick = |task: &&Value| task["stoppedReason"] == "Task failed container health checks";
            let sick = described["tasks"].as_array().unwrap().iter().find(is_sick);
            let sick = sick.unwrap_or_else(|| panic!("no task is unhealthy: {described:#}"));
            assert_eq!(sick["healthStatus"], "UNHEALTHY");
            assert_eq!(sick["stopCode"], "ServiceSchedulerInitiated");
        }
        let service = machine.service().await;
        assert_eq!(service["deployments"][0]["id"], *before);
        assert_eq!(service["deployments"][1]["id"], *deployment);
        assert_eq!(service["deployments"][1]["rolloutState"], "FAILED");
        assert!(service["deployments"][1]["failedTasks"].as_u64().unwrap() >= 3);
        assert_eq!(
            machine
                .call("ListTasks", json!({"cluster": "c", "serviceName": "web"}))
                .await,
            tasks
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_deployments_report_the_end_behind_a_classic_load_balancer() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    let classic = json!({"loadBalancerName": "classic", "containerName": "web", "containerPort": 8080});
    let port = machine.serve_behind(classic).await;
    let statuses = async || {
        let listed = json!({"cluster": "c", "service": "web", "createdAt": {"after": 1}});
        let listed = machine.call("ListServiceDeployments", listed).await;
        let briefs = listed["serviceDeployments"].as_array().unwrap().clone();
        let arns: Vec<_> = briefs.iter().map(|brief| &brief["serviceDeploymentArn"]).collect();
        let described = machine.call("DescribeServiceDeployments", json!({"serviceDeploymentArns": arns}));
        let described = described.await["serviceDeployments"].as_array().unwrap().clone();
        let status = described
            .iter()
            .map(|deployment| deployment["status"].as_str().unwrap().to_owned());
        let revision = &described[0]["targetServiceRevision"]["arn"];
        let revisions = machine.call("DescribeServiceRevisions", json!({"serviceRevisionArns": [revision]}));
        let definition = revisions.await["serviceRevisions"][0]["taskDefinition"].clone();
        (status.collect::<Vec<_>>(), definition)
    };
    let first = machine.service().await["taskDefinition"].clone();
    assert_eq!(machine.service().await["deployments"][0].get("rolloutState"), None);
    assert_eq!(statuses().await, (vec!["SUCCESSFUL".to_owned()], first));

    let definition = machine.release(port, "2", "crash").await;
    let deployment = machine.update(&definition, 2).await;
    machine.announced(&deployment, "SERVICE_DEPLOYMENT_FAILED").await;
    let mut heard = machine.heard.clone();
    while statuses().await.0[0] != "ROLLBACK_SUCCESSFUL" {
        tokio::time::timeout(LIMIT, heard.changed()).await.unwrap().unwrap();
    }
    assert_eq!(statuses().await.1, *definition);
    let later = json!({"cluster": "c", "service": "web", "createdAt": {"after": 9_000_000_000_u64}});
    let later = machine.call("ListServiceDeployments", later).await;
    assert_eq!(later, json!({"serviceDeployments": []}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashed_task_is_replaced_and_a_service_scales_to_zero_and_back() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    let port = machine.serve().await;
    let list = json!({"cluster": "c", "serviceName": "web"});
    let before = machine.call("ListTasks", list.clone()).await;
    assert_eq!(get(port, "/crash").await, None);
    let mut heard = machine.heard.clone();
    let healed = async {
        loop {
            let now = machine.call("ListTasks", list.clone()).await;
            if now != before && machine.service().await["runningCount"] == 2 {
                return;
            }
            heard.changed().await.unwrap();
        }
    };
    tokio::time::timeout(LIMIT, healed).await.unwrap();
    assert_eq!(get(port, "/").await.as_deref(), Some("1"));

    let definition = machine.service().await["taskDefinition"].as_str().unwrap().to_owned();
    machine.update(&definition, 0).await;
    let mut heard = machine.heard.clone();
    while machine.call("ListTasks", list.clone()).await["taskArns"] != json!([]) {
        tokio::time::timeout(LIMIT, heard.changed()).await.unwrap().unwrap();
    }
    assert_eq!(get(port, "/").await, None);
    machine.update(&definition, 1).await;
    let mut heard = machine.heard.clone();
    while machine.service().await["deployments"][0]["rolloutState"] != "COMPLETED" {
        tokio::time::timeout(LIMIT, heard.changed()).await.unwrap().unwrap();
    }
    assert_eq!(get(port, "/").await.as_deref(), Some("1"));

    machine
        .call(
            "DeleteService",
            json!({"cluster": "c", "service": "web", "force": true}),
        )
        .await;
    machine.call("DeleteCluster", json!({"cluster": "c"})).await;
    assert_eq!(std::fs::read_dir(data.path().join("tasks")).unwrap().count(), 0);
}

#[test]
fn tasks_outlive_the_server_and_the_next_one_takes_them_over() {
    let data = Data::new();
    let go = data.path().join("go");
    let first = server();
    let (port, tasks, migration) = first.block_on(async {
        let machine = Machine::start(data.path()).await;
        let port = machine.serve().await;
        let tasks = machine
            .call("ListTasks", json!({"cluster": "c", "serviceName": "web"}))
            .await;
        let wait = format!("while [ ! -e '{}' ]; do sleep 0.02; done; exit 5", go.display());
        let definition = machine
            .register("once", json!({"entryPoint": ["/bin/sh", "-c"], "command": [wait]}))
            .await;
        let run = machine
            .call("RunTask", json!({"cluster": "c", "taskDefinition": definition}))
            .await;
        let mut heard = machine.heard.clone();
        let arn = run["tasks"][0]["taskArn"].clone();
        let describe = json!({"cluster": "c", "tasks": [arn]});
        while machine.call("DescribeTasks", describe.clone()).await["tasks"][0]["lastStatus"] != "RUNNING" {
            heard.changed().await.unwrap();
        }
        (port, tasks, run["tasks"][0].clone())
    });
    // Everything of the first server ends at once, as with a kill. Its tasks do not.
    kill(first);

    let second = server();
    second.block_on(async {
        let machine = Machine::start(data.path()).await;
        assert_eq!(get(port, "/").await.as_deref(), Some("1"), "the port answers at once");
        assert_eq!(
            machine
                .call("ListTasks", json!({"cluster": "c", "serviceName": "web"}))
                .await,
            tasks
        );
        std::fs::write(&go, "").unwrap();
        assert_eq!(machine.stopped(&migration).await["containers"][0]["exitCode"], 5);
        let definition = machine.release(port, "2", "ok").await;
        let deployment = machine.update(&definition, 2).await;
        machine.announced(&deployment, "SERVICE_DEPLOYMENT_COMPLETED").await;
        machine.ecs.shutdown().await;
        assert_eq!(get(port, "/").await, None);
        assert_eq!(std::fs::read_dir(data.path().join("tasks")).unwrap().count(), 0);
    });
    kill(second);

    server().block_on(async {
        let machine = Machine::start(data.path()).await;
        let mut heard = machine.heard.clone();
        while machine.service().await["runningCount"] != 2 || get(port, "/").await.is_none() {
            let _ = tokio::time::timeout(Duration::from_millis(50), heard.changed()).await;
        }
        assert_eq!(get(port, "/").await.as_deref(), Some("2"));
        machine
            .call(
                "DeleteService",
                json!({"cluster": "c", "service": "web", "force": true}),
            )
            .await;
    });
}
