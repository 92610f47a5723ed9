//! Servers and installations: `slipway up`, `demo`, `console`, `login`, `publish` and `aws`

use std::path::PathBuf;

use aws_emulator::Limit;
use clap::{Args, ValueHint};

use crate::publish::Architecture;

#[derive(Debug, Args)]
pub struct Publish {
    /// Folder with blueprints (each has a `blueprint.json`) and their shared modules
    #[arg(value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Publish drafts: for sandbox environments, replaced when they are published again
    #[arg(long)]
    pub draft: bool,
    /// Artifacts bucket, the output `ArtifactsBucketName` [default: that of the local server]
    #[arg(long, env = "SLIPWAY_ARTIFACTS_BUCKET")]
    pub bucket: Option<String>,
    /// Processor of the builds [default: arm64 on AWS, this machine's in local mode]
    #[arg(long, value_enum)]
    pub architecture: Option<Architecture>,
    /// Runner for that processor [default: keep the published toolchain]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub runner: Option<PathBuf>,
    /// Terraform or OpenTofu for that processor [default: download a pinned Terraform]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "runner")]
    pub terraform: Option<PathBuf>,
    /// Folder with a mirror of the providers [default: their registries]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub mirror: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Login {
    /// Issuer URL of the identity provider [default: that of the last login]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub issuer: Option<String>,
    /// Client ID of this program at the identity provider [default: that of the last login]
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Audience of the token, if the identity provider requires one
    #[arg(long)]
    pub audience: Option<String>,
    /// Scopes to request [default: those of the last login, or `openid email offline_access`]
    #[arg(long)]
    pub scope: Option<String>,
}

#[derive(Debug, Args)]
pub struct Up {
    /// Port of the API (0: any free port)
    #[arg(long, default_value_t = 4700)]
    pub port: u16,
    /// Port of the local AWS (0: any free port)
    #[arg(long, default_value_t = 4566)]
    pub aws_port: u16,
    /// Source of Terraform's providers: `registry`, `published` (by `slipway publish`) or a mirror folder
    #[arg(long, default_value = "registry", value_name = "SOURCE", value_hint = ValueHint::DirPath)]
    pub providers: String,
    /// Service quota of the local AWS, such as `ConcurrentExecutions=10` [default: none]
    #[arg(long = "limit", value_name = "NAME=NUMBER")]
    pub limits: Vec<Limit>,
    /// Concurrent builds [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrent_builds: Option<u16>,
    /// Reject callers without the token in the data folder
    #[arg(long)]
    pub require_token: bool,
    /// Start even if a part of the data folder is lost
    #[arg(long)]
    pub accept_lost_data: bool,
    /// Let webhooks have addresses of this machine, also by HTTP
    #[arg(long)]
    pub webhooks_to_loopback: bool,
}

#[derive(Debug, Args)]
pub struct Console {
    /// Port of the proxy that signs requests for `--endpoint` (0: any free port)
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Print the address without opening a browser
    #[arg(long)]
    pub no_browser: bool,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Keep the data and, on a terminal, the server and its console
    #[arg(long)]
    pub keep: bool,
}

#[derive(Debug, Args)]
pub struct AwsCall {
    /// Service: application-autoscaling, cloudwatch, codebuild, dynamodb, ecr, ecs, elasticache, events, lambda, logs, rds, scheduler, sqs or stepfunctions
    pub service: String,
    /// Action of the AWS API, such as `DescribeServices`
    pub action: String,
    /// JSON request of the AWS API
    #[arg(default_value = "{}")]
    pub request: String,
}
