//! The file that a process records its calls in.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::{File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::{Call, TEST};

/// The record of one process.
#[derive(Debug)]
pub struct Recording {
    file: File,
    /// Hashes of the lines that are written: many calls are made again and again.
    written: Mutex<HashSet<u64>>,
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    test: &'a str,
    #[serde(flatten)]
    call: &'a Call,
}

impl Recording {
    /// Makes the file of this process in a folder.
    pub fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let program = std::env::current_exe()?;
        let program = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let path = folder.join(format!("{program}-{}.jsonl", std::process::id()));
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            file,
            written: Mutex::default(),
        })
    }

    /// Writes a call down, unless this test has made the same before.
    ///
    /// # Panics
    ///
    /// If the file cannot be written: a record with holes would show calls as unused.
    pub fn write(&self, call: &Call) {
        let started_by = std::env::var(TEST).ok();
        let thread = std::thread::current();
        let test = started_by.as_deref().or(thread.name()).unwrap_or_default();
        let line = match serde_json::to_string(&Line { test, call }) {
            Ok(line) => format!("{line}\n"),
            Err(error) => panic!("failed to encode a call: {error}"),
        };
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.insert(hasher.finish()) {
            // In one write: a process that is killed leaves no half line.
            let outcome = (&self.file).write_all(line.as_bytes());
            outcome.unwrap_or_else(|error| panic!("failed to record a call: {error}"));
        }
    }
}
