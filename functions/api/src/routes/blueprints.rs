//! `/v1/blueprints`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use semver::Version;
use slipway_api_types::{self as view, Items, PublishBlueprint};
use slipway_control::admission::Admission;
use slipway_model::blueprint::{Blueprint, Source};
use slipway_model::name::Name;
use slipway_model::problem::FieldProblem;
use slipway_model::request::{NAME_REMEDY, NO_VERSION, VERSION_REMEDY};
use slipway_store::blueprint::Published;

use super::answers::deleted;
use super::{readmes, uploads};
use crate::Api;
use crate::body::{BLUEPRINT_SIZE, Fields, shortened};
use crate::error::Error;
use crate::openapi::{ChangeProblems, ReadProblems};
use crate::parameters::{InPath, Parameters};
use crate::shown;
use crate::submission::{Submission, answer};
use crate::viewer::Viewer;
use crate::visible::VisiblePage;

/// The maximum length of a description, in bytes.
const DESCRIPTION_LENGTH: usize = 1_000;

/// The longest version. It is a key of the table, in which its parts have up to seven characters for two.
const VERSION_LENGTH: usize = 128;

/// List the blueprints
///
/// By name, each with its latest version.
#[utoipa::path(
    get,
    path = "/v1/blueprints",
    operation_id = "list_blueprints",
    tag = "blueprints",
    params(
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the previous page."),
    ),
    responses((status = 200, description = "A page of blueprints.", body = Items<view::BlueprintSummary>), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    viewer: Viewer,
    mut parameters: Parameters,
) -> Result<Json<Items<view::BlueprintSummary>>, Error> {
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let cursor = api.opened(cursor).await?;
    let mut page = VisiblePage::new(limit, cursor, |_| DESCRIPTION_LENGTH);
    while let Some((limit, cursor)) = page.wanted() {
        let read = api.store.blueprints(limit, cursor).await?;
        let judged = read
            .items
            .into_iter()
            .map(|one| viewer.may_read_blueprint(&one.name).then_some(one));
        page.take(judged.collect(), read.next);
    }
    Ok(Json(api.items(page.page(), shown::blueprint_summary).await?))
}

/// Show a blueprint
///
/// Its latest version, and the list of its versions.
#[utoipa::path(
    get,
    path = "/v1/blueprints/{name}",
    operation_id = "show_blueprint",
    tag = "blueprints",
    params(
        ("name" = String, Path, description = "The blueprint's name.", example = "guestbook"),
        ("limit" = Option<u16>, Query, description = "Page size of the versions, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the previous page of versions."),
    ),
    responses((status = 200, description = "The blueprint.", body = view::BlueprintPage), ReadProblems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    viewer: Viewer,
    InPath(name): InPath<String>,
    mut parameters: Parameters,
) -> Result<Json<view::BlueprintPage>, Error> {
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let Ok(name) = name.parse::<Name>() else {
        return Err(api.no_blueprint(&viewer, &name).await?);
    };
    let latest = match api.store.latest_blueprint(&name).await {
        Ok(latest) => latest,
        Err(slipway_store::Error::NotFound { .. }) => return Err(api.no_blueprint(&viewer, name.as_str()).await?),
        Err(error) => return Err(error.into()),
    };
    let cursor = api.opened(cursor).await?;
    let page = api.store.blueprint_versions(&name, limit, cursor.as_ref()).await?;
    let history: Items<view::VersionSummary> = api.items(page, |blueprint| (&blueprint).into()).await?;
    Ok(Json(view::BlueprintPage {
        latest: latest.into(),
        versions: history.items.iter().map(|one| one.version.clone()).collect(),
        history: history.items,
        next: history.next,
    }))
}

/// Show a version of a blueprint
///
/// With the schema of its variables, from its `variable` blocks.
#[utoipa::path(
    get,
    path = "/v1/blueprints/{name}/versions/{version}",
    operation_id = "show_blueprint_version",
    tag = "blueprints",
    params(
        ("name" = String, Path, description = "The blueprint's name.", example = "guestbook"),
        ("version" = String, Path, description = "The version.", example = "1.0.0"),
    ),
    responses((status = 200, description = "The version.", body = view::BlueprintVersion), ReadProblems),
)]
pub(super) async fn show_version(
    State(api): State<Api>,
    viewer: Viewer,
    InPath((name, version)): InPath<(String, String)>,
    parameters: Parameters,
) -> Result<Json<view::BlueprintVersion>, Error> {
    parameters.finish()?;
    Ok(Json(api.blueprint_version(&viewer, &name, &version).await?.into()))
}

