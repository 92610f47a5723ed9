//! Error names and what `ErrorEquals` matches, after "Handling errors in Step Functions workflows".

/// Every error except the terminal ones, [`RUNTIME`] and [`DATA_LIMIT_EXCEEDED`].
pub const ALL: &str = "States.ALL";
/// Every error except a timeout and the terminal ones.
pub const TASK_FAILED: &str = "States.TaskFailed";
/// A task ran longer than `TimeoutSeconds`, or was silent for longer than `HeartbeatSeconds`.
pub const TIMEOUT: &str = "States.Timeout";
/// A task was silent for longer than `HeartbeatSeconds`.
pub const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
/// Something that the interpreter could not process. Never retried, never caught.
pub const RUNTIME: &str = "States.Runtime";
/// Data is larger than [`MAX_DATA_BYTES`]. Caught only by its own name.
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// A `JSONata` expression failed, or gave nothing, or gave the wrong type.
pub const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";

/// The quota "Maximum input or output size for a task, state, or execution", in bytes of UTF-8.
pub const MAX_DATA_BYTES: usize = 262_144;

/// How a state failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StateError {
    /// The name that `ErrorEquals` matches. `SendTaskFailure` and a Fail state may leave it out.
    pub name: Option<String>,
    /// The text.
    pub cause: Option<String>,
    /// A missed heartbeat is reported as `States.Timeout` and also matches `States.HeartbeatTimeout`.
    pub heartbeat: bool,
}

impl StateError {
    /// An error with a name and a cause.
    pub fn new(name: &str, cause: String) -> Self {
        Self {
            name: Some(name.to_owned()),
            cause: Some(cause),
            heartbeat: false,
        }
    }

    /// A task's time is over. AWS gives no cause.
    pub fn timeout(heartbeat: bool) -> Self {
        Self {
            name: Some(TIMEOUT.to_owned()),
            cause: None,
            heartbeat,
        }
    }

    /// `subject` is what AWS names in the sentence: a state, a service or a function.
    pub fn data_limit_exceeded(subject: &str) -> Self {
        let cause = format!(
            "The state/task '{subject}' returned a result with a size exceeding the maximum number of bytes service \
             limit."
        );
        Self::new(DATA_LIMIT_EXCEEDED, cause)
    }

    /// Whether one name of `ErrorEquals` matches.
    ///
    /// `States.Runtime` is matched by nothing. `States.ALL` matches every other error except
    /// `States.DataLimitExceeded`, which has to be named; `States.TaskFailed` is the same without timeouts.
    pub fn matches(&self, pattern: &str) -> bool {
        let name = self.name.as_deref().unwrap_or_default();
        if name == RUNTIME {
            return false;
        }
        match pattern {
            ALL => name != DATA_LIMIT_EXCEEDED,
            TASK_FAILED => !matches!(name, DATA_LIMIT_EXCEEDED | TIMEOUT | HEARTBEAT_TIMEOUT),
            HEARTBEAT_TIMEOUT if self.heartbeat => true,
            _ => pattern == name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str) -> StateError {
        StateError::new(name, String::new())
    }

    #[test]
    fn wildcards_match_what_aws_says_they_match() {
        for (name, all, task_failed) in [
            ("CodeBuild.AWSCodeBuildException", true, true),
            (QUERY_EVALUATION_ERROR, true, true),
            ("States.Permissions", true, true),
            (TASK_FAILED, true, true),
            (TIMEOUT, true, false),
            (HEARTBEAT_TIMEOUT, true, false),
            (DATA_LIMIT_EXCEEDED, false, false),
            (RUNTIME, false, false),
        ] {
            assert_eq!(error(name).matches(ALL), all, "States.ALL and {name}");
            assert_eq!(
                error(name).matches(TASK_FAILED),
                task_failed,
                "States.TaskFailed and {name}"
            );
        }
    }

    #[test]
    fn a_name_matches_itself_only_and_runtime_not_even_that() {
        assert!(error("Conflict").matches("Conflict"));
        assert!(!error("Conflict").matches("conflict"));
        assert!(error(DATA_LIMIT_EXCEEDED).matches(DATA_LIMIT_EXCEEDED));
        assert!(!error(RUNTIME).matches(RUNTIME));
    }

    #[test]
    fn a_missed_heartbeat_is_a_timeout_by_both_names() {
        let missed = StateError::timeout(true);
        assert!(missed.matches(HEARTBEAT_TIMEOUT) && missed.matches(TIMEOUT) && missed.matches(ALL));
        assert!(!StateError::timeout(false).matches(HEARTBEAT_TIMEOUT));
    }

    #[test]
    fn an_error_without_a_name_is_still_a_failed_task() {
        assert!(StateError::default().matches(TASK_FAILED));
        assert!(StateError::default().matches(ALL));
    }
}
