//! `slipway blueprint`

use reqwest::Method;
use semver::Version;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use slipway_api_types::DeprecateVersion;
use slipway_model::name::Name;

use crate::args::{BlueprintCommand, BlueprintRef, Folder, Variables};
use crate::author::check::{self, Checked};
use crate::author::{Providers, init, migrations, sarif, test};
use crate::bundle;
use crate::client::{Client, following, with_query};
use crate::command::stack::values_of;
use crate::error::Error;
use crate::global::Global;
use crate::harmless::in_a_line;
use crate::hint;
use crate::output::{Format, Line, Output, Style, text_at};
use crate::publish::blueprints;
use crate::publish::upload::Beside;
use crate::terraform::Search;

/// Runs the command.
pub async fn run(command: BlueprintCommand, global: &Global, output: Output) -> Result<(), Error> {
    match command {
        BlueprintCommand::List => list(&Client::of(global)?, output).await,
        BlueprintCommand::Show { blueprint } => {
            let value = shown(&blueprint, &Client::of(global)?).await?;
            output.answer(&value, sheet);
            Ok(())
        }
        BlueprintCommand::Readme { blueprint } => readme(&blueprint, &Client::of(global)?, output).await,
        BlueprintCommand::Versions { name } => versions(name.as_str(), &Client::of(global)?, output).await,
        BlueprintCommand::Deprecate { blueprint, message } => {
            deprecate(&blueprint, Some(message), &Client::of(global)?, output).await
        }
        BlueprintCommand::Undeprecate { blueprint } => deprecate(&blueprint, None, &Client::of(global)?, output).await,
        BlueprintCommand::Discard { blueprint } => discard(&blueprint, &Client::of(global)?, output).await,
        BlueprintCommand::Init { name, parent } => {
            let files = init::init(&name, &parent)?;
            output.answer(&json!({ "files": files }), |_| {
                let folder = parent.join(name.as_str());
                let folder = folder.display();
                let written = files.iter().map(|file| format!("wrote {}\n", file.display()));
                format!(
                    "{}Next: {}\n      {}\n      {}",
                    written.collect::<String>(),
                    hint::command(&format!("blueprint test {folder}")),
                    hint::command(&format!("blueprint publish {folder}")),
                    hint::command(&format!("stack create NAME --blueprint {name}"))
                )
            });
            Ok(())
        }
        BlueprintCommand::Check(folder) => {
            let checked = check::check(&folder.folder, folder.top(), Providers::Anywhere, &Search::from_env())?;
            show_check(&folder, &checked, output)
        }
        BlueprintCommand::Test { folder, variables } => run_test(&folder, &variables, output),
        BlueprintCommand::Publish {
            folder,
            name,
            description,
            draft,
        } => {
            let about = bundle::about(&folder.folder)?;
            let (name, version) = match (name, &about) {
                (Some(name), _) => {
                    let needed = || Error::Usage("--as needs a version: `name@1.2.0`".to_owned());
                    (name.name, name.version.ok_or_else(needed)?)
                }
                (None, Some(about)) => {
                    let name = about.name.clone().map_or_else(|| bundle::name_of(&folder.folder), Ok)?;
                    (name, about.version.clone())
                }
                (None, None) if !folder.folder.is_dir() => {
                    return Err(Error::Usage(format!("there is no folder {}", folder.folder.display())));
                }
                (None, None) => {
                    return Err(Error::Usage(format!(
                        "failed to publish {}: it has no name and version. Add blueprint.json, or use `--as NAME@VERSION`",
                        folder.folder.display()
                    )));
                }
            };
            let description = description.or(about.map(|about| about.description)).unwrap_or_default();
            let client = Client::of(global)?;
            let warnings = migrations::warn(&folder.folder, &bundle::read(&folder.folder, folder.top())?, output);
            let beside = Beside {
                description,
                readme: bundle::readme(&folder.folder, folder.top())?,
                draft,
            };
            let before = known_digest(&client, &name, &version).await;
            let (mut value, unchecked) =
                blueprints::publish(&client, &folder.folder, folder.top(), (&name, &version), &beside).await?;
            print_notes(&unchecked, output);
            if !unchecked.is_empty() {
                value["notes"] = unchecked.into();
            }
            if !warnings.is_empty() {
                value["warnings"] = warnings.into();
            }
            output.answer(&value, |value| publication(value, before.as_deref(), draft));
            Ok(())
        }
    }
}

/// The digest of a version that is published for good. It only adds to what is said: if the version cannot be read, there is none.
async fn known_digest(client: &Client, name: &Name, version: &Version) -> Option<String> {
    let path = format!("/v1/blueprints/{name}/versions/{version}");
    let known: Option<Value> = client.find(&path).await.ok().flatten();
    let known = known.filter(|known| known["draft"] != true)?;
    known["digest"].as_str().map(str::to_owned)
}

