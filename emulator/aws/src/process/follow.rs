//! Reading a process's output as it is written.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::watch;

use super::Process;

/// Longer lines are cut here: one line is one log event, and CloudWatch Logs takes 256 KiB of it.
const LONGEST_LINE: usize = 200 * 1024;

/// How much output is read at a time.
const CHUNK: u64 = 1024 * 1024;

/// One line that a process wrote, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was read, which is right after it was written while the server lives.
    pub time: Timestamp,
    /// The text. Bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// The file that says how much of the output has been handed on.
const NOTE: &str = "read";

type Folders = Arc<Mutex<HashMap<PathBuf, watch::Sender<u64>>>>;

/// One watch on the file system, shared by all processes.
pub(super) struct Watcher {
    inner: Mutex<RecommendedWatcher>,
    folders: Folders,
}

/// Moves whenever a file in the folder has changed. The watch ends with its last holder.
#[derive(Clone)]
pub(super) struct Changes {
    counter: watch::Receiver<u64>,
    _watch: Arc<Watch>,
}

struct Watch {
    watcher: Arc<Watcher>,
    folder: PathBuf,
}

impl Watcher {
    pub(super) fn new() -> notify::Result<Self> {
        let folders = Folders::default();
        let seen = folders.clone();
        let inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // A lost event (the kernel's queue was full) may have been anybody's: wake everyone.
            let Ok(event) = event else {
                return wake(&seen, |_| true);
            };
            match event.kind {
                EventKind::Access(_) | EventKind::Remove(_) => {}
                _ if event.need_rescan() => wake(&seen, |_| true),
                _ => wake(&seen, |folder| {
                    // Our own note of how far we have read is no news to us.
                    let mut paths = event.paths.iter().filter(|path| !path.ends_with(NOTE));
                    paths.any(|path| path.starts_with(folder))
                }),
            }
        })?;
        Ok(Self {
            inner: Mutex::new(inner),
            folders,
        })
    }

    pub(super) fn watch(self: &Arc<Self>, folder: &Path) -> notify::Result<Changes> {
        let sender = watch::Sender::new(0);
        let counter = sender.subscribe();
        lock(&self.folders).insert(folder.to_owned(), sender);
        lock(&self.inner).watch(folder, RecursiveMode::NonRecursive)?;
        Ok(Changes {
            counter,
            _watch: Arc::new(Watch {
                watcher: self.clone(),
                folder: folder.to_owned(),
            }),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock(&self.watcher.folders).remove(&self.folder);
        // Fails when the folder has been removed, and then there is nothing left to watch.
        let _ = lock(&self.watcher.inner).unwatch(&self.folder);
    }
}

impl Changes {
    pub(super) async fn changed(&mut self) {
        if self.counter.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn wake(folders: &Folders, is_meant: impl Fn(&Path) -> bool) {
    for (folder, counter) in lock(folders).iter() {
        if is_meant(folder) {
            counter.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// Hands every line of the output to `take`, in order, as it is written; returns when the process has ended and
    /// its last line was handed on.
    ///
    /// Lines that an earlier server handed on are left out, so what was written while no server ran is what comes
    /// first. A server that dies between handing on and noting it leads to a repetition, never to a loss.
    pub async fn follow(&self, mut take: impl FnMut(Vec<Line>)) -> io::Result<()> {
        let mut process = self.clone();
        let mut output = Output::open(self.folder())?;
        loop {
            // Checked before reading: what was written before the end is read below.
            let ended = self.ending().is_some();
            while let Some(lines) = output.read(ended)? {
                if !lines.is_empty() {
                    take(lines);
                    output.note()?;
                }
            }
            if ended {
                return Ok(());
            }
            process.changed().await;
        }
    }
}

/// The output file and how far it has been read.
struct Output {
    file: File,
    note: PathBuf,
    handed: u64,
    /// The beginning of a line whose end has not been written yet.
    partial: Vec<u8>,
}

impl Output {
    fn open(folder: &Path) -> io::Result<Self> {
        let note = folder.join(NOTE);
        let handed = fs::read_to_string(&note)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        let mut file = File::open(folder.join("output"))?;
        file.seek(SeekFrom::Start(handed))?;
        Ok(Self {
            file,
            note,
            handed,
            partial: Vec::new(),
        })
    }

    /// The next whole lines; at the end also what is no whole line. `None` when there is nothing new.
    fn read(&mut self, is_end: bool) -> io::Result<Option<Vec<Line>>> {
        let before = self.partial.len();
        (&mut self.file).take(CHUNK).read_to_end(&mut self.partial)?;
        let is_new = self.partial.len() > before;
        let whole = match self.partial.iter().rposition(|byte| *byte == b'\n') {
            _ if !is_new && is_end => self.partial.len(),
            Some(position) => position + 1,
            None if self.partial.len() > LONGEST_LINE => self.partial.len(),
            None => 0,
        };
        if whole == 0 {
            return Ok(is_new.then(Vec::new));
        }
        let bytes: Vec<u8> = self.partial.drain(..whole).collect();
        self.handed += bytes.len() as u64;
        Ok(Some(lines_of(&bytes)))
    }

    fn note(&self) -> io::Result<()> {
        fs::write(&self.note, self.handed.to_string())
    }
}

fn lines_of(bytes: &[u8]) -> Vec<Line> {
    let time = Timestamp::now();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .flat_map(|line| {
            // An empty line is a line too.
            let (first, rest) = line.split_at(line.len().min(LONGEST_LINE));
            std::iter::once(first).chain(rest.chunks(LONGEST_LINE))
        })
        .map(|part| Line {
            time,
            text: String::from_utf8_lossy(part).into_owned(),
        })
        .collect()
}
