//! `/v1/environments`

use axum::Json;
use axum::extract::State;
use slipway_model::name::Name;
use slipway_store::Cursor;

use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::{CURSOR_REMEDY, InPath, Parameters};
use crate::view::{self, ConfiguredItems};
use crate::{Api, Caller};

/// List the environments
///
/// By name.
#[utoipa::path(
    get,
    path = "/v1/environments",
    operation_id = "list_environments",
    tag = "environments",
    params(
        ("limit" = Option<u16>, Query, description = "How many at most, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
    ),
    responses((status = 200, description = "A page of environments.", body = ConfiguredItems<view::Environment>), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    _caller: Caller,
    mut parameters: Parameters,
) -> Result<Json<ConfiguredItems<view::Environment>>, Error> {
    let limit = parameters.limit();
    let cursor: Option<Cursor> = parameters.optional("cursor", CURSOR_REMEDY);
    parameters.finish()?;
    let page = api.store.environments(limit, cursor.as_ref()).await?;
    Ok(Json(ConfiguredItems::of(page, |environment, _revision| {
        environment.into()
    })))
}

/// Show an environment
#[utoipa::path(
    get,
    path = "/v1/environments/{name}",
    operation_id = "show_environment",
    tag = "environments",
    params(("name" = String, Path, description = "The environment's name.", example = "local")),
    responses((status = 200, description = "The environment.", body = view::Environment), ReadProblems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    _caller: Caller,
    InPath(name): InPath<String>,
    parameters: Parameters,
) -> Result<Json<view::Environment>, Error> {
    parameters.finish()?;
    if let Ok(name) = name.parse::<Name>() {
        match api.store.environment(&name).await {
            Ok(environment) => return Ok(Json(environment.into())),
            Err(slipway_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let shown = crate::body::shortened(&name);
    let there_are = api.store.environments_there_are().await?;
    Err(Error::NotFound(format!(
        "There is no environment `{shown}`; {there_are}."
    )))
}
