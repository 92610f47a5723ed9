//! The common part of the commands for environments and source accounts: put, delete, export and import.
//!
//! An import is validated as a whole before anything is sent: the files by the rules of the API, and their changes against the
//! API's records. Each record is then put on condition that it is still the compared one, so no concurrent change is lost. An
//! interrupted import continues when it is run again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Map, Value, json};
use slipway_api_types::ConfiguredItems;
use slipway_model::count::counted;
use slipway_model::fields::Fields;
use slipway_model::problem::FieldProblem;

use crate::client::{Client, Condition, following, with_query};
use crate::error::Error;
use crate::json_file::object_in;
use crate::output::Output;

/// What stands in place of a value that is not for every eye.
const HIDDEN: &str = "(hidden)";

/// A kind of records that administrators configure.
pub struct Kind {
    /// What one is called.
    pub noun: &'static str,
    /// Where the API has them.
    pub path: &'static str,
    /// The field that names one.
    pub key: &'static str,
    /// The field of a file that holds them.
    pub list: &'static str,
    /// The fields that stay as they are while stacks live there.
    pub fixed: &'static [&'static str],
    /// The record that these fields say, as the API takes it.
    pub read: fn(Fields) -> Result<Value, Vec<FieldProblem>>,
}

/// A record of a file.
struct Wanted {
    file: PathBuf,
    /// Where in the file it stands, with a dot; empty where the file is the record.
    place: String,
    name: String,
    record: Value,
    /// The revision that it was read from, where the file says it.
    revision: Option<u64>,
}

/// What the API has.
struct There {
    record: Value,
    revision: u64,
}

/// What putting a record would do.
struct Change {
    wanted: Wanted,
    before: Option<There>,
    /// The fields that differ: before, after.
    fields: BTreeMap<String, (Value, Value)>,
}

impl Change {
    fn what(&self) -> &'static str {
        match (&self.before, self.fields.is_empty()) {
            (None, _) => "new",
            (Some(_), false) => "changed",
            (Some(_), true) => "unchanged",
        }
    }

    fn to_json(&self) -> Value {
        let fields = self.fields.iter();
        let fields: Map<String, Value> = fields
            .map(|(name, (before, after))| (name.clone(), json!({"before": before, "after": after})))
            .collect();
        json!({"name": self.wanted.name, "change": self.what(), "fields": fields})
    }

    fn lines(&self, noun: &str) -> String {
        let is_known = self.before.as_ref().is_some_and(|before| before.record.is_object());
        let change = |(name, (before, after)): (&String, &(Value, Value))| match (before, after) {
            (Value::Null, after) if is_known => format!("\n  {name}: left out -> {after}"),
            (Value::Null, after) => format!("\n  {name}: {after}"),
            (before, Value::Null) => format!("\n  {name}: {before} -> left out"),
            (before, after) => format!("\n  {name}: {before} -> {after}"),
        };
        let changes: Vec<String> = self.fields.iter().map(change).collect();
        format!("{noun} {}: {}{}", self.wanted.name, self.what(), changes.concat())
    }
}

/// Puts one record; `file` is where it comes from, for what is wrong with it.
pub async fn put(
    kind: &Kind,
    name: &str,
    file: &Path,
    mut object: Map<String, Value>,
    client: &Client,
    output: Output,
) -> Result<(), Error> {
    object.entry(kind.key).or_insert_with(|| json!(name));
    let mut problems = Vec::new();
    let wanted = read_record(kind, file, "", &object.into(), &mut problems);
    if let Some(wanted) = wanted.as_ref().filter(|wanted| wanted.name != name) {
        let detail = format!("is {}, and the command is about {name}", wanted.name);
        let problem = FieldProblem::new(kind.key, detail, "leave it out, or give the name of the command");
        problems.push((file.to_owned(), problem));
    }
    refuse(problems)?;
    let changes = compare(kind, wanted.into_iter().collect(), client).await?;
    apply(kind, changes, client, output).await
}

/// Deletes a record.
pub async fn delete(kind: &Kind, name: &str, client: &Client, output: Output) -> Result<(), Error> {
    let () = client.delete(&format!("{}/{name}", kind.path)).await?;
    output.say(&format!("deleted {} {name}", kind.noun));
    Ok(())
}

/// Prints every record, as `import` takes them.
pub async fn export(kind: &Kind, client: &Client, output: Output) -> Result<(), Error> {
    let (there, unreadable) = all(kind, client).await?;
    if !unreadable.is_empty() {
        return Err(Error::Unreadable {
            noun: kind.noun,
            names: unreadable.join(", "),
        });
    }
    let records: Vec<Value> = there.into_values().map(|there| there.record).collect();
    if let Some(hidden) = records.iter().find(|record| (kind.read)(fields_of(record)).is_err()) {
        return Err(Error::Usage(format!(
            "the {} {} is not shown in full: only administrators export",
            kind.noun, hidden[kind.key]
        )));
    }
    let file = json!({ (kind.list): records });
    output.answer(&file, |file| format!("{file:#}"));
    Ok(())
}

