//! The keys of the artifacts bucket, shared by the writers and readers of its objects.

use crate::id::OperationId;
use crate::name::Digest;

/// The outputs that an apply leaves with its operation. That they are there says that the plan was applied.
pub const OUTPUTS: &str = "outputs.json";

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
pub fn log_segment(operation: &OperationId, stream: &str, number: u32) -> String {
    format!("operations/{operation}/log/{stream}/{number:06}.json")
}

/// The key of what an operation leaves under this name.
pub fn of_operation(operation: &OperationId, name: &str) -> String {
    format!("operations/{operation}/{name}")
}
