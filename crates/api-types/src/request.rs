//! The bodies of requests. The API reads them strictly, field by field, so that a refusal names every field that is wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Subscription;

/// The files of a version: a Terraform root module.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "description": "A bucket",
    "files": {
        "main.tf": "variable \"size\" {\n  type    = number\n  default = 1\n}\n\noutput \"slipway\" {\n  value = {}\n}\n"
    }
}))]
pub struct PublishBlueprint {
    /// Its purpose, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its README, in Markdown; without one, the file `README.md` of the root module. It may be added later, and does not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readme: Option<String>,
    /// Whether to publish a draft (false): for stacks in sandbox environments, never the latest version, and replaced when it is published
    /// again. Publishing it with `false` makes it immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<bool>,
    /// The folder of the root module among the files; empty if it is the top folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The content of each text file by its path, with `/` between folders.
    pub files: BTreeMap<String, String>,
    /// The content of the other files in base64, by their paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binaries: Option<BTreeMap<String, String>>,
    /// The paths of executable files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executables: Option<Vec<String>>,
    /// The digest of an upload with all of these fields, instead of them. See `POST /v1/uploads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
}

/// A deprecation of a version.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"message": "Use 1.1.0: this version has public buckets"}))]
pub struct DeprecateVersion {
    /// The reason, and the version to use instead.
    pub message: String,
}

/// The content of an environment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "account": "111122223333",
    "region": "eu-west-1",
    "role": "arn:aws:iam::111122223333:role/slipway-environment-live",
    "external_id": "3f0e3c34-9f4e-4d8a-a1d4-6a1b1a0e9f11",
    "approval": "when_destroying",
    "protected": true,
    "variables": {"network": {"vpc_id": "vpc-0a1b2c3d", "private_subnet_ids": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"]}}
}))]
pub struct PutEnvironment {
    /// Its name, as in the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The 12 digits of the AWS account.
    pub account: String,
    /// The AWS Region.
    pub region: String,
    /// The ARN of the role that Terraform assumes, `slipway-environment-…` in the account. Without one, Terraform has only the
    /// permissions of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The external ID in the role's trust policy: 16 to 256 characters. Required with a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When a plan waits for an approval: `never` (the default), `when_destroying` or `always`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// How many approvals a plan needs, from 1 (the default) to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals_required: Option<u32>,
    /// Whether requesters may approve their own plans; false by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_approval: Option<bool>,
    /// The number of seconds after which an undecided plan expires, from 60 to 518400; 259200 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_timeout_seconds: Option<u32>,
    /// The number of seconds after which approvers of a waiting plan are reminded, each time, from 300 to 518400, or 0 for never; 86400
    /// by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_reminder_seconds: Option<u32>,
    /// Whether destroying stacks and losing resources of protected types is forbidden; false by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected: Option<bool>,
    /// Whether stacks may be made from drafts of blueprints; false by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<bool>,
    /// The protected types: resource types, or patterns like `aws_rds_*`. By default, types that hold data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected_types: Option<Vec<String>>,
    /// Values for all blueprints that declare a variable of that name. `(sensitive)`, as it was shown, keeps the value.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Value>,
    /// Likewise, where builds read values when they plan, with the environment's role: the ARN of a secret of AWS Secrets Manager, and
    /// after it `#` and the name of a member if the secret is a JSON object; or the ARN of a parameter of the Parameter Store.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<Value>,
    /// The revision as it was shown: replace only this one. Without it, the last write wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// An approval.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "sheet": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "comment": "agreed with the database team"
}))]
pub struct ApprovePlan {
    /// The hash of the approval sheet.
    pub sheet: String,
    /// A comment, which is recorded with the approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A rejection.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "the table would be replaced"}))]
pub struct RejectPlan {
    /// The reason, for the requester of the operation.
    pub reason: String,
}

/// What a policy is to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"text": "forbid (principal, action == Action::\"request-destroy\", resource in Environment::\"live\");"}))]
pub struct PutPolicy {
    /// Its text in Cedar: one policy, or nothing but comments, which switches a default policy off.
    pub text: String,
}

/// What the policies are to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"text": "@id(\"no-destroy-in-live\")\nforbid (principal, action == Action::\"request-destroy\", resource in Environment::\"live\");"}))]
pub struct ImportPolicies {
    /// Policies in Cedar, each with an annotation `@id`.
    pub text: String,
}

/// The request for a release.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "images": {"web": "guestbook@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
}))]
pub struct CreateRelease {
    /// The image of each service, by digest. Omitted services keep their image.
    pub images: BTreeMap<String, String>,
    /// Whether to take a snapshot of the stack's database, and run the backups of its blueprint, before the migrations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<bool>,
    /// Whether the previous release works with the database after the migrations; by default what the blueprint says, or else true. If not, and the release fails after a migration,
    /// services do not go back by themselves: the operation ends as `needs_attention`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_with_previous: Option<bool>,
}

/// The request for a rollback.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"release": 3}))]
pub struct RollBack {
    /// The release to roll back to; by default the last successful one before the release that the stack runs or is going to run.
    #[schema(minimum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<u32>,
}

/// The content of a source account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "description": "The shop",
    "actions": ["provision", "release"],
    "blueprints": ["guestbook"],
    "environments": ["live"],
    "results": "arn:aws:events:eu-west-1:111122223333:event-bus/slipway-results"
}))]
pub struct PutSourceAccount {
    /// The account, as in the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// A description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The permitted actions: `provision`, `release`, `destroy`, `drift`. An empty list permits none.
    pub actions: Vec<String>,
    /// The names of the permitted blueprints.
    pub blueprints: Vec<String>,
    /// The names of the permitted environments.
    pub environments: Vec<String>,
    /// The ARN of the event bus in that account that receives the results of its requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<String>,
    /// The revision as it was shown: replace only this one. Without it, the last write wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// The request for a stack.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "guestbook",
    "blueprint": "guestbook",
    "environment": "local",
    "variables": {"size": 2}
}))]
pub struct CreateStack {
    /// Its name, which is unique among the live stacks of the environment.
    pub name: String,
    /// Its blueprint.
    pub blueprint: String,
    /// The version of the blueprint; by default the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its environment.
    pub environment: String,
    /// Values for the variables of the blueprint.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Value>,
    /// The images of its first release, by service and by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<BTreeMap<String, String>>,
    /// Subscriptions of services to pushed images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<BTreeMap<String, Subscription>>,
    /// Its owner if not the caller: `team:` and a group of the caller's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// The changes of a stack.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"variables": {"size": 3, "colour": null}}))]
pub struct EditStack {
    /// Another version of its blueprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Values to set; null removes one.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Value>,
    /// Subscriptions to set; null unsubscribes a service.
    #[schema(value_type = Option<BTreeMap<String, Subscription>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<BTreeMap<String, Option<Subscription>>>,
}

/// The new owner of a stack.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"owner": "team:payments"}))]
pub struct TransferStack {
    /// A team, a person, a role or an account.
    pub owner: String,
}

/// A webhook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "url": "https://hooks.slack.com/services/T000/B000/XXXX",
    "format": "slack",
    "kinds": ["operation.waiting_for_approval", "operation.failed", "stack.drifted"],
    "environments": ["live"]
}))]
pub struct PutWebhook {
    /// The address: HTTPS, and public. Redirects are not followed.
    pub url: String,
    /// The form of the body: `json` (the default), `slack` or `teams`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The kinds of notifications; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<String>>,
    /// The environments of their stacks; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
    /// The IDs of their stacks; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stacks: Option<Vec<String>>,
    /// A description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
