//! The folder in which Terraform works, for one operation on one machine.
//!
//! ```text
//! slipway-op-…/          private (0700) and locked while this runner, or Terraform, lives
//!   blueprint/           the published files; the root module in it is where Terraform runs
//!   terraform/
//!     plan.tfplan        the plan, with every value in it: it never leaves the private artifacts bucket
//!     home/, tmp/        what Terraform has instead of the runner's, where it is another user
//!   *.jsonl, *.stderr    what Terraform wrote
//! ```
//!
//! The two folders are Terraform's user's; everything beside them is the runner's.
//!
//! Its path is the same in both phases, so that a value like `abspath(path.module)` in a plan is still true when it is
//! applied. The lock is on the folder itself, and Terraform inherits it: whoever gets it knows that neither is alive.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use slipway_model::blueprint::Source;
use slipway_model::id::OperationId;

use crate::error::Error;
use crate::user::User;

/// The stream of an apply. It is looked for by a build that comes after one that died.
pub(crate) const APPLY_STREAM: &str = "apply.jsonl";

/// The folder with the published files.
pub(crate) const BLUEPRINT: &str = "blueprint";

/// The folder with what else Terraform writes.
const TERRAFORM: &str = "terraform";

/// The plan.
pub(crate) const PLAN: &str = "terraform/plan.tfplan";

/// The folder. It is removed when this is dropped, unless it is to be kept.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    root: PathBuf,
    // Never read: it holds the lock.
    _lock: File,
    /// The stream of an apply that an earlier build of the operation left here, when it died while Terraform went on.
    pub(crate) left_behind: Option<Vec<u8>>,
    keep: bool,
}

