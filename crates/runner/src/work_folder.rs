//! The folder in which Terraform works, for one stack on one machine.
//!
//! ```text
//! slipway-lusab-babad/   private (0700) and locked while this runner, or Terraform, lives
//!   operation            the operation that has it
//!   blueprint/           the published files; the root module in it is where Terraform runs
//!   terraform/
//!     plan.tfplan        the plan, with every value in it: it never leaves the private artifacts bucket
//!     home/, tmp/        what Terraform has instead of the runner's, where it is another user
//!   *.jsonl, *.stderr    what Terraform wrote
//!   op-….apply.jsonl     the stream of a build that died, until what it says is recorded
//! ```
//!
//! The two folders belong to Terraform's user; everything beside them to the runner.
//!
//! Its path depends on the stack only, so that values such as `abspath(path.module)` or `path.cwd` are the same in every operation:
//! otherwise, one in a trigger would replace a resource each time. Two operations of a stack never need it at once. The lock is on the
//! folder itself, and Terraform inherits it: holding it proves that neither is running.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use slipway_model::blueprint::Source;
use slipway_model::id::{OperationId, StackId};

use crate::error::Error;
use crate::user::User;

/// The file in the archive that names the folder of the root module.
pub(crate) const ROOT: &str = "root";

/// The stream of an apply. A build that follows a dead one searches for it.
pub(crate) use slipway_model::artifact::APPLY_STREAM;

/// The folder with the published files.
pub(crate) const BLUEPRINT: &str = "blueprint";

/// The folder with what else Terraform writes.
const TERRAFORM: &str = "terraform";

/// The plan.
pub(crate) const PLAN: &str = "terraform/plan.tfplan";

/// The folder. It is removed when this is dropped, unless it is to be kept. Streams that are left in it stay until they are settled.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    root: PathBuf,
    // Never read: it holds the lock.
    _lock: File,
    /// The operations whose builds died and left the stream of an apply.
    leftovers: Vec<OperationId>,
    keep: bool,
}

/// The file that names the operation.
const OPERATION: &str = "operation";

/// The state that Terraform could not save, in the root module's folder.
const ERRORED: &str = "errored.tfstate";

/// Where the work folder of a stack is on this machine.
fn place(stack: &StackId) -> PathBuf {
    std::env::temp_dir().join(format!("slipway-{stack}"))
}

/// Where a folder is kept whose content exists nowhere else: a place where nothing is yet.
fn kept_place(operation: &OperationId) -> PathBuf {
    let place = |number: u32| std::env::temp_dir().join(format!("slipway-{operation}-kept-{number}"));
    let free = (1..100).map(place).find(|place| !place.exists());
    free.unwrap_or_else(|| place(100))
}

/// The operation that has a folder, or had it last.
fn operation_of(folder: &Path) -> Option<OperationId> {
    let owner = std::fs::read_to_string(folder.join(OPERATION)).ok()?;
    // What becomes part of a path is an id.
    owner.parse().ok()
}

/// What the stream of a build that died is called.
fn leftover_name(operation: &OperationId) -> String {
    format!("{operation}.{APPLY_STREAM}")
}

/// The operation of the build that died, where a file is its stream.
fn operation_of_leftover(name: &OsStr) -> Option<OperationId> {
    let operation = name.to_str()?.strip_suffix(APPLY_STREAM)?.strip_suffix('.')?;
    operation.parse().ok()
}

