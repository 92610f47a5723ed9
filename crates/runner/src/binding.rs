//! What an apply uses is what was planned with: recorded by the plan phase, compared by the apply phase, before Terraform runs.

use std::collections::BTreeMap;

use slipway_model::artifact;
use slipway_model::name::Digest;
use slipway_model::operation::Operation;
use slipway_model::plan::binding::{Binding, Manifest, StateVersion, manifest_name};
use tar::EntryType;

use crate::error::Error;
use crate::lost::Loss;
use crate::overrides::state_key;
use crate::session::Session;
use crate::state;

/// The binding of an archive with a work folder, and its manifest as it is kept.
pub(crate) fn of(archive: &[u8], state: StateVersion) -> Result<(Binding, Vec<u8>), Error> {
    let manifest = manifest(archive, "with the work folder")?;
    let kept = serde_json::to_vec(&manifest).unwrap_or_default();
    let binding = Binding {
        work: Digest::of(archive),
        manifest: Digest::of(&kept),
        parts: manifest.parts(),
        state,
    };
    Ok((binding, kept))
}

/// Keeps the manifest, by which an error names files.
pub(crate) async fn keep(session: &Session, operation: &Operation, manifest: Vec<u8>) -> Result<(), Error> {
    let name = manifest_name(&Digest::of(&manifest));
    session
        .artifacts
        .put(&artifact::of_operation(operation, &name), manifest)
        .await
}

/// The files in an archive.
fn manifest(archive: &[u8], name: &str) -> Result<Manifest, Error> {
    let broken = |error: std::io::Error| Error::Archive(name.to_owned(), error.to_string());
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.to_string_lossy().into_owned();
        let what = match entry.header().entry_type() {
            EntryType::Directory => continue,
            EntryType::Symlink => {
                let target = entry.link_name().map_err(broken)?;
                format!("link to {}", target.unwrap_or_default().display())
            }
            _ => {
                let executable = entry.header().mode().map_err(broken)? & 0o100 != 0;
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut entry, &mut bytes).map_err(broken)?;
                format!("{}{}", Digest::of(&bytes).as_str(), if executable { " x" } else { "" })
            }
        };
        files.insert(path, what);
    }
    Ok(Manifest(files))
}

/// The version of the stack's state as it is now.
pub(crate) async fn state_version(session: &Session, operation: &Operation) -> Result<StateVersion, Error> {
    let version = state::version(&session.state, &state_key(&operation.stack)).await?;
    version.ok_or_else(|| state::lost(&session.config, &operation.stack, Loss::Missing))
}

/// Refuses an archive or a state that the plan was not made with.
pub(crate) async fn verify(session: &Session, operation: &Operation, archive: &[u8]) -> Result<(), Error> {
    let binding = operation.binding.as_ref().ok_or(Error::Unbound)?;
    if Digest::of(archive) != binding.work {
        return Err(Error::Differs(
            archive_difference(session, operation, binding, archive).await?,
        ));
    }
    let state = state_version(session, operation).await?;
    if let Some(difference) = binding.state.difference(&state) {
        return Err(Error::StateDiffers(difference));
    }
    Ok(())
}

/// What differs in an archive, by name.
async fn archive_difference(
    session: &Session,
    operation: &Operation,
    binding: &Binding,
    archive: &[u8],
) -> Result<String, Error> {
    let name = manifest_name(&binding.manifest);
    let kept = session.artifacts.get(&artifact::of_operation(operation, &name)).await?;
    let kept = kept.filter(|kept| Digest::of(&kept.bytes) == binding.manifest);
    let kept: Option<Manifest> = kept.and_then(|kept| serde_json::from_slice(&kept.bytes).ok());
    Ok(match manifest(archive, "with the work folder") {
        Ok(found) => binding.difference(&found, kept.as_ref()),
        Err(_) => "the archive of the work folder (it cannot be read)".to_owned(),
    })
}