/// Where the work folders of this machine are.
fn place(operation: &OperationId) -> PathBuf {
    std::env::temp_dir().join(format!("slipway-{operation}"))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

/// Opens the folder of an operation, without following a link that somebody else put in its place.
fn open_folder(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Whether a process of an operation's earlier build is alive on this machine: its runner, or the Terraform that outlived it.
pub(crate) fn is_in_use(operation: &OperationId) -> bool {
    let Ok(folder) = open_folder(&place(operation)) else {
        return false;
    };
    flock(&folder, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
}

impl WorkFolder {
    /// Makes the folder of an operation, empty. [`Error::StillRuns`] where an earlier build has it.
    ///
    /// With a user for Terraform, others may pass through it, and read nothing.
    pub(crate) fn create(operation: &OperationId, user: Option<User>) -> Result<Self, Error> {
        let path = place(operation);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed("make", &path)(error)),
            _ => {}
        }
        let lock = open_folder(&path).map_err(failed("open", &path))?;
        let owner = lock.metadata().map_err(failed("look at", &path))?.uid();
        if owner != rustix::process::getuid().as_raw() {
            return Err(failed("use", &path)(io::Error::other("it belongs to another user")));
        }
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(Error::StillRuns(path)),
            Err(error) => return Err(failed("lock", &path)(error.into())),
        }
        // Terraform inherits the lock.
        fcntl_setfd(&lock, FdFlags::empty()).map_err(|error| failed("lock", &path)(error.into()))?;
        let left_behind = std::fs::read(path.join(APPLY_STREAM)).ok();
        empty(&path).map_err(failed("empty", &path))?;
        let mode = if user.is_some() { 0o711 } else { 0o700 };
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(failed("open", &path))?;
        let root = path.join(BLUEPRINT);
        let folder = Self {
            path,
            root,
            _lock: lock,
            left_behind,
            keep: false,
        };
        make_folder(&folder.root)?;
        for own in [&folder.home(), &folder.tmp()] {
            make_folder(own)?;
        }
        Ok(folder)
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the root module, in which Terraform runs.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The plan's file.
    pub(crate) fn plan(&self) -> PathBuf {
        self.path.join(PLAN)
    }

    /// What Terraform's user has for a home.
    pub(crate) fn home(&self) -> PathBuf {
        self.path.join(TERRAFORM).join("home")
    }

    /// What it has for temporary files.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.path.join(TERRAFORM).join("tmp")
    }

    /// The folders in which Terraform writes.
    pub(crate) fn written_by_terraform(&self) -> [PathBuf; 2] {
        [BLUEPRINT, TERRAFORM].map(|name| self.path.join(name))
    }

    /// Writes the files of a blueprint.
    pub(crate) fn write_source(&mut self, source: &Source) -> Result<(), Error> {
        let blueprint = self.path.join(BLUEPRINT);
        for (name, text) in &source.files {
            let path = below(&blueprint, name).ok_or_else(|| Error::BlueprintFile {
                file: name.escape_default().to_string(),
                why: "its path leads out of the blueprint's folder",
            })?;
            if let Some(parent) = path.parent() {
                make_folder(parent)?;
            }
            write_private(&path, text.as_bytes())?;
        }
        self.use_root(&source.root)
    }

    /// Says which folder of the blueprint is the root module.
    pub(crate) fn use_root(&mut self, root: &str) -> Result<(), Error> {
        let blueprint = self.path.join(BLUEPRINT);
        if !root.is_empty() {
            self.root = below(&blueprint, root).ok_or_else(|| Error::BlueprintFile {
                file: root.escape_default().to_string(),
                why: "the path of the root module leads out of the blueprint's folder",
            })?;
        }
        make_folder(&self.root)
    }

    /// Writes a file of the root module.
    pub(crate) fn write_in_root(&self, name: &str, text: &str) -> Result<(), Error> {
        write_private(&self.root.join(name), text.as_bytes())
    }

    /// Writes a file beside the blueprint.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        write_private(&self.path.join(name), text.as_bytes())
    }

    /// Writes a file beside the blueprint that Terraform reads.
    pub(crate) fn write_for_terraform(&self, name: &str, text: &str) -> Result<(), Error> {
        self.write(name, text)?;
        let path = self.path.join(name);
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).map_err(failed("write", &path))
    }

    /// Reads a file beside the blueprint.
    pub(crate) fn read(&self, name: &str) -> Result<String, Error> {
        let path = self.path.join(name);
        std::fs::read_to_string(&path).map_err(failed("read", &path))
    }

    /// Keeps the folder: what is in it exists nowhere else.
    pub(crate) fn keep(&mut self) -> &Path {
        self.keep = true;
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if !self.keep {
            // What is left of it is removed with the build's machine, or when this operation is run again.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn make_folder(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(failed("make", path))
}

/// Removes what is in a folder, and not the folder: the lock is on it.
fn empty(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A path below a folder; `None` for one that leads out of it or into Terraform's own folder.
fn below(folder: &Path, path: &str) -> Option<PathBuf> {
    let plain = Path::new(path).components().all(|part| match part {
        Component::Normal(name) => name != ".terraform",
        _ => false,
    });
    (plain && !path.is_empty() && !path.contains('\0')).then(|| folder.join(path))
}

/// Makes a file, or empties it, that its owner alone can read.
pub(crate) fn private_file(path: &Path) -> Result<File, Error> {
    let options = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    options.map_err(failed("write", path))
}

/// Writes a file that its owner alone can read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    private_file(path)?.write_all(bytes).map_err(failed("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_its_folder() {
        let folder = Path::new("/work");
        assert_eq!(
            below(folder, "modules/a/main.tf"),
            Some("/work/modules/a/main.tf".into())
        );
        for wrong in [
            "../x",
            "/etc/passwd",
            "a/../../x",
            "",
            ".terraform/x",
            "a/.terraform/x",
            "a\0b",
            ".",
        ] {
            assert_eq!(below(folder, wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_folder_belongs_to_one_build_at_a_time() {
        let operation = OperationId::generate();
        assert!(!is_in_use(&operation));
        let folder = WorkFolder::create(&operation, None).expect("a folder");
        write_private(&folder.path.join(APPLY_STREAM), b"said").expect("a file");
        assert!(is_in_use(&operation));
        assert!(matches!(WorkFolder::create(&operation, None), Err(Error::StillRuns(_))));
        let mut folder = folder;
        let path = folder.keep().to_owned();
        drop(folder);
        // As after a build that was killed.
        assert!(!is_in_use(&operation));
        let again = WorkFolder::create(&operation, None).expect("the folder again");
        assert_eq!(again.left_behind.as_deref(), Some(b"said".as_slice()));
        assert!(!path.join(APPLY_STREAM).exists());
        drop(again);
        assert!(!path.exists());
    }
}
