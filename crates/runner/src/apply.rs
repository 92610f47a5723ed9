//! The apply phase: the plan that was kept or just made, once, and what came of it.

use std::os::unix::process::ExitStatusExt;

use serde_json::{Map, Value};
use slipway_model::artifact::{self, OUTPUTS};
use slipway_model::name::Digest;
use slipway_model::operation::Operation;
use slipway_model::operation::one_build::PlanMade;
use tokio::{join, try_join};

use crate::adoption;
use crate::applied_state;
use crate::archive;
use crate::binding;
use crate::blueprint;
use crate::console::say;
use crate::created_list;
use crate::error::Error;
use crate::lock::StateLock;
use crate::objects::Object;
use crate::overrides::state_prefix;
use crate::phase::Phase;
use crate::prepared;
use crate::progress;
use crate::providers;
use crate::references;
use crate::report::Report;
use crate::rescue;
use crate::session::{Applied, Done, Session};
use crate::show;
use crate::state;
use crate::terraform::{Ended, Run, Terraform};
use crate::unrecorded::Unrecorded;
use crate::work_folder::{APPLY_STREAM, ROOT, WorkFolder};
use slipway_model::error_chain::chain;

/// Applies.
pub(crate) async fn apply(session: &Session, operation: &Operation) -> Result<Done, Error> {
    if !operation.may_apply() {
        return Err(Error::NoVerdict);
    }
    if let Some(recorded) = &operation.outputs {
        return Box::pin(applied_before(session, operation, recorded)).await;
    }
    let lock = session.lock(operation);
    let mut folder = session.work_folder().await?;
    let (kept, (stack, environment, endpoint), source) = try_join!(
        kept(session, operation),
        session.places(operation),
        blueprint::fetch(&session.artifacts, &operation.configuration.digest),
    )?;
    blueprint::learn_secrets(&session.artifacts, operation, &stack, &environment, &source).await?;
    if let Some(report) = applied_by(&folder, operation)? {
        say("An earlier build of this operation applied the plan to its end.");
        session.note_apply();
        let outputs = applied_state::outputs(session, operation, &report, None).await?;
        let done = finish(session, operation, &report, outputs).await?;
        folder.settle()?;
        return Ok(done);
    }

    let mut terraform = Terraform::find(&session.config, operation)?
        .with_credentials(&endpoint)
        .in_folder(&folder);
    let (key, packed) = kept?;
    binding::verify(session, operation, &packed.bytes).await?;
    archive::unpack(&packed.bytes, folder.path(), &key)?;
    let root = folder.read(ROOT)?;
    folder.use_root(&root)?;
    references::learn_kept(&folder, operation, &environment)?;
    // Terraform would go by the plan, and write the state to where it was.
    if prepared::prefix(folder.root())?.is_some_and(|prefix| prefix != state_prefix(&operation.stack)) {
        return Err(Error::EarlierPlan);
    }
    providers::install(&session.config, &session.artifacts, &folder, &mut terraform).await?;
    state::claim(&lock, &session.cancel).await?;
    let resources = adoption::recover(session, operation, &mut folder).await?;
    if !resources.is_empty() {
        // Applied again, the plan would create them again.
        session.note_apply();
        let cause = Box::new(Error::Interrupted);
        return Err(Error::Unrecorded { cause, resources });
    }
    if Session::needs_init(&folder) {
        session.init(&terraform, &folder, &lock).await?;
    }
    // What the plan marks as sensitive, this build has not seen yet.
    show::learn_sensitive(session, &terraform, &folder).await?;
    Box::pin(apply_planned(session, operation, &terraform, folder, &lock)).await
}

/// Ends as the build that applied the plan and recorded this digest of its outputs, which it may not have kept. The state has them
/// still. Whatever else is in their place is replaced, or refused.
async fn applied_before(session: &Session, operation: &Operation, recorded: &Digest) -> Result<Done, Error> {
    let key = artifact::of_operation(operation, OUTPUTS);
    let kept = session.artifacts.get(&key).await?;
    if kept.is_some_and(|kept| Digest::of(&kept.bytes) == *recorded) {
        say("This plan was applied before: there is nothing to do.");
    } else {
        // Of an encrypted state, only what that build left has the outputs.
        let mut folder = session.work_folder().await?;
        let report = applied_by(&folder, operation)?.unwrap_or_default();
        let outputs = applied_state::outputs(session, operation, &report, None).await?;
        let outputs = Value::Object(outputs).to_string().into_bytes();
        if Digest::of(&outputs) != *recorded {
            return Err(Error::OutputsDiffer(key));
        }
        say("This plan was applied before. Its outputs are kept again, from the state.");
        session.artifacts.put(&key, outputs).await?;
        folder.settle()?;
    }
    Ok(Done::Applied(Applied {
        progress: operation.progress.clone(),
        outputs: recorded.clone(),
    }))
}

/// The archive with the plan that is on the record, and its key. The first error is of the reading, the second says that there is
/// none.
async fn kept(session: &Session, operation: &Operation) -> Result<Result<(String, Object), Error>, Error> {
    let name = match &operation.planned_by {
        Some(PlanMade {
            archive: Some(archive), ..
        }) => artifact::plan(archive),
        Some(PlanMade { archive: None, .. }) => return Ok(Err(Error::NoPlan("it is not kept".to_owned()))),
        None => artifact::EARLIER_PLAN.to_owned(),
    };
    let key = artifact::of_operation(operation, &name);
    let Some(packed) = session.artifacts.get(&key).await? else {
        return Ok(Err(Error::NoPlan(key)));
    };
    Ok(Ok((key, packed)))
}

