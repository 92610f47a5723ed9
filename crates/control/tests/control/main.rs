//! What follows from records, against a DynamoDB and what answers for Step Functions.

mod admission;
mod start;

#[path = "../../../store/tests/store/fake.rs"]
mod fake;
#[allow(dead_code, reason = "the helpers of the store's tests; these need some of them")]
#[path = "../../../store/tests/store/support.rs"]
mod support;