/// Puts every record of these files, or none.
pub async fn import(
    kind: &Kind,
    files: &[PathBuf],
    dry_run: bool,
    client: &Client,
    output: Output,
) -> Result<(), Error> {
    let mut problems = Vec::new();
    let mut wanted: Vec<Wanted> = Vec::new();
    for file in files {
        let mut fields = Fields::new(object_in(file)?);
        let remedy = format!("give a list of {}s, as `export` prints it", kind.noun);
        let records = fields.list(kind.list, &remedy);
        problems.extend(fields.problems().into_iter().map(|problem| (file.clone(), problem)));
        for (index, record) in records.unwrap_or_default().iter().enumerate() {
            let place = format!("{}[{index}].", kind.list);
            let Some(read) = read_record(kind, file, &place, record, &mut problems) else {
                continue;
            };
            if let Some(first) = wanted.iter().find(|earlier| earlier.name == read.name) {
                let detail = format!(
                    "{} is in {} as well, at {}",
                    read.name,
                    first.file.display(),
                    first.place
                );
                let field = format!("{place}{}", kind.key);
                let problem = FieldProblem::new(field, detail, "keep one of the two");
                problems.push((file.clone(), problem));
            }
            wanted.push(read);
        }
    }
    refuse(problems)?;
    let changes = compare(kind, wanted, client).await?;
    if dry_run {
        show(kind, &changes, output);
        output.say("nothing was changed: this is a dry run");
        return Ok(());
    }
    apply(kind, changes, client, output).await
}

/// Reads a record of a file; what is wrong goes to the problems.
fn read_record(
    kind: &Kind,
    file: &Path,
    place: &str,
    record: &Value,
    problems: &mut Vec<(PathBuf, FieldProblem)>,
) -> Option<Wanted> {
    if !record.is_object() {
        let field = place.trim_end_matches('.');
        let problem = FieldProblem::new(field, "is not an object", format!("give a {}", kind.noun));
        problems.push((file.to_owned(), problem));
        return None;
    }
    let mut fields = fields_of(record);
    let revision = fields.revision();
    match (kind.read)(fields) {
        Ok(record) => Some(Wanted {
            file: file.to_owned(),
            place: place.to_owned(),
            name: record[kind.key].as_str().unwrap_or_default().to_owned(),
            record,
            revision,
        }),
        Err(wrong) => {
            problems.extend(wrong.into_iter().map(|mut problem| {
                problem.field = format!("{place}{}", problem.field);
                (file.to_owned(), problem)
            }));
            None
        }
    }
}

fn refuse(problems: Vec<(PathBuf, FieldProblem)>) -> Result<(), Error> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Files(problems))
    }
}

fn fields_of(record: &Value) -> Fields {
    Fields::new(record.as_object().cloned().unwrap_or_default())
}

/// What there is, by name, and the names of what cannot be read.
async fn all(kind: &Kind, client: &Client) -> Result<(BTreeMap<String, There>, Vec<String>), Error> {
    let (mut there, mut unreadable) = (BTreeMap::new(), Vec::new());
    let mut query = Vec::new();
    loop {
        let page: ConfiguredItems<Value> = client.get(&with_query(kind.path, &query)).await?;
        for item in &page.items {
            // A record without it would be compared and exported as none.
            let name = item[kind.key].as_str().ok_or_else(|| Error::IncompleteAnswer {
                request: format!("GET {}", kind.path),
                what: format!("an item has no field `{}`", kind.key),
            })?;
            there.insert(name.to_owned(), known(kind, item));
        }
        unreadable.extend(page.unreadable);
        match following(kind.path, &query, page.next)? {
            Some(next) => query = vec![("cursor", next)],
            None => return Ok((there, unreadable)),
        }
    }
}

/// An item of the API as a file has it: without its revision, and without what is left out.
fn known(kind: &Kind, item: &Value) -> There {
    let mut record = item.as_object().cloned().unwrap_or_default();
    let revision = record.remove("revision").and_then(|revision| revision.as_u64());
    let record = (kind.read)(Fields::new(record.clone())).unwrap_or(record.into());
    There {
        record,
        revision: revision.unwrap_or_default(),
    }
}

