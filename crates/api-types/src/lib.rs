//! The requests and responses of the API, as JSON, with their schemas: one definition for the API, the `slipway` command and the
//! tests. Nothing here shows a sensitive value or a task token.
//!
//! A client ignores fields that it does not know. A value that it does not know, such as a new status, is an error: it is older than
//! the server.

mod audit;
mod blueprint;
mod dead_letter;
mod environment;
mod log;
mod missing;
mod notification;
mod operation;
mod operation_links;
mod page;
mod plan;
mod plan_summary;
mod policy;
mod policy_test;
mod release;
mod request;
mod rollout;
mod service;
mod source_account;
mod stack;
mod upload;
mod webhook;

pub use audit::{AuditHead, AuditPage, AuditRecord, ForgedRecord, SealedRecord};
pub use blueprint::{BlueprintPage, BlueprintReference, BlueprintSummary, BlueprintVersion, Variable, VersionSummary};
pub use dead_letter::{DeadLetter, DeadLetters};
pub use environment::Environment;
pub use log::{LogLine, LogLines, ServiceLine, ServiceLog};
pub use missing::{Missing, MissingKind};
pub use notification::NotificationPage;
pub use operation::{
    Approval, CancelRequest, Failure, Operation, PlanDecision, Progress, Snapshot, StackReference, Step, WayForward,
};
pub use operation_links::OperationLinks;
pub use page::{ConfiguredItems, Items};
pub use plan::{AttributeChange, PlanItem, PlanItems, SheetApproval, SheetDocument};
pub use plan_summary::{Drift, Plan, ResourceChange, Verdict};
pub use policy::{Decision, Permissions, Policies, Policy, PolicyEffect, PolicyTest, PolicyTests};
pub use policy_test::{
    Expect, Test, TestEnvironment, TestOperation, TestPlan, TestPolicies, TestPrincipal, TestRequest, TestStack,
};
pub use release::Release;
pub use request::{
    ApprovePlan, CreateRelease, CreateStack, DeprecateVersion, EditStack, ImportPolicies, PublishBlueprint,
    PutEnvironment, PutPolicy, PutSourceAccount, PutWebhook, RejectPlan, RollBack, TransferStack,
};
pub use rollout::{Pause, Rollout};
pub use service::{CallerView, Health};
pub use source_account::SourceAccount;
pub use stack::{Quiesced, Stack, Subscription};
pub use upload::{PutAddress, RequestUpload};
pub use webhook::{Attempt, Delivery, Webhook};
