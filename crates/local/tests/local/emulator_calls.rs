//! The table of supported calls in `emulator/aws/README.md`: it has every call, and each call has a user that names it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The files that dispatch the calls of the JSON and Query protocols, by the service's name in the table.
const DISPATCH: [(&str, &str); 13] = [
    ("DynamoDB", "dynamodb.rs"),
    ("Step Functions", "stepfunctions/mod.rs"),
    ("CodeBuild", "codebuild/mod.rs"),
    ("ECS", "ecs/mod.rs"),
    ("EventBridge", "events.rs"),
    ("CloudWatch", "cloudwatch.rs"),
    ("CloudWatch Logs", "logs.rs"),
    ("SQS", "sqs/mod.rs"),
    ("ECR", "ecr.rs"),
    ("Application Auto Scaling", "autoscaling/mod.rs"),
    ("RDS", "rds/mod.rs"),
    ("ElastiCache", "elasticache/mod.rs"),
    ("STS", "sts.rs"),
];

/// The calls by method and path, whose names are not in the code.
const REST: [(&str, &str); 6] = [
    ("EventBridge Scheduler", "CreateSchedule"),
    ("EventBridge Scheduler", "UpdateSchedule"),
    ("EventBridge Scheduler", "GetSchedule"),
    ("EventBridge Scheduler", "DeleteSchedule"),
    ("EventBridge Scheduler", "ListSchedules"),
    ("Lambda", "Invoke"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of the table: service, call, user.
fn table() -> Vec<[String; 3]> {
    let readme = read("emulator/aws/README.md");
    let rows = readme.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [service, call, user] = cells.try_into().ok()?;
        let bare = |cell: &str| cell.strip_prefix('`')?.strip_suffix('`').map(str::to_owned);
        Some([service.to_owned(), bare(call)?, bare(user)?])
    });
    rows.collect()
}

/// `create_db_instance` of `CreateDBInstance`, as SDKs name it; with hyphens, as the AWS CLI does.
fn words(call: &str, separator: char) -> String {
    let mut name = String::new();
    for letter in call.replace("DB", "Db").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push(separator);
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The calls that the code dispatches by name: `"CreateQueue" => …` of a `match`, and the operations of S3.
fn dispatched() -> BTreeSet<(String, String)> {
    let mut calls = BTreeSet::new();
    for (service, file) in DISPATCH {
        let code = read(&format!("emulator/aws/src/{file}"));
        let names = code.lines().filter_map(|line| {
            let (name, _) = line.trim().strip_prefix('"')?.split_once("\" =>")?;
            name.starts_with(|first: char| first.is_ascii_uppercase())
                .then_some(name)
        });
        calls.extend(names.map(|name| (service.to_owned(), name.to_owned())));
    }
    let code = read("emulator/aws/src/s3/service.rs");
    let (_, operations) = code.split_once("impl S3 for").expect("the operations");
    for part in operations.split("async fn ").skip(1) {
        let name = part.split('(').next().unwrap_or_default();
        let words = name.split('_').map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
        calls.insert(("S3".to_owned(), words.collect()));
    }
    let rest = REST.map(|(service, call)| (service.to_owned(), call.to_owned()));
    calls.extend(rest);
    calls
}

#[test]
fn the_table_has_every_supported_call() {
    let listed: BTreeSet<(String, String)> = table().into_iter().map(|[service, call, _]| (service, call)).collect();
    assert_eq!(
        listed,
        dispatched(),
        "left: the table in emulator/aws/README.md; right: the code"
    );
}

#[test]
fn every_supported_call_has_a_user_that_names_it() {
    let rows = table();
    assert!(!rows.is_empty(), "the table is found");
    for [service, call, user] in rows {
        let text = read(&user);
        let (first, rest) = call.split_at(1);
        let names = [
            call.clone(),
            words(&call, '_'),
            words(&call, '-'),
            first.to_ascii_lowercase() + rest,
        ];
        assert!(
            names.iter().any(|name| text.contains(name)),
            "{user} does not use {service}'s {call}: name another user, or remove the call"
        );
    }
}
