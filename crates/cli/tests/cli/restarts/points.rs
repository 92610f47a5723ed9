//! Where the server is killed, and what a person decides there.

use std::fmt::{Display, Formatter, Result};

/// The state in which a plan waits for its approvers.
pub const WAIT: &str = "Wait for approval";

/// The kinds of operations, in the order of a stack's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Provision,
    Update,
    Release,
    Rollback,
    Task,
    Preview,
    Drift,
    Destroy,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Provision,
        Self::Update,
        Self::Release,
        Self::Rollback,
        Self::Task,
        Self::Preview,
        Self::Drift,
        Self::Destroy,
    ];

    /// The tasks of its workflow, if it succeeds. The states between them make no calls, and are written with the next task.
    pub fn states(self) -> Vec<&'static str> {
        let between: &[&'static str] = match self {
            Self::Provision => &[
                "Plan",
                "Review plan",
                WAIT,
                "Apply",
                "Record outputs",
                "Prepare release",
                "Run migration",
                "Check migration",
                "Update service",
                "Wait until stable",
                "Verify",
            ],
            Self::Update => &["Plan", "Review plan", WAIT, "Apply", "Record outputs"],
            Self::Release => &[
                "Prepare release",
                "Run migration",
                "Check migration",
                "Update service",
                "Wait until stable",
                "Verify",
            ],
            Self::Rollback => &["Prepare release", "Update service", "Wait until stable", "Verify"],
            Self::Task => &["Prepare task", "Run task", "Check task"],
            Self::Preview | Self::Drift => &["Plan", "Review plan"],
            Self::Destroy => &["Plan", "Review plan", WAIT, "Apply"],
        };
        let mut states = vec!["Begin operation"];
        states.extend(between);
        states.push("Complete");
        states
    }

    /// The command that it runs once.
    pub fn command(self) -> Option<&'static str> {
        match self {
            Self::Provision | Self::Release => Some("migrate"),
            Self::Task => Some("note"),
            Self::Update | Self::Rollback | Self::Preview | Self::Drift | Self::Destroy => None,
        }
    }
}

/// What a person decides about an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Approve,
    Reject,
    Cancel,
}

impl Decision {
    /// The last part of its path.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Cancel => "cancel",
        }
    }

    /// How an operation ends for which it is the last that was acknowledged.
    pub fn status(self) -> &'static str {
        match self {
            Self::Approve => "succeeded",
            Self::Reject => "discarded",
            Self::Cancel => "cancelled",
        }
    }
}

/// When a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    BeforeKill,
    AfterStart,
}

/// A kill when the execution of an operation has entered a task, and perhaps a decision. Any other plan is approved when it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub state: &'static str,
    pub decision: Option<(Decision, Moment)>,
}

impl Point {
    /// All points of a kind.
    pub fn all(kind: Kind) -> Vec<Self> {
        let states = kind.states();
        let waits = states.iter().position(|state| *state == WAIT);
        let mut points = Vec::new();
        for (place, state) in states.into_iter().enumerate() {
            let mut decisions = vec![
                None,
                Some((Decision::Cancel, Moment::BeforeKill)),
                Some((Decision::Cancel, Moment::AfterStart)),
            ];
            if waits.is_some_and(|waits| place <= waits) {
                decisions.push(Some((Decision::Reject, Moment::AfterStart)));
            }
            if state == WAIT {
                decisions.push(Some((Decision::Reject, Moment::BeforeKill)));
                decisions.push(Some((Decision::Approve, Moment::BeforeKill)));
            }
            points.extend(decisions.into_iter().map(|decision| Self { state, decision }));
        }
        points
    }

    /// The point of a life. Consecutive seeds have each point once, and the kinds of one life differ in theirs.
    pub fn of_life(kind: Kind, seed: usize) -> Self {
        let points = Self::all(kind);
        let shift = 7 * Kind::ALL.iter().position(|one| *one == kind).unwrap_or_default();
        points[(seed + shift) % points.len()]
    }

    /// What a person decides at this moment.
    pub fn decides(self, moment: Moment) -> Option<Decision> {
        let (decision, when) = self.decision?;
        (when == moment).then_some(decision)
    }
}

impl Display for Point {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self.decision {
            None => formatter.write_str(self.state),
            Some((decision, Moment::BeforeKill)) => write!(formatter, "{}, {} before", self.state, decision.verb()),
            Some((decision, Moment::AfterStart)) => write!(formatter, "{}, {} after", self.state, decision.verb()),
        }
    }
}
