//! SIGKILL to a server, alone or together with the processes that it started.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

/// Which processes a kill ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The server: its builds continue.
    Server,
    /// The server, and the processes that it and the servers before it started.
    All,
}

/// Processes by ID.
type Processes = BTreeMap<u32, Process>;

/// A process, by the fields of `proc_pid_stat(5)`.
struct Process {
    name: String,
    parent: u32,
    group: u32,
    session: u32,
}

impl Process {
    /// None if it has ended.
    fn read(id: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name is in brackets, and may have any character in it.
        let (before, after) = stat.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let mut fields = after.split_ascii_whitespace();
        let state = fields.next()?;
        let mut number = || -> Option<u32> { fields.next()?.parse().ok() };
        let (parent, group, session) = (number()?, number()?, number()?);
        // It has ended, and its parent has not noticed.
        let is_dead = ["Z", "X"].contains(&state);
        (!is_dead).then(|| Self {
            name: name.to_owned(),
            parent,
            group,
            session,
        })
    }
}

/// Whether this system shows its processes as `kill` reads them.
pub fn are_visible() -> bool {
    Process::read(std::process::id()).is_some()
}

/// The names of a server and of the processes that it started.
pub fn names(server: u32, data: &Path) -> BTreeSet<String> {
    let family = family(server, &folder(data));
    family.into_values().map(|process| process.name).collect()
}

/// Sends SIGKILL to a server on this data folder. Gives the names of the processes that were killed.
pub fn kill(reach: Reach, server: u32, data: &Path) -> BTreeSet<String> {
    let folder = folder(data);
    let mut held = Processes::new();
    loop {
        let found: Processes = match reach {
            Reach::Server => Process::read(server)
                .map(|process| (server, process))
                .into_iter()
                .collect(),
            Reach::All => family(server, &folder),
        };
        let new: Vec<u32> = found.keys().filter(|id| !held.contains_key(*id)).copied().collect();
        if new.is_empty() {
            break;
        }
        // Held still first: none of them sees another one end and goes on, or starts one that is not found.
        signal("STOP", &new);
        held.extend(found);
    }
    assert!(held.contains_key(&server), "the server ended by itself");
    let ids: Vec<u32> = held.keys().copied().collect();
    signal("KILL", &ids);
    held.into_values().map(|process| process.name).collect()
}

/// The name of a temporary folder, which no other has.
fn folder(data: &Path) -> String {
    let name = data.file_name().expect("a name");
    name.to_string_lossy().into_owned()
}

/// The server, the processes that have its data folder in their environment or work in it, and all that descend from them or share
/// a session or a group with them. Builds lead sessions of their own and outlive their server.
fn family(server: u32, folder: &str) -> Processes {
    let mut all = processes();
    let test = all.remove(&std::process::id()).expect("this process");
    let (mut family, mut others): (Processes, Processes) =
        all.into_iter().partition(|(id, _)| *id == server || uses(*id, folder));
    loop {
        let groups: BTreeSet<u32> = family.values().map(|process| process.group).collect();
        let sessions: BTreeSet<u32> = family.values().map(|process| process.session).collect();
        // The server is in the session and the group of this process.
        let is_related = |(_, process): &(u32, Process)| {
            family.contains_key(&process.parent)
                || (process.group != test.group && groups.contains(&process.group))
                || (process.session != test.session && sessions.contains(&process.session))
        };
        let (found, rest): (Processes, Processes) = others.into_iter().partition(is_related);
        if found.is_empty() {
            return family;
        }
        family.extend(found);
        others = rest;
    }
}

fn processes() -> Processes {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| Some((id, Process::read(id)?))).collect()
}

/// Whether a process works in a folder, or has it in its environment.
fn uses(id: u32, folder: &str) -> bool {
    let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    let works_in = std::fs::read_link(format!("/proc/{id}/cwd")).unwrap_or_default();
    String::from_utf8_lossy(&environment).contains(folder) || works_in.to_string_lossy().contains(folder)
}

/// One that has ended meanwhile needs no signal.
fn signal(name: &str, processes: &[u32]) {
    let ids = processes.iter().map(ToString::to_string);
    let sent = Command::new("kill")
        .args(["-s", name])
        .args(ids)
        .stderr(Stdio::null())
        .status();
    sent.expect("kill runs");
}