/// Moves away the stream of the operation that had a folder, and finds all that are left in it.
fn leftovers_in(path: &Path, before: Option<&OperationId>) -> io::Result<Vec<OperationId>> {
    if let Some(before) = before {
        match std::fs::rename(path.join(APPLY_STREAM), path.join(leftover_name(before))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let mut leftovers = Vec::new();
    for entry in std::fs::read_dir(path)? {
        leftovers.extend(operation_of_leftover(&entry?.file_name()));
    }
    Ok(leftovers)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

/// Opens the folder of an operation, without following a link that may have replaced it.
fn open_folder(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Whether an open folder is the one that is at a path now.
fn is_at(folder: &File, path: &Path) -> bool {
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let (open, there) = (folder.metadata().map(identity), path.symlink_metadata().map(identity));
    matches!((open, there), (Ok(open), Ok(there)) if open == there)
}

/// Whether a process of an operation's earlier build is alive on this machine: its runner, or the Terraform that outlived it.
pub(crate) fn is_in_use(stack: &StackId, operation: &OperationId) -> bool {
    let path = place(stack);
    let Ok(folder) = open_folder(&path) else {
        return false;
    };
    if operation_of(&path).as_ref() != Some(operation) {
        return false;
    }
    flock(&folder, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
}

impl WorkFolder {
    /// Makes the folder of a stack for an operation, empty. [`Error::StillRuns`] where an earlier build has it.
    ///
    /// With a user for Terraform, others may pass through it, and read nothing.
    pub(crate) fn create(stack: &StackId, operation: &OperationId, user: Option<User>) -> Result<Self, Error> {
        let path = place(stack);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed("make", &path)(error)),
            _ => {}
        }
        let lock = open_folder(&path).map_err(failed("open", &path))?;
        let owner = lock.metadata().map_err(failed("read the metadata of", &path))?.uid();
        if owner != rustix::process::getuid().as_raw() {
            return Err(failed("use", &path)(io::Error::other("it belongs to another user")));
        }
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            // It may have been removed as a leftover in between: then the lock is on a deleted folder.
            Ok(()) if !is_at(&lock, &path) => return Self::create(stack, operation, user),
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(Error::StillRuns(path)),
            Err(error) => return Err(failed("lock", &path)(error.into())),
        }
        // Terraform inherits the lock.
        fcntl_setfd(&lock, FdFlags::empty()).map_err(|error| failed("lock", &path)(error.into()))?;
        let before = operation_of(&path);
        if let Some(before) = before
            .as_ref()
            .filter(|before| holds_state(&path) && *before != operation)
        {
            // The only copy of this state. The lock goes with the folder, and a new one is made.
            let kept = kept_place(before);
            std::fs::rename(&path, &kept).map_err(failed("keep", &path))?;
            let mut folder = Self::create(stack, operation, user)?;
            folder.take_stream(before, &kept)?;
            return Ok(folder);
        }
        let leftovers = leftovers_in(&path, before.as_ref()).map_err(failed("read what is left in", &path))?;
        empty(&path).map_err(failed("empty", &path))?;
        write_private(&path.join(OPERATION), operation.to_string().as_bytes())?;
        let mode = if user.is_some() { 0o711 } else { 0o700 };
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(failed("open", &path))?;
        let root = path.join(BLUEPRINT);
        let folder = Self {
            path,
            root,
            _lock: lock,
            leftovers,
            keep: false,
        };
        make_folder(&folder.root)?;
        for own in [&folder.home(), &folder.tmp()] {
            make_folder(own)?;
        }
        Ok(folder)
    }

    /// Takes the stream of a folder that is kept: until a person restores its state, what it created is not in the stack's.
    fn take_stream(&mut self, operation: &OperationId, kept: &Path) -> Result<(), Error> {
        let Ok(mut stream) = File::open(kept.join(APPLY_STREAM)) else {
            return Ok(());
        };
        let path = self.path.join(leftover_name(operation));
        io::copy(&mut stream, &mut private_file(&path)?).map_err(failed("write", &path))?;
        self.leftovers.push(operation.clone());
        Ok(())
    }

    /// The streams of applies whose builds died, of this and of other operations of the stack. Each may be larger than fits into memory.
    pub(crate) fn leftovers(&self) -> impl Iterator<Item = (&OperationId, PathBuf)> {
        let stream = move |operation| (operation, self.path.join(leftover_name(operation)));
        self.leftovers.iter().map(stream)
    }

    /// The stream that an earlier build of an operation left here, when it died while Terraform went on.
    pub(crate) fn leftover_of(&self, operation: &OperationId) -> Option<PathBuf> {
        let mut leftovers = self.leftovers();
        let (_, stream) = leftovers.find(|(killed, _)| *killed == operation)?;
        Some(stream)
    }

    /// Removes the streams that are left: what they say is recorded.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        for operation in self.leftovers.drain(..) {
            let path = self.path.join(leftover_name(&operation));
            std::fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
        Ok(())
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
        for file in source.contents() {
            let wrong = |name: &str, why| Error::BlueprintFile {
                file: name.escape_default().to_string(),
                why,
            };
            let (name, bytes, may_run) = file.map_err(|name| wrong(name, "it is not base64"))?;
            let path =
                below(&blueprint, name).ok_or_else(|| wrong(name, "its path leads out of the blueprint's folder"))?;
            if let Some(parent) = path.parent() {
                make_folder(parent)?;
            }
            write_private(&path, &bytes)?;
            if may_run {
                std::fs::set_permissions(&path, Permissions::from_mode(0o700)).map_err(failed("write", &path))?;
            }
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

    /// The text of a file of the root module.
    pub(crate) fn read_in_root(&self, name: &str) -> Result<String, Error> {
        let path = self.root.join(name);
        std::fs::read_to_string(&path).map_err(failed("read", &path))
    }

    /// Removes a file of the root module.
    pub(crate) fn remove_from_root(&self, name: &str) -> Result<(), Error> {
        let path = self.root.join(name);
        std::fs::remove_file(&path).map_err(failed("remove", &path))
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

    /// Keeps the folder: what is in it exists nowhere else. The stack's next operation gets another one.
    pub(crate) fn keep(&mut self) -> &Path {
        self.keep = true;
        let kept = operation_of(&self.path).map(|operation| kept_place(&operation));
        if let Some(kept) = kept
            && std::fs::rename(&self.path, &kept).is_ok()
        {
            self.root = self
                .root
                .strip_prefix(&self.path)
                .map_or_else(|_| self.root.clone(), |root| kept.join(root));
            self.path = kept;
        }
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What is left of it is removed with the build's machine, or when this operation is run again.
        if self.keep {
            return;
        }
        if self.leftovers.is_empty() {
            let _ = std::fs::remove_dir_all(&self.path);
        } else {
            let _ = empty(&self.path);
        }
    }
}

/// Whether Terraform left a state there that it could not save.
fn holds_state(path: &Path) -> bool {
    let root = std::fs::read_to_string(path.join(ROOT)).unwrap_or_default();
    let root = below(&path.join(BLUEPRINT), &root).unwrap_or_else(|| path.join(BLUEPRINT));
    root.join(ERRORED).exists()
}

fn make_folder(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(failed("make", path))
}

/// Removes what is in a folder, and not the folder: the lock is on it. Streams of builds that died stay.
fn empty(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if operation_of_leftover(&entry.file_name()).is_some() {
            continue;
        }
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
#[path = "work_folder_tests.rs"]
mod tests;
