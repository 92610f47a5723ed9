//! The plan phase: `init` (unless its result is kept) and `plan`. If the plan needs no approval, the same build applies it.
//! Otherwise it keeps everything that a build of Apply needs.

use std::path::{Path, PathBuf};

use serde_json::Value;
use slipway_model::artifact;
use slipway_model::blueprint::{AwsProvider, Source};
use slipway_model::name::Digest;
use slipway_model::operation::one_build::{AfterPlan, NewPlan, PlanMade};
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::plan::binding::Binding;
use slipway_model::plan::pages::Objects;
use slipway_model::plan::{Drift, PlanSummary};
use tokio::task::JoinHandle;
use tokio::try_join;

use crate::adoption::{self, Adoption};
use crate::applied_state;
use crate::apply::apply_planned;
use crate::archive;
use crate::binding;
use crate::blueprint;
use crate::console::say;
use crate::created_list::{self, Resources};
use crate::drift;
use crate::error::Error;
use crate::further_roles;
use crate::imports;
use crate::lock::StateLock;
use crate::migrations;
use crate::objects::Object;
use crate::overrides::{self, state_prefix};
use crate::prepared;
use crate::program;
use crate::providers;
use crate::secrets;
use crate::session::{Done, Session};
use crate::show;
use crate::state;
use crate::terraform::{Ended, Run, Terraform};
use crate::work_folder::{BLUEPRINT, PLAN, ROOT, WorkFolder};
use slipway_model::error_chain::chain;

/// The stream of a plan.
const STREAM: &str = "plan.jsonl";

/// What Terraform planned.
struct Made {
    /// What would change, and the pages that show it; none for a drift check.
    plan: Option<(PlanSummary, Objects)>,
    drift: Option<Drift>,
}

/// Plans, and applies the plan if it needs no approval.
pub(crate) async fn plan(session: &Session, operation: &Operation) -> Result<Done, Error> {
    let lock = session.lock(operation);
    let mut folder = session.work_folder().await?;
    let terraform = Terraform::find(&session.config, operation)?;
    let digest = &operation.configuration.digest;
    let (source, (key, kept), (stack, environment, endpoint), keys) = try_join!(
        blueprint::fetch(&session.artifacts, digest),
        prepared(session, operation, &terraform),
        session.places(operation),
        state::claim(&lock, &session.cancel),
    )?;
    blueprint::learn_secrets(&session.artifacts, operation, &stack, &environment, &source).await?;
    let has_recovered = !adoption::recover(session, operation, &mut folder).await?.is_empty();
    // A stack of such a version can still be destroyed, and checked for drift.
    if !matches!(operation.kind(), OperationKind::Destroy | OperationKind::Drift) {
        blueprint::check_modules(&source)?;
        blueprint::check_providers(&source, &environment)?;
    }

    let mut terraform = terraform.with_credentials(&endpoint).in_folder(&folder);
    folder.write_source(&source)?;
    let declared = blueprint::declared_variables(&source);
    let read = session
        .references(operation, (&environment, &endpoint), &declared)
        .await?;
    secrets::learn_marked(&read.values().cloned().collect::<Vec<_>>());
    folder.write_in_root(
        overrides::VARIABLES,
        &overrides::variables(operation, &environment, &read, &declared),
    )?;
    // Operations of earlier versions of Slipway do not say.
    let owner = operation.stack_owner.as_ref().unwrap_or(&stack.owner);
    let file = |aws| overrides::file(&session.config, operation, &environment, owner, aws);
    folder.write_in_root(overrides::OVERRIDES, &file(None))?;
    if let Some(kept) = kept
        && let Err(error) = prepared::restore(&kept.bytes, folder.root(), &key, &state_prefix(&operation.stack))
    {
        say(format_args!("The prepared folder is of no use: {}", chain(&error)));
        prepared::remove(folder.root());
        folder.write_source(&source)?;
    }
    providers::install(&session.config, &session.artifacts, &folder, &mut terraform).await?;
    let keeping = initialise(session, &terraform, &folder, &lock, key).await?;
    if uses_aws(folder.root())? {
        let mut aws = AwsProvider::of(&source);
        Box::pin(further_roles::settle(session, operation, &environment, &keys, &mut aws)).await?;
        folder.write_in_root(overrides::OVERRIDES, &file(Some(&aws)))?;
    }

    let files = migrations::Files {
        source: &source,
        operation,
        stack: &stack,
    };
    let pending = if keys.contains(&created_list::key(&operation.stack)) || has_recovered {
        adoption::pending(session, operation).await?
    } else {
        None
    };
    let made = match pending {
        Some(adoption) => Box::pin(run_with_imports(session, &files, &terraform, &folder, &lock, adoption)).await,
        None => match run(session, operation.kind(), &terraform, &folder, &lock).await {
            Ok(ended) => made(session, &files, &terraform, &folder, &lock, &ended).await,
            Err(error) => Err(error),
        },
    };
    let after = match made {
        Ok(made) => Box::pin(record(session, operation, &folder, &source, made)).await,
        Err(error) => {
            session.keep_stream(operation, &folder, STREAM).await;
            Err(error)
        }
    };
    if let Some(keeping) = keeping {
        // It has reported its failure itself.
        let _ = keeping.await;
    }
    match after? {
        AfterPlan::Leave => Ok(Done::Planned),
        AfterPlan::Drop => Ok(Done::Elsewhere),
        AfterPlan::Apply => {
            say("This plan needs no approval and is applied now.");
            // On the heap, like the plan itself.
            Box::pin(apply_planned(session, operation, &terraform, folder, &lock)).await
        }
    }
}

