//! The store against a DynamoDB.

mod cancel;
mod create;
mod fake;
mod finish;
mod lists;
mod records;
mod start;
mod support;
