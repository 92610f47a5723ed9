//! One account: its services on one data folder, and which of them call each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::autoscaling::Autoscaling;
use crate::clock::Clock;
use crate::cloudwatch::CloudWatch;
use crate::codebuild::{self, CodeBuild, CodeBuildError, Project};
use crate::dynamodb::DynamoDb;
use crate::ecr::Ecr;
use crate::ecs::{Ecs, EcsError, ImageSource};
use crate::elasticache::{self, ElastiCache};
use crate::endpoint::Endpoint;
use crate::error::chain;
use crate::events::EventBus;
use crate::folders::FolderError;
use crate::functions::Functions;
use crate::host::Host;
use crate::lambda::Lambda;
use crate::ledger::{Ledger, LedgerError};
use crate::limits::{Limits, Throttle};
use crate::logs::Logs;
use crate::postgres::{self, Postgres};
use crate::process::ProcessError;
use crate::rds::{self, Rds};
use crate::s3::{ObjectsError, S3};
use crate::scheduler::Scheduler;
use crate::sqs::Sqs;
use crate::stepfunctions::{Services, StepFunctions};
use crate::sts;
use crate::wire::JsonProtocol;

/// How an account is set up.
pub struct Options {
    /// The URL of the endpoint, with which the URLs of queues begin.
    pub endpoint: String,
    /// The session token of every session that STS gives, if callers have to send one.
    pub session_token: Option<String>,
    /// What a caller without a signature should do.
    pub advice: &'static str,
    pub limits: Limits,
    /// The bucket of the images that ECS runs.
    pub images: &'static str,
    /// The environment of every ECS task, besides its definition.
    pub tasks: BTreeMap<String, String>,
    pub builds: codebuild::Options,
    pub projects: Vec<Project>,
    /// How long a minute of a bake time or a pause of ECS is.
    pub minute: Duration,
    /// The PostgreSQL of RDS instances. Without it, they are folders.
    pub postgres: Option<postgres::Installation>,
    /// The server of ElastiCache groups. Without it, they are refused.
    pub redis: Option<elasticache::Installation>,
}

