//! `slipway stack`

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Map, Value, json};
use slipway_api_types::TransferStack;
use slipway_model::id::StackId;
use slipway_model::json::{Fault, Unique};
use slipway_model::name::Name;
use slipway_model::variable::Kind;

use super::operation::started;
use crate::args::{StackCommand, StackCreate, StackList, StackUpdate, Subscribe, Variables};
use crate::client::Client;
use crate::confirm::{ask, can_ask};
use crate::decision::Decision;
use crate::error::Error;
use crate::images::by_service;
use crate::json_file::{object_in, variables_in};
use crate::output::{Line, Output, Style, text_at};
use crate::settings::Settings;
use crate::stack_id::{operations_of, stack_id};
use crate::stack_needs::{needs, waiting};
use crate::stack_note::note;
use crate::stack_view::sheet;

/// Runs the command.
pub async fn run(command: StackCommand, settings: &Settings, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        StackCommand::Create(create) => {
            let wait = create.wait;
            let body = creation(create, settings, client, output).await?;
            let value: Value = client.send(Method::POST, "/v1/stacks", &body).await?;
            started(client, output, &value, wait).await
        }
        StackCommand::List(filters) => list(filters, client, output).await,
        StackCommand::Show { stack } => {
            let stack = stack_id(&stack, client).await?;
            let value = client.resource(&format!("/v1/stacks/{stack}")).await?;
            let needs = if output.is_data() {
                Vec::new()
            } else {
                let operations = operations_of(&value, client).await;
                let may = match waiting(&value, &operations) {
                    Some(operation) => Decision::about(&operation.id, client).await,
                    None => None,
                };
                needs(&value, &operations, may.unwrap_or(Decision::UNKNOWN))
            };
            output.answer(&value, |stack| sheet(stack, &needs));
            let version = (text_at(&value, "blueprint.name"), text_at(&value, "blueprint.version"));
            note_deprecation(known_version(client, &version).await.as_ref(), output);
            Ok(())
        }
        StackCommand::Update(update) => {
            let (stack, wait) = (stack_id(&update.stack, client).await?, update.wait);
            let body = change(update, &stack, client, output).await?;
            let path = format!("/v1/stacks/{stack}");
            let value: Value = client.send(Method::PATCH, &path, &body).await?;
            started(client, output, &value, wait).await
        }
        StackCommand::Preview(update) => {
            let (stack, wait) = (stack_id(&update.stack, client).await?, update.wait);
            let body = change(update, &stack, client, output).await?;
            let path = format!("/v1/stacks/{stack}/preview");
            let value: Value = client.send(Method::POST, &path, &body).await?;
            started(client, output, &value, wait).await
        }
        StackCommand::Drift { stack, wait } => {
            let path = format!("/v1/stacks/{}/drift", stack_id(&stack, client).await?);
            let value: Value = client.send(Method::POST, &path, &json!({})).await?;
            started(client, output, &value, wait).await
        }
        StackCommand::Transfer { stack, owner } => {
            let path = format!("/v1/stacks/{}/owner", stack_id(&stack, client).await?);
            let value: Value = client.send(Method::PUT, &path, &TransferStack { owner }).await?;
            output.answer(&value, |stack| sheet(stack, &[]));
            Ok(())
        }
        StackCommand::Destroy { stack, yes, wait } => {
            let path = format!("/v1/stacks/{}", stack_id(&stack, client).await?);
            if !yes {
                confirm_destroy(&path, client, output).await?;
            }
            let value: Value = client.delete(&path).await?;
            started(client, output, &value, wait).await
        }
    }
}

/// Has the person at the terminal type the name of the stack. Elsewhere no one can be asked.
async fn confirm_destroy(path: &str, client: &Client, output: Output) -> Result<(), Error> {
    if !can_ask(output) {
        let what = "failed to confirm the destroy: this is not a terminal. Repeat it with `--yes`";
        return Err(Error::Usage(what.to_owned()));
    }
    let stack = client.resource(path).await?;
    let name = text_at(&stack, "name");
    let question = format!(
        "Destroy the stack {name} ({}) of {} {} in the environment {}, with all its resources? Type its name:",
        text_at(&stack, "id"),
        text_at(&stack, "blueprint.name"),
        text_at(&stack, "blueprint.version"),
        text_at(&stack, "environment"),
    );
    if ask(&question)? == name {
        return Ok(());
    }
    Err(Error::Declined(format!(
        "the stack {name} was not destroyed: that is not its name"
    )))
}

