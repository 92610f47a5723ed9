//! The store against a DynamoDB.

mod audit;
mod audit_forged;
mod beside;
mod cancel;
mod create;
#[allow(dead_code, reason = "tests of other crates use the rest")]
mod fake;
mod finish;
mod lists;
mod notifications;
mod operations;
mod records;
mod room;
#[allow(dead_code, reason = "tests of other crates use the rest")]
mod support;
