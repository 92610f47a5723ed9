//! `/v1/audit`

use axum::Json;
use axum::extract::State;
use slipway_model::audit::{Action, CHAINS};
use slipway_store::audit::AuditFilter;

use crate::Api;
use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::{InPath, Parameters};
use slipway_api_types::{AuditHead, AuditPage, AuditRecord, ForgedRecord, Items, SealedRecord};

const ACTION_REMEDY: &str = "give an action like `update`, `approve`, `deny` or `put_environment`";

const SUBJECT_REMEDY: &str = "give one like `stack/lusab-babad` (with the ID of the stack), `environment/live`, \
     `source-account/111122223333`, `blueprint/shop` or `policies`";

/// The subject of all policies, which has no name.
const POLICIES: &str = "policies";

/// A subject as records have it: its kind and its name. Of a denied request, it is the method and the path.
fn subject(text: &str) -> Result<String, String> {
    if text == POLICIES || text.contains('/') {
        Ok(text.to_owned())
    } else {
        Err("is no subject of a record".to_owned())
    }
}

/// List audit records
///
/// Changes, decisions, configuration, publishes, denials, and reads of stacks by others than their owners, the newest first.
/// Secrets are hidden. Items that another program put into the list are in `forged`: they are not in their place, do not have their hash,
/// or are not in their chain. The default policies let only administrators read it.
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "list_audit_records",
    tag = "audit",
    params(
        ("actor" = Option<String>, Query, description = "Only what this caller did."),
        ("subject" = Option<String>, Query, description = "Only what was done with this: `stack/lusab-babad`, `environment/live`, `source-account/111122223333` or `blueprint/shop`."),
        ("action" = Option<String>, Query, description = "Only this action."),
        ("limit" = Option<u16>, Query, description = "How many at most, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
    ),
    responses((status = 200, description = "A page of records.", body = AuditPage), (status = 403, description = "No policy permits `audit` to the caller."), ReadProblems),
)]
pub(super) async fn list(State(api): State<Api>, mut parameters: Parameters) -> Result<Json<AuditPage>, Error> {
    let filter = AuditFilter {
        actor: parameters.optional("actor", "give the name of a caller"),
        subject: parameters.optional_by("subject", SUBJECT_REMEDY, subject),
        action: parameters.optional::<Action>("action", ACTION_REMEDY),
    };
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let cursor = api.opened(cursor).await?;
    let page = api.store.audit_records(&filter, limit, cursor.as_ref()).await?;
    let forged = page.forged.into_iter().map(|forged| {
        tracing::error!(item = forged.item, why = %forged.why, "an item in the audit log is forged");
        ForgedRecord {
            item: forged.item,
            why: forged.why.to_string(),
        }
    });
    Ok(Json(AuditPage {
        forged: forged.collect(),
        items: page.items.into_iter().map(AuditRecord::from).collect(),
        next: api.sealed(page.next.as_ref()).await?,
    }))
}

/// List the chains of the audit log
///
/// The last record of each chain that has records. Keep them outside the account: a later check compares them.
#[utoipa::path(
    get,
    path = "/v1/audit/chains",
    operation_id = "list_audit_chains",
    tag = "audit",
    responses((status = 200, description = "The heads of the chains.", body = Items<AuditHead>), (status = 403, description = "No policy permits `audit` to the caller."), ReadProblems),
)]
pub(super) async fn chains(State(api): State<Api>, parameters: Parameters) -> Result<Json<Items<AuditHead>>, Error> {
    parameters.finish()?;
    let heads = api.store.audit_heads().await?;
    Ok(Json(Items {
        items: heads.into_iter().map(AuditHead::from).collect(),
        next: None,
    }))
}

/// Read a chain of the audit log
///
/// Its records as they are stored, in their order: what `slipway audit verify` recomputes.
#[utoipa::path(
    get,
    path = "/v1/audit/chains/{chain}",
    operation_id = "read_audit_chain",
    tag = "audit",
    params(
        ("chain" = u8, Path, description = "The number of the chain.", example = 0),
        ("limit" = Option<u16>, Query, description = "How many at most, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
    ),
    responses((status = 200, description = "A page of the chain.", body = Items<SealedRecord>), (status = 403, description = "No policy permits `audit` to the caller."), ReadProblems),
)]
pub(super) async fn chain(
    State(api): State<Api>,
    InPath(chain): InPath<String>,
    mut parameters: Parameters,
) -> Result<Json<Items<SealedRecord>>, Error> {
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let number: Option<u8> = chain.parse().ok().filter(|number| *number < CHAINS);
    let Some(number) = number else {
        let last = CHAINS - 1;
        let shown = crate::body::shortened(&chain);
        return Err(Error::NotFound(format!(
            "There is no chain `{shown}`: they are 0 to {last}."
        )));
    };
    let cursor = api.opened(cursor).await?;
    let page = api.store.audit_chain(number, limit, cursor.as_ref()).await?;
    Ok(Json(api.items(page, SealedRecord::from).await?))
}