async fn creation(create: StackCreate, settings: &Settings, client: &Client, output: Output) -> Result<Value, Error> {
    let usual = || {
        let environment = settings.environment.as_ref().map_or("local", |name| name.as_str());
        Ok(Map::from_iter([("environment".to_owned(), json!(environment))]))
    };
    let mut body = create.request.as_deref().map_or_else(usual, object_in)?;
    if let Some(name) = create.name {
        body.insert("name".to_owned(), json!(name));
    }
    if let Some(environment) = create.environment {
        body.insert("environment".to_owned(), json!(environment));
    }
    if let Some(blueprint) = create.blueprint {
        body.insert("blueprint".to_owned(), json!(blueprint.name));
        body.remove("version");
        if let Some(version) = blueprint.version {
            body.insert("version".to_owned(), json!(version));
        }
    }
    let images = by_service(create.images, output).await?;
    if !images.is_empty() {
        body.insert("images".to_owned(), json!(images));
    }
    let subscriptions = by_service_of(create.subscribe)?;
    if !subscriptions.is_empty() {
        body.insert("subscriptions".to_owned(), subscriptions.into());
    }
    let (blueprint, version) = (text_of(&body, "blueprint"), text_of(&body, "version"));
    if blueprint.is_empty() {
        // The server says what is wrong with the file: it may name the blueprint by a field that there is not.
        return Ok(body.into());
    }
    let version = if version.is_empty() {
        newest_version(client, &blueprint).await?
    } else {
        version
    };
    let given = values(create.variables, client, &(blueprint, version.clone()), output).await?;
    body.insert("version".to_owned(), json!(version));
    // Where it is no object, the server says so.
    if let Value::Object(variables) = body.entry("variables").or_insert_with(|| json!({})) {
        variables.extend(given);
    }
    Ok(body.into())
}

fn text_of(body: &Map<String, Value>, field: &str) -> String {
    body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn change(update: StackUpdate, stack: &StackId, client: &Client, output: Output) -> Result<Value, Error> {
    let given = update.variables.variables.iter().map(|(name, _)| name.as_str());
    check_apart(("--var", given), ("--unset", update.unset.iter().map(String::as_str)))?;
    let subscribed = update
        .subscribe
        .subscriptions
        .iter()
        .map(|(service, _)| service.as_str());
    let unsubscribed = update.unsubscribe.iter().map(Name::as_str);
    check_apart(("--subscribe", subscribed), ("--unsubscribe", unsubscribed))?;
    let stack = client.resource(&format!("/v1/stacks/{stack}")).await?;
    let version = match &update.version {
        Some(version) => version.to_string(),
        None => text_at(&stack, "blueprint.version"),
    };
    let version_of = (text_at(&stack, "blueprint.name"), version);
    let mut variables = values(update.variables, client, &version_of, output).await?;
    for name in update.unset {
        variables.insert(name, Value::Null);
    }
    let mut body = json!({ "variables": variables });
    if let Some(version) = update.version {
        body["version"] = json!(version);
    }
    let mut subscriptions = by_service_of(update.subscribe)?;
    for service in update.unsubscribe {
        subscriptions.insert(service.to_string(), Value::Null);
    }
    if !subscriptions.is_empty() {
        body["subscriptions"] = subscriptions.into();
    }
    Ok(body)
}

/// Rejects a name that one option sets and the other one takes away.
fn check_apart<'a>(
    (sets, names): (&str, impl Iterator<Item = &'a str>),
    (resets, others): (&str, impl Iterator<Item = &'a str>),
) -> Result<(), Error> {
    let others: BTreeSet<&str> = others.collect();
    let mut names = names;
    match names.find(|name| others.contains(name)) {
        Some(name) => Err(Error::Usage(format!(
            "{sets} and {resets} both name `{name}`: use one of them"
        ))),
        None => Ok(()),
    }
}

/// The subscriptions by service; a service that is named twice is a mistake, whichever repository was meant.
fn by_service_of(subscribe: Subscribe) -> Result<Map<String, Value>, Error> {
    let mut by_service = Map::new();
    for (service, (repository, tags)) in subscribe.subscriptions {
        let subscription = json!({"repository": repository.to_string(), "tags": tags.to_string()});
        if by_service.insert(service.to_string(), subscription).is_some() {
            return Err(Error::Usage(format!("--subscribe names the service `{service}` twice")));
        }
    }
    Ok(by_service)
}

async fn newest_version(client: &Client, blueprint: &str) -> Result<String, Error> {
    let value = client.resource(&format!("/v1/blueprints/{blueprint}")).await?;
    let version = text_at(&value, "version");
    if value["draft"] == true {
        return Err(Error::Usage(format!(
            "the blueprint `{blueprint}` has only drafts: name one, such as `--version {version}`"
        )));
    }
    Ok(version)
}

/// The values of `--var-file`, and over them those of `--var`, for this version of a blueprint. Prints why it is deprecated.
async fn values(
    given: Variables,
    client: &Client,
    version: &(String, String),
    output: Output,
) -> Result<Map<String, Value>, Error> {
    let known = if given.variables.is_empty() {
        known_version(client, version).await
    } else {
        Some(client.get(&version_path(version)).await?)
    };
    note_deprecation(known.as_ref(), output);
    values_of(&given, |name| kind_of(known.as_ref()?, name))
}

fn version_path((blueprint, version): &(String, String)) -> String {
    format!("/v1/blueprints/{blueprint}/versions/{version}")
}

/// A version of a blueprint, for a note only: one that cannot be read is no reason to fail.
async fn known_version(client: &Client, version: &(String, String)) -> Option<Value> {
    client.get(&version_path(version)).await.ok()
}

/// Says that a version is deprecated, and why.
fn note_deprecation(version: Option<&Value>, output: Output) {
    let Some(version) = version.filter(|version| version["deprecation"].is_object()) else {
        return;
    };
    let text = format!(
        "warning: {}@{} is deprecated: {}",
        text_at(version, "name"),
        text_at(version, "version"),
        text_at(version, "deprecation.message")
    );
    output.lines(&[Line::new(Style::Yellow, text)]);
}

/// The same for variables of these types: text as it is for a variable that takes text, JSON for every other type.
pub fn values_of(given: &Variables, kind: impl Fn(&str) -> Option<Kind>) -> Result<Map<String, Value>, Error> {
    let mut values = match &given.var_file {
        None => Map::new(),
        Some(path) => variables_in(path)?,
    };
    let mut named = BTreeSet::new();
    for (name, text) in &given.variables {
        let value = value_of(kind(name).as_ref(), text);
        let value = value.map_err(|error| Error::Usage(format!("--var {name}: {error}")))?;
        if !named.insert(name) {
            return Err(Error::Usage(format!(
                "--var names the variable `{name}` twice: give one value"
            )));
        }
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// The type of a variable of a blueprint version as the API shows it; none for one that it does not have, which the
/// server names better than we can.
fn kind_of(blueprint: &Value, name: &str) -> Option<Kind> {
    let variables = blueprint.get("variables")?.as_array()?;
    let variable = variables.iter().find(|variable| variable["name"] == name)?;
    serde_json::from_value(variable["type"].clone()).ok()
}

fn value_of(kind: Option<&Kind>, text: &str) -> Result<Value, String> {
    match kind {
        Some(Kind::String) => Ok(Value::from(text)),
        None | Some(Kind::Any) => Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))),
        Some(kind) => match serde_json::from_str(text) {
            Ok(Unique(value)) => Ok(value),
            Err(error) => {
                let what = match kind {
                    Kind::Bool | Kind::Number => format!("`{text}` is something else"),
                    _ => format!("the value is not JSON ({})", Fault::from(error)),
                };
                Err(format!(
                    "the variable has the type {kind}, and {what}. Write {}",
                    like(kind)
                ))
            }
        },
    }
}

/// A value of a type, as people write it on a command line.
fn like(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "`true` or `false`",
        Kind::Number => "a number, such as `2`",
        Kind::List(_) | Kind::Set(_) | Kind::Tuple(_) => "a list, such as `[\"a\", \"b\"]`",
        Kind::Map(_) | Kind::Object(_) => "an object, such as `{\"name\": \"a\"}`",
        Kind::Any | Kind::String => "JSON",
    }
}