/// That a version was published, or was before with the same files.
fn publication(value: &Value, before: Option<&str>, draft: bool) -> String {
    let version = format!("{}@{}", text_at(value, "name"), text_at(value, "version"));
    let digest = text_at(value, "digest");
    let done = if draft {
        format!("published the draft {version}")
    } else if before == Some(digest.as_str()) {
        format!("the same files were published before as {version}")
    } else {
        format!("published {version}")
    };
    let next = hint::command(&format!("stack create NAME --blueprint {version}"));
    format!("{done} ({digest})\nNext: {next}")
}

async fn list(client: &Client, output: Output) -> Result<(), Error> {
    let mut items = client.list("/v1/blueprints", &[]).await?;
    items.iter_mut().for_each(mark_draft);
    let mut columns = vec![("blueprint", "name"), ("newest", "version")];
    columns.extend(draft_column(&items));
    columns.push(("description", "description"));
    let none = "There are no blueprints: publish one with `slipway blueprint publish`.";
    output.table(&items, &columns, none);
    Ok(())
}

/// The version of a blueprint, the latest if none is named.
async fn shown(blueprint: &BlueprintRef, client: &Client) -> Result<Value, Error> {
    let path = match &blueprint.version {
        Some(version) => format!("/v1/blueprints/{}/versions/{version}", blueprint.name),
        None => format!("/v1/blueprints/{}", blueprint.name),
    };
    client.resource(&path).await
}

/// The version that is named.
fn version_of(BlueprintRef { name, version }: &BlueprintRef) -> Result<&Version, Error> {
    let needed = || Error::Usage(format!("name the version: `{name}@1.2.0`"));
    version.as_ref().ok_or_else(needed)
}

/// Deprecates a version with a message; without one, ends its deprecation.
async fn deprecate(
    blueprint: &BlueprintRef,
    message: Option<String>,
    client: &Client,
    output: Output,
) -> Result<(), Error> {
    let (name, version) = (&blueprint.name, version_of(blueprint)?);
    let path = format!("/v1/blueprints/{name}/versions/{version}/deprecation");
    if let Some(message) = message {
        let value: Value = client.send(Method::PUT, &path, &DeprecateVersion { message }).await?;
        output.answer(&value, |_| format!("deprecated {name}@{version}"));
    } else {
        let () = client.delete(&path).await?;
        output.say(&format!("{name}@{version} is no longer deprecated"));
    }
    Ok(())
}

/// Deletes a draft.
async fn discard(blueprint: &BlueprintRef, client: &Client, output: Output) -> Result<(), Error> {
    let (name, version) = (&blueprint.name, version_of(blueprint)?);
    let () = client
        .delete(&format!("/v1/blueprints/{name}/versions/{version}"))
        .await?;
    output.say(&format!("discarded the draft {name}@{version}"));
    Ok(())
}

async fn readme(blueprint: &BlueprintRef, client: &Client, output: Output) -> Result<(), Error> {
    let version = match &blueprint.version {
        Some(version) => version.to_string(),
        None => text_at(&shown(blueprint, client).await?, "version"),
    };
    let path = format!("/v1/blueprints/{}/versions/{version}/readme", blueprint.name);
    let text = client.text(&path).await?;
    output.answer(&Value::String(text), |text| {
        text.as_str().unwrap_or_default().to_owned()
    });
    Ok(())
}

/// Prints what a check found, and fails if that has errors.
fn show_check(folder: &Folder, checked: &Checked, output: Output) -> Result<(), Error> {
    let errors = checked.errors();
    match output.format() {
        Format::Table => {
            print_findings(checked, output);
            if errors == 0 {
                let text = format!("{}: no errors", folder.folder.display());
                output.lines(&[Line::new(Style::Green, text)]);
            }
        }
        Format::Sarif => output.data(&sarif::of(&checked.findings)),
        Format::Json | Format::Yaml => output.data(&data(folder, checked)),
    }
    fail_with(errors, folder)
}

fn fail_with(errors: usize, folder: &Folder) -> Result<(), Error> {
    if errors == 0 {
        return Ok(());
    }
    Err(Error::Findings {
        errors,
        folder: folder.folder.clone(),
    })
}

fn print_findings(checked: &Checked, output: Output) {
    for finding in &checked.findings {
        output.lines(&finding.lines());
    }
    print_notes(&checked.notes, output);
}

fn print_notes(notes: &[String], output: Output) {
    for note in notes {
        output.lines(&[check::note(note)]);
    }
}

fn data(folder: &Folder, checked: &Checked) -> Value {
    let findings: Vec<Value> = checked.findings.iter().map(check::Finding::to_json).collect();
    json!({
        "folder": folder.folder,
        "errors": checked.errors(),
        "findings": findings,
        "notes": checked.notes,
        "terraform": checked.terraform,
    })
}

