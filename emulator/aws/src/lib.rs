//! An emulator of AWS for one machine and one account: the wire APIs of its services, in one process, on loopback, over one
//! data folder.
//!
//! One port answers for all services ([`endpoint`]): S3, DynamoDB, Step Functions, CodeBuild, ECS, EventBridge, CloudWatch Logs,
//! SQS, EventBridge Scheduler, Application Auto Scaling, RDS, ElastiCache, ECR, Lambda and STS. Records are in the [`ledger`],
//! bodies in files beside it, so everything survives a restart and a `kill -9`.

pub mod account;
pub mod autoscaling;
pub mod clock;
pub mod cloudwatch;
pub mod codebuild;
mod daemon;
pub mod dynamodb;
pub mod ecr;
pub mod ecs;
pub mod elasticache;
pub mod endpoint;
pub mod error;
pub mod events;
mod folders;
pub mod functions;
pub mod host;
mod idle;
pub mod lambda;
pub mod ledger;
pub mod limits;
pub mod listener;
pub mod logs;
mod parameters;
pub mod postgres;
pub mod process;
mod programs;
pub mod rds;
pub mod s3;
pub mod scheduler;
pub mod secrets;
pub mod sqs;
pub mod stepfunctions;
pub mod sts;
pub mod wire;

pub use account::Account;
pub use limits::{Limit, Limits};
