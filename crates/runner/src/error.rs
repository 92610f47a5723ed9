//! Why the runner could not do its work.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use slipway_model::count::{counted, counted_as};
use slipway_model::cut::cut;
use slipway_model::error_chain::chain;
use slipway_model::error_name::ErrorName;
use slipway_model::operation::Failure;
use slipway_model::plan::Refusal;
use slipway_model::plan::show::NotAPlan;
use slipway_model::problem::FieldProblem;

use crate::lost::Loss;
use crate::phase::Phase;
use crate::secrets;
use crate::stream::Diagnostic;

/// An error below one of ours.
pub(crate) type Source = Box<dyn StdError + Send + Sync>;

/// The longest message that is recorded on an operation, whose item has room for 400 KB with everything in it.
const MESSAGE_SIZE: usize = 4096;

/// The most bytes that the resources in a message have: the remedy after them must fit, too.
const RESOURCES_SIZE: usize = 2400;

/// The most bytes of why an apply ended, in a message that names resources.
const CAUSE_SIZE: usize = 1000;

/// Why the runner could not do its work. The texts are for the requester.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the operation has ended already: it is {0}")]
    Ended(slipway_model::operation::OperationStatus),
    #[error("{requester} cancelled the operation")]
    Cancelled { requester: String },
    #[error("the build was stopped by a signal")]
    Stopped,
    #[error(
        "the build has had its {minutes} minutes, so Terraform was interrupted while there was time to save the state; request \
         the operation again to go on from there"
    )]
    Deadline { minutes: u64 },
    #[error("the operation is of the stack {found}, and the build is for {expected}")]
    OtherStack {
        found: slipway_model::id::StackId,
        expected: slipway_model::id::StackId,
    },
    #[error("failed to assume the role {role} for this build")]
    Session {
        role: String,
        #[source]
        source: Source,
    },
    #[error("failed to read the value of the variable `{variable}`, which the environment references")]
    Reference {
        variable: String,
        #[source]
        source: Source,
    },
    #[error("failed to end the processes that the blueprint started")]
    Leftovers {
        #[source]
        source: io::Error,
    },
    #[error("failed to serve Terraform's credentials")]
    Endpoint {
        #[source]
        source: io::Error,
    },
    #[error("cannot {action} the operation's record")]
    Store {
        action: &'static str,
        #[source]
        source: slipway_store::Error,
    },
    #[error("cannot {action} the object {key} in the bucket {bucket}")]
    Object {
        action: &'static str,
        bucket: String,
        key: String,
        #[source]
        source: Source,
    },
    #[error("cannot {action} {}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the archive {0} cannot be unpacked: {1}")]
    Archive(String, String),
    #[error("the blueprint's files are not in the artifacts bucket: {0} is missing")]
    NoBlueprint(String),
    #[error("the blueprint's files in {key} are not what was published: {why}")]
    BlueprintDiffers { key: String, why: String },
    #[error("the blueprint's file {file} is refused: {why}")]
    BlueprintFile { file: String, why: &'static str },
    #[error(
        "{file} calls the module {module}, which is not part of the blueprint's version: publish the files as a new version, which \
         then has the module, and update the stack to it"
    )]
    RemoteModule { file: String, module: String },
    #[error(
        "failed to configure the AWS provider, and nothing was planned: {}. Publish the corrected files as a new version, and update \
         the stack to it",
        placed(.0)
    )]
    AwsProvider(Vec<FieldProblem>),
    #[error(
        "failed to plan: the stack has resources that were created with the role of the environment alone, by an earlier version of \
         Slipway, and the provider {} has an `assume_role` now. With it, Terraform would drop them from the state and create others. To \
         keep them, publish a new version without this `assume_role`, and update the stack to it. Otherwise destroy the stack, which finds \
         them, and create it again",
        aliased(.0)
    )]
    EarlierRole(Vec<String>),
    #[error("the blueprint's lock file cannot be read: {0}; publish the blueprint with the file that Terraform writes")]
    LockFile(String),
    #[error(
        "{provider} is not published (there is no {key} in the artifacts bucket): publish the blueprint with `slipway publish`"
    )]
    NoProvider { provider: String, key: String },
    #[error("the provider's package {key} is of no use: {why}")]
    Provider { key: String, why: String },
    #[error(
        "there is no Terraform on this machine{searched}; install Terraform 1.11 or later \
         (https://developer.hashicorp.com/terraform/install) or OpenTofu 1.10 or later \
         (https://opentofu.org/docs/intro/install) and put it on PATH, or name it in SLIPWAY_TERRAFORM"
    )]
    NoTerraform { searched: String },
    #[error("{found} is too old: stacks need Terraform 1.11 or OpenTofu 1.10 at least")]
    TerraformTooOld { found: String },
    #[error("{found} writes a -json stream of version {version}, which the runner does not know")]
    UnknownStream { found: String, version: String },
    #[error("cannot start {}", program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}{}", diagnostic.text(), further(*others))]
    Terraform { diagnostic: Box<Diagnostic>, others: usize },
    #[error("terraform {command} ended with {exit} and said no more than: {output}")]
    TerraformSilent {
        command: &'static str,
        exit: String,
        output: String,
    },
    #[error(
        "failed to read what terraform {command} did: its -json stream is incomplete ({why}). Check that the disk of the build is \
         not full, then request the operation again"
    )]
    StreamIncomplete { command: &'static str, why: String },
    #[error(
        "failed to read the plan: `terraform show -json` is incomplete. Check that the disk of the build is not full, then request \
         the operation again"
    )]
    Plan(#[source] NotAPlan),
    #[error("failed to check for drift: {why}{}", found_so_far(found))]
    DriftUnknown { why: String, found: Vec<String> },
    #[error("failed to keep the plan")]
    Keep(#[source] Source),
    #[error("failed to apply the plan: {0} differs from what was planned; request the operation again")]
    Differs(String),
    #[error("failed to apply the plan: {0}; request the operation again")]
    StateDiffers(String),
    #[error(
        "failed to apply the plan: an earlier version of Slipway made it, which recorded no digests; request the operation again"
    )]
    Unbound,
    #[error(
        "failed to read the outputs of the apply: {0} differs from the digest on the operation's record, and so do the outputs in the \
         state; update the stack"
    )]
    OutputsDiffer(String),
    #[error(
        "failed to destroy the stack: Terraform ended with success, and {} still in the state, among them \
         {first}. Request the destroy again",
        counted_as(*count, "resource is", "resources are")
    )]
    NotDestroyed { count: usize, first: String },
    #[error(
        "failed to plan the destroy: a killed Terraform created resources that are not in the state: {}. Update the stack, which \
         imports them, then request the destroy again",
        some_of(.0)
    )]
    NotInState(Vec<String>),
    #[error("terraform {command} was killed (signal {signal})")]
    Killed { command: &'static str, signal: i32 },
    #[error("an earlier build of this operation was killed while Terraform applied the plan")]
    Interrupted,
    #[error(
        "{}. These may exist without being in the state: {}. The next update imports those with an ID and creates the others again: \
         check these first",
        cut(&chain(&**cause), CAUSE_SIZE).trim_end_matches('.'),
        some_of(resources)
    )]
    Unrecorded { cause: Box<Error>, resources: Vec<String> },
    #[error("the state has changed since this plan was made, so it is not applied; request the operation again")]
    PlanIsStale,
    #[error(
        "the output `slipway` is sensitive, so only Terraform can read it; in the blueprint, wrap the sensitive \
         value in nonsensitive(…), or leave it out of this output"
    )]
    SensitiveContract,
    #[error(
        "the blueprint's output is not what Slipway needs, and nothing was applied: {}",
        listed(.0)
    )]
    Contract(Vec<FieldProblem>),
    #[error(
        "the request has images for which the stack has no service, and nothing was applied: {}",
        listed(.0)
    )]
    Images(Vec<FieldProblem>),
    #[error("the plan of this operation is missing: {0}")]
    NoPlan(String),
    #[error("failed to apply the plan: no verdict on the operation's record allows it; request the operation again")]
    NoVerdict,
    #[error("failed to apply the plan: the {0}")]
    Refused(Refusal),
    #[error("the build {0} of this operation failed to apply the plan")]
    OtherBuildFailed(String),
    #[error(
        "the build {build} of this operation began to apply the plan and ended without a result{exist}; request the operation again: \
         its plan shows what is missing"
    )]
    OtherBuildGone { build: String, exist: String },
    #[error(
        "failed to apply the plan: an earlier version of Slipway made it, which kept states at other keys; request the \
         operation again"
    )]
    EarlierPlan,
    #[error(
        "failed to move the state from {earlier} to {key}: each key has a state, and they differ; compare the two, delete \
         the wrong one, and request the operation again"
    )]
    TwoStates { earlier: String, key: String },
    #[error(
        "failed to read the Terraform state {key} in the bucket {bucket}: {why}. The stack's resources may still exist, so nothing is \
         planned or applied. Restore the version of this object that the last apply wrote, as the runbook says under `A damaged \
         Terraform state`, then request the operation again"
    )]
    StateLost { bucket: String, key: String, why: Loss },
    #[error("the state of the stack is locked: {0}")]
    Locked(String),
    #[error("an earlier build of this stack still runs Terraform on this machine, in {}", .0.display())]
    StillRuns(PathBuf),
    #[error("Terraform could not save the state, and neither could the runner ({why}); the state is kept in {kept}")]
    StateNotSaved { why: String, kept: String },
}

