//! The services behind the AWS port, and who calls whom.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use serde_json::{Value, json};

use super::functions::{Aws, BUILDS, OTHERS, aws_variables};
use super::{IMAGES, LocalOptions};
use crate::Error;
use crate::template::Template;
use aws_emulator::autoscaling::Autoscaling;
use aws_emulator::codebuild::{self, CodeBuild};
use aws_emulator::dynamodb::DynamoDb;
use aws_emulator::ecr::Ecr;
use aws_emulator::ecs::{Ecs, ImageSource};
use aws_emulator::elasticache::{self, ElastiCache};
use aws_emulator::endpoint::Endpoint;
use aws_emulator::events::EventBus;
use aws_emulator::lambda::Lambda;
use aws_emulator::ledger::Ledger;
use aws_emulator::limits::Throttle;
use aws_emulator::logs::Logs;
use aws_emulator::postgres::Postgres;
use aws_emulator::process::Supervisor;
use aws_emulator::rds::{self, Rds};
use aws_emulator::s3::S3;
use aws_emulator::scheduler::Scheduler;
use aws_emulator::sqs::Sqs;
use aws_emulator::stepfunctions::{Functions, Services, StepFunctions};
use aws_emulator::sts;
use aws_emulator::wire::{JsonProtocol, arn};

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

/// The services behind the AWS port.
#[derive(Clone)]
pub(super) struct LocalServices {
    pub(super) s3: S3,
    pub(super) tables: DynamoDb,
    pub(super) logs: Logs,
    pub(super) events: EventBus,
    pub(super) sqs: Sqs,
    pub(super) codebuild: CodeBuild,
    pub(super) ecs: Ecs,
    pub(super) rds: Rds,
    pub(super) elasticache: ElastiCache,
    pub(super) scheduler: Scheduler,
    pub(super) autoscaling: Autoscaling,
    pub(super) stepfunctions: StepFunctions,
    pub(super) functions: Functions,
    throttle: Throttle,
    token: Option<String>,
}

impl LocalServices {
    pub(super) fn open(
        data: &Path,
        template: &Template,
        options: &LocalOptions,
        aws: &Aws,
        (ledger, tables): (Ledger, DynamoDb),
    ) -> Result<Self, Error> {
        let s3 = S3::open(&data.join("s3"))?;
        let logs = Logs::new(ledger.clone());
        let sqs = Sqs::new(ledger.clone(), &aws.endpoint)?;
        let events = EventBus::new(ledger.clone(), sqs.clone());
        let supervisor = Supervisor::new().map_err(Error::Supervise)?;
        let codebuild = CodeBuild::new(
            build_options(data, options, aws),
            vec![project(template, options)],
            ledger.clone(),
            logs.clone(),
            events.clone(),
            supervisor.clone(),
        )
        .map_err(|error| Error::StartCodeBuild(Box::new(error)))?;
        let ecs = Ecs::new(
            data,
            aws_variables(OTHERS, aws),
            image_source(s3.clone()),
            ledger.clone(),
            logs.clone(),
            events.clone(),
            supervisor.clone(),
        )
        .map_err(|error| Error::StartEcs(Box::new(error)))?;
        let elasticache = ElastiCache::new(
            data,
            options.redis.clone(),
            ledger.clone(),
            logs.clone(),
            supervisor.clone(),
        );
        let postgres = Postgres::new(data, options.postgres.clone(), supervisor, logs.clone());
        let rds = Rds::new(data, ledger.clone(), events.clone(), postgres)?;
        let functions = Functions::new(options.limits.concurrent_executions);
        let throttle = Throttle::new(&options.limits);
        // Step Functions asks the services themselves: a hop less, and their ends are pushed.
        let called = Services::new(
            functions.clone(),
            &codebuild,
            &ecs,
            &rds,
            events.clone(),
            throttle.clone(),
        );
        let scheduler = Scheduler::new(ledger.clone(), Arc::clone(&called.ecs), sqs.clone());
        let changes = ecs.service_changes();
        let autoscaling = Autoscaling::new(ledger.clone(), Arc::clone(&called.ecs), changes, sqs.clone());
        Ok(Self {
            stepfunctions: StepFunctions::new(ledger, called),
            s3,
            tables,
            logs,
            events,
            sqs,
            codebuild,
            ecs,
            rds,
            elasticache,
            scheduler,
            autoscaling,
            functions,
            throttle,
            token: aws.token.clone(),
        })
    }

