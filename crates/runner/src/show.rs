//! The complete plan, out of the plan that Terraform saved: `terraform show -json`, read and kept as pages.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;

use slipway_model::artifact;
use slipway_model::blueprint::Source;
use slipway_model::count::counted;
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::plan::pages::{self, Objects};
use slipway_model::plan::{PlanSummary, show};
use tokio::task::JoinSet;

use crate::error::Error;
use crate::marked;
use crate::migrations;
use crate::report::Report;
use crate::secrets;
use crate::session::Session;
use crate::terraform::Terraform;
use crate::work_folder::WorkFolder;

/// What Terraform writes the plan to. It has every value in clear, so it is read and removed.
const DOCUMENT: &str = "plan.json";

/// The type of messages that only say what the saved plan says better.
const ACTION_MESSAGE: &str = "planned_action_invocation";

/// How many objects are written at once.
const AT_ONCE: usize = 8;

/// Reads the plan that is saved in `folder`.
pub(crate) async fn read(
    session: &Session,
    terraform: &Terraform,
    folder: &WorkFolder,
    report: &Report,
    files: &migrations::Files<'_>,
) -> Result<(PlanSummary, Objects), Error> {
    let document = folder.path().join(DOCUMENT);
    terraform.show(folder, &document, &session.cancel).await?;
    let read = parse(&document);
    // What cannot be removed goes with the folder.
    let _ = std::fs::remove_file(&document);
    let mut shown = read?;
    report.check_plan(shown.replaced_and_kept)?;
    marked::keep(&session.state, &files.operation.stack).await?;
    let mut problems = std::mem::take(&mut shown.contract_problems);
    if problems.is_empty() && files.operation.kind() != OperationKind::Destroy {
        // Of an address whose host is not known yet, the plan does not have the scheme, and the files do.
        problems = files.source.problems_of_written_contract();
    }
    let records_it = matches!(
        files.operation.kind(),
        OperationKind::Provision | OperationKind::Update | OperationKind::Preview
    );
    if problems.is_empty() && records_it {
        let configuration = &files.operation.configuration;
        problems.extend(files.stack.contract_room_problem(configuration, shown.contract_bytes));
    }
    if !problems.is_empty() {
        return Err(Error::Contract(problems));
    }
    let images = files.operation.work.images().map(|(service, _)| service);
    let problems = shown
        .contract
        .as_ref()
        .map(|contract| contract.problems_of_images(images));
    if let Some(problems) = problems.filter(|problems| !problems.is_empty()) {
        return Err(Error::Images(problems));
    }
    if let Some(contract) = &mut shown.contract {
        files.lint(&session.artifacts, contract).await?;
    }
    compare(&mut shown.summary, report);
    for warning in &report.warnings {
        // Before it is cut, which could leave half a secret.
        shown.summary.warn(&secrets::hide(&warning.text()));
    }
    note_removals(&mut shown.summary, files.source);
    Ok(pages::of(shown))
}

/// Learns what the plan that is saved in `folder` marks as sensitive.
pub(crate) async fn learn_sensitive(
    session: &Session,
    terraform: &Terraform,
    folder: &WorkFolder,
) -> Result<(), Error> {
    let document = folder.path().join(DOCUMENT);
    terraform.show(folder, &document, &session.cancel).await?;
    let learnt = learn(&document);
    // What cannot be removed goes with the folder.
    let _ = std::fs::remove_file(&document);
    learnt.map(drop)
}

/// Learns what a document marks as sensitive: what is so anywhere in the plan is hidden everywhere.
fn learn(document: &Path) -> Result<File, Error> {
    let file = File::open(document).map_err(unreadable(document))?;
    let marked = show::sensitive_values(BufReader::new(&file)).map_err(Error::Plan)?;
    secrets::learn_marked(&marked);
    Ok(file)
}

fn unreadable(document: &Path) -> impl Fn(std::io::Error) -> Error {
    |source| Error::File {
        action: "read",
        path: document.to_owned(),
        source,
    }
}

fn parse(document: &Path) -> Result<show::Shown, Error> {
    let mut file = learn(document)?;
    let secrets = secrets::known();
    file.rewind().map_err(unreadable(document))?;
    show::read(BufReader::new(&file), &|text| secrets.hide(text)).map_err(Error::Plan)
}

/// Notes provisioners that neither the plan nor its configuration has.
fn note_removals(summary: &mut PlanSummary, source: &Source) {
    if summary.destroy > 0
        && let Some(file) = source.removals_with_provisioners().next()
    {
        summary.note(format!(
            "`removed` blocks may run provisioners, which the plan does not show: {file}"
        ));
    }
}

/// Notes where Terraform's stream says something that the saved plan does not.
fn compare(summary: &mut PlanSummary, report: &Report) {
    for kind in &report.unknown {
        if kind != ACTION_MESSAGE || summary.invoke == 0 {
            summary.note(format!("Terraform's stream has messages of the type `{kind}`"));
        }
    }
    let counts = |plan: &PlanSummary| (plan.resource_count(), plan.destroy + plan.replace);
    if counts(summary) != counts(&report.plan) && report.unknown.is_empty() {
        summary.note(format!(
            "Terraform's stream names {}, and the saved plan {}",
            counted(report.plan.resource_count(), "change"),
            summary.resource_count()
        ));
    }
}

/// Keeps the plan with the operation.
pub(crate) async fn keep(session: &Session, operation: &Operation, objects: Objects) -> Result<(), Error> {
    let mut objects = objects.named();
    let mut writes = JoinSet::new();
    loop {
        while writes.len() < AT_ONCE
            && let Some((name, object)) = objects.next()
        {
            let (bucket, key) = (session.artifacts.clone(), artifact::of_operation(operation, &name));
            writes.spawn_local(async move { bucket.put(&key, object).await });
        }
        match writes.join_next().await {
            Some(Ok(written)) => written?,
            Some(Err(error)) => return Err(Error::Keep(error.into())),
            None => return Ok(()),
        }
    }
}
