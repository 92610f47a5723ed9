//! Real processes: how they end, what they leave behind, and what a second supervisor learns of them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_emulator::process::{Ending, Process, ProcessError, Program, Supervisor};

fn shell(script: &str, folder: &Path) -> Program {
    Program {
        argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
        working_folder: folder.to_owned(),
        environment: BTreeMap::from([
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("GREETING".to_owned(), "it's $(id) \"here\"".to_owned()),
        ]),
    }
}

fn start(script: &str) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::new().unwrap();
    let process = supervisor
        .start(&folder.path().join("p"), &shell(script, folder.path()))
        .unwrap();
    (folder, process)
}

async fn output(process: &Process) -> Vec<String> {
    let mut lines = Vec::new();
    process
        .follow(|more| lines.extend(more.into_iter().map(|line| line.text)))
        .await
        .unwrap();
    lines
}

/// Waits until the process has written the line.
async fn written(process: &Process, line: &str) {
    let mut watched = process.clone();
    while !std::fs::read_to_string(process.folder().join("output"))
        .unwrap()
        .contains(line)
    {
        assert_eq!(process.ending(), None, "ended before it wrote {line}");
        watched.changed().await;
    }
}

#[tokio::test]
async fn the_exit_code_and_every_line_are_seen() {
    let (_folder, process) = start("echo one; echo; echo two >&2; printf three; exit 7");
    assert_eq!(process.ended().await, Ending::Exited(7));
    assert_eq!(output(&process).await, ["one", "", "two", "three"]);
}

#[tokio::test]
async fn the_environment_is_exactly_what_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = shell("", folder.path());
    program.argv = vec!["env".into()];
    let process = Supervisor::new()
        .unwrap()
        .start(&folder.path().join("p"), &program)
        .unwrap();
    process.ended().await;
    let mut lines = output(&process).await;
    lines.sort();
    assert_eq!(lines, ["GREETING=it's $(id) \"here\"", "PATH=/usr/bin:/bin"]);
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for missing in ["eval", "./nothing", ""] {
        let mut program = shell("", folder.path());
        program.argv = vec![missing.into()];
        let error = Supervisor::new()
            .unwrap()
            .start(&folder.path().join("p"), &program)
            .err()
            .unwrap();
        assert!(matches!(error, ProcessError::NoProgram { ref program, .. } if program == missing));
    }
}

