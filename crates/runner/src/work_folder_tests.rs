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

/// A stack of this test alone.
fn stack(number: u32) -> StackId {
    StackId::from_bits(std::process::id() << 8 | number)
}

/// What the stream says that is left of an operation.
fn left(folder: &WorkFolder, operation: &OperationId) -> Option<String> {
    let stream = folder.leftover_of(operation)?;
    Some(std::fs::read_to_string(stream).expect("a stream"))
}

/// The folder, once no process has its lock: one that another test starts meanwhile inherits it for a moment.
fn free(stack: &StackId, operation: &OperationId) -> WorkFolder {
    let begun = std::time::Instant::now();
    loop {
        match WorkFolder::create(stack, operation, None) {
            Err(Error::StillRuns(_)) if begun.elapsed().as_secs() < 10 => std::thread::yield_now(),
            folder => return folder.expect("a folder"),
        }
    }
}

#[test]
fn a_folder_belongs_to_one_build_at_a_time() {
    let (stack, operation) = (stack(1), OperationId::generate());
    assert!(!is_in_use(&stack, &operation));
    let mut folder = free(&stack, &operation);
    write_private(&folder.path.join(APPLY_STREAM), b"said").expect("a file");
    assert!(is_in_use(&stack, &operation));
    assert!(
        !is_in_use(&stack, &OperationId::generate()),
        "only its own operation is at work in it"
    );
    let second = WorkFolder::create(&stack, &operation, None);
    assert!(matches!(second, Err(Error::StillRuns(_))));
    // As after a build that was killed.
    folder.keep = true;
    let path = folder.path.clone();
    drop(folder);
    let mut again = free(&stack, &operation);
    assert_eq!(
        (left(&again, &operation), &again.path),
        (Some("said".to_owned()), &path)
    );
    assert!(!path.join(APPLY_STREAM).exists());
    again.settle().expect("removed");
    write_private(&path.join(APPLY_STREAM), b"said").expect("a file");
    again.keep = true;
    drop(again);
    let next = OperationId::generate();
    let other = free(&stack, &next);
    assert_eq!(
        (left(&other, &next), &other.path),
        (None, &path),
        "another operation's stream is not its own"
    );
    // As after a build that failed before it recorded what the stream says.
    drop(other);
    let mut other = free(&stack, &OperationId::generate());
    assert_eq!(left(&other, &operation).as_deref(), Some("said"));
    other.settle().expect("removed");
    drop(other);
    assert!(!path.exists());
}

#[test]
fn a_state_that_exists_nowhere_else_is_kept() {
    let (stack, operation) = (stack(2), OperationId::generate());
    let leave = |operation: &OperationId| {
        let mut folder = free(&stack, operation);
        folder.write(ROOT, "web").expect("a file");
        folder.use_root("web").expect("a root");
        folder.write_in_root(ERRORED, "state").expect("a file");
        folder.write(APPLY_STREAM, "said").expect("a file");
        folder
    };
    // The runner was killed, and Terraform could not save the state.
    let mut folder = leave(&operation);
    folder.keep = true;
    drop(folder);
    let next = OperationId::generate();
    let kept = kept_place(&operation);
    let mut folder = leave(&next);
    assert_eq!(
        left(&folder, &operation).as_deref(),
        Some("said"),
        "the stack's state lacks it"
    );
    assert_eq!(
        std::fs::read(kept.join(BLUEPRINT).join("web").join(ERRORED)).expect("the state"),
        b"state"
    );
    // The runner lived, and could not save it either.
    let free = kept_place(&next);
    let kept_at = folder.keep().to_owned();
    assert_eq!(kept_at, free);
    assert!(folder.root().join(ERRORED).exists());
    drop(folder);
    for folder in [kept, kept_at] {
        std::fs::remove_dir_all(folder).expect("the kept folder");
    }
    assert!(!place(&stack).exists());
}
