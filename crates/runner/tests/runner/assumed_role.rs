//! Credentials by assumed role, on an independent STS and S3, which record their requests.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::aws::Aws;
use crate::endings::{provision, slow};
use crate::moto::{Moto, Recorded};
use crate::support::{EXTERNAL_ID, STATES, World, terraform};

const ROLE: &str = "arn:aws:iam::111122223333:role/slipway-environment-dev";

fn world() -> Option<World> {
    Some(World::on(Aws::with_s3_of(Moto::start()?), &terraform()?))
}

/// What STS says of a field.
fn said<'a>(answer: &'a str, field: &str) -> &'a str {
    let (_, rest) = answer.split_once(&format!("<{field}>")).expect(field);
    rest.split_once("</").expect(field).0
}

/// In CodeBuild the credentials are those of the build's role: temporary, from an endpoint of the container. They get two sessions
/// and do nothing else: the runner's clients work with one, Terraform's backend with the other.
#[test]
fn runner_and_terraform_work_in_sessions_of_their_own() {
    let Some(world) = world() else { return };
    let moto = world.aws.moto();
    let role = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::111122223333:role/slipway-eu-west-1-runner&RoleSessionName=build";
    let answer = moto.sts(role);
    let token = said(&answer, "SessionToken").to_owned();
    let credentials = json!({
        "AccessKeyId": said(&answer, "AccessKeyId"), "SecretAccessKey": said(&answer, "SecretAccessKey"), "Token": token,
        "Expiration": said(&answer, "Expiration"),
    });
    let runtime = Runtime::new().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let endpoint = format!("http://{}/credentials", listener.local_addr().expect("an address"));
    let router = Router::new().route("/credentials", get(async move || credentials.to_string()));
    runtime.spawn(async move { axum::serve(listener, router).await });

    let operation = provision(&world, &slow("true"));
    let before = moto.requests().len();
    for phase in ["plan", "apply"] {
        let mut build = world.build(&operation, phase, phase);
        build
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY");
        let status = build
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &endpoint)
            .status()
            .expect("a build");
        world.aws.end_build(&format!("runner:{phase}"));
        assert!(status.success(), "{}", world.printed(phase));
    }
    let requests = moto.requests().split_off(before);
    let (by_build, in_sessions): (Vec<_>, Vec<_>) = requests
        .iter()
        .partition(|request| request.header("x-amz-security-token") == token);
    assert_eq!(by_build.len(), 4, "two sessions a build: {by_build:#?}");
    for request in by_build {
        assert!(request.body.contains("Action=AssumeRole&"), "{request:#?}");
        for part in [
            format!("RoleSessionName={}", operation.id),
            "DurationSeconds=3600".to_owned(),
        ] {
            assert!(
                request.body.split('&').any(|given| given == part),
                "{part}: {}",
                request.body
            );
        }
        assert!(request.body.contains("&Policy=%7B"), "{}", request.body);
    }
    let keys = |who: &str, what: &str| -> BTreeSet<&str> {
        let theirs = |request: &&&Recorded| request.header("user-agent").contains(who) && request.url.contains(what);
        let keys = in_sessions.iter().filter(theirs).map(|request| request.key());
        keys.collect()
    };
    let runner = keys("aws-sdk-rust", "/artifacts/");
    let terraform = keys("Terraform", "terraform.tfstate");
    assert_eq!(
        (runner.len(), terraform.len()),
        (2, 2),
        "one for each build: {requests:#?}"
    );
    assert!(runner.is_disjoint(&terraform));
    assert!(runner.union(&terraform).all(|key| key.starts_with("ASIA")));
}

/// What the runner gives the AWS provider for an environment with a role, taken by Terraform's own backend, which assumes roles with
/// the same library as the provider: STS gets the external ID and the operation's ID as session name, and what follows has the credentials
/// that it gave.
#[test]
fn environment_role_is_assumed_with_external_and_operation_id() {
    let (Some(world), Some(program)) = (world(), terraform()) else {
        return;
    };
    let moto = world.aws.moto();
    world.put_environment(ROLE, "us-east-1");
    let blueprint = "terraform {\n  required_providers {\n    aws = { source = \"hashicorp/aws\" }\n  }\n}\n\
                     output \"slipway\" { value = {} }\n";
    let operation = provision(&world, blueprint);
    // The provider does not exist: its `init` is simulated, and the configuration that a plan would give it is kept.
    let written = world.path("written.tf.json");
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in\n\
         init) mkdir -p .terraform; echo 'provider \"registry.terraform.io/hashicorp/aws\" {{}}' >.terraform.lock.hcl ;;\n\
         plan) cp slipway_override.tf.json '{}'; exit 1 ;;\n\
         *) exec '{}' \"$@\" ;;\nesac\n",
        written.display(),
        program.display()
    );
    std::fs::write(world.path("terraform"), script).expect("a script");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.path("terraform"), executable).expect("a program");
    world.fail(&operation, "plan", "plan");
    let written: Value = serde_json::from_slice(&std::fs::read(written).expect("a file")).expect("JSON");
    let assumed = &written["provider"]["aws"][0]["assume_role"][0];
    assert!(assumed.is_object(), "{written}");

    let folder = world.path("assumed");
    std::fs::create_dir(&folder).expect("a folder");
    let backend = json!({
        "bucket": STATES, "key": "assumed", "region": "us-east-1", "use_lockfile": true, "use_path_style": true,
        "skip_s3_checksum": true, "skip_metadata_api_check": true, "assume_role": assumed,
    });
    let module = json!({"terraform": {"backend": {"s3": backend}}, "output": {"slipway": {"value": 1}}});
    std::fs::write(folder.join("main.tf.json"), module.to_string()).expect("a file");
    let before = moto.requests().len();
    for arguments in [
        &["init", "-input=false"][..],
        &["apply", "-auto-approve", "-input=false"],
    ] {
        let mut terraform = Command::new(&program);
        let terraform = terraform.args(arguments).current_dir(&folder).envs(world.aws.vars());
        let output = terraform
            .env("AWS_ENDPOINT_URL_STS", &moto.endpoint)
            .output()
            .expect("Terraform runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let requests = moto.requests().split_off(before);
    let asked: Vec<_> = requests
        .iter()
        .filter(|request| request.body.contains("Action=AssumeRole"))
        .collect();
    assert!(!asked.is_empty(), "{requests:#?}");
    for request in asked {
        assert_eq!(request.key(), "test", "with the credentials of the build");
        for (field, value) in [
            ("RoleArn", ROLE.replace(':', "%3A").replace('/', "%2F")),
            ("ExternalId", EXTERNAL_ID.to_owned()),
            ("RoleSessionName", operation.id.to_string()),
            ("SourceIdentity", operation.stack.to_string()),
        ] {
            let given = request.body.split('&').any(|part| part == format!("{field}={value}"));
            assert!(given, "{field}: {}", request.body);
        }
    }
    let state: Vec<_> = requests
        .iter()
        .filter(|request| request.url.contains("/assumed"))
        .collect();
    assert!(state.len() >= 3, "{requests:#?}");
    for request in state {
        assert!(request.key().starts_with("ASIA"), "{request:#?}");
        assert!(!request.header("x-amz-security-token").is_empty(), "{request:#?}");
    }
}
