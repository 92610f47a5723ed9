//! `/v1/operations/{id}/sheet`

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::Value;
use slipway_model::approval_sheet::{Basis, Sheet};
use slipway_model::artifact;
use slipway_model::id::OperationId;
use slipway_model::json::canonical;
use slipway_model::name::Digest;
use slipway_model::operation::{Operation, OperationKind, OperationStatus};
use slipway_model::plan::pages::Index;
use slipway_model::plan::{Refusal, Verdict};
use slipway_model::stack::Configuration;
use slipway_policy::facts::StackFacts;
use slipway_policy::{Action, Facts, Resource};
use slipway_store::Cursor;

use super::plans::why_no_plan;
use crate::access::Admitted;
use crate::artifacts::unavailable;
use crate::error::Error;
use crate::openapi::PlanProblems;
use crate::parameters::Parameters;
use crate::shown;
use crate::viewer::Viewer;
use crate::{Api, Caller};
use slipway_api_types::{PlanDecision, SheetDocument};

/// How many items of the plan the sheet has at most, and about how many bytes of them.
const FIRST_ITEMS: usize = 50;
const FIRST_BYTES: usize = 256 * 1024;

/// How many operations of the stack are read at once in the search for the last that was applied.
const OPERATIONS: u16 = 20;

/// Show the approval sheet of an operation
///
/// Everything that an approver needs for the decision, with one hash that the approval quotes. Any change of the sheet changes the hash.
/// After a decision, it is the sheet that was approved or rejected. Such a sheet is kept for 90 days. After that, and for decisions that
/// an earlier version of Slipway recorded, the answer is 404.
#[utoipa::path(
    get,
    path = "/v1/operations/{id}/sheet",
    operation_id = "show_sheet",
    tag = "operations",
    params(("id" = String, Path, description = "The operation's ID.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a")),
    responses((status = 200, description = "The approval sheet.", body = SheetDocument), PlanProblems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Admitted(mut operation): Admitted<Operation>,
    Extension(resource): Extension<Resource>,
    parameters: Parameters,
) -> Result<Json<Value>, Error> {
    parameters.finish()?;
    api.note_reader_of(&caller, &operation, &resource).await?;
    let (sheet, hash) = if let Some(decision) = PlanDecision::about(&operation) {
        api.decided_sheet(&operation, decision).await?
    } else {
        Box::pin(api.judge_approvals(&mut operation)).await?;
        let sheet = Box::pin(api.sheet(&operation)).await?;
        (sheet.to_json(), sheet.hash())
    };
    Ok(Json(shown::sheet(sheet, &hash, &operation)))
}

/// The path of an operation's sheet.
pub(super) fn path(operation: &OperationId) -> String {
    format!("/v1/operations/{operation}/sheet")
}

impl Api {
    /// The sheet as it is now. Rejects an approval that does not quote it. `approved` is the operation with the approval.
    pub(super) async fn require_sheet(
        &self,
        operation: &Operation,
        approved: &Operation,
        quoted: Option<&Digest>,
    ) -> Result<Sheet, Error> {
        let sheet = self.sheet(operation).await?;
        let hash = sheet.hash();
        if quoted == Some(&hash) {
            self.require_not_refused(approved).await?;
            return Ok(sheet);
        }
        Err(Error::StaleSheet {
            is_missing: quoted.is_none(),
            operation: operation.id.clone(),
            hash,
            path: path(&operation.id),
        })
    }

