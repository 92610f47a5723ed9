//! Finds the programs of database servers on this machine.

use std::path::{Path, PathBuf};

/// The installation that the environment variable names, or else the one that `search` finds. An empty variable disables it.
///
/// # Errors
/// Those of `at`: a typing error in the variable must not silently become a fallback.
pub(crate) fn find<T, E>(
    variable: &str,
    at: impl FnOnce(&Path) -> Result<T, E>,
    search: impl FnOnce() -> Option<T>,
) -> Result<Option<T>, E> {
    match std::env::var_os(variable) {
        Some(named) if named.is_empty() => Ok(None),
        Some(named) => at(Path::new(&named)).map(Some),
        None => Ok(search()),
    }
}

/// The folders of the `PATH`.
pub(crate) fn search_path() -> Vec<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect()
}
