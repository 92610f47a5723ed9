//! The keys of the artifacts bucket, shared by the writers and readers of its objects.

use crate::id::{OperationId, StackId};
use crate::name::Digest;
use crate::operation::Operation;
use crate::operation::layout::Layout;

/// The outputs that an apply leaves with its operation. Their SHA-256 is on the operation's record, which says that the plan was
/// applied: the object alone says nothing.
pub const OUTPUTS: &str = "outputs.json";

/// The stream of an apply that failed. In the work folder of a build it is while Terraform applies.
pub const APPLY_STREAM: &str = "apply.jsonl";

/// What an archive with a plan was called when an operation had one at most.
pub const EARLIER_PLAN: &str = "work.tar";

/// What the archive with a plan and everything that its apply needs is called: by its content, so that two builds of one
/// operation cannot take each other's.
pub fn plan(archive: &Digest) -> String {
    format!("plan-{}.tar", archive.hex())
}

/// The key of a blueprint's files.
pub fn blueprint(digest: &Digest) -> String {
    format!("blueprints/sha256-{}.json", digest.hex())
}

/// The key of a document that was uploaded because it is too long for a request.
pub fn upload(digest: &Digest) -> String {
    format!("uploads/sha256-{}.json", digest.hex())
}

/// The key of the object with the key of the installation, from which the secrets of webhooks are derived.
pub const WEBHOOK_KEY: &str = "keys/webhooks";

/// The key of a segment of a build's log ([`crate::log`]), from 1 on. `stream` is the build's stream in CloudWatch Logs.
pub fn log_segment(operation: &Operation, stream: &str, number: u32) -> String {
    of_operation(operation, &format!("log/{stream}/{number:06}.json"))
}

/// The key of what an operation leaves under this name.
pub fn of_operation(operation: &Operation, name: &str) -> String {
    let Operation { id, stack, .. } = operation;
    in_layout(operation.artifacts, stack, id, name)
}

/// The key of an approval sheet that was decided about, by its hash.
pub fn sheet(operation: &Operation, hash: &Digest) -> String {
    of_operation(operation, &format!("sheet/{}.json", hash.hex()))
}

/// The keys of all objects that builds of an operation may write, whichever its layout is: patterns for a policy.
pub fn all_of(stack: &StackId, operation: &OperationId) -> [String; 2] {
    [Layout::ByStack, Layout::ByOperation].map(|layout| in_layout(layout, stack, operation, "*"))
}

fn in_layout(layout: Layout, stack: &StackId, operation: &OperationId, name: &str) -> String {
    match layout {
        Layout::ByStack => format!("operations/{stack}/{operation}/{name}"),
        Layout::ByOperation => format!("operations/{operation}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::operation::build::{APPLY, PLAN};

    #[test]
    fn keys_are_those_of_the_layout_on_the_record() {
        let record = json!({
            "id": "op-01kaj3v9mz5x0q8r2t4w6y7z9a", "kind": "update", "stack": "lusab-babad", "stack_name": "shop",
            "environment": "local", "status": "running", "revision": 1, "requested_by": "ann", "created_at": Timestamp::UNIX_EPOCH,
            "configuration": {"blueprint": "web", "version": "1.0.0", "digest": Digest::of(b""), "variables": {}, "sensitive": []},
        });
        let new: Operation = serde_json::from_value(record.clone()).expect("an operation");
        let mut begun = new.clone();
        begun.artifacts = Layout::ByStack;
        begun.begin_build(PLAN, Timestamp::UNIX_EPOCH);
        assert_eq!(
            log_segment(&begun, "Plan", 7),
            "operations/lusab-babad/op-01kaj3v9mz5x0q8r2t4w6y7z9a/log/Plan/000007.json"
        );
        let read: Operation = serde_json::from_value(json!(begun)).expect("what was written");
        assert_eq!(read, begun);

        // Its execution began by an earlier version, whose steps look there: no build changes that.
        let mut planned = new;
        planned.begin_build(PLAN, Timestamp::UNIX_EPOCH);
        planned.begin_build(APPLY, Timestamp::UNIX_EPOCH);
        assert_eq!(
            of_operation(&planned, OUTPUTS),
            "operations/op-01kaj3v9mz5x0q8r2t4w6y7z9a/outputs.json"
        );
        assert_eq!(json!(planned).get("artifacts"), None);
    }
}
