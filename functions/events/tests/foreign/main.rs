//! What other accounts ask for: requests and pushes of images, against a DynamoDB and AWS services that record what they are
//! told.

#[path = "../../../../crates/store/tests/store/fake.rs"]
mod fake;
mod ground;
mod pushes;
mod requests;
#[path = "../../../../crates/store/tests/store/support.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod support;