/// Records the plan. What a build of Apply needs is kept first, unless this build is to apply it.
async fn record(
    session: &Session,
    operation: &Operation,
    folder: &WorkFolder,
    source: &Source,
    made: Made,
) -> Result<AfterPlan, Error> {
    let (plan, objects) = made.plan.unzip();
    let verdict = match &plan {
        Some(plan) => session.verdict(operation, plan).await?,
        None => None,
    };
    let keeps = verdict.is_none() && !operation.kind().only_looks();
    let ((), binding) = try_join!(
        async {
            match objects {
                Some(objects) => show::keep(session, operation, objects).await,
                None => Ok(()),
            }
        },
        async {
            if keeps {
                Box::pin(keep_work(session, operation, folder, source)).await.map(Some)
            } else {
                Ok(None)
            }
        }
    )?;
    let new = NewPlan {
        made: PlanMade {
            build: session.config.build.name.clone(),
            archive: binding.as_ref().map(|binding: &Binding| binding.work.clone()),
        },
        plan,
        binding,
        drift: made.drift,
        verdict,
    };
    session.end_plan(new).await
}

/// The key of what an earlier `init` made for this blueprint, and that, where it is kept and is what a build recorded.
async fn prepared(
    session: &Session,
    operation: &Operation,
    terraform: &Terraform,
) -> Result<(String, Option<Object>), Error> {
    let (program, cache) = (terraform.program().to_owned(), providers::cache(&session.config));
    // Beside the other reads of the start: it may take as long as they do.
    let checksum = tokio::task::spawn_blocking(move || program::checksum(&program, &cache)).await;
    let checksum = checksum.map_err(|error| Error::File {
        action: "read",
        path: terraform.program().to_owned(),
        source: error.into(),
    })??;
    let key = prepared::key(&session.config, &operation.configuration.digest, &checksum);
    let kept = prepared::kept(session, &key).await?;
    Ok((key, kept))
}

/// Runs `init` if it has to, and then keeps its result while Terraform goes on.
async fn initialise(
    session: &Session,
    terraform: &Terraform,
    folder: &WorkFolder,
    lock: &StateLock<'_>,
    key: String,
) -> Result<Option<JoinHandle<()>>, Error> {
    if !Session::needs_init(folder) {
        return Ok(None);
    }
    session.init(terraform, folder, lock).await?;
    // Before any code of the blueprint runs, which could change it: other stacks get it.
    let packed = prepared::pack(folder.root());
    let (store, artifacts) = (session.store.clone(), session.artifacts.clone());
    let keep = |packed| async move { prepared::keep(&store, &artifacts, packed, &key).await };
    Ok(packed.map(|packed| tokio::task::spawn_local(keep(packed))))
}

/// Whether any module needs the AWS provider: `init` wrote down which providers they all need.
fn uses_aws(root: &Path) -> Result<bool, Error> {
    let path = root.join(slipway_model::terraform::LOCK_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.contains("/hashicorp/aws\"")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::File {
            action: "read",
            path,
            source,
        }),
    }
}