#[tokio::test]
async fn stop_lets_a_program_finish_and_kills_one_that_does_not() {
    let (_folder, polite) = start("trap 'echo saved; exit 3' TERM; echo ready; sleep 600 & wait");
    written(&polite, "ready").await;
    assert_eq!(polite.stop(Duration::from_secs(20)).await, Ending::Exited(3));
    assert_eq!(output(&polite).await, ["ready", "saved"]);

    let (_folder, stubborn) = start("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    written(&stubborn, "ready").await;
    assert_eq!(stubborn.stop(Duration::from_millis(50)).await, Ending::Killed);

    let (_folder, plain) = start("echo ready; exec sleep 60");
    written(&plain, "ready").await;
    assert_eq!(plain.stop(Duration::from_secs(20)).await, Ending::Exited(143));
}

#[tokio::test]
async fn a_stop_is_not_lost_while_the_program_begins() {
    for delay in 0..100 {
        let (_folder, process) = start("trap 'exit 3' TERM; while :; do sleep 0.02; done");
        tokio::time::sleep(Duration::from_micros(delay * 50)).await;
        let ending = process.stop(Duration::from_secs(10)).await;
        assert!(matches!(ending, Ending::Exited(3 | 143)), "{ending:?}");
    }
}

#[tokio::test]
async fn kill_ends_all_process_groups_of_the_session_at_once() {
    // `set -m` gives the job a process group of its own, as the runner does with Terraform.
    let job = "trap 'echo interrupted' TERM INT; echo $$ > child; echo ready; while :; do sleep 0.02; done";
    let script = format!(
        "trap 'echo interrupted' TERM INT; set -m; sh -c \"{}\" & while :; do sleep 0.02; done",
        job.replace('$', "\\$")
    );
    let (folder, process) = start(&script);
    written(&process, "ready").await;
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let child = rustix::process::Pid::from_raw(child.trim().parse().unwrap()).unwrap();
    assert_eq!(process.kill().await, Ending::Killed);
    let gone = async {
        while is_running(child) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    assert!(!output(&process).await.contains(&"interrupted".to_owned()));
}

#[tokio::test]
async fn what_the_program_leaves_running_ends_with_it() {
    let (_folder, process) = start("sleep 600 & echo $!; exit 0");
    assert_eq!(process.ended().await, Ending::Exited(0));
    let child: i32 = output(&process).await[0].parse().unwrap();
    let child = rustix::process::Pid::from_raw(child).unwrap();
    // Its end is certain but not instant, and a killed orphan is reaped by another process.
    tokio::time::timeout(Duration::from_secs(20), async {
        while is_running(child) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}

/// A daemon leads a session of its own, which no signal to the task's session reaches.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn daemon_of_a_task_ends_with_it() {
    let daemon = "setsid sh -c 'echo $$ > child; exec sleep 600'";
    let (folder, process) = start(&format!("{daemon} & until test -s child; do sleep 0.02; done"));
    assert_eq!(process.ended().await, Ending::Exited(0));
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let child = rustix::process::Pid::from_raw(child.trim().parse().unwrap()).unwrap();
    assert!(is_running(child), "it has left the session");
    process.end_rest().await;
    tokio::time::timeout(Duration::from_secs(20), async {
        while is_running(child) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_second_supervisor_adopts_what_the_first_left() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("p");
    let go = folder.path().join("go");
    let script = format!(
        "echo before; while [ ! -e '{}' ]; do sleep 0.02; done; echo after; exit 5",
        go.display()
    );
    let first = Supervisor::new().unwrap();
    let process = first.start(&place, &shell(&script, folder.path())).unwrap();
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let (seen, follower) = (lines.clone(), process.clone());
    let following = tokio::spawn(async move {
        let take = |more: Vec<aws_emulator::process::Line>| {
            seen.lock().unwrap().extend(more.into_iter().map(|l| l.text));
        };
        follower.follow(take).await
    });
    written(&process, "before").await;
    while !place.join("read").exists() {
        tokio::task::yield_now().await;
    }
    following.abort();
    drop((process, first));

    let process = Supervisor::new().unwrap().adopt(&place).unwrap().unwrap();
    assert_eq!(process.ending(), None);
    std::fs::write(&go, "").unwrap();
    assert_eq!(process.ended().await, Ending::Exited(5));
    assert_eq!(*lines.lock().unwrap(), ["before"]);
    assert_eq!(output(&process).await, ["after"]);

    let again = Supervisor::new().unwrap().adopt(&place).unwrap().unwrap();
    assert_eq!(again.ended().await, Ending::Exited(5));
    assert!(output(&again).await.is_empty());
    assert!(
        Supervisor::new()
            .unwrap()
            .adopt(&folder.path().join("q"))
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn an_adopted_process_can_be_stopped_and_a_killed_shell_is_noticed() {
    let (folder, process) = start("echo ready; exec sleep 600");
    written(&process, "ready").await;
    drop(process);
    let place = folder.path().join("p");
    let adopted = Supervisor::new().unwrap().adopt(&place).unwrap().unwrap();
    assert_eq!(adopted.stop(Duration::from_secs(20)).await, Ending::Exited(143));

    let (_folder, process) = start("echo ready; exec sleep 600");
    written(&process, "ready").await;
    let shell = std::fs::read_to_string(process.folder().join("pid")).unwrap();
    let shell = rustix::process::Pid::from_raw(shell.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(shell, rustix::process::Signal::KILL).unwrap();
    assert_eq!(process.ended().await, Ending::Killed);
}

/// Whether the process runs: a zombie does not.
fn is_running(pid: rustix::process::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}
