//! Folders as tar archives: an initialised work folder, kept between the two phases and between operations.
//!
//! Provider binaries are left out: they are large, and a machine that runs builds has them already. Terraform links to
//! them from `.terraform/providers`, and the links are kept. A provider that was downloaded into the folder itself leaves
//! an empty folder behind, which [`needs_init`] finds again.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::error::Error;

/// Where Terraform keeps the providers of a root module, below its folder. A package is five levels further down: host,
/// namespace, type, version, platform.
const PROVIDERS: &str = ".terraform/providers";
const PACKAGE_DEPTH: usize = 5;

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

/// Packs what is at `paths` below `folder`; what does not exist is left out.
pub(crate) fn pack(folder: &Path, paths: &[PathBuf]) -> Result<Vec<u8>, Error> {
    let mut builder = Builder::new(Vec::new());
    for path in paths {
        pack_path(&mut builder, folder, path)?;
    }
    builder.into_inner().map_err(failed("pack", folder))
}

fn pack_path(builder: &mut Builder<Vec<u8>>, folder: &Path, path: &Path) -> Result<(), Error> {
    let full = folder.join(path);
    let metadata = match full.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed("read the metadata of", &full))?,
    };
    let mut header = Header::new_gnu();
    header.set_size(0);
    if metadata.is_symlink() {
        let target = full.read_link().map_err(failed("read", &full))?;
        header.set_entry_type(EntryType::Symlink);
        return builder
            .append_link(&mut header, path, &target)
            .map_err(failed("pack", &full));
    }
    if metadata.is_dir() {
        header.set_entry_type(EntryType::Directory);
        header.set_mode(0o700);
        builder
            .append_data(&mut header, path, io::empty())
            .map_err(failed("pack", &full))?;
        let mut names = Vec::new();
        for entry in full.read_dir().map_err(failed("read", &full))? {
            names.push(entry.map_err(failed("read", &full))?.file_name());
        }
        names.sort();
        return names
            .iter()
            .try_for_each(|name| pack_path(builder, folder, &path.join(name)));
    }
    if is_provider_file(path) || is_workspace_name(path) || !metadata.is_file() {
        return Ok(());
    }
    let executable = metadata.permissions().mode() & 0o100;
    header.set_mode(0o600 | executable);
    header.set_size(metadata.len());
    let file = File::open(&full).map_err(failed("read", &full))?;
    // Exactly what the header says, also of a file that grows.
    builder
        .append_data(&mut header, path, file.take(metadata.len()))
        .map_err(failed("pack", &full))
}

/// A file of a provider that was downloaded into the folder.
fn is_provider_file(path: &Path) -> bool {
    let parts: Vec<_> = path.components().collect();
    let providers: Vec<_> = Path::new(PROVIDERS).components().collect();
    parts.windows(providers.len()).any(|window| window == providers)
}

/// The file in which `init` notes the workspace, which is another one for each stack. `TF_WORKSPACE` says it.
fn is_workspace_name(path: &Path) -> bool {
    path.ends_with(".terraform/environment")
}

/// Unpacks an archive into `folder`. Nothing outside it is written, whatever the archive says.
pub(crate) fn unpack(archive: &[u8], folder: &Path, name: &str) -> Result<(), Error> {
    let broken = |error: io::Error| Error::Archive(name.to_owned(), error.to_string());
    let refused = |path: &Path, why: &str| {
        Error::Archive(
            name.to_owned(),
            format!("{} {why}", path.display().to_string().escape_default()),
        )
    };
    let mut links: BTreeSet<PathBuf> = BTreeSet::new();
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        if path.as_os_str().is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(refused(&path, "leads out of the folder"));
        }
        if path.ancestors().any(|above| links.contains(above)) {
            return Err(refused(&path, "is below a link"));
        }
        let full = folder.join(&path);
        let parent = if entry.header().entry_type().is_dir() {
            Some(full.as_path())
        } else {
            full.parent()
        };
        if let Some(parent) = parent {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)
                .map_err(failed("make", parent))?;
        }
        match entry.header().entry_type() {
            EntryType::Directory => {}
            EntryType::Regular => {
                let mode = 0o600 | entry.header().mode().map_err(broken)? & 0o100;
                let options = OpenOptions::new().write(true).create_new(true).mode(mode).open(&full);
                let mut file = options.map_err(failed("write", &full))?;
                io::copy(&mut entry, &mut file).map_err(failed("write", &full))?;
            }
            EntryType::Symlink => {
                let target = entry
                    .link_name()
                    .map_err(broken)?
                    .ok_or_else(|| refused(&path, "links to nothing"))?;
                if !may_link(&path, &target) {
                    return Err(refused(&path, "links out of the folder"));
                }
                symlink(&target, &full).map_err(failed("write", &full))?;
                links.insert(path);
            }
            _ => return Err(refused(&path, "is neither a file nor a folder nor a link")),
        }
    }
    Ok(())
}

/// Providers are linked from anywhere on the machine; every other link stays in the archive.
fn may_link(path: &Path, target: &Path) -> bool {
    if is_provider_file(path) {
        return true;
    }
    let mut depth = path.components().count().saturating_sub(1);
    target.components().all(|part| match part {
        Component::Normal(_) => {
            depth += 1;
            true
        }
        Component::ParentDir if depth > 0 => {
            depth -= 1;
            true
        }
        Component::CurDir => true,
        _ => false,
    })
}

/// Whether `init` has to run in the root module's folder `root`: it never did, or a provider is not on this machine.
pub(crate) fn needs_init(root: &Path) -> bool {
    !root.join(".terraform/terraform.tfstate").is_file() || lacks_a_provider(&root.join(PROVIDERS), 0)
}

/// Whether a package is missing below a folder of the providers.
fn lacks_a_provider(folder: &Path, depth: usize) -> bool {
    if depth == 0 && !folder.exists() {
        // A module with built-in providers alone.
        return false;
    }
    let Ok(entries) = folder.read_dir() else { return true };
    let mut entries = entries.flatten().peekable();
    if depth == PACKAGE_DEPTH {
        return entries.peek().is_none();
    }
    entries.any(|entry| {
        !entry.path().is_dir() && entry.path().is_symlink()
            || entry.path().is_dir() && lacks_a_provider(&entry.path(), depth + 1)
    })
}

/// Whether a provider was downloaded into the folder, so that an archive of it is of no use elsewhere.
pub(crate) fn holds_provider_files(root: &Path) -> bool {
    fn holds(folder: &Path, depth: usize) -> bool {
        let Ok(entries) = folder.read_dir() else { return false };
        entries.flatten().any(|entry| {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            is_folder && (depth + 1 == PACKAGE_DEPTH || holds(&entry.path(), depth + 1))
        })
    }
    holds(&root.join(PROVIDERS), 0)
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