async fn list(filters: StackList, client: &Client, output: Output) -> Result<(), Error> {
    let environment = filters.environment.map(String::from);
    let filters = [
        ("environment", environment.clone()),
        ("blueprint", filters.blueprint.map(String::from)),
        ("version", filters.version.map(|version| version.to_string())),
        ("status", filters.status),
        ("owner", filters.owner),
    ];
    let query: Vec<(&str, String)> = filters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let mut items = client.list("/v1/stacks", &query).await?;
    if let Some(environment) = environment.filter(|_| items.is_empty()) {
        client.require(&format!("/v1/environments/{environment}")).await?;
    }
    if !output.is_data() {
        note(&mut items, client).await;
    }
    let has = |field: &str| items.iter().any(|stack| stack[field].is_string());
    // Commands take the name, so it comes first, and what needs a person is beside it.
    let mut columns = vec![("name", "name"), ("environment", "environment"), ("status", "status")];
    columns.extend(has("note").then_some(("note", "note")));
    columns.extend([("blueprint", "blueprint.name"), ("version", "blueprint.version")]);
    columns.extend(has("draft").then_some(("draft", "draft")));
    columns.extend([("release", "current_release"), ("owner", "owner"), ("id", "id")]);
    let empty = if query.is_empty() {
        "There are no stacks. Create one with `slipway stack create`."
    } else {
        "No stack matches these filters. List all with `slipway stack list`."
    };
    output.table(&items, &columns, empty);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_not_both_set_and_reset() {
        let check = |reset: &'static str| {
            let set = ["size", "copies"].into_iter();
            check_apart(("--var", set), ("--unset", std::iter::once(reset)))
        };
        assert!(check("text").is_ok());
        let rejected = check("copies").expect_err("a contradiction");
        assert_eq!(
            (rejected.exit_code(), rejected.to_string().as_str()),
            (2, "--var and --unset both name `copies`: use one of them")
        );
    }

    #[test]
    fn text_stays_text_and_other_types_are_json() {
        assert_eq!(value_of(Some(&Kind::String), "12"), Ok(json!("12")));
        assert_eq!(value_of(Some(&Kind::Number), "12"), Ok(json!(12)));
        assert_eq!(
            value_of(Some(&Kind::List(Box::new(Kind::String))), r#"["a"]"#),
            Ok(json!(["a"]))
        );
        assert!(value_of(Some(&Kind::Bool), "yes").is_err());
        assert_eq!(value_of(None, "yes"), Ok(json!("yes")));
    }
}
