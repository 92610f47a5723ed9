//! All processes of a session.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Sends SIGKILL to every process of the session that `leader` leads or, where it does not live any more, led.
///
/// The kernel gives the id of a session to no new process while the session has members.
pub(super) fn kill(leader: u32, is_alive: bool) {
    let members = members(leader);
    if !is_alive && members.contains(&leader) {
        // Not reaped yet, or another process's by now.
        return;
    }
    // Held still first: none of them sees another one end and goes on.
    for signal in [Signal::STOP, Signal::KILL] {
        for member in &members {
            send(*member, signal);
        }
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().filter(|pid| *pid > 0).and_then(Pid::from_raw) {
        // One that has ended by now needs no signal.
        let _ = kill_process(pid, signal);
    }
}

/// Sends SIGKILL to these processes.
pub(super) fn kill_all(pids: impl IntoIterator<Item = u32>) {
    for pid in pids {
        send(pid, Signal::KILL);
    }
}

/// The processes that have a file open, but for this one.
#[cfg(target_os = "linux")]
pub(super) fn holders(file: &Path) -> BTreeSet<u32> {
    let own = std::process::id();
    let holds = |pid: &u32| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten();
        let mut open = open.filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok());
        *pid != own && open.any(|path| path == file)
    };
    pids().filter(holds).collect()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn holders(_file: &Path) -> BTreeSet<u32> {
    BTreeSet::new()
}

#[cfg(target_os = "linux")]
fn pids() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processes of a session: the sixth field of `/proc/PID/stat` (`proc_pid_stat(5)`).
#[cfg(target_os = "linux")]
fn members(leader: u32) -> BTreeSet<u32> {
    let session_of = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is a name in brackets, which may have any letter in it.
        let (_, after_name) = stat.rsplit_once(')')?;
        after_name.split_ascii_whitespace().nth(3)?.parse::<u32>().ok()
    };
    pids().filter(|pid| session_of(*pid) == Some(leader)).collect()
}

/// The leader and all that descend from it, on systems without sessions. Nothing of them has been killed yet, so every
/// process still has its parent.
#[cfg(not(target_os = "linux"))]
fn members(leader: u32) -> BTreeSet<u32> {
    let listed = std::process::Command::new("ps")
        .args(["-A", "-o", "pid=,ppid="])
        .output();
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed);
    let processes: Vec<(u32, u32)> = listed
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_ascii_whitespace().map_while(|number| number.parse().ok());
            Some((numbers.next()?, numbers.next()?))
        })
        .collect();
    let mut members = BTreeSet::from([leader]);
    loop {
        let known = members.len();
        let children: Vec<u32> = processes
            .iter()
            .filter(|(_, parent)| members.contains(parent))
            .map(|(pid, _)| *pid)
            .collect();
        members.extend(children);
        if members.len() == known {
            return members;
        }
    }
}
