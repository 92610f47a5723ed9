//! What this build may not show. A build is a process of its own, so these are the secrets of the process: everything that it
//! prints, keeps and records passes through here.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use slipway_model::secret::{Marked, Secrets, Sources};

use crate::stream::Diagnostic;

/// What is known now, and the part of it that no record has.
#[derive(Default)]
struct Known {
    secrets: Arc<Secrets>,
    marked: Marked,
}

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

fn lock() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known now.
pub(crate) fn known() -> Arc<Secrets> {
    Arc::clone(&lock().secrets)
}

/// What these give.
pub(crate) fn learn_of(sources: &Sources<'_>) {
    let mut known = lock();
    known.secrets = Arc::new(known.secrets.and(&sources.secrets()));
}

/// What Terraform marks as sensitive, and what an environment references.
pub(crate) fn learn_marked(values: &[Value]) {
    if values.is_empty() {
        return;
    }
    let mut known = lock();
    known.secrets = Arc::new(known.secrets.with(values));
    known.marked.add(values);
}

/// What was learnt of marks and references.
pub(crate) fn marked() -> Marked {
    lock().marked.clone()
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