/// Applies the plan in the work folder. The caller has a verdict on it.
pub(crate) async fn apply_planned(
    session: &Session,
    operation: &Operation,
    terraform: &Terraform,
    mut folder: WorkFolder,
    lock: &StateLock<'_>,
) -> Result<Done, Error> {
    let ended = run(session, terraform, &folder, lock).await;
    let outputs = match &ended {
        Ok(ended) => judge(session, operation, terraform, &mut folder, lock, ended).await,
        Err(_) => Ok(Map::new()),
    };
    match (ended, outputs) {
        (Ok(ended), Ok(outputs)) => finish(session, operation, &ended.report, outputs).await,
        (Err(error), _) | (_, Err(error)) => {
            session.keep_stream(operation, &folder, APPLY_STREAM).await;
            Err(error)
        }
    }
}

/// What the stream of an earlier build says, if Terraform applied the plan to its end after its runner had died.
fn applied_by(folder: &WorkFolder, operation: &Operation) -> Result<Option<Report>, Error> {
    let Some(stream) = folder.leftover_of(&operation.id) else {
        return Ok(None);
    };
    let report = Report::of_stream(&stream)?;
    Ok((report.check_apply().is_ok() && report.errors.is_empty()).then_some(report))
}

/// Runs `apply`.
async fn run(
    session: &Session,
    terraform: &Terraform,
    folder: &WorkFolder,
    lock: &StateLock<'_>,
) -> Result<Ended, Error> {
    let run = Run {
        command: "apply",
        arguments: vec![
            "-json".into(),
            "-input=false".into(),
            "-no-color".into(),
            folder.plan().into(),
        ],
        folder: folder.root(),
        stream: &folder.path().join(APPLY_STREAM),
    };
    let (record, states) = (session.record.clone(), session.state.clone());
    let (sender, writer) = progress::start(record, states, session.config.stack.clone());
    session.note_apply();
    let ended = session.run_prepared(terraform, &run, folder, lock, Some(&sender)).await;
    writer.stop().await;
    ended
}

/// The outputs of an apply that succeeded, which it also did where all that failed was to save the state and the runner
/// could do that for it.
async fn judge(
    session: &Session,
    operation: &Operation,
    terraform: &Terraform,
    folder: &mut WorkFolder,
    lock: &StateLock<'_>,
    ended: &Ended,
) -> Result<Map<String, Value>, Error> {
    let Err(error) = check(ended) else {
        return applied_state::outputs(session, operation, &ended.report, None).await;
    };
    let rescued = rescue::state(session, operation, terraform, folder, lock).await?;
    if !ended.status.success() && ended.report.only_the_state_failed() {
        return applied_state::outputs(session, operation, &ended.report, rescued).await;
    }
    if let Err(unread) = applied_state::learn(session, operation).await {
        say(format_args!(
            "What the apply generated is not known, and is shown in the logs of containers: {}",
            chain(&unread)
        ));
    }
    Err(compared(session, operation, &ended.report, error).await)
}

/// Whether Terraform applied the plan to its end, by its exit code and by its messages.
fn check(ended: &Ended) -> Result<(), Error> {
    if let Some(signal) = ended.status.signal().filter(|_| ended.report.errors.is_empty()) {
        return Err(Error::Killed {
            command: "apply",
            signal,
        });
    }
    ended.success("apply")?;
    ended.report.check_apply()
}

/// The error of an apply that failed, once what it changed is compared with the state: it names what may exist without being there,
/// and that is recorded for the next plan. A cancel does not hide it.
async fn compared(session: &Session, operation: &Operation, report: &Report, error: Error) -> Error {
    let unrecorded = match Unrecorded::of(session, operation, report).await {
        Ok(unrecorded) => unrecorded,
        Err(unread) => {
            say(format_args!(
                "Whether the state has all that was created is not known: {}",
                chain(&unread)
            ));
            return error;
        }
    };
    let (states, stack) = (&session.state, &operation.stack);
    if let Err(unwritten) = created_list::settle(states, stack, &report.created, unrecorded.importable()).await {
        say(format_args!(
            "What the next plan has to import could not be recorded: {}",
            chain(&unwritten)
        ));
    }
    let resources = unrecorded.named();
    if resources.is_empty() {
        return session.cancel.check().err().unwrap_or(error);
    }
    for resource in &resources {
        say(format_args!("This may exist without being in the state: {resource}"));
    }
    let cause = Box::new(error);
    Error::Unrecorded { cause, resources }
}

/// Keeps what came of the apply. In a build of Apply the record says so first, because another build may take over: it finds there
/// that the plan was applied. None takes over from a build of Plan, which records it when it ends Apply.
async fn finish(
    session: &Session,
    operation: &Operation,
    report: &Report,
    outputs: Map<String, Value>,
) -> Result<Done, Error> {
    let key = artifact::of_operation(operation, OUTPUTS);
    let outputs = Value::Object(outputs).to_string().into_bytes();
    let digest = Digest::of(&outputs);
    let kept = async {
        if session.config.phase == Phase::Apply {
            session.record_outputs(&digest).await?;
        }
        session.artifacts.put(&key, outputs).await
    };
    // The state has all that was created.
    let (kept, forgotten) = join!(kept, created_list::forget(&session.state, &operation.stack));
    kept.inspect_err(|error| say(format_args!("The plan was applied, but not recorded: {}", chain(error))))?;
    if let Err(error) = forgotten {
        // The next plan compares the record with the state.
        say(format_args!("What was created stays on record: {}", chain(&error)));
    }
    for kind in &report.unknown {
        say(format_args!(
            "Terraform wrote messages of a type that is not known: {kind}."
        ));
    }
    Ok(Done::Applied(Applied {
        progress: report.progress(),
        outputs: digest,
    }))
}
