//! `/v1/policies`

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use slipway_api_types::{self as view, ImportPolicies, MissingKind, PutPolicy, TestPolicies};
use slipway_model::name::Name;
use slipway_model::policy::{POLICIES_SIZE, PolicyRevision, StoredPolicy};
use slipway_model::request::NAME_REMEDY;
use slipway_policy::Policies;
use slipway_policy::check::check_change;
use slipway_policy::file;
use slipway_policy::policies::defaults;
use slipway_policy::text::Invalid;
use slipway_store::configured::Expected;
use slipway_store::{ATTEMPTS, pause};

use super::answers::{busy, configured, deleted};
use super::policy_tests;
use crate::error::Error;
use crate::openapi::{ChangeProblems, ReadProblems};
use crate::parameters::{InPath, Parameters};
use crate::revision;
use crate::shown;
use crate::submission::Submission;
use crate::{Api, Caller};

/// What to do about a text that is no policy.
const TEXT_REMEDY: &str = "correct it; docs/policies.md has the types and their attributes";

/// List the policies
///
/// All that hold: those that were stored, and the default policies that they do not replace. With `revision`, as they were then.
#[utoipa::path(
    get,
    path = "/v1/policies",
    operation_id = "list_policies",
    tag = "policies",
    params(("revision" = Option<u64>, Query, description = "An earlier revision.")),
    responses(
        (status = 200, description = "The policies.", body = view::Policies, headers(("ETag" = String, description = "Their revision, in quotes."))),
        ReadProblems,
    ),
)]
pub(super) async fn list(State(api): State<Api>, mut parameters: Parameters) -> Result<Response, Error> {
    let revision: Option<u64> = parameters.optional("revision", "give the number of a revision");
    parameters.finish()?;
    let revision = match revision {
        Some(revision) => revision,
        None => api.store.policy_head().await?.revision,
    };
    let policies = api.store.policies(revision).await?;
    let tag = [(ETAG, revision::tag(policies.revision))];
    Ok((tag, Json(shown::policies(policies))).into_response())
}

/// Show a policy
#[utoipa::path(
    get,
    path = "/v1/policies/{policy}",
    operation_id = "show_policy",
    tag = "policies",
    params(("policy" = String, Path, description = "The policy's name.", example = "owner")),
    responses((status = 200, description = "The policy.", body = view::Policy), ReadProblems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    InPath(name): InPath<String>,
    parameters: Parameters,
) -> Result<Json<view::Policy>, Error> {
    parameters.finish()?;
    let head = api.store.policy_head().await?;
    let policies = shown::policies(api.store.policies(head.revision).await?);
    let found = policies.items.into_iter().find(|policy| policy.name == name);
    Ok(Json(found.ok_or_else(|| no_policy(&name))?))
}

/// Put a policy
///
/// New, or in place of the one of that name; one with the name of a default policy replaces it. The text is checked against the
/// schema. A change by which the caller could not configure Slipway any more is rejected. Only administrators change policies that may
/// decide about `configure` on Slipway itself. By default, only administrators put policies.
#[utoipa::path(
    put,
    path = "/v1/policies/{policy}",
    operation_id = "put_policy",
    tag = "policies",
    params(
        ("policy" = String, Path, description = "The policy's name.", example = "no-destroy-in-live"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the policies as the caller has seen them."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = PutPolicy, description = "The policy."),
    responses(
        (status = 200, description = "It holds from the next request on.", body = view::Policy, headers(("ETag" = String, description = "The revision of the policies, in quotes."))),
        ChangeProblems,
    ),
)]
pub(super) async fn put(
    State(api): State<Api>,
    InPath(name): InPath<String>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let name: Name = name
        .parse()
        .map_err(|error| Error::parameter("policy", format!("{error}"), NAME_REMEDY))?;
    let policy = StoredPolicy {
        name: name.clone(),
        text: read_text(&mut submission)?,
        updated_by: submission.caller.name.clone(),
        updated_at: Timestamp::now(),
    };
    let change = |policies: &mut Vec<StoredPolicy>| {
        policies.retain(|other| other.name != name);
        policies.push(policy.clone());
        Ok(())
    };
    let revision = api
        .change_policies(&submission.headers, &submission.caller, change)
        .await?;
    let shown = shown::policy(policy);
    api.answer_once(&submission, configured(None, revision, &shown)).await
}