/// A service that could not be opened, recovered or shut down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("failed to supervise processes")]
    Supervise(#[from] ProcessError),
    #[error("failed to start CodeBuild")]
    CodeBuild(#[from] CodeBuildError),
    #[error("failed to start ECS")]
    Ecs(#[from] EcsError),
}

/// What a shutdown does with the builds in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builds {
    /// They go on, and the next start takes them over.
    Continue,
    /// They are interrupted and save their work.
    Interrupt,
}

/// The services of one account. Clones share everything.
#[derive(Clone)]
pub struct Account {
    pub s3: S3,
    pub tables: DynamoDb,
    pub logs: Logs,
    pub events: EventBus,
    pub sqs: Sqs,
    pub stepfunctions: StepFunctions,
    pub functions: Functions,
    cloudwatch: CloudWatch,
    codebuild: CodeBuild,
    ecs: Ecs,
    rds: Rds,
    elasticache: ElastiCache,
    scheduler: Scheduler,
    autoscaling: Autoscaling,
    images: &'static str,
    throttle: Throttle,
    session_token: Option<String>,
    advice: &'static str,
}

impl Account {
    /// The services over the data folder. Next, register the functions and call [`Self::recover`].
    pub fn open(data: &Path, ledger: Ledger, tables: DynamoDb, options: Options) -> Result<Self, AccountError> {
        let s3 = S3::open(&data.join("s3"))?;
        let clock = Clock::System;
        let sqs = Sqs::new(ledger.clone(), clock.clone(), &options.endpoint)?;
        let host = Host {
            minute: options.minute,
            ..Host::new(data, ledger.clone(), sqs.clone())?
        };
        let codebuild = CodeBuild::new(&host, options.builds, options.projects)?;
        let ecs = Ecs::new(&host, options.tasks, image_source(s3.clone(), options.images))?;
        let elasticache = ElastiCache::new(&host, options.redis);
        let rds = Rds::new(&host, Postgres::new(&host, options.postgres))?;
        let functions = Functions::new(options.limits.concurrent_executions);
        let throttle = Throttle::new(&options.limits);
        let called = integrations(
            functions.clone(),
            &codebuild,
            &ecs,
            &rds,
            host.events.clone(),
            throttle.clone(),
        );
        let scheduler = Scheduler::new(ledger.clone(), clock.clone(), Arc::clone(&called.ecs), sqs.clone());
        let changes = ecs.service_changes();
        let autoscaling = Autoscaling::new(
            ledger.clone(),
            clock.clone(),
            Arc::clone(&called.ecs),
            changes,
            sqs.clone(),
        );
        Ok(Self {
            cloudwatch: CloudWatch::new(ledger.clone()),
            stepfunctions: StepFunctions::new(ledger, clock, called),
            s3,
            tables,
            logs: host.logs,
            events: host.events,
            sqs,
            codebuild,
            ecs,
            rds,
            elasticache,
            scheduler,
            autoscaling,
            functions,
            images: options.images,
            throttle,
            session_token: options.session_token,
            advice: options.advice,
        })
    }

    /// Takes over what the last server left, each service before those that wait for it.
    pub async fn recover(&self) -> Result<(), AccountError> {
        self.rds.recover()?;
        self.elasticache.recover()?;
        self.ecs.recover().await?;
        self.codebuild.recover()?;
        // Before the events: an event that is delivered again may answer the task token of an execution.
        self.stepfunctions.recover()?;
        Ok(self.events.recover()?)
    }

    /// Runs schedules and scales services, until `stop`.
    pub fn start(&self, stop: &CancellationToken) {
        self.scheduler.start(stop.clone());
        self.autoscaling.start(stop.clone());
    }

    /// Stops. Executions stand still and continue at the next start; the tasks of services end. The endpoint must be served
    /// until this returns, because builds and tasks still save their work.
    pub async fn shutdown(&self, builds: Builds) -> Result<(), AccountError> {
        self.stepfunctions.shutdown();
        if builds == Builds::Interrupt {
            self.codebuild.shutdown().await;
        }
        self.sqs.shutdown();
        self.ecs.shutdown().await;
        // A migration that goes on keeps its database.
        if !self.ecs.has_tasks()? {
            self.rds.shutdown().await;
            self.elasticache.shutdown().await;
        }
        Ok(())
    }

    /// The endpoint that answers for all services.
    pub fn endpoint(&self) -> Endpoint {
        /// A service as the endpoint calls it, by the parameters that its `call` takes.
        macro_rules! service {
            ($service:expr) => {{
                let service = $service.clone();
                move |action: String, body| {
                    let service = service.clone();
                    async move { service.call(&action, body).await }.boxed()
                }
            }};
        }
        use JsonProtocol::{V1_0, V1_1};
        let bus = self.events.clone();
        let lambda = Lambda::new(Arc::new(move |function, event| bus.invoke(function, event)));
        let ecr = Ecr::new(self.s3.clone(), self.images, self.events.clone());
        let alarms = self.cloudwatch.clone();
        let (scheduler, session_token) = (self.scheduler.clone(), self.session_token.clone());
        Endpoint::new(self.s3.clone())
            .throttled(self.throttle.clone())
            .advise(self.advice)
            .json("DynamoDB_20120810", V1_0, service!(self.tables))
            .json("AWSStepFunctions", V1_0, service!(self.stepfunctions))
            .json("CodeBuild_20161006", V1_1, service!(self.codebuild))
            .json("AmazonEC2ContainerServiceV20141113", V1_1, service!(self.ecs))
            .json("AWSEvents", V1_1, service!(self.events))
            .json("Logs_20140328", V1_1, service!(self.logs))
            .json("AmazonSQS", V1_0, service!(self.sqs))
            .json("AmazonEC2ContainerRegistry_V20150921", V1_1, service!(ecr))
            .json("GraniteServiceVersion20100801", V1_0, move |action, body| {
                let alarms = alarms.clone();
                async move { alarms.call(&action, body) }.boxed()
            })
            .json("AnyScaleFrontendService", V1_1, service!(self.autoscaling))
            .query("rds", rds::VERSION, rds::NAMESPACE, service!(self.rds))
            .query(
                "elasticache",
                elasticache::VERSION,
                elasticache::NAMESPACE,
                service!(self.elasticache),
            )
            .query("sts", sts::VERSION, sts::NAMESPACE, move |action, parameters| {
                let token = session_token.clone();
                async move { sts::call(&action, &parameters, token.as_deref()) }.boxed()
            })
            .rest("lambda", move |call| {
                let lambda = lambda.clone();
                async move { lambda.call(call).await }.boxed()
            })
            .rest("scheduler", move |call| {
                let scheduler = scheduler.clone();
                async move { scheduler.call(call).await }.boxed()
            })
    }
}

/// The services as executions call them: without a hop, and with the ends of builds and tasks pushed.
pub fn integrations(
    functions: Functions,
    codebuild: &CodeBuild,
    ecs: &Ecs,
    rds: &Rds,
    events: EventBus,
    throttle: Throttle,
) -> Services {
    let databases = rds.clone();
    let (builds, finished) = (codebuild.clone(), codebuild.clone());
    let (tasks, stopped) = (ecs.clone(), ecs.clone());
    let (of_builds, of_tasks) = (throttle.clone(), throttle);
    Services {
        functions,
        codebuild: Arc::new(move |action: String, body| {
            let (service, admitted) = (builds.clone(), of_builds.admit(&action));
            async move {
                admitted?;
                service.call(&action, body).await
            }
            .boxed()
        }),
        build_finished: Arc::new(move |id: String| {
            let service = finished.clone();
            async move { service.finished(&id).await }.boxed()
        }),
        ecs: Arc::new(move |action: String, body| {
            let (service, admitted) = (tasks.clone(), of_tasks.admit(&action));
            async move {
                admitted?;
                service.call(&action, body).await
            }
            .boxed()
        }),
        task_stopped: Arc::new(move |cluster: String, arn: String| {
            let service = stopped.clone();
            async move { service.stopped(&cluster, &arn).await }.boxed()
        }),
        rds: Arc::new(move |action: String, body: Value| {
            let service = databases.clone();
            let parameters = body.as_object().cloned().unwrap_or_default();
            async move { service.call(&action, parameters).await }.boxed()
        }),
        events,
    }
}

fn image_source(s3: S3, bucket: &'static str) -> ImageSource {
    Arc::new(move |key| {
        let s3 = s3.clone();
        async move {
            let bytes = s3.get(bucket, &key).await;
            let bytes = bytes.map_err(|error| chain(&error))?;
            Ok(bytes.map(Bytes::from))
        }
        .boxed()
    })
}