/// Problems in one text, by field.
fn listed(problems: &[FieldProblem]) -> String {
    let lines = problems
        .iter()
        .map(|problem| format!("`{}` {}: {}", problem.field, problem.detail, problem.remedy));
    lines.collect::<Vec<_>>().join("; ")
}

/// Problems of files in one text, by place.
fn placed(problems: &[FieldProblem]) -> String {
    let lines = problems.iter().map(|problem| {
        let file = problem.field.trim_start_matches("files.");
        let line = problem.place.map_or(1, |place| place.line);
        format!("{file}:{line}: {}: {}", problem.detail, problem.remedy)
    });
    lines.collect::<Vec<_>>().join("; ")
}

impl Error {
    /// What is recorded on the operation.
    pub(crate) fn failure(&self, phase: Phase) -> Failure {
        // Before it is cut, which could cut a secret in two.
        let message = cut(&secrets::hide(&chain(self)), MESSAGE_SIZE);
        let cause: &Self = match self {
            Self::Unrecorded { cause, .. } => cause,
            other => other,
        };
        Failure {
            name: match cause {
                Self::Cancelled { .. } | Self::Stopped => ErrorName::Cancelled.to_string(),
                Self::Deadline { .. } => ErrorName::BuildTimedOut.to_string(),
                Self::Contract(_) | Self::Images(_) => ErrorName::ContractInvalid.to_string(),
                Self::Refused(refusal) => refusal.error_name().to_string(),
                _ => phase.error_name().to_string(),
            },
            step: phase.step().to_owned(),
            message,
            address: match cause {
                Self::Terraform { diagnostic, .. } => diagnostic
                    .address
                    .clone()
                    .filter(|address| address.len() <= MESSAGE_SIZE),
                _ => None,
            },
        }
    }
}

