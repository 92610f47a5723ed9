//! The READMEs of blueprints.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use slipway_model::blueprint::{Blueprint, README_BYTES, Source};
use slipway_model::problem::FieldProblem;

use crate::Api;
use crate::body::Fields;
use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::{InPath, Parameters};
use crate::viewer::Viewer;

/// The file that is the README if the request has no other.
const README: &str = "README.md";

/// Show the README of a version
///
/// Markdown, as it was published with the version.
#[utoipa::path(
    get,
    path = "/v1/blueprints/{name}/versions/{version}/readme",
    operation_id = "show_blueprint_readme",
    tag = "blueprints",
    params(
        ("name" = String, Path, description = "The blueprint's name.", example = "guestbook"),
        ("version" = String, Path, description = "The version.", example = "1.0.0"),
    ),
    responses((status = 200, description = "The README.", body = String, content_type = "text/markdown"), ReadProblems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    viewer: Viewer,
    InPath((name, version)): InPath<(String, String)>,
    parameters: Parameters,
) -> Result<impl IntoResponse, Error> {
    parameters.finish()?;
    let blueprint = api.blueprint_version(&viewer, &name, &version).await?;
    let readme = api.store.readme(&blueprint).await?;
    let readme = readme.ok_or_else(|| {
        Error::NotFound(format!(
            "Version {} of the blueprint `{}` was published without a README. Publish it again with one.",
            blueprint.version, blueprint.name
        ))
    })?;
    let kind = HeaderValue::from_static("text/markdown; charset=utf-8");
    Ok(([(CONTENT_TYPE, kind)], readme))
}

/// The README of a request that publishes a blueprint.
pub(super) fn of_request(fields: &mut Fields) -> Option<String> {
    let readme: Option<String> = fields.optional("readme", "give Markdown");
    let length = readme.as_ref().map_or(0, String::len);
    if length > README_BYTES {
        let detail = format!("has {length} bytes");
        let remedy = format!("give a README of at most {README_BYTES} bytes");
        fields.problem(FieldProblem::new("readme", detail, remedy));
    }
    readme
}

/// The README among the files of a root module.
pub(super) fn of_files(source: &Source) -> Option<&str> {
    let mut files = source.root_files();
    let found = files.find(|(file, text)| *file == README && text.len() <= README_BYTES);
    found.map(|(_, text)| text)
}

impl Api {
    /// Keeps the README that a version is published with: that of the request, or the one among its files.
    pub(super) async fn keep_readme(
        &self,
        blueprint: &Blueprint,
        source: &Source,
        given: Option<&str>,
        by: &str,
    ) -> Result<(), Error> {
        match given.or(of_files(source)) {
            Some(text) if !text.trim().is_empty() => Ok(self.store.keep_readme(blueprint, text, by).await?),
            _ => Ok(()),
        }
    }
}
