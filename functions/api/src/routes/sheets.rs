//! `/v1/operations/{id}/sheet`

use std::collections::BTreeMap;

use axum::extract::State;
use axum::{Extension, Json};
use slipway_model::approval_sheet::{Basis, Sheet};
use slipway_model::id::OperationId;
use slipway_model::name::Digest;
use slipway_model::operation::{Operation, OperationKind, OperationStatus};
use slipway_model::plan::pages::Index;
use slipway_model::plan::{Refusal, Verdict};
use slipway_model::stack::Configuration;
use slipway_policy::Resource;
use slipway_policy::facts::StackFacts;
use slipway_store::Cursor;

use crate::access::Admitted;
use crate::error::Error;
use crate::openapi::PlanProblems;
use crate::parameters::Parameters;
use crate::shown;
use crate::{Api, Caller};
use slipway_api_types::SheetDocument;

/// How many items of the plan the sheet has at most, and about how many bytes of them.
const FIRST_ITEMS: usize = 50;
const FIRST_BYTES: usize = 256 * 1024;

/// How many operations of the stack are read at once in the search for the last that was applied.
const OPERATIONS: u16 = 20;

/// Show the approval sheet of an operation
///
/// Everything that an approver needs for the decision, with one hash that the approval quotes. Any change of the sheet changes the hash.
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
    Admitted(operation): Admitted<Operation>,
    Extension(resource): Extension<Resource>,
    parameters: Parameters,
) -> Result<Json<serde_json::Value>, Error> {
    parameters.finish()?;
    api.note_reader_of(&caller, &operation, &resource).await?;
    let sheet = Box::pin(api.sheet(&operation)).await?;
    Ok(Json(shown::sheet(&sheet, &operation)))
}

/// The path of an operation's sheet.
pub(super) fn path(operation: &OperationId) -> String {
    format!("/v1/operations/{operation}/sheet")
}

impl Api {
    /// Rejects an approval that does not quote the sheet as it is now. `approved` is the operation with the approval.
    pub(super) async fn require_sheet(
        &self,
        operation: &Operation,
        approved: &Operation,
        quoted: Option<&Digest>,
    ) -> Result<(), Error> {
        let hash = self.sheet(operation).await?.hash();
        if quoted == Some(&hash) {
            return self.require_not_refused(approved).await;
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

    /// Why the policies refuse the plan of an operation as they are now; none if they do not.
    async fn refused_by_policies(&self, operation: &Operation) -> Result<Option<Refusal>, Error> {
        let Some(plan) = &operation.plan else { return Ok(None) };
        let policies = self.gate.policies().await?;
        let (stack, environment) = self.gate.stack_and_environment(operation).await?;
        Ok(policies.refusal(operation, plan, StackFacts::new(&stack, environment)))
    }

    /// The sheet as it is now.
    pub(super) async fn sheet(&self, operation: &Operation) -> Result<Sheet, Error> {
        let no_plan = || {
            Error::NotFound(format!(
                "The operation `{}` has no plan, and so no approval sheet: it is {}.",
                operation.id, operation.status
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

    async fn first_items(&self, operation: &Operation, index: &Index) -> Result<Vec<serde_json::Value>, Error> {
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