    pub(super) fn make_resources(&self, template: &Template) -> Result<(), Error> {
        let table = &template.table;
        let create_table = serde_json::to_value(&table.create_table).map_err(|source| Error::EncodeTable {
            name: table.name.clone(),
            source,
        })?;
        self.tables
            .ensure_table(&create_table, table.ttl_attribute.as_deref())?;
        for bucket in &template.buckets {
            self.s3.ensure_bucket(&bucket.name, bucket.versioned)?;
        }
        self.s3.ensure_bucket(IMAGES, false)?;
        for queue in &template.queues {
            let made = self.sqs.ensure_queue(&queue.name, queue.attributes.clone());
            made.map_err(|source| Error::MakeQueue {
                name: queue.name.clone(),
                source: Box::new(source),
            })?;
        }
        for bus in &template.buses {
            self.events.add_name(bus, None);
        }
        // The one account is also a source account: a queue keeps the results that its bus receives.
        let made = self.sqs.ensure_queue(RESULTS, BTreeMap::new());
        made.map_err(|source| Error::MakeQueue {
            name: RESULTS.to_owned(),
            source: Box::new(source),
        })?;
        self.events.add_name(RESULTS, Some(arn("sqs", RESULTS)));
        for group in &template.log_groups {
            self.logs.ensure_group(&group.name)?;
        }
        Ok(())
    }

    /// Running executions go on with the definition that they started with; new ones get the template's.
    pub(super) async fn make_state_machine(&self, template: &Template) -> Result<(), Error> {
        let machine = &template.state_machine;
        let failed = |source| Error::SetUpStateMachine {
            name: machine.name.clone(),
            source: Box::new(source),
        };
        let call = |action: &'static str, body: Value| self.stepfunctions.call(action, body);
        let arn = json!({ "stateMachineArn": machine.arn });
        match call("DescribeStateMachine", arn).await {
            Ok(known) if known["definition"] == json!(machine.definition) => {}
            Ok(_) => {
                let body = json!({"stateMachineArn": machine.arn, "definition": machine.definition, "roleArn": machine.role_arn});
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
        Ok(self.stepfunctions.ensure_alias(&machine.arn, &machine.alias)?)
    }

    /// Takes up what the last server left, each service before those that wait for it.
    pub(super) async fn recover(&self) -> Result<(), Error> {
        self.rds.recover()?;
        self.elasticache.recover()?;
        self.ecs
            .recover()
            .await
            .map_err(|error| Error::StartEcs(Box::new(error)))?;
        self.codebuild
            .recover()
            .map_err(|error| Error::StartCodeBuild(Box::new(error)))?;
        // Before the events: one that comes again may answer an execution's task token.
        self.stepfunctions.recover()?;
        Ok(self.events.recover()?)
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        /// A JSON service as the endpoint calls it.
        macro_rules! service {
            ($service:expr) => {{
                let service = $service.clone();
                move |action: String, body: Value| {
                    let service = service.clone();
                    async move { service.call(&action, body).await }.boxed()
                }
            }};
        }
        use JsonProtocol::{V1_0, V1_1};
        Endpoint::new(self.s3.clone())
            .throttled(self.throttle.clone())
            .json("DynamoDB_20120810", V1_0, service!(self.tables))
            .json("AWSStepFunctions", V1_0, service!(self.stepfunctions))
            .json("CodeBuild_20161006", V1_1, service!(self.codebuild))
            .json("AmazonEC2ContainerServiceV20141113", V1_1, service!(self.ecs))
            .json("AWSEvents", V1_1, service!(self.events))
            .json("Logs_20140328", V1_1, service!(self.logs))
            .json("AmazonSQS", V1_0, service!(self.sqs))
            .json(
                "AmazonEC2ContainerRegistry_V20150921",
                V1_1,
                service!(Ecr::new(self.s3.clone(), IMAGES, self.events.clone())),
            )
            .json("AnyScaleFrontendService", V1_1, service!(self.autoscaling))
            .rest("lambda", {
                let lambda = Lambda::new(self.events.clone());
                move |call| {
                    let lambda = lambda.clone();
                    async move { lambda.call(call).await }.boxed()
                }
            })
            .query("rds", rds::VERSION, rds::NAMESPACE, {
                let rds = self.rds.clone();
                move |action, parameters| {
                    let rds = rds.clone();
                    async move { rds.call(&action, parameters).await }.boxed()
                }
            })
            .query("elasticache", elasticache::VERSION, elasticache::NAMESPACE, {
                let elasticache = self.elasticache.clone();
                move |action, parameters| {
                    let elasticache = elasticache.clone();
                    async move { elasticache.call(&action, parameters).await }.boxed()
                }
            })
            .query("sts", sts::VERSION, sts::NAMESPACE, {
                let token = self.token.clone();
                move |action, parameters| {
                    let token = token.clone();
                    async move { sts::call(&action, &parameters, token.as_deref()) }.boxed()
                }
            })
            .rest("scheduler", {
                let scheduler = self.scheduler.clone();
                move |call| {
                    let scheduler = scheduler.clone();
                    async move { scheduler.call(call).await }.boxed()
                }
            })
    }
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
        program: options.program.clone(),
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

fn image_source(s3: S3) -> ImageSource {
    Arc::new(move |key| {
        let s3 = s3.clone();
        async move {
            let bytes = s3.get(IMAGES, &key).await;
            let bytes = bytes.map_err(|error| slipway_model::error_chain::chain(&error))?;
            Ok(bytes.map(Bytes::from))
        }
        .boxed()
    })
}
