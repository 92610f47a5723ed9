//! `/v1/operations/{id}/plan`

use axum::extract::State;
use axum::{Extension, Json};
use slipway_model::artifact;
use slipway_model::name::Digest;
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::plan::item::Subject;
use slipway_model::plan::pages::{self, Filter, Index};
use slipway_model::plan::{Action, PlanSummary};
use slipway_policy::Resource;
use tokio::task::JoinSet;

use crate::access::Admitted;
use crate::error::Error;
use crate::openapi::PlanProblems;
use crate::parameters::Parameters;
use crate::{Api, Caller};
use slipway_api_types::{PlanItem, PlanItems};

/// How many pages are read from S3 at once.
const AT_ONCE: usize = 8;

/// About how many bytes of items an answer has at most. Lambda takes 6 MB, in which quotes count twice:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const ANSWER_BYTES: usize = 2_500_000;

const AFTER_REMEDY: &str =
    "give `next` of the answer before, of the same plan, as it came; or leave it out for the first items";

/// Show the plan of an operation
///
/// Every resource, output, drifted resource, action and check, with the attributes that change, deletions first. Sensitive values are
/// marks without a value.
#[utoipa::path(
    get,
    path = "/v1/operations/{id}/plan",
    operation_id = "show_plan",
    tag = "operations",
    params(
        ("id" = String, Path, description = "The operation's ID.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
        ("action" = Option<String>, Query, description = "Only items with this action: `unknown`, `delete`, `replace`, `forget`, `invoke`, `update`, `import`, `create`, `move` or `read`.", example = "delete"),
        ("subject" = Option<String>, Query, description = "Only items with this subject: `resource`, `action`, `deferred_resource`, `deferred_action`, `output`, `drift` or `check`.", example = "resource"),
        ("type" = Option<String>, Query, description = "Only items with this type of resource or action.", example = "aws_db_instance"),
        ("address" = Option<String>, Query, description = "Only items whose address has this prefix.", example = "module.data."),
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "`next` of the previous page."),
    ),
    responses((status = 200, description = "Items of the plan.", body = PlanItems), PlanProblems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Admitted(operation): Admitted<Operation>,
    Extension(resource): Extension<Resource>,
    mut parameters: Parameters,
) -> Result<Json<PlanItems>, Error> {
    let filter = Filter {
        action: parameters.one_of("action", Action::ALL, "is no action of a plan"),
        subject: parameters.one_of("subject", Subject::ALL, "is no subject of a plan's items"),
        kind: parameters.optional("type", "give a type like `aws_db_instance`"),
        address: parameters.optional("address", "give the beginning of an address, like `module.data.`"),
    };
    let limit = parameters.limit();
    let after: u64 = parameters.optional("after", AFTER_REMEDY).unwrap_or_default();
    parameters.finish()?;
    api.note_reader_of(&caller, &operation, &resource).await?;
    let index = api.plan_index(&operation).await?;
    let total = index.pages.iter().map(|page| page.items).sum();
    if after > total {
        return Err(Error::parameter(
            "after",
            "is not a position in this plan",
            AFTER_REMEDY,
        ));
    }
    let mut answer = Answer {
        filter,
        limit: usize::from(limit),
        items: Vec::new(),
        bytes: 0,
    };
    let next = api.plan_items(&operation, &index, after, &mut answer).await?;
    Ok(Json(PlanItems {
        items: answer.items,
        total,
        next: next.map(|next| next.to_string()),
    }))
}

/// The items that are taken into an answer.
struct Answer {
    filter: Filter,
    limit: usize,
    items: Vec<PlanItem>,
    bytes: usize,
}

impl Answer {
    /// Takes items from a place on; the place of the first that has no room.
    fn take(&mut self, items: Vec<serde_json::Value>, from: u64) -> Result<Option<u64>, Error> {
        for (place, item) in (from..).zip(items) {
            let bytes = item.to_string().len();
            let item: PlanItem = serde_json::from_value(item).map_err(|error| Error::internal(READING, error))?;
            let is_imported = item.import_id.is_some() || item.import_identity.is_some();
            if !self.filter.takes(
                item.subject,
                &pages::actions(item.action, is_imported).collect::<Vec<_>>(),
                item.kind.as_deref().unwrap_or_default(),
                &item.address,
            ) {
                continue;
            }
            if self.items.len() == self.limit || (self.bytes + bytes > ANSWER_BYTES && !self.items.is_empty()) {
                return Ok(Some(place));
            }
            self.bytes += bytes;
            self.items.push(item);
        }
        Ok(None)
    }
}

const READING: &str = "reading a plan";

