//! The emulator from outside: one program, so that the AWS SDKs are linked once. A file or folder is one subject.

mod autoscaling;
mod codebuild;
mod dynamodb;
mod ecs;
mod elasticache;
mod endpoint;
mod process;
mod rds;
mod s3;
mod scheduler;
mod sqs;
mod stepfunctions;
mod stream;
mod support;
mod terraform_backend;
