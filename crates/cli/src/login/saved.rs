//! The logins of this user: one file that only the user can read.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Login, Session};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::files;

/// The file with the logins.
#[derive(Debug, Clone)]
pub struct Logins {
    file: PathBuf,
}

/// The same, while no other `slipway` changes it.
#[derive(Debug)]
pub struct Locked<'a> {
    logins: &'a Logins,
    // Never read: it holds the lock.
    _lock: File,
}

impl Logins {
    /// Below `XDG_CONFIG_HOME`, or else `~/.config`.
    pub fn of_this_user() -> Result<Self, Error> {
        let folder = |name: &str| {
            std::env::var_os(name)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        };
        let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
        let config = config
            .ok_or_else(|| Error::Usage("there is no folder for logins: set HOME or XDG_CONFIG_HOME".to_owned()))?;
        Ok(Self {
            file: config.join("slipway").join("logins.json"),
        })
    }

    /// The login for an endpoint.
    pub fn of(&self, endpoint: &Endpoint) -> Result<Option<Login>, Error> {
        let session = self.read()?.remove(&endpoint.to_string());
        Ok(session.map(|session| Login::new(endpoint.clone(), self.clone(), session)))
    }

    /// Waits until no other `slipway` changes the logins.
    pub fn lock(&self) -> Result<Locked<'_>, Error> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(Error::file("make", folder))?;
        let path = self.file.with_extension("lock");
        let options = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path);
        let lock = options.map_err(Error::file("open", &path))?;
        lock.lock().map_err(Error::file("lock", &path))?;
        Ok(Locked {
            logins: self,
            _lock: lock,
        })
    }

    fn read(&self) -> Result<BTreeMap<String, Session>, Error> {
        let Some(text) = files::read_if_any(&self.file)? else {
            return Ok(BTreeMap::new());
        };
        serde_json::from_str(&text).map_err(|error| {
            // What is wrong, and not what is there.
            let (line, column) = (error.line(), error.column());
            Error::Usage(format!(
                "{} is damaged at line {line}, column {column}: remove it, and log in again with `slipway login`",
                self.file.display()
            ))
        })
    }

    /// Written beside and moved over, so that there is always a whole file.
    fn write(&self, sessions: &BTreeMap<String, Session>) -> Result<(), Error> {
        let fresh = self.file.with_extension("new");
        let text = serde_json::to_string_pretty(sessions).map_err(|error| Error::Program(error.to_string()))?;
        let write = || -> io::Result<()> {
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            // It is made with its mode, so that there is no moment in which others could open it.
            let mut file = OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &self.file)
        };
        write().map_err(Error::file("write", &self.file))
    }
}

impl Locked<'_> {
    /// What is saved for an endpoint.
    pub fn session(&self, endpoint: &Endpoint) -> Result<Option<Session>, Error> {
        Ok(self.logins.read()?.remove(&endpoint.to_string()))
    }

    /// Saves a login.
    pub fn save(&self, endpoint: &Endpoint, session: &Session) -> Result<(), Error> {
        let mut sessions = self.logins.read()?;
        sessions.insert(endpoint.to_string(), session.clone());
        self.logins.write(&sessions)
    }

    /// Removes a login; gives what was saved.
    pub fn remove(&self, endpoint: &Endpoint) -> Result<Option<Session>, Error> {
        let mut sessions = self.logins.read()?;
        let removed = sessions.remove(&endpoint.to_string());
        if removed.is_some() {
            self.logins.write(&sessions)?;
        }
        Ok(removed)
    }
}
