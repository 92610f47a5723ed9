//! Which server a command talks to.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::Global;
use crate::endpoint::Endpoint;
use crate::error::Error;

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
        let what = "name the endpoint with `--endpoint https://…` or SLIPWAY_ENDPOINT: local mode asks for no login";
        Error::Usage(what.to_owned())
    })
}

/// The address of the local AWS: the one that the AWS CLI is pointed at, or that of the local server.
pub fn aws(global: &Global) -> Result<String, Error> {
    match std::env::var("AWS_ENDPOINT_URL") {
        Ok(endpoint) if !endpoint.is_empty() => Ok(endpoint),
        _ => local(global).map(|addresses| addresses.aws),
    }
}

fn local(global: &Global) -> Result<Addresses, Error> {
    let file = global.data.join("server.json");
    let text = fs::read_to_string(&file).map_err(|source| Error::NoServer {
        data: global.data.clone(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| Error::Usage(format!("{} cannot be read: {error}", file.display())))
}

/// What a shell is told so that the AWS CLI talks to the local AWS. Nothing checks the keys.
pub fn variables(address: &str) -> [(&'static str, &str); 5] {
    [
        ("AWS_ENDPOINT_URL", address),
        ("AWS_REGION", REGION),
        // The AWS CLI of version 1, which PyPI has, knows only this one.
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ANY_KEY),
        ("AWS_SECRET_ACCESS_KEY", ANY_KEY),
    ]
}

/// The exports as a shell takes them.
pub fn exports(address: &str) -> String {
    variables(address)
        .map(|(name, value)| format!("export {name}={value}"))
        .join("\n")
}

/// The exports as JSON.
pub fn exports_json(address: &str) -> Value {
    variables(address)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect()
}

/// The path of this program: the local builds run it as their runner.
pub fn this_program() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(|error| Error::Program(format!("cannot find the path of this program: {error}")))
}