    /// Rejects an approval of a plan that the rules of the environment refuse by now, or for which they require more than the plan can
    /// get: the environment was protected after the review, say.
    async fn require_not_refused(&self, approved: &Operation) -> Result<(), Error> {
        let environment = self.store.environment(&approved.environment).await?;
        let verdict = approved
            .plan
            .as_ref()
            .map(|plan| (plan, approved.review(plan, &environment)));
        let refusal = match verdict {
            Some((_, Verdict::Refused(refusal))) => Some(refusal),
            Some((plan, Verdict::ApprovalNeeded)) => {
                if let Some(missing) = approved.approval_in_vain(plan, &environment) {
                    return Err(Error::Conflict(format!(
                        "Nothing was approved: {missing}. Cancel the operation, and request it again."
                    )));
                }
                self.refused_by_policies(approved).await?
            }
            _ => self.refused_by_policies(approved).await?,
        };
        match refusal {
            Some(refusal) => Err(Error::Conflict(format!(
                "Nothing was approved: the {refusal}. Cancel the operation, or change the rules of the environment."
            ))),
            None => Ok(()),
        }
    }

    /// Judges the approvals of a plan that waits by the policies, the environment and the owner as they are now. The approvers are as they
    /// were: groups are known from their tokens alone.
    pub(super) async fn judge_approvals(&self, operation: &mut Operation) -> Result<(), Error> {
        if operation.approvals.is_empty() {
            return Ok(());
        }
        let policies = self.gate.policies().await?;
        let resource = self.operation_resource(operation).await?;
        operation.judge_approvals(|principal| {
            let approver = Viewer::new(Arc::clone(&policies), principal.clone());
            let denial = approver.decide(Action::Approve, &resource, &Facts::None).err()?;
            Some(denial.reason)
        });
        Ok(())
    }

    /// Why the policies refuse the plan of an operation as they are now; none if they do not.
    async fn refused_by_policies(&self, operation: &Operation) -> Result<Option<Refusal>, Error> {
        let Some(plan) = &operation.plan else { return Ok(None) };
        let policies = self.gate.policies().await?;
        let (stack, environment) = self.gate.stack_and_environment(operation).await?;
        Ok(policies.refusal(operation, plan, StackFacts::new(&stack, environment)))
    }

    /// Keeps the sheet that a rejection is about; its hash. None if there is nothing to decide, or if the sheet cannot be made or kept: a
    /// plan that was tampered with can still be rejected.
    pub(super) async fn keep_rejected_sheet(&self, operation: &Operation) -> Option<Digest> {
        if operation.status != OperationStatus::WaitingForApproval || PlanDecision::about(operation).is_some() {
            return None;
        }
        let kept = async {
            let sheet = self.sheet(operation).await?;
            self.keep_sheet(operation, &sheet).await
        };
        match kept.await {
            Ok(hash) => Some(hash),
            Err(error) => {
                tracing::warn!(operation = %operation.id, %error, "a plan is rejected, and its sheet is not kept");
                None
            }
        }
    }

    /// Keeps a sheet under its hash, before a decision about it is recorded: later it cannot be computed again, because the stack and its
    /// environment change.
    pub(super) async fn keep_sheet(&self, operation: &Operation, sheet: &Sheet) -> Result<Digest, Error> {
        let (text, hash) = (canonical(&sheet.to_json()), sheet.hash());
        let key = artifact::sheet(operation, &hash);
        let put = self.s3.put_object().bucket(&self.artifacts_bucket).key(key);
        let put = put.content_type("application/json").body(text.into_bytes().into());
        let kept = put.send().await;
        kept.map_err(|error| unavailable("storing an approval sheet", aws_sdk_s3::Error::from(error)))?;
        Ok(hash)
    }