/// Runs `plan` with the imports of what a killed Terraform created. What Terraform does not import is on the plan, which then needs an
/// approval.
async fn run_with_imports(
    session: &Session,
    files: &migrations::Files<'_>,
    terraform: &Terraform,
    folder: &WorkFolder,
    lock: &StateLock<'_>,
    mut adoption: Adoption,
) -> Result<Made, Error> {
    let operation = files.operation;
    let execute = async || run(session, operation.kind(), terraform, folder, lock).await;
    let configuration = rejects_with(operation);
    let mut left_out = Resources::new();
    let ended = match operation.kind() {
        // Terraform ignores `import` blocks in these plans.
        OperationKind::Destroy => {
            let importable = adoption.importable(&configuration);
            if !importable.is_empty() {
                return Err(Error::NotInState(importable));
            }
            left_out = adoption.resources;
            execute().await?
        }
        OperationKind::Drift => execute().await?,
        kind => {
            left_out = adoption.split_off_rejected(&configuration);
            if kind.only_looks() {
                // It leaves the state as it is.
                left_out.extend(adoption.split_off_replacing());
            } else if adoption.replacing().next().is_some() {
                // A prepared folder may not fit this machine, and `state` does not say so in messages.
                session.init(terraform, folder, lock).await?;
                imports::make_room(terraform, folder, &session.cancel, &adoption).await?;
            }
            for resource in adoption.resources.iter().map(adoption::named) {
                say(format_args!("A killed Terraform created {resource}: it is imported."));
            }
            let record = async |rejected: Resources| {
                if kind.only_looks() {
                    Ok(())
                } else {
                    created_list::add(&session.state, &operation.stack, rejected).await
                }
            };
            let (ended, not_imported) =
                imports::plan(folder, adoption.resources, configuration, execute, record).await?;
            left_out.extend(not_imported);
            ended
        }
    };
    let mut made = made(session, files, terraform, folder, lock, &ended).await?;
    for resource in left_out.iter().map(adoption::named) {
        say(format_args!(
            "A killed Terraform created {resource}, and this plan does not import it."
        ));
    }
    if let Some((summary, _)) = &mut made.plan {
        imports::note(summary, &left_out);
    }
    Ok(made)
}

/// What the rejection of an import depends on: another version, or other values, may have the resource.
fn rejects_with(operation: &Operation) -> Digest {
    let configuration = &operation.configuration;
    let values = Value::Object(configuration.variables.clone());
    Digest::of(format!("{} {values}", configuration.digest).as_bytes())
}

/// Runs the `plan` of an operation of this kind.
async fn run(
    session: &Session,
    kind: OperationKind,
    terraform: &Terraform,
    folder: &WorkFolder,
    lock: &StateLock<'_>,
) -> Result<Ended, Error> {
    let mut out = std::ffi::OsString::from("-out=");
    out.push(folder.plan());
    // A plan reads the state and writes nothing. The lock was checked just now, and beside this build only one that plans may run. If the
    // state changes all the same, Terraform rejects the plan as stale.
    let no_lock = "-lock=false".into();
    let mut arguments = vec!["-json".into(), "-input=false".into(), "-no-color".into(), no_lock, out];
    match kind {
        OperationKind::Destroy => arguments.push("-destroy".into()),
        OperationKind::Drift => arguments.push("-refresh-only".into()),
        _ => {}
    }
    let run = Run {
        command: "plan",
        arguments,
        folder: folder.root(),
        stream: &folder.path().join(STREAM),
    };
    let ended = session.run_prepared(terraform, &run, folder, lock, None).await?;
    session.cancel.check()?;
    Ok(ended)
}

/// What Terraform planned, if it did.
async fn made(
    session: &Session,
    files: &migrations::Files<'_>,
    terraform: &Terraform,
    folder: &WorkFolder,
    lock: &StateLock<'_>,
    ended: &Ended,
) -> Result<Made, Error> {
    let operation = files.operation;
    if operation.kind() == OperationKind::Drift {
        let update = async || run(session, OperationKind::Update, terraform, folder, lock).await;
        let drift = drift::find(session, terraform, folder, ended, update).await?;
        return Ok(Made {
            plan: None,
            drift: Some(drift),
        });
    }
    ended.success("plan")?;
    ended.report.ended_plan()?;
    if operation.kind() != OperationKind::Destroy && ended.report.contract_is_sensitive() {
        return Err(Error::SensitiveContract);
    }
    if operation.kind() == OperationKind::Destroy && ended.report.plan.resource_count() == 0 {
        // The stack would count as destroyed without an apply.
        applied_state::require_destroyed(session, operation).await?;
    }
    Ok(Made {
        plan: Some(show::read(session, terraform, folder, &ended.report, files).await?),
        drift: None,
    })
}

/// Keeps the work folder for a build of Apply, and says what it has to be then. The plan and the variables in it hold sensitive
/// values, which Terraform needs to apply them: they go to the private and encrypted bucket, and nowhere else.
async fn keep_work(
    session: &Session,
    operation: &Operation,
    folder: &WorkFolder,
    source: &Source,
) -> Result<Binding, Error> {
    folder.write(ROOT, &source.root)?;
    let packed = archive::pack(folder.path(), &[BLUEPRINT, ROOT, PLAN].map(PathBuf::from))?;
    let state = binding::state_version(session, operation).await?;
    let (binding, manifest) = binding::of(&packed, state)?;
    let archive = artifact::of_operation(operation, &artifact::plan(&binding.work));
    try_join!(
        session.artifacts.put(&archive, packed),
        binding::keep(session, operation, manifest)
    )?;
    Ok(binding)
}
