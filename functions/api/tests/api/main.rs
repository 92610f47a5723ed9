//! The API over the real store on an embedded DynamoDB; the other AWS services are small fakes on loopback.

mod audit;
mod bad_input;
mod blueprints;
mod callers;
mod configuration;
mod console;
mod content;
mod dead_letters;
mod document;
mod hidden;
mod idempotency;
mod lambda_runtime;
mod logs;
mod notifications;
mod operations;
mod plans;
mod policies;
mod released;
mod releases;
mod rollouts;
#[path = "../runtime_stub/mod.rs"]
mod runtime_stub;
mod service_logs;
mod stacks;
mod subscriptions;
mod support;
mod webhooks;
