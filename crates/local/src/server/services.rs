//! The account behind the AWS port: its settings and the resources of the template.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_emulator::Account;
use aws_emulator::account;
use aws_emulator::codebuild;
use aws_emulator::dynamodb::DynamoDb;
use aws_emulator::ledger::Ledger;
use aws_emulator::wire::arn;
use serde_json::{Value, json};

use super::functions::{Aws, BUILDS, OTHERS, aws_variables};
use super::{IMAGES, LocalOptions};
use crate::Error;
use crate::template::Template;

/// What a caller of the AWS port without a signature should do.
const ADVICE: &str = "Use the AWS CLI with what `slipway env` prints, or `slipway aws SERVICE ACTION`.";

/// The bus on which a source account receives results, as `aws/event-source-account` calls it.
const RESULTS: &str = "slipway-results";

/// What builds inherit from the server's own environment: enough to find programs and to reach the network.
const INHERITED: [&str; 17] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "TF_CLI_CONFIG_FILE",
    "TF_PLUGIN_CACHE_DIR",
];

/// Opens the account: the services of the emulator, as local mode needs them.
pub(super) fn open(
    data: &Path,
    template: &Template,
    options: &LocalOptions,
    aws: &Aws,
    (ledger, tables): (Ledger, DynamoDb),
) -> Result<Account, Error> {
    let account = account::Options {
        endpoint: aws.endpoint.clone(),
        session_token: aws.token.clone(),
        advice: ADVICE,
        limits: options.limits.clone(),
        images: IMAGES,
        tasks: aws_variables(OTHERS, aws),
        builds: build_options(data, options, aws),
        projects: vec![project(template, options)],
        minute: Duration::from_mins(1),
        postgres: options.postgres.clone(),
        redis: options.redis.clone(),
    };
    Ok(Account::open(data, ledger, tables, account)?)
}

/// Makes the resources of the template, and those that local mode has besides.
pub(super) fn make_resources(account: &Account, template: &Template) -> Result<(), Error> {
    let table = &template.table;
    let create_table = serde_json::to_value(&table.create_table).map_err(|source| Error::EncodeTable {
        name: table.name.clone(),
        source,
    })?;
    account
        .tables
        .ensure_table(&create_table, table.ttl_attribute.as_deref())?;
    for bucket in &template.buckets {
        account.s3.ensure_bucket(&bucket.name, bucket.versioned)?;
    }
    account.s3.ensure_bucket(IMAGES, false)?;
    for queue in &template.queues {
        let made = account.sqs.ensure_queue(&queue.name, queue.attributes.clone());
        made.map_err(|source| Error::MakeQueue {
            name: queue.name.clone(),
            source: Box::new(source),
        })?;
    }
    for bus in &template.buses {
        account.events.add_name(bus, None);
    }
    // The one account is also a source account: a queue keeps the results that its bus receives.
    let made = account.sqs.ensure_queue(RESULTS, BTreeMap::new());
    made.map_err(|source| Error::MakeQueue {
        name: RESULTS.to_owned(),
        source: Box::new(source),
    })?;
    account.events.add_name(RESULTS, Some(arn("sqs", RESULTS)));
    for group in &template.log_groups {
        account.logs.ensure_group(&group.name)?;
    }
    Ok(())
}

/// Running executions go on with the definition that they started with; new ones get the template's.
pub(super) async fn make_state_machine(account: &Account, template: &Template) -> Result<(), Error> {
    let machine = &template.state_machine;
    let failed = |source| Error::SetUpStateMachine {
        name: machine.name.clone(),
        source: Box::new(source),
    };
    let call = |action: &'static str, body: Value| account.stepfunctions.call(action, body);
    let arn = json!({ "stateMachineArn": machine.arn });
    match call("DescribeStateMachine", arn).await {
        Ok(known) if known["definition"] == json!(machine.definition) => {}
        Ok(_) => {
            let body =
                json!({"stateMachineArn": machine.arn, "definition": machine.definition, "roleArn": machine.role_arn});
            call("UpdateStateMachine", body).await.map_err(failed)?;
        }
        Err(error) if error.code == "StateMachineDoesNotExist" => {
            let body = json!({
                "name": machine.name, "definition": machine.definition, "roleArn": machine.role_arn, "type": "STANDARD",
            });
            call("CreateStateMachine", body).await.map_err(failed)?;
        }
        Err(error) => return Err(failed(error)),
    }
    Ok(account.stepfunctions.ensure_alias(&machine.arn, &machine.alias)?)
}

fn build_options(data: &Path, options: &LocalOptions, aws: &Aws) -> codebuild::Options {
    let mut environment: BTreeMap<String, String> = INHERITED
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        // Terraform would say before everything else that the file is not there.
        .filter(|(name, value)| name != "TF_CLI_CONFIG_FILE" || Path::new(value).is_file())
        .collect();
    environment.extend(aws_variables(BUILDS, aws));
    let terraform = options.terraform.to_string_lossy().into_owned();
    environment.insert("SLIPWAY_TERRAFORM".to_owned(), terraform);
    codebuild::Options {
        folder: data.join(super::BUILDS),
        tools: data.join("tools"),
        programs: ["slipway", "slipway-runner"]
            .map(|name| (name.to_owned(), options.program.clone()))
            .into(),
        environment,
        // Two Terraform processes keep two cores busy; more of them only take longer.
        concurrent_builds: options
            .concurrent_builds
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, std::num::NonZero::get)),
    }
}

fn project(template: &Template, options: &LocalOptions) -> codebuild::Project {
    let project = &template.project;
    let variables = project.environment_variables.iter();
    let mut environment: BTreeMap<String, String> = variables
        .map(|variable| (variable.name.clone(), variable.value.clone()))
        .collect();
    environment.insert("SLIPWAY_PROVIDERS".to_owned(), options.providers.clone());
    // Terraform works for the person whose machine it is, with that person's files.
    environment.remove("SLIPWAY_TERRAFORM_USER");
    codebuild::Project {
        name: project.name.clone(),
        buildspec: project.buildspec.clone(),
        environment,
        timeout_minutes: project.timeout_in_minutes,
        queued_timeout_minutes: project.queued_timeout_in_minutes,
        concurrent_build_limit: project.concurrent_build_limit,
        log_group: project.log_group.clone(),
    }
}