/// Delete a policy
///
/// A default policy that it replaced holds again. By default, only administrators do.
#[utoipa::path(
    delete,
    path = "/v1/policies/{policy}",
    operation_id = "delete_policy",
    tag = "policies",
    params(
        ("policy" = String, Path, description = "The policy's name.", example = "no-destroy-in-live"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the policies as the caller has seen them."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    responses((status = 204, description = "It does not hold any more."), ChangeProblems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    InPath(name): InPath<String>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    let change = |policies: &mut Vec<StoredPolicy>| {
        let before = policies.len();
        policies.retain(|policy| policy.name.as_str() != name);
        match policies.len() {
            len if len < before => Ok(()),
            _ if defaults().any(|(default, _)| default == name) => Err(Error::Conflict(format!(
                "The policy `{name}` is a default policy. Put a policy of this name in its place; a text without a policy switches it off."
            ))),
            _ => Err(no_policy(&name)),
        }
    };
    api.change_policies(&submission.headers, &submission.caller, change)
        .await?;
    api.answer_once(&submission, deleted()).await
}

/// Replace all policies
///
/// By those of a file, as `slipway policy export` prints it. Stored policies that the file does not name are deleted; default policies
/// that it does not name hold, and `@off` switches one off. All or none. By default, only administrators do.
#[utoipa::path(
    put,
    path = "/v1/policies",
    operation_id = "import_policies",
    tag = "policies",
    params(
        ("If-Match" = Option<String>, Header, description = "The ETag of the policies as the caller has seen them."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = ImportPolicies, description = "The policies."),
    responses(
        (status = 200, description = "They hold from the next request on.", body = view::Policies, headers(("ETag" = String, description = "Their revision, in quotes."))),
        ChangeProblems,
    ),
)]
pub(super) async fn import(State(api): State<Api>, mut submission: Submission) -> Result<Response, Error> {
    let text = read_text(&mut submission)?;
    let imported = imported(&text, &submission.caller.name)?;
    let change = |policies: &mut Vec<StoredPolicy>| {
        policies.clone_from(&imported);
        Ok(())
    };
    let revision = api
        .change_policies(&submission.headers, &submission.caller, change)
        .await?;
    let shown = shown::policies(api.store.policies(revision).await?);
    api.answer_once(&submission, configured(None, revision, &shown)).await
}

/// Test policies
///
/// Asks the policies of the request, or those that hold if it has none, and compares their decisions with the expected ones. Nothing is
/// changed.
#[utoipa::path(
    post,
    path = "/v1/policy-tests",
    operation_id = "test_policies",
    tag = "policies",
    request_body(content = TestPolicies, description = "Policies and tests."),
    responses((status = 200, description = "The decisions.", body = view::PolicyTests), ChangeProblems),
)]
pub(super) async fn test(State(api): State<Api>, mut submission: Submission) -> Result<Json<view::PolicyTests>, Error> {
    let mut fields = submission.fields()?;
    let text: Option<String> = fields.optional("text", "give policies in Cedar, or leave it out");
    let tests = policy_tests::read(fields)?;
    let head = api.store.policy_head().await?;
    let before = api.store.policies(head.revision).await?.policies;
    let given = text.map(|text| imported(&text, &submission.caller.name)).transpose()?;
    let tested = given.as_ref().unwrap_or(&before);
    let policies = check_change(&before, tested).map_err(|invalid| invalid_text(&invalid))?;
    Ok(Json(policy_tests::run(&policies, tests)))
}

