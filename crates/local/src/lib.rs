//! AWS on one machine: the wire APIs that Slipway's functions and its workflow call, in one process, on
//! loopback, over one data folder.
//!
//! One port answers for all of AWS ([`front`]): S3, DynamoDB, Step Functions, CodeBuild, ECS, EventBridge,
//! CloudWatch Logs, SQS, EventBridge Scheduler, Application Auto Scaling and RDS. What a service keeps it keeps in the [`ledger`] or in files next to it, so that everything
//! survives a restart and a `kill -9`.

pub mod autoscaling;
pub mod codebuild;
pub mod daemon;
pub mod dynamodb;
pub mod ecr;
pub mod ecs;
pub mod elasticache;
pub mod error;
pub mod events;
pub mod front;
pub mod lambda;
pub mod ledger;
pub mod limits;
pub mod logs;
mod parameters;
pub mod postgres;
pub mod process;
pub mod rds;
pub mod s3;
pub mod scheduler;
pub mod secrets;
pub mod server;
pub mod sqs;
pub mod stepfunctions;
pub mod sts;
pub mod template;
pub mod wire;

pub use error::Error;
pub use limits::{Limit, Limits};
pub use server::{Local, LocalOptions, Running};
