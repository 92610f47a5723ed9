//! The blueprints of `tf/blueprints` through Slipway, with real Terraform and a stand-in for the AWS provider.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Server, stand_in};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The lives that `scripts/check_blueprints.py` leads without Slipway, of which one for each blueprint is led here with it.
const STACKS: [(&str, &str); 6] = [
    ("container-registry", "shared"),
    ("ec2-instances", "four-systems"),
    ("ecs-on-ec2", "everything"),
    ("image-pipeline", "archive"),
    ("web-service", "default"),
    ("web-service", "everything"),
];

fn tf() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tf")
}

/// A server with every blueprint.
fn server() -> Server {
    let mirror = stand_in().join("mirror");
    let server = Server::start_with(&["--providers", mirror.to_str().expect("a path")]);
    let top = tf();
    for folder in fs::read_dir(top.join("blueprints")).expect("blueprints") {
        let folder = folder.expect("a folder").path();
        let (folder, top) = (folder.to_string_lossy(), top.to_string_lossy());
        let published = server.slipway(&["blueprint", "publish", &folder, "--within", &top]);
        assert!(published.status.success(), "{published:?}");
    }
    server
}

fn variables(blueprint: &str, case: &str) -> Value {
    let file = tf().join(format!("blueprints/{blueprint}/tests/life/{case}.tfvars.json"));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn every_blueprint_becomes_a_stack_whose_contract_is_accepted() {
    let server = server();
    for (number, (blueprint, case)) in STACKS.into_iter().enumerate() {
        let asked = server
            .create(&format!("stack-{number}"), blueprint, &variables(blueprint, case))
            .await;
        let made = server.succeeded(&asked).await;
        assert!(
            made["plan"]["add"].as_u64().is_some_and(|add| add > 5),
            "{blueprint}: {made:#}"
        );
        let path = asked["links"]["stack"].as_str().expect("a link");
        let stack = server.get(path).await;
        assert_eq!(stack["status"], "ready", "{blueprint}");
        let has = |name: &str| stack[name].as_object().is_some_and(|texts| !texts.is_empty());
        assert!(
            has("endpoints") || has("notes"),
            "{blueprint} says nothing to people: {stack:#}"
        );
        let destroy = server.request(Method::DELETE, path, &[], None).await;
        let gone = server.succeeded(&destroy.json()).await;
        assert_eq!(gone["plan"]["destroy"], made["plan"]["add"], "{blueprint}");
    }
}

#[tokio::test]
async fn bad_values_are_refused_before_terraform_starts() {
    let server = server();
    let cases = [
        ("container-registry", "shared", "pull_accounts", json!(["12"])),
        ("ec2-instances", "small", "instances", json!({"a": {"os": "beos"}})),
        (
            "ec2-instances",
            "small",
            "instances",
            json!({"a": {"size": "m3.large"}}),
        ),
        ("ecs-on-ec2", "default", "architecture", json!("RISCV")),
        ("ecs-on-ec2", "default", "max_instances", json!(-1)),
        ("image-pipeline", "archive", "timeout_minutes", json!(1_000_000)),
        ("web-service", "default", "nat", json!("many")),
        ("web-service", "default", "cidr_block", json!("10.0.0.0/30")),
        (
            "web-service",
            "default",
            "services",
            json!({"web": {"port": 8080, "cpu": 256, "memory": 8192}}),
        ),
        ("web-service", "default", "services", json!({"web": {"port": "8080"}})),
        ("web-service", "default", "database", json!({"engine": "oracle"})),
        ("web-service", "default", "domain_name", json!("Shop.Example.com")),
        ("web-service", "default", "log_retention_days", json!(31)),
    ];
    for (blueprint, case, variable, bad) in cases {
        let mut variables = variables(blueprint, case);
        variables[variable] = bad.clone();
        let body = json!({ "name": "bad", "blueprint": blueprint, "environment": "local", "variables": variables });
        let answer = server.send(Method::POST, "/v1/stacks", &body).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{blueprint} {variable} = {bad}: {}",
            answer.text
        );
        let problem = answer.json();
        let errors = problem["errors"].as_array().expect("errors");
        let field = format!("variables.{variable}");
        let names_it = |error: &Value| error["field"].as_str().is_some_and(|named| named.starts_with(&field));
        assert!(
            errors.iter().any(names_it),
            "{blueprint} {variable} = {bad}: {problem:#}"
        );
    }
    assert_eq!(server.get("/v1/stacks").await["items"], json!([]), "nothing was made");
}

#[tokio::test]
async fn api_returns_the_complete_schema_of_every_variable() {
    let server = server();
    for folder in fs::read_dir(tf().join("blueprints")).expect("blueprints") {
        let folder = folder.expect("a folder").path();
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let shown = server.get(&format!("/v1/blueprints/{name}")).await;
        let variables = shown["variables"].as_array().expect("variables");
        let texts = fs::read_dir(&folder)
            .expect("files")
            .map(|file| file.expect("a file").path());
        let texts: String = texts
            .filter(|file| file.extension().is_some_and(|extension| extension == "tf"))
            .map(|file| fs::read_to_string(file).expect("text"))
            .collect();
        let lines = |start: &str| texts.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(variables.len(), lines("variable \""), "{name}");
        let validations = variables
            .iter()
            .map(|variable| variable["validations"].as_array().expect("a list"));
        assert_eq!(
            validations.map(Vec::len).sum::<usize>(),
            lines("  validation {"),
            "{name}"
        );
        for variable in variables {
            assert!(
                variable["description"].as_str().is_some_and(|text| text.len() > 20),
                "{variable:#}"
            );
            assert!(!variable["type"].is_null(), "{variable:#}");
            assert!(
                variable["required"] == true || variable["nullable"] == true || variable.get("default").is_some(),
                "{variable:#}"
            );
        }
    }
}
