//! What follows from records, against a DynamoDB and what answers for Step Functions.

mod admission;
mod crowd;
mod start;

#[allow(dead_code, reason = "shared with other tests, which use the rest")]
#[path = "../../../store/tests/store/fake.rs"]
mod fake;
#[allow(dead_code, reason = "the helpers of the store's tests; these need some of them")]
#[path = "../../../store/tests/store/support.rs"]
mod support;