fn aliased(aliases: &[String]) -> String {
    let providers: Vec<String> = aliases.iter().map(|alias| format!("`aws.{alias}`")).collect();
    providers.join(", ")
}

/// Resources in one text, as many as fit. The log names all.
fn some_of(resources: &[String]) -> String {
    let mut size = 0;
    let fit = resources.iter().take_while(|resource| {
        size += resource.len() + 2;
        size <= RESOURCES_SIZE
    });
    let named = fit.count();
    let list = resources[..named].join(", ");
    match resources.len() - named {
        0 => list,
        all if named == 0 => format!("{}, which the log names", counted(all, "resource")),
        more => format!("{list} and {more} more, which the log names"),
    }
}

/// What a drift check found before it failed.
fn found_so_far(found: &[String]) -> String {
    if found.is_empty() {
        return String::new();
    }
    format!(". Found so far: {}", found.join(", "))
}

/// How many errors Terraform gave besides the first.
fn further(others: usize) -> String {
    match others {
        0 => String::new(),
        others => format!(" (and {}: read the log)", counted(others, "more error")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_besides_the_first_are_counted() {
        let text = r#"{"severity": "error", "summary": "no such subnet", "detail": ""}"#;
        let said = |others| {
            let diagnostic = serde_json::from_str(text).expect("a diagnostic");
            Error::Terraform { diagnostic, others }.failure(Phase::Plan).message
        };
        assert!(!said(0).contains("more error"));
        assert!(said(1).ends_with("(and 1 more error: read the log)"), "{}", said(1));
        assert!(said(2).ends_with("(and 2 more errors: read the log)"), "{}", said(2));
    }

    #[test]
    fn resources_that_do_not_fit_are_counted_and_the_remedy_stays() {
        let said = |count: usize| {
            let resources =
                (0..count).map(|number| format!("aws_subnet.private[{number}] (created, id subnet-{number})"));
            let text =
                r#"{"severity": "error", "summary": "Plugin did not respond", "detail": "", "address": "aws_a.a"}"#;
            let mut diagnostic: Box<Diagnostic> = serde_json::from_str(text).expect("a diagnostic");
            diagnostic.detail = "x".repeat(MESSAGE_SIZE);
            let cause = Box::new(Error::Terraform { diagnostic, others: 1 });
            let resources = resources.collect();
            Error::Unrecorded { cause, resources }.failure(Phase::Apply)
        };
        let few = said(2);
        assert_eq!(
            (few.name.as_str(), few.address.as_deref()),
            ("Slipway.ApplyFailed", Some("aws_a.a"))
        );
        assert!(
            few.message
                .contains("[0] (created, id subnet-0), aws_subnet.private[1] (created, id subnet-1). The next")
        );
        let many = said(500).message;
        assert!(
            many.contains(" more, which the log names. The next update imports") && many.ends_with("check these first"),
            "{many}"
        );
        assert_eq!(
            some_of(&["x".repeat(RESOURCES_SIZE)]),
            "1 resource, which the log names"
        );
    }

    #[test]
    fn wrong_images_are_named_with_their_remedy() {
        let problem = |field: &str| FieldProblem::new(field, "names no service of the stack", "its services are web");
        let failure = Error::Images(vec![problem("images.wbe"), problem("images.wob")]).failure(Phase::Plan);
        assert_eq!(
            failure.message,
            "the request has images for which the stack has no service, and nothing was applied: `images.wbe` names no service of \
             the stack: its services are web; `images.wob` names no service of the stack: its services are web"
        );
    }

    /// The workflow and its callers match these names.
    #[test]
    fn the_names_of_errors_are_these() {
        let name = |error: Error, phase| error.failure(phase).name;
        assert_eq!(name(Error::PlanIsStale, Phase::Apply), "Slipway.ApplyFailed");
        assert_eq!(name(Error::SensitiveContract, Phase::Plan), "Slipway.PlanFailed");
        let requester = "ann".to_owned();
        assert_eq!(name(Error::Cancelled { requester }, Phase::Apply), "Slipway.Cancelled");
        assert_eq!(name(Error::Stopped, Phase::Apply), "Slipway.Cancelled");
        assert_eq!(
            name(Error::Deadline { minutes: 112 }, Phase::Plan),
            "Slipway.BuildTimedOut"
        );
    }

    #[test]
    fn a_failure_is_short_and_says_why() {
        let full = Error::File {
            action: "write",
            path: "/work/plan.jsonl".into(),
            source: io::Error::from(io::ErrorKind::StorageFull),
        };
        let failure = full.failure(Phase::Apply);
        assert_eq!(failure.step, "Apply");
        assert!(
            failure.message.starts_with("cannot write /work/plan.jsonl: "),
            "{}",
            failure.message
        );
        let long = Error::Locked("ö".repeat(MESSAGE_SIZE)).failure(Phase::Plan);
        assert!(long.message.len() <= MESSAGE_SIZE + 4);
    }
}
