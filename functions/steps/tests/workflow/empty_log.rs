//! The log of a container that never started.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use crate::aws::lock;
use crate::kinds::{failed, provisioned};
use crate::world::image;

/// What the steps write to their own log.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn log_of_a_container_that_never_started_is_empty() {
    let mut world = provisioned();
    world.exit_code = None;
    let id = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let (aws, kept) = (world.aws.clone(), Kept::default());
    let writer = kept.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let run = tracing::subscriber::with_default(subscriber, || {
        world.run_with(&id, |task| {
            if task.state == "Check migration" {
                lock(&aws).logs.clear();
            }
            None
        })
    });
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.MigrationFailed");
    assert!(cause.contains("(Essential container in task exited)"), "{cause}");
    let noted = String::from_utf8(kept.0.lock().expect("no panic").clone()).expect("a text");
    assert!(noted.contains("Slipway.MigrationFailed"), "the log is read: {noted}");
    for wrong in ["failed to read a log", "the log could not be read"] {
        assert!(!noted.contains(wrong), "{wrong}: {noted}");
    }
}