/// Publish a version of a blueprint
///
/// A version is immutable: publishing the same files again has no effect, other files under the same version are rejected. A draft is
/// replaced. By default, only administrators can publish. The body has at most 3,000,000 bytes, because Lambda accepts events of 6 MB;
/// upload longer documents (`POST /v1/uploads`) and send their digest as `upload`. The files have at most 4 MiB together.
#[utoipa::path(
    put,
    path = "/v1/blueprints/{name}/versions/{version}",
    operation_id = "publish_blueprint",
    tag = "blueprints",
    params(
        ("name" = String, Path, description = "The blueprint's name.", example = "guestbook"),
        ("version" = String, Path, description = "The version: semantic versioning, without build metadata.", example = "1.0.0"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = PublishBlueprint, description = "The files."),
    responses(
        (status = 201, description = "It was published.", body = view::BlueprintVersion, headers(("Location" = String, description = "The path of the version."))),
        (status = 200, description = "It was published before with the same files, or was a draft.", body = view::BlueprintVersion),
        ChangeProblems,
    ),
)]
pub(super) async fn publish(
    State(api): State<Api>,
    InPath((name, version)): InPath<(String, String)>,
    mut submission: Submission<BLUEPRINT_SIZE>,
) -> Result<Response, Error> {
    let mut fields = submission.fields()?;
    let fields = match uploads::named(&mut fields) {
        None => fields,
        Some(digest) => {
            // An upload is the whole document.
            let others = fields.problems();
            if !others.is_empty() {
                return Err(Error::invalid(others));
            }
            api.uploaded(&digest).await?
        }
    };
    let Publication {
        mut blueprint,
        source,
        readme,
    } = publishable(&name, &version, fields)?;
    let caller = submission.caller.name.clone();
    blueprint.published_by = Some(caller.clone());
    let (status, blueprint) = api.publish(blueprint, &source, &caller).await?;
    api.keep_readme(&blueprint, &source, readme.as_deref(), &caller).await?;
    let path = format!("/v1/blueprints/{}/versions/{}", blueprint.name, blueprint.version);
    let location = (status == StatusCode::CREATED).then_some(path);
    let answer = answer(status, location, &view::BlueprintVersion::from(blueprint));
    api.answer_once(&submission, answer).await
}

/// Discard a draft
///
/// Deletes the version. Stacks that are made from it keep its files until their next update, which names another version. Rejected for
/// a published version. By default, only administrators can discard drafts.
#[utoipa::path(
    delete,
    path = "/v1/blueprints/{name}/versions/{version}",
    operation_id = "discard_draft",
    tag = "blueprints",
    params(
        ("name" = String, Path, description = "The blueprint's name.", example = "guestbook"),
        ("version" = String, Path, description = "The version.", example = "1.0.0"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    responses((status = 204, description = "It is deleted."), ChangeProblems),
)]
pub(super) async fn discard(
    State(api): State<Api>,
    viewer: Viewer,
    InPath((name, version)): InPath<(String, String)>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    let known = api.blueprint_version(&viewer, &name, &version).await?;
    let (by, version) = (&submission.caller.name, &known.version);
    if !api.store.discard_draft(&known.name, version, by).await? {
        return Err(Error::Conflict(format!(
            "Version {version} of the blueprint `{name}` is published, and a published version is never deleted. Deprecate it instead: \
             `slipway blueprint deprecate {name}@{version} --message MESSAGE`."
        )));
    }
    tracing::info!(caller = by, blueprint = %known.name, %version, "discarded");
    api.answer_once(&submission, deleted()).await
}

/// What a request publishes.
struct Publication {
    blueprint: Blueprint,
    source: Source,
    readme: Option<String>,
}

