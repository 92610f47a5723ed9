//! The store against a DynamoDB.

mod create;
mod finish;
mod lists;
mod records;
mod support;