    /// The sheet that was approved or rejected, with its hash.
    async fn decided_sheet(&self, operation: &Operation, decision: PlanDecision) -> Result<(Value, Digest), Error> {
        const READING: &str = "reading an approval sheet";
        let (decided, hash) = match decision {
            PlanDecision::Approved => {
                let last = operation.approvals.last();
                ("approved", last.and_then(|approval| approval.sheet.as_ref()))
            }
            PlanDecision::Rejected => {
                let rejection = operation.rejection.as_ref();
                ("rejected", rejection.and_then(|rejection| rejection.sheet.as_ref()))
            }
        };
        let Some(hash) = hash else {
            return Err(Error::NotFound(format!(
                "The plan of the operation `{}` was {decided}, and its approval sheet was not kept. Read the plan.",
                operation.id
            )));
        };
        let key = artifact::sheet(operation, hash);
        let Some(object) = self.artifact(READING, &key, None).await? else {
            return Err(Error::NotFound(format!(
                "The approval sheet {} of the operation `{}`, which was {decided}, is not kept: an earlier version of Slipway recorded the \
                 decision, it is older than 90 days, or somebody deleted it from the artifacts bucket. Read the plan.",
                hash.as_str(),
                operation.id
            )));
        };
        let bytes = object.into_bytes();
        if Digest::of(&bytes) != *hash {
            tracing::error!(operation = %operation.id, key, "an approval sheet was replaced");
            return Err(Error::Conflict(format!(
                "The stored approval sheet of the operation `{}` was changed after it was {decided}, so it is not shown. Find out who may \
                 write to the artifacts bucket.",
                operation.id
            )));
        }
        let sheet = serde_json::from_slice(&bytes).map_err(|error| Error::internal(READING, error))?;
        Ok((sheet, hash.clone()))
    }

    /// The sheet as it is now.
    pub(super) async fn sheet(&self, operation: &Operation) -> Result<Sheet, Error> {
        let no_plan = || {
            Error::NotFound(format!(
                "The operation `{}` has no plan, and so no approval sheet: {}.",
                operation.id,
                why_no_plan(operation)
            ))
        };
        let plan = operation.plan.as_ref().ok_or_else(no_plan)?;
        let index = match plan.document {
            Some(_) => self.plan_index(operation).await?,
            // Of an earlier version: the counts are all that there is.
            None => Index::default(),
        };
        let places = self
            .store
            .stack_and_environment(&operation.stack, &operation.environment);
        let (stack, environment) = places.await?;
        let applied = self.applied(operation).await?;
        let images = match stack.current_release {
            Some(number) => self.store.release(&stack.id, number).await?.images,
            None => BTreeMap::new(),
        };
        let basis = Basis {
            operation,
            environment: &environment,
            applied: applied.as_ref(),
            images: &images,
            may_repeat_release: stack.release_to_repeat().is_some(),
            subscriptions: &stack.subscriptions,
            first: self.first_items(operation, &index).await?,
            index: &index,
        };
        let mut sheet = Sheet::new(basis).ok_or_else(no_plan)?;
        if let Some(refusal) = self.refused_by_policies(operation).await? {
            sheet.refuse(refusal);
        }
        Ok(sheet)
    }

    async fn first_items(&self, operation: &Operation, index: &Index) -> Result<Vec<Value>, Error> {
        let Some(page) = index.pages.first() else {
            return Ok(Vec::new());
        };
        let mut items = self.plan_page(operation, &page.sha256).await?;
        let mut bytes = 0;
        let fitting = items.iter().take_while(|item| {
            bytes += item.to_string().len();
            bytes <= FIRST_BYTES
        });
        let fitting = fitting.count().clamp(1, FIRST_ITEMS);
        items.truncate(fitting);
        Ok(items)
    }

    /// What the stack was made from last: the configuration of the newest operation that changed it and succeeded.
    async fn applied(&self, operation: &Operation) -> Result<Option<Configuration>, Error> {
        let mut cursor: Option<Cursor> = None;
        loop {
            let page = self
                .store
                .operations(&operation.stack, OPERATIONS, cursor.as_ref())
                .await?;
            let applied = page.items.into_iter().find(|earlier| {
                earlier.id < operation.id
                    && earlier.status == OperationStatus::Succeeded
                    && matches!(earlier.kind(), OperationKind::Provision | OperationKind::Update)
            });
            match (applied, page.next) {
                (Some(applied), _) => return Ok(Some(applied.configuration)),
                (None, None) => return Ok(None),
                (None, next) => cursor = next,
            }
        }
    }
}