fn no_policy(name: &str) -> Error {
    Error::missing(MissingKind::Policy, name, "")
}

fn read_text(submission: &mut Submission) -> Result<String, Error> {
    let mut fields = submission.fields()?;
    let text: Option<String> = fields.required("text", "give the text in Cedar");
    let problems = fields.problems();
    text.filter(|_| problems.is_empty())
        .ok_or_else(|| Error::invalid(problems))
}

fn invalid_text(invalid: &Invalid) -> Error {
    Error::invalid_field("text", invalid.to_string(), TEXT_REMEDY)
}

/// The policies of a file. Those that are as Slipway ships them are not stored: they follow its versions.
fn imported(text: &str, by: &str) -> Result<Vec<StoredPolicy>, Error> {
    let mut policies = file::read(text).map_err(|invalid| invalid_text(&invalid))?;
    policies.retain(|(name, text)| !defaults().any(|(default, shipped)| default == name.as_str() && shipped == *text));
    let stored = policies.into_iter().map(|(name, text)| StoredPolicy {
        name,
        text,
        updated_by: by.to_owned(),
        updated_at: Timestamp::now(),
    });
    Ok(stored.collect())
}

impl Api {
    /// Changes the stored policies; their new revision. They are checked as a whole, and written unless they have changed meanwhile.
    async fn change_policies(
        &self,
        headers: &HeaderMap,
        caller: &Caller,
        change: impl Fn(&mut Vec<StoredPolicy>) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        for attempt in 0..ATTEMPTS {
            let head = self.store.policy_head().await?;
            revision::require(headers, Expected::Revision(head.revision))?;
            let before = self.store.policies(head.revision).await?;
            let mut policies = before.policies.clone();
            change(&mut policies)?;
            policies.sort_by(|one, other| one.name.cmp(&other.name));
            let judges_plans = self.check_policies(&before.policies, &policies, caller)?;
            let changed = PolicyRevision {
                revision: head.revision + 1,
                policies,
                judges_plans,
                changed_by: caller.name.clone(),
                changed_at: Some(Timestamp::now()),
            };
            if self.store.put_policies(&before, &changed).await? {
                tracing::info!(caller = caller.name, revision = changed.revision, "policies changed");
                return Ok(changed.revision);
            }
            pause(attempt).await;
        }
        Err(busy("changing the policies"))
    }

    /// Checks policies before they are stored; whether they may refuse plans.
    fn check_policies(
        &self,
        before: &[StoredPolicy],
        policies: &[StoredPolicy],
        caller: &Caller,
    ) -> Result<bool, Error> {
        let bytes: usize = policies.iter().map(|policy| policy.text.len()).sum();
        if bytes > POLICIES_SIZE {
            let detail = format!("all policies together would have {bytes} bytes");
            return Err(Error::invalid_field(
                "text",
                detail,
                format!("keep them below {POLICIES_SIZE} bytes"),
            ));
        }
        let checked = check_change(before, policies).map_err(|invalid| invalid_text(&invalid))?;
        if checked.locks_out(&[caller.into()]) {
            let detail = "you could not configure Slipway any more";
            let remedy = "leave `configure` on Installation::\"slipway\" to yourself; another administrator may take it from you";
            return Err(Error::invalid_field("text", detail, remedy));
        }
        if self.has_administrators && !caller.admin {
            let before = Policies::new(before).map_err(|invalid| Error::internal("reading the policies", invalid))?;
            if let Some(policy) = checked.changed_about_configuring(&before) {
                let detail = format!(
                    "would change the policy `{policy}`, which may decide about `configure` on Installation::\"slipway\": only \
                     administrators change such policies"
                );
                let remedy = "limit it to other actions or resources, or ask an administrator";
                return Err(Error::invalid_field("text", detail, remedy));
            }
        }
        Ok(checked.judges_plans())
    }
}
