//! Which server a command talks to.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};
use slipway_local::server::TOKEN_FILE;
use slipway_model::json::Fault;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::files;
use crate::global::Global;

/// The region of the local AWS.
pub const REGION: &str = "us-east-1";

/// Both parts of the key pair that the local AWS is given: it takes any.
pub const ANY_KEY: &str = "local";

/// The addresses that the local server of a data folder wrote down when it started.
#[derive(Deserialize)]
struct Addresses {
    api: String,
    aws: String,
}

/// The address of the local server's API.
pub fn api(global: &Global) -> Result<Endpoint, Error> {
    let address = local(global)?.api;
    Endpoint::parse(&address).map_err(Error::Usage)
}

/// The endpoint that was named.
pub fn named(global: &Global) -> Result<&Endpoint, Error> {
    global.endpoint.as_ref().ok_or_else(|| {
        let what = "name the endpoint with `--endpoint https://…` or SLIPWAY_ENDPOINT: local mode needs no login";
        Error::Usage(what.to_owned())
    })
}

/// The local AWS, and how to call it.
#[derive(Debug, Clone)]
pub struct LocalAws {
    /// Its address.
    pub address: String,
    /// The token with which requests have to be signed, where it requires one.
    pub token: Option<String>,
}

/// The local AWS that the AWS CLI is pointed at, or that of the local server. The AWS of another server that is named is not known,
/// and the local server's would get images that a release on the other one does not find.
pub fn aws(global: &Global) -> Result<LocalAws, Error> {
    let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    if let Some(address) = variable("AWS_ENDPOINT_URL") {
        return Ok(LocalAws {
            address,
            token: variable("AWS_SESSION_TOKEN"),
        });
    }
    let local = local(global);
    if let Some(endpoint) = &global.endpoint {
        let own = local.as_ref().ok().and_then(|local| Endpoint::parse(&local.api).ok());
        if !own.is_some_and(|own| own.is_same_server(endpoint)) {
            return Err(Error::Usage(format!(
                "{endpoint} is not the local server of the folder {}: name its folder with `--data`, or the address of its AWS in \
                 AWS_ENDPOINT_URL",
                global.data.display()
            )));
        }
    }
    Ok(LocalAws {
        address: local?.aws,
        token: token(global)?,
    })
}

fn local(global: &Global) -> Result<Addresses, Error> {
    let file = global.data.join("server.json");
    let text = fs::read_to_string(&file).map_err(|source| Error::NoServer {
        data: global.data.clone(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| {
        let (file, fault) = (file.display(), Fault::from(error));
        Error::Usage(format!(
            "failed to read {file}: {fault}. Delete the file, and start the server again with `slipway up`"
        ))
    })
}

/// The token of the local server, where it requires one.
pub fn token(global: &Global) -> Result<Option<String>, Error> {
    let path = global.data.join(TOKEN_FILE);
    files::read_if_any(&path)
}

/// The shell variables with which the AWS CLI calls the local AWS. Nothing checks the keys; a token is checked if the server
/// requires one.
pub fn variables(aws: &LocalAws) -> BTreeMap<String, String> {
    let variables = [
        ("AWS_ENDPOINT_URL", aws.address.as_str()),
        ("AWS_REGION", REGION),
        // The AWS CLI of version 1, which PyPI has, knows only this one.
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ANY_KEY),
        ("AWS_SECRET_ACCESS_KEY", ANY_KEY),
    ];
    let token = aws.token.as_deref().map(|token| ("AWS_SESSION_TOKEN", token));
    let all = variables.into_iter().chain(token);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The exports as a shell takes them.
pub fn exports(aws: &LocalAws) -> String {
    let lines = variables(aws)
        .into_iter()
        .map(|(name, value)| format!("export {name}={value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The exports as JSON.
pub fn exports_json(aws: &LocalAws) -> Value {
    json!(variables(aws))
}

/// The path of this program: the local builds run it as their runner.
pub fn this_program() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(|error| Error::Program(format!("cannot find the path of this program: {error}")))
}
