//! What this build may not show. A build is a process of its own, so these are the secrets of the process: everything that it
//! prints, keeps and records passes through here.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::Value;
use slipway_model::blueprint::Source;
use slipway_model::environment::Environment;
use slipway_model::name::Digest;
use slipway_model::operation::Operation;
use slipway_model::secret::{Secrets, Sources};
use slipway_model::stack::Stack;
use slipway_model::variable::{Variable, read_schema};

use crate::blueprint;
use crate::error::Error;
use crate::objects::Bucket;
use crate::stream::Diagnostic;

static KNOWN: LazyLock<Mutex<Arc<Secrets>>> = LazyLock::new(Mutex::default);

/// What is known now.
pub(crate) fn known() -> Arc<Secrets> {
    Arc::clone(&KNOWN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn learn(change: impl FnOnce(&Secrets) -> Secrets) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known = Arc::new(change(&known));
}

/// Those of an operation, before anything of the blueprint runs. The state has the defaults of the version that the stack was made
/// from before, and a plan shows them.
pub(crate) async fn learn_of(
    artifacts: &Bucket,
    operation: &Operation,
    stack: &Stack,
    environment: &Environment,
    source: &Source,
) -> Result<(), Error> {
    // A file that cannot be read, Terraform cannot read either: nothing of it runs.
    let mut schemas = vec![read_schema(source.root_files()).unwrap_or_default()];
    let configurations: Vec<_> = [&operation.configuration, &stack.configuration]
        .into_iter()
        .chain(&stack.applied)
        .collect();
    let digests: BTreeSet<&Digest> = configurations.iter().map(|made| &made.digest).collect();
    for earlier in digests {
        if *earlier != operation.configuration.digest {
            schemas.push(blueprint::schema_of(artifacts, earlier).await?);
        }
    }
    let schemas: Vec<&[Variable]> = schemas.iter().map(Vec::as_slice).collect();
    let sources = Sources {
        schemas: &schemas,
        configurations: &configurations,
        environment: Some(environment),
    };
    learn(|known| known.and(&sources.secrets()));
    Ok(())
}

/// What Terraform marks as sensitive in a plan.
pub(crate) fn learn_marked(values: &[Value]) {
    learn(|known| known.with(values));
}

/// A text without secrets.
pub(crate) fn hide(text: &str) -> String {
    known().hide(text)
}

/// Hides them in a diagnostic.
pub(crate) fn hide_in(diagnostic: &mut Diagnostic) {
    let known = known();
    known.hide_in(&mut diagnostic.summary);
    known.hide_in(&mut diagnostic.detail);
    diagnostic.address.iter_mut().for_each(|address| known.hide_in(address));
}
