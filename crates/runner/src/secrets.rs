//! What this build may not show. A build is a process of its own, so these are the secrets of the process: everything that it
//! prints, keeps and records passes through here.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::Value;
use slipway_model::secret::{Secrets, Sources};

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

/// What these give.
pub(crate) fn learn_of(sources: &Sources<'_>) {
    learn(|known| known.and(&sources.secrets()));
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
