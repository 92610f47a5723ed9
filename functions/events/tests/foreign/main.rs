//! Events of other accounts, requests and image pushes, against a DynamoDB and AWS services that record their calls.

#[path = "../../../../crates/store/tests/store/fake.rs"]
mod fake;
mod ground;
mod pushes;
mod requests;
#[path = "../../../api/tests/runtime_stub/mod.rs"]
mod runtime_stub;
#[path = "../../../../crates/store/tests/store/support.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod support;
