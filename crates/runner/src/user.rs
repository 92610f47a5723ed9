//! The user that Terraform runs as where the runner is root, as in CodeBuild.
//!
//! The kernel keeps another user's processes out of `/proc/<pid>/environ`, of memory (`ptrace`) and of files: so a blueprint
//! cannot reach the credentials of the build, which only the runner's process has. What Terraform writes is that user's, and is
//! not believed: see [`read_made`].

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, lchown};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::sleep;

use crate::error::Error;

/// How long processes that were killed may take to end.
const ENDING: Duration = Duration::from_millis(20);
const LOOKS: u32 = 250;

/// The number of a user of its own. Its group has the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User(u32);

impl User {
    /// The user with this number, which is not root's.
    pub fn new(number: u32) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }

    /// Has a command run as this user.
    pub(crate) fn runs(self, command: &mut Command) {
        command.uid(self.0).gid(self.0);
    }

    /// Gives everything at a path to this user. Links are given themselves, and not followed. A second name of a file that is not this
    /// user's may be the work of blueprint code, where the kernel does not forbid it (`fs.protected_hardlinks`): it is not given.
    pub(crate) fn own(self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::File {
            action: "give Terraform",
            path: path.to_owned(),
            source,
        };
        let metadata = path.symlink_metadata().map_err(failed)?;
        if !metadata.is_dir() && metadata.nlink() > 1 && metadata.uid() != self.0 {
            return Err(failed(io::Error::other("it is a hard link to a file of another user")));
        }
        lchown(path, Some(self.0), Some(self.0)).map_err(failed)?;
        if !metadata.is_dir() {
            return Ok(());
        }
        for entry in path.read_dir().map_err(failed)? {
            self.own(&entry.map_err(failed)?.path())?;
        }
        Ok(())
    }

    /// Ends every process of this user: what a blueprint left running must not change what the runner reads next.
    ///
    /// The signal goes to all of them at once, so none escapes by starting another.
    pub(crate) async fn end_processes(self) -> Result<(), Error> {
        let failed = |source| Error::Leftovers { source };
        let mut kill = Command::new("/bin/sh");
        kill.args(["-c", "kill -s KILL -- -1"]).env_clear().current_dir("/");
        kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.runs(&mut kill);
        // Its exit code says whether there was one.
        kill.status().await.map_err(failed)?;
        for _ in 0..LOOKS {
            if !self.has_processes().map_err(failed)? {
                return Ok(());
            }
            sleep(ENDING).await;
        }
        Err(failed(io::Error::other("a process does not end")))
    }

    /// Whether a process of this user is alive.
    fn has_processes(self) -> io::Result<bool> {
        for entry in Path::new("/proc").read_dir()? {
            let path = entry?.path();
            let is_process = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
            if !is_process || path.metadata().map_or(true, |metadata| metadata.uid() != self.0) {
                continue;
            }
            // `pid (name) state …`: the name may hold anything.
            let stat = std::fs::read_to_string(path.join("stat")).unwrap_or_default();
            let state = stat
                .rsplit_once(')')
                .and_then(|(_, rest)| rest.trim_start().chars().next());
            if !matches!(state, None | Some('Z' | 'X')) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Closes this process to others: its memory and environment are for root alone, and, with a user for Terraform, no program that
/// it starts gets more rights than it has (`su`, `sudo`).
pub(crate) fn close_this_process(user: Option<User>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        if user.is_some() {
            rustix::thread::set_no_new_privs(true)?;
        }
    }
    Ok(())
}

/// Reads a file that Terraform made; `None` if there is none. Blueprint code may have replaced it by a link, which is not followed,
/// or by a file of another user, which is not read.
pub(crate) fn read_made(path: &Path, user: Option<User>) -> Result<Option<Vec<u8>>, Error> {
    let failed = |source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let mut file = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let metadata = file.metadata().map_err(failed)?;
    let owner = user.map_or_else(|| rustix::process::getuid().as_raw(), |User(number)| number);
    if !metadata.is_file() || metadata.uid() != owner || metadata.nlink() != 1 {
        return Err(failed(io::Error::other("it is not a file that Terraform made")));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn file_of_another_user_with_a_second_name_is_not_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let (own, program) = (folder.path().join("own"), folder.path().join("program"));
        std::fs::create_dir(&own).expect("a folder");
        std::fs::write(&program, "of root").expect("a file");
        std::fs::hard_link(&program, own.join("link")).expect("a link");
        let before = program.metadata().expect("metadata").uid();
        let user = User::new(64_999).expect("a user");
        assert!(user.own(&own).is_err());
        assert_eq!(program.metadata().expect("metadata").uid(), before);
    }

    #[test]
    fn only_a_plain_file_of_terraforms_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        assert_eq!(read_made(&at("none"), None).expect("nothing"), None);
        std::fs::write(at("state"), "made").expect("a file");
        assert_eq!(
            read_made(&at("state"), None).expect("a file").as_deref(),
            Some(b"made".as_slice())
        );
        assert!(read_made(&at("state"), User::new(64_999)).is_err(), "of another user");
        symlink("/etc/hostname", at("link")).expect("a link");
        assert!(read_made(&at("link"), None).is_err());
        std::fs::hard_link(at("state"), at("twice")).expect("a link");
        assert!(read_made(&at("twice"), None).is_err());
        std::fs::create_dir(at("folder")).expect("a folder");
        assert!(read_made(&at("folder"), None).is_err());
    }
}