/// Why an operation has no plan: none of its kind has one, or it has not come that far.
pub(super) fn why_no_plan(operation: &Operation) -> String {
    match operation.kind() {
        kind @ (OperationKind::Release | OperationKind::Rollback | OperationKind::Task) => {
            format!("a {kind} does not run Terraform")
        }
        _ => format!("its status is `{}`", operation.status),
    }
}

impl Api {
    /// The index of the operation's plan.
    pub(super) async fn plan_index(&self, operation: &Operation) -> Result<Index, Error> {
        let document = operation.plan.as_ref().map(|plan: &PlanSummary| plan.document.as_ref());
        let document = match document {
            Some(Some(document)) => document,
            Some(None) => {
                return Err(Error::NotFound(format!(
                    "The plan of the operation `{}` was made by an earlier version of Slipway, which kept its summary alone.",
                    operation.id
                )));
            }
            None => {
                return Err(Error::NotFound(format!(
                    "The operation `{}` has no plan: {}.",
                    operation.id,
                    why_no_plan(operation)
                )));
            }
        };
        let bytes = self.plan_object(operation, &document.index).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::internal(READING, error))
    }

    /// Fills an answer from a place on; the place to go on from.
    async fn plan_items(
        &self,
        operation: &Operation,
        index: &Index,
        after: u64,
        answer: &mut Answer,
    ) -> Result<Option<u64>, Error> {
        let mut first = 0;
        let mut wanted = Vec::new();
        for page in &index.pages {
            if first + page.items > after && answer.filter.may_be_in(page) {
                wanted.push((first, page.sha256.clone()));
            }
            first += page.items;
        }
        for group in wanted.chunks(AT_ONCE) {
            let pages = Box::pin(self.plan_pages(operation, group)).await?;
            for ((first, _), items) in group.iter().zip(pages) {
                let skipped = usize::try_from(after.saturating_sub(*first)).unwrap_or(usize::MAX);
                let from = (*first).max(after);
                let items = items.into_iter().skip(skipped).collect();
                if let Some(next) = answer.take(items, from)? {
                    return Ok(Some(next));
                }
            }
        }
        Ok(None)
    }

    /// The items of these pages.
    async fn plan_pages(
        &self,
        operation: &Operation,
        pages: &[(u64, Digest)],
    ) -> Result<Vec<Vec<serde_json::Value>>, Error> {
        let mut reads = JoinSet::new();
        for (place, (_, sha256)) in pages.iter().enumerate() {
            let (api, operation) = (self.clone(), operation.clone());
            let sha256 = sha256.clone();
            reads.spawn(async move { (place, api.plan_page(&operation, &sha256).await) });
        }
        let mut read = vec![Vec::new(); pages.len()];
        while let Some(done) = reads.join_next().await {
            let (place, items) = done.map_err(|error| Error::internal(READING, error))?;
            read[place] = items?;
        }
        Ok(read)
    }

    /// The items of a page.
    pub(super) async fn plan_page(
        &self,
        operation: &Operation,
        sha256: &Digest,
    ) -> Result<Vec<serde_json::Value>, Error> {
        #[derive(serde::Deserialize)]
        struct Page {
            items: Vec<serde_json::Value>,
        }
        let bytes = self.plan_object(operation, sha256).await?;
        let page: Page = serde_json::from_slice(&bytes).map_err(|error| Error::internal(READING, error))?;
        Ok(page.items)
    }

    /// An object of a plan, which is what the build wrote.
    async fn plan_object(&self, operation: &Operation, sha256: &Digest) -> Result<Vec<u8>, Error> {
        let unavailable =
            |source: Box<dyn std::error::Error + Send + Sync>| Error::Unavailable { doing: READING, source };
        let key = artifact::of_operation(operation, &pages::name(sha256));
        let object = self
            .s3
            .get_object()
            .bucket(&self.artifacts_bucket)
            .key(&key)
            .send()
            .await;
        let object = match object {
            Ok(object) => object,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(aws_sdk_s3::operation::get_object::GetObjectError::is_no_such_key) =>
            {
                return Err(Error::NotFound(format!(
                    "The plan of the operation `{}` is no longer kept.",
                    operation.id
                )));
            }
            Err(error) => return Err(unavailable(Box::new(aws_sdk_s3::Error::from(error)))),
        };
        let bytes = object
            .body
            .collect()
            .await
            .map_err(|error| unavailable(error.into()))?
            .to_vec();
        if Digest::of(&bytes) == *sha256 {
            return Ok(bytes);
        }
        tracing::error!(operation = %operation.id, key, "a part of a plan was replaced");
        Err(Error::Conflict(format!(
            "The stored plan of the operation `{}` was changed after its build wrote it, so it is not shown and cannot be approved. \
             Find out who may write to the artifacts bucket, reject the operation, and request it again.",
            operation.id
        )))
    }
}