/// Checks a blueprint; if there are no errors, plans it and shows what the workflow would do.
fn run_test(folder: &Folder, variables: &Variables, output: Output) -> Result<(), Error> {
    let search = Search::from_env();
    let mut checked = check::check(&folder.folder, folder.top(), Providers::Anywhere, &search)?;
    if checked.errors() > 0 {
        return show_check(folder, &checked, output);
    }
    let schema = checked.source.check_as_written().unwrap_or_default();
    let kind = |name: &str| {
        let variable = schema.iter().find(|variable| variable.name == name)?;
        Some(variable.kind.clone())
    };
    let given: Map<String, Value> = values_of(variables, kind)?;
    let tested = test::test(&folder.folder, &checked, &given, &search)?;
    checked.findings.extend(tested.findings);
    match output.format() {
        Format::Sarif => output.data(&sarif::of(&checked.findings)),
        Format::Json | Format::Yaml => {
            let mut data = data(folder, &checked);
            data["made_up"] = Map::from_iter(tested.made_up).into();
            let outline = tested.outline.iter().map(|line| Value::from(line.text.clone()));
            data["outline"] = outline.collect();
            output.data(&data);
        }
        Format::Table => {
            print_findings(&checked, output);
            for (name, value) in &tested.made_up {
                let note = format!("no value for {name}, used {value}. Set it with `--var {name}=…`");
                output.lines(&[check::note(&note)]);
            }
            if !tested.outline.is_empty() {
                output.say("The steps of a stack of this blueprint:");
                output.lines(&tested.outline);
            }
            if checked.errors() == 0 {
                let folder = folder.folder.display();
                let text = format!("{folder}: passed (planned with mock providers, nothing was created)");
                output.lines(&[Line::new(Style::Green, text)]);
            }
        }
    }
    fail_with(checked.errors(), folder)
}

/// Marks what is a draft, for a table.
fn mark_draft(item: &mut Value) {
    if item["draft"] == true {
        item["mark"] = "draft".into();
    }
}

/// The column of these marks, if there is a draft.
fn draft_column(items: &[Value]) -> Option<(&'static str, &'static str)> {
    let has_draft = items.iter().any(|item| item["draft"] == true);
    has_draft.then_some(("status", "mark"))
}

/// The versions of a blueprint on a page of it.
#[derive(Deserialize)]
struct Versions {
    history: Vec<Map<String, Value>>,
    next: Option<String>,
}

/// Lists the versions of a blueprint, newest first, with the stacks that were made from each.
async fn versions(name: &str, client: &Client, output: Output) -> Result<(), Error> {
    let path = format!("/v1/blueprints/{name}");
    let (mut versions, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let query: Vec<_> = cursor.take().into_iter().map(|cursor| ("cursor", cursor)).collect();
        let page: Versions = client.get(&with_query(&path, &query)).await?;
        versions.extend(page.history.into_iter().map(Value::Object));
        cursor = following(&path, &query, page.next)?;
        if cursor.is_none() {
            break;
        }
    }
    let stacks = client.list("/v1/stacks", &[("blueprint", name.to_owned())]).await?;
    let items: Vec<Value> = versions
        .into_iter()
        .map(|mut version| {
            let of_version = stacks
                .iter()
                .filter(|stack| stack["blueprint"]["version"] == version["version"]);
            let names: Vec<String> = of_version
                .map(|stack| format!("{}/{}", text_at(stack, "environment"), text_at(stack, "name")))
                .collect();
            mark_draft(&mut version);
            version["stacks"] = names.len().into();
            version["names"] = names.join(", ").into();
            version
        })
        .collect();
    let mut columns = vec![("version", "version")];
    columns.extend(draft_column(&items));
    columns.extend([
        ("published", "published_at"),
        ("stacks", "stacks"),
        ("used by", "names"),
        ("deprecated", "deprecated"),
    ]);
    output.table(&items, &columns, "The blueprint has no versions.");
    Ok(())
}

/// A blueprint version as people read it.
fn sheet(blueprint: &Value) -> String {
    let fields = ["name", "version", "description", "digest", "published_at"];
    let mut lines: Vec<String> = fields
        .map(|name| format!("{name:<14}{}", in_a_line(&text_at(blueprint, name))))
        .into();
    if blueprint["draft"] == true {
        lines.push(format!("{:<14}for sandbox environments, and may change", "draft"));
    }
    if blueprint["deprecation"].is_object() {
        let message = in_a_line(&text_at(blueprint, "deprecation.message"));
        lines.push(format!("{:<14}{message}", "deprecated"));
    }
    lines.push("variables".to_owned());
    let mut has_required = false;
    for variable in blueprint["variables"].as_array().into_iter().flatten() {
        let hidden = if variable["sensitive"] == true {
            ", sensitive"
        } else {
            ""
        };
        let need = match (&variable["required"], &variable["default"]) {
            (Value::Bool(true), _) => "required".to_owned(),
            (_, Value::Null) => "optional".to_owned(),
            (_, default) => format!("default {default}"),
        };
        let line = format!(
            "  {:<24}{} ({need}{hidden})",
            text_at(variable, "name"),
            text_at(variable, "type_text")
        );
        lines.push(line);
        let description = text_at(variable, "description");
        if !description.is_empty() && description != "-" {
            lines.extend(description.lines().map(|line| format!("      {}", in_a_line(line))));
        }
        has_required |= variable["required"] == true;
    }
    if has_required {
        lines.push("A required variable gets its value from the environment or from the request.".to_owned());
    }
    lines.join("\n")
}
