//! `slipway open`: an endpoint of a stack, in a browser.

use serde_json::{Value, json};

use super::console::open_in_browser;
use crate::args::Open;
use crate::client::Client;
use crate::error::Error;
use crate::output::{Output, text_at};
use crate::stack_id::stack_id;
use crate::stack_view::{lacks_release, no_release, release_create};

/// Prints the address, and opens it for a person at a terminal.
pub async fn run(open: Open, client: &Client, output: Output) -> Result<(), Error> {
    let stack = stack_id(&open.stack, client).await?;
    let shown: Value = client.get(&format!("/v1/stacks/{stack}")).await?;
    let stack = format!("{}/{}", text_at(&shown, "environment"), text_at(&shown, "name"));
    if shown["status"] == "destroyed" {
        return Err(no_endpoint(format!(
            "the stack `{stack}` was destroyed: nothing answers at its endpoints"
        )));
    }
    let endpoints = shown["endpoints"].as_object().cloned().unwrap_or_default();
    let names: Vec<&str> = endpoints.keys().map(String::as_str).collect();
    let found = match &open.name {
        Some(name) => endpoints.get(name),
        None if endpoints.len() == 1 => endpoints.values().next(),
        None => endpoints.get("web"),
    };
    let Some(address) = found.and_then(Value::as_str) else {
        let names = names.join(", ");
        return Err(match &open.name {
            _ if names.is_empty() => no_endpoint(format!("the stack `{stack}` has no endpoints")),
            Some(name) => no_endpoint(format!(
                "the stack `{stack}` has no endpoint `{name}`: name one of {names}"
            )),
            None => Error::Usage(format!(
                "the stack `{stack}` has several endpoints: name one of {names}"
            )),
        });
    };
    if lacks_release(&shown) {
        let release = release_create(&stack);
        let why = no_release(&shown);
        output.note(&format!("{why}, so its services do not run yet: {release}"));
    }
    output.answer(&json!({ "url": address }), |_| address.to_owned());
    // An endpoint may be anything: a browser opens web addresses, and a blueprint must not start another program.
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    if is_web && output.is_terminal() && !open.no_browser {
        open_in_browser(address);
    }
    Ok(())
}

fn no_endpoint(detail: String) -> Error {
    Error::Refused {
        title: "No such endpoint".to_owned(),
        detail,
        errors: Vec::new(),
    }
}
