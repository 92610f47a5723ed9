//! The store against a DynamoDB.

mod audit;
mod cancel;
mod create;
mod fake;
mod finish;
mod lists;
mod notifications;
mod records;
mod support;
