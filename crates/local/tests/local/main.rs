//! The local AWS from outside: one program, so that the AWS SDKs are linked once. A file or folder is one subject.

mod autoscaling;
mod aws_cli;
mod codebuild;
mod dynamodb;
mod ecs;
mod elasticache;
mod front;
mod full_disk;
mod process;
mod rds;
mod s3;
mod scheduler;
mod server;
mod sqs;
mod stepfunctions;
mod support;
mod template;
mod terraform_backend;
