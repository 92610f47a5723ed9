//! JSON Schemas (<https://json-schema.org/draft/2020-12>) of the files that people write, so that editors complete and check them.
//!
//! Those of requests are taken from the OpenAPI document, whose schemas are of the same draft.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use slipway_model::name::Name;

use super::DOCUMENT;
use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::{InPath, Parameters};
use crate::{Api, Caller};

/// The schemas that are written by hand, by their names.
const FILES: [(&str, &str); 4] = [
    ("blueprint.json", include_str!("../../schemas/blueprint.json")),
    ("contract.json", include_str!("../../schemas/contract.json")),
    ("image.json", include_str!("../../schemas/image.json")),
    ("notification.json", include_str!("../../schemas/notification.json")),
];

/// The schemas of requests: their names, and those of the schemas in the OpenAPI document.
const REQUESTS: [(&str, &str); 6] = [
    ("environment.json", "PutEnvironment"),
    ("release.json", "CreateRelease"),
    ("source-account.json", "PutSourceAccount"),
    ("stack.json", "CreateStack"),
    ("stack-update.json", "EditStack"),
    ("webhook.json", "PutWebhook"),
];

/// Show a JSON Schema
///
/// Of a file that people write: `contract.json` for the output `slipway` of a blueprint, `blueprint.json`, `image.json`, and for
/// requests `stack.json`, `stack-update.json`, `release.json`, `environment.json`,
/// `source-account.json` and `webhook.json`. `notification.json` is that of notifications.
#[utoipa::path(
    get,
    path = "/schemas/{name}",
    operation_id = "show_schema",
    tag = "service",
    params(("name" = String, Path, description = "The schema's name.", example = "contract.json")),
    responses((status = 200, description = "The schema.", body = Value, content_type = "application/schema+json"), ReadProblems),
)]
pub(super) async fn show(InPath(name): InPath<String>, parameters: Parameters) -> Result<impl IntoResponse, Error> {
    parameters.finish()?;
    let by_hand = FILES
        .iter()
        .find(|(file, _)| *file == name)
        .map(|(_, text)| (*text).to_owned());
    let text = by_hand.or_else(|| {
        let (_, schema) = REQUESTS.iter().find(|(file, _)| *file == name)?;
        of_request(schema).map(|schema| schema.to_string())
    });
    let text = text.ok_or_else(|| unknown(&name))?;
    Ok((as_schema(), text))
}

/// Show the JSON Schema of a version's variables
///
/// Of the object `variables` in a request: types, defaults and descriptions. Validations are checked when a request comes.
#[utoipa::path(
    get,
    path = "/v1/blueprints/{name}/versions/{version}/schema",
    operation_id = "show_variables_schema",
    tag = "blueprints",
    params(
        ("name" = String, Path, description = "The blueprint's name.", example = "guestbook"),
        ("version" = String, Path, description = "The version.", example = "1.0.0"),
    ),
    responses((status = 200, description = "The schema.", body = Value, content_type = "application/schema+json"), ReadProblems),
)]
pub(super) async fn of_variables(
    State(api): State<Api>,
    _caller: Caller,
    InPath((name, version)): InPath<(String, String)>,
    parameters: Parameters,
) -> Result<impl IntoResponse, Error> {
    parameters.finish()?;
    let missing = || Error::NotFound(format!("There is no blueprint {name} of version {version}."));
    let (Ok(known), Ok(number)) = (name.parse::<Name>(), version.parse()) else {
        return Err(missing());
    };
    let blueprint = match api.store.blueprint(&known, &number).await {
        Ok(blueprint) => blueprint,
        Err(slipway_store::Error::NotFound { .. }) => return Err(missing()),
        Err(error) => return Err(error.into()),
    };
    let mut schema = slipway_model::variable::json_schema(&blueprint.variables);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(format!("The variables of {name}@{version}"));
    Ok((as_schema(), schema.to_string()))
}

fn as_schema() -> [(axum::http::HeaderName, HeaderValue); 1] {
    [(CONTENT_TYPE, HeaderValue::from_static("application/schema+json"))]
}

fn unknown(name: &str) -> Error {
    let names = FILES
        .iter()
        .map(|(file, _)| *file)
        .chain(REQUESTS.iter().map(|(file, _)| *file));
    let name = crate::body::shortened(name);
    Error::NotFound(format!(
        "There is no schema `{name}`; there are: {}.",
        names.collect::<Vec<_>>().join(", ")
    ))
}

/// A schema of the document, with those that it refers to. A file may name its schema.
fn of_request(name: &str) -> Option<Value> {
    let document: Value = serde_json::from_slice(&DOCUMENT).ok()?;
    let all = document["components"]["schemas"].as_object()?;
    let mut schema = all.get(name)?.clone();
    let (mut definitions, mut open) = (Map::new(), referred(&schema));
    while let Some(name) = open.pop() {
        if let Some(found) = all.get(&name).filter(|_| !definitions.contains_key(&name)) {
            open.extend(referred(found));
            definitions.insert(name, found.clone());
        }
    }
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.insert("$schema".to_owned(), json!({ "type": "string" }));
    }
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["additionalProperties"] = json!(false);
    if !definitions.is_empty() {
        schema["$defs"] = definitions.into();
    }
    let text = schema.to_string().replace("#/components/schemas/", "#/$defs/");
    serde_json::from_str(&text).ok()
}

/// The names of the schemas that a schema refers to.
fn referred(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            let own = own
                .and_then(|path| path.strip_prefix("#/components/schemas/"))
                .map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(referred)).collect()
        }
        Value::Array(values) => values.iter().flat_map(referred).collect(),
        _ => Vec::new(),
    }
}