/// Reads a publication, and reports all problems at once.
fn publishable(name: &str, text: &str, mut fields: Fields) -> Result<Publication, Error> {
    let mut problems = Vec::new();
    let name: Option<Name> = name
        .parse()
        .map_err(|error| problems.push(FieldProblem::new("name", format!("{error}"), NAME_REMEDY)))
        .ok();
    let version = match text.parse::<Version>() {
        Ok(_) if text.len() > VERSION_LENGTH => {
            let detail = format!("has more than {VERSION_LENGTH} characters");
            problems.push(FieldProblem::new("version", detail, VERSION_REMEDY));
            None
        }
        Ok(version) if version.build.is_empty() => Some(version),
        Ok(_) => {
            let detail = "has build metadata, which does not distinguish versions";
            problems.push(FieldProblem::new("version", detail, VERSION_REMEDY));
            None
        }
        Err(_) => {
            problems.push(FieldProblem::new("version", NO_VERSION, VERSION_REMEDY));
            None
        }
    };
    let description: String = fields.optional("description", "give a text").unwrap_or_default();
    if description.len() > DESCRIPTION_LENGTH {
        let detail = format!("has more than {DESCRIPTION_LENGTH} bytes");
        problems.push(FieldProblem::new("description", detail, "give a sentence"));
    }
    let draft = fields.flag("draft").unwrap_or_default();
    let readme = readmes::of_request(&mut fields);
    let root: String = fields
        .optional("root", "give the folder of the root module")
        .unwrap_or_default();
    let remedy = "give an object: the text of each file by its path, like {\"main.tf\": \"…\"}";
    let files = fields.texts::<String, String>("files", remedy);
    let binaries = fields.texts("binaries", "give an object: each file in base64 by its path");
    let executables = fields.optional_set("executables", "give a list of paths");
    problems.extend(fields.problems());
    let source = Source {
        root,
        files: files.unwrap_or_default(),
        binaries: binaries.unwrap_or_default(),
        executables: executables.unwrap_or_default(),
    };
    // Files that could not be read say nothing about the module that they are.
    let readable = problems
        .iter()
        .all(|problem| !problem.field.starts_with("files") && !problem.field.starts_with("binaries"));
    let variables = match source.check() {
        Ok(variables) => variables,
        Err(wrong) => {
            problems.extend(wrong.into_iter().filter(|_| readable));
            Vec::new()
        }
    };
    match (name, version) {
        (Some(name), Some(version)) if problems.is_empty() => {
            let blueprint = Blueprint {
                name,
                version,
                description,
                digest: source.digest(),
                written: source.written(),
                variables,
                published_at: Timestamp::now(),
                published_by: None,
                draft,
                deprecation: None,
                revision: 0,
            };
            Ok(Publication {
                blueprint,
                source,
                readme,
            })
        }
        _ => Err(Error::invalid(problems)),
    }
}

impl Api {
    /// The version of a blueprint, or the error that names those that there are.
    pub(super) async fn blueprint_version(
        &self,
        viewer: &Viewer,
        name: &str,
        version: &str,
    ) -> Result<Blueprint, Error> {
        let Ok(name) = name.parse::<Name>() else {
            return Err(self.no_blueprint(viewer, name).await?);
        };
        if let Ok(version) = version.parse::<Version>() {
            match self.store.blueprint(&name, &version).await {
                Ok(blueprint) => return Ok(blueprint),
                Err(slipway_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(match Admission::by(&self.store).versions_there_are(&name).await? {
            Some(there_are) => {
                let version = shortened(version);
                Error::NotFound(format!("The blueprint `{name}` has no version {version}; {there_are}."))
            }
            None => self.no_blueprint(viewer, name.as_str()).await?,
        })
    }

    /// Publishes: the files first, so that every listed version can be used.
    async fn publish(
        &self,
        blueprint: Blueprint,
        source: &Source,
        caller: &str,
    ) -> Result<(StatusCode, Blueprint), Error> {
        let published = match self.store.published(&blueprint).await? {
            None | Some(Published::Draft(_)) => {
                self.put_source(&blueprint, source).await?;
                self.store.publish_blueprint(&blueprint, caller).await?
            }
            Some(published) => published,
        };
        match published {
            Published::New => Ok((StatusCode::CREATED, blueprint)),
            Published::Draft(_) => Ok((StatusCode::OK, blueprint)),
            Published::Same(before) => {
                // Earlier versions of Slipway did not note them.
                self.store.note_sensitive_variables(&before.variables).await?;
                Ok((StatusCode::OK, *before))
            }
            Published::Differs(_) => {
                let how = if blueprint.draft {
                    "and not as a draft"
                } else {
                    "with other files"
                };
                Err(Error::Conflict(format!(
                    "Version {} of the blueprint `{}` is published {how}, and a version does not change. Raise `version` in blueprint.json, or the version after `--as`. Until it is final, publish it as a draft (`--draft`), which can be replaced.",
                    blueprint.version, blueprint.name
                )))
            }
        }
    }

    async fn put_source(&self, blueprint: &Blueprint, source: &Source) -> Result<(), Error> {
        let key = slipway_model::artifact::blueprint(&blueprint.digest);
        let put = self.s3.put_object().bucket(&self.artifacts_bucket).key(key);
        let put = put
            .content_type("application/json")
            .body(source.to_json().into_bytes().into());
        put.send().await.map_err(|error| Error::Unavailable {
            doing: "storing the files of a blueprint",
            source: Box::new(aws_sdk_s3::Error::from(error)),
        })?;
        Ok(())
    }
}