/// What putting these records would do; refused where the API would refuse it.
async fn compare(kind: &Kind, wanted: Vec<Wanted>, client: &Client) -> Result<Vec<Change>, Error> {
    let (mut there, unreadable) = all(kind, client).await?;
    let mut problems = Vec::new();
    let mut changes = Vec::new();
    for wanted in wanted {
        let before = match there.remove(&wanted.name) {
            // It exists, but its content is unreadable.
            None if unreadable.contains(&wanted.name) => Some(There {
                record: Value::Null,
                revision: 0,
            }),
            before => before,
        };
        let fields = differing(before.as_ref().map(|there| &there.record), &wanted.record);
        let moved = kind
            .fixed
            .iter()
            .find(|field| before.is_some() && fields.contains_key(**field));
        if let Some(field) = moved
            && lives_in(&wanted.name, client).await?
        {
            let detail = format!("stacks live in {}, and this is where they are", wanted.name);
            let field = format!("{}{field}", wanted.place);
            let problem = FieldProblem::new(field, detail, "make another environment for another place");
            problems.push((wanted.file.clone(), problem));
        }
        let change = Change { wanted, before, fields };
        problems.extend(overtaken(kind, &change));
        changes.push(change);
    }
    refuse(problems)?;
    Ok(changes)
}

/// What is wrong with a record that was read from the API before another change. One that is so already is not put.
fn overtaken(kind: &Kind, change: &Change) -> Option<(PathBuf, FieldProblem)> {
    let (wanted, noun) = (&change.wanted, kind.noun);
    let revision = wanted.revision.filter(|_| change.what() != "unchanged")?;
    let (detail, remedy) = match &change.before {
        // One that cannot be read is replaced whatever it is.
        Some(there) if [0, revision].contains(&there.revision) => return None,
        Some(there) => (
            format!("is {revision}, and the {noun} has {} by now", there.revision),
            "read it again, and repeat the change; or leave `revision` out to replace whatever is there",
        ),
        None => (
            format!("is {revision}, and there is no {noun} {}", wanted.name),
            "leave `revision` out to create it",
        ),
    };
    let problem = FieldProblem::new(format!("{}revision", wanted.place), detail, remedy);
    Some((wanted.file.clone(), problem))
}

/// Whether stacks live in an environment.
async fn lives_in(environment: &str, client: &Client) -> Result<bool, Error> {
    let query = [("environment", environment.to_owned())];
    Ok(!client.list("/v1/stacks", &query).await?.is_empty())
}

/// The fields that differ, before and after. An external id is not printed.
fn differing(before: Option<&Value>, after: &Value) -> BTreeMap<String, (Value, Value)> {
    let empty = Map::new();
    let before = before.and_then(Value::as_object).unwrap_or(&empty);
    let after = after.as_object().unwrap_or(&empty);
    let names = before.keys().chain(after.keys());
    let value = |record: &Map<String, Value>, name: &str| record.get(name).cloned().unwrap_or_default();
    let shown = |name: &str, value: Value| match name {
        "external_id" if !value.is_null() => json!(HIDDEN),
        _ => value,
    };
    names
        .map(|name| (name.clone(), (value(before, name), value(after, name))))
        .filter(|(_, (before, after))| before != after)
        .map(|(name, (before, after))| {
            let pair = (shown(&name, before), shown(&name, after));
            (name, pair)
        })
        .collect()
}

fn show(kind: &Kind, changes: &[Change], output: Output) {
    let all: Vec<Value> = changes.iter().map(Change::to_json).collect();
    output.answer(&all.into(), |_| {
        let lines: Vec<String> = changes.iter().map(|change| change.lines(kind.noun)).collect();
        lines.join("\n")
    });
}

/// Shows what is to change, and changes it.
async fn apply(kind: &Kind, changes: Vec<Change>, client: &Client, output: Output) -> Result<(), Error> {
    show(kind, &changes, output);
    let changes: Vec<Change> = changes
        .into_iter()
        .filter(|change| change.what() != "unchanged")
        .collect();
    for (done, change) in changes.iter().enumerate() {
        let condition = match &change.before {
            None => Condition::Absent,
            // One that cannot be read is replaced whatever it is.
            Some(There { revision: 0, .. }) => Condition::None,
            Some(There { revision, .. }) => Condition::Revision(*revision),
        };
        let path = format!("{}/{}", kind.path, change.wanted.name);
        let put: Result<Value, Error> = client
            .send_if(Method::PUT, &path, &change.wanted.record, condition)
            .await;
        put.map_err(|source| Error::Stopped {
            noun: kind.noun,
            name: change.wanted.name.clone(),
            done,
            all: changes.len(),
            source: Box::new(source),
        })?;
    }
    output.say(&match changes.len() {
        0 => "nothing to change".to_owned(),
        put => format!("wrote {}", counted(put, kind.noun)),
    });
    Ok(())
}
