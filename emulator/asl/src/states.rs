//! The states of a machine as types. Everything here has been checked: see [`crate::definition`].

use jiff::Timestamp;
use serde_json::Value;

use crate::errors::StateError;
use crate::history::EventType;
use crate::jsonata::{Field, Template};
use crate::resource::Resource;
use crate::retry::Retrier;

/// Names one scope of states: the machine's own, a branch of a Parallel, the processor of a Map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct ScopeId(pub usize);

/// One state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    /// Its name, unique in the machine.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// `Assign` and `Output` of the state. Those of a choice rule or a catcher are theirs.
    pub exit: Exit,
}

/// How a state is left: what it assigns and gives on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Exit {
    /// `Assign`.
    pub assign: Option<Template>,
    /// `Output`; without it the result, or the input where there is no result.
    pub output: Option<Template>,
}

/// Where a state leads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Transition {
    /// `Next`.
    Next(String),
    /// `End`.
    End,
}

/// The type of a state and the fields that only this type has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Task(Box<TaskState>),
    Pass(Transition),
    Wait(Wait, Transition),
    Choice(ChoiceState),
    Succeed,
    Fail(FailState),
    Parallel(ParallelState),
    Map(Box<MapState>),
}

/// Calls something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskState {
    pub resource: Resource,
    /// `RoleArn` of `Credentials`: the role that the call is made with, instead of the machine's own.
    pub role: Option<Field<String>>,
    pub arguments: Option<Template>,
    pub timeout_seconds: Option<Field<u64>>,
    pub heartbeat_seconds: Option<Field<u64>>,
    pub handlers: Handlers,
    pub transition: Transition,
}

/// `Retry` and `Catch`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Handlers {
    pub retry: Vec<Retrier>,
    pub catch: Vec<Catcher>,
}

/// One entry of `Catch`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Catcher {
    pub error_equals: Vec<String>,
    pub exit: Exit,
    pub next: String,
}

/// Until when a Wait state waits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wait {
    Seconds(Field<u64>),
    Timestamp(Field<Timestamp>),
}

/// Takes the first rule that holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChoiceState {
    pub rules: Vec<ChoiceRule>,
    pub default: Option<String>,
}

/// One entry of `Choices`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChoiceRule {
    pub condition: Field<bool>,
    pub exit: Exit,
    pub next: String,
}

/// Ends the scope as failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FailState {
    pub error: Option<Field<String>>,
    pub cause: Option<Field<String>>,
}

/// Runs branches side by side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParallelState {
    pub arguments: Option<Template>,
    pub branches: Vec<ScopeId>,
    pub handlers: Handlers,
    pub transition: Transition,
}

/// Runs its processor once for each item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MapState {
    pub items: Option<Items>,
    pub item_selector: Option<Template>,
    pub max_concurrency: Option<Field<u64>>,
    pub processor: ScopeId,
    pub handlers: Handlers,
    pub transition: Transition,
}

/// `Items`: an array, which may hold expressions, or one expression that gives an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Items {
    Template(Template),
    Expression(Field<Vec<Value>>),
}

impl Catcher {
    /// Whether this catcher is the one for the error.
    pub fn takes(&self, error: &StateError) -> bool {
        self.error_equals.iter().any(|pattern| error.matches(pattern))
    }
}

const NO_HANDLERS: &Handlers = &Handlers {
    retry: Vec::new(),
    catch: Vec::new(),
};

impl State {
    /// What retries and catches its errors. Only Task, Parallel and Map can.
    pub fn handlers(&self) -> &Handlers {
        match &self.kind {
            Kind::Task(task) => &task.handlers,
            Kind::Parallel(parallel) => &parallel.handlers,
            Kind::Map(map) => &map.handlers,
            Kind::Pass(_) | Kind::Wait(..) | Kind::Choice(_) | Kind::Succeed | Kind::Fail(_) => NO_HANDLERS,
        }
    }

    /// The type of the event that says it was entered.
    pub fn entered(&self) -> EventType {
        match self.kind {
            Kind::Task(_) => EventType::TaskStateEntered,
            Kind::Pass(_) => EventType::PassStateEntered,
            Kind::Wait(..) => EventType::WaitStateEntered,
            Kind::Choice(_) => EventType::ChoiceStateEntered,
            Kind::Succeed => EventType::SucceedStateEntered,
            Kind::Fail(_) => EventType::FailStateEntered,
            Kind::Parallel(_) => EventType::ParallelStateEntered,
            Kind::Map(_) => EventType::MapStateEntered,
        }
    }

    /// The type of the event that says it was left. A Fail state never is.
    pub fn exited(&self) -> Option<EventType> {
        match self.kind {
            Kind::Task(_) => Some(EventType::TaskStateExited),
            Kind::Pass(_) => Some(EventType::PassStateExited),
            Kind::Wait(..) => Some(EventType::WaitStateExited),
            Kind::Choice(_) => Some(EventType::ChoiceStateExited),
            Kind::Succeed => Some(EventType::SucceedStateExited),
            Kind::Parallel(_) => Some(EventType::ParallelStateExited),
            Kind::Map(_) => Some(EventType::MapStateExited),
            Kind::Fail(_) => None,
        }
    }

    /// The type of the event that says it was stopped from outside; states that take no time cannot be.
    pub fn aborted(&self) -> Option<EventType> {
        match self.kind {
            Kind::Task(_) => Some(EventType::TaskStateAborted),
            Kind::Wait(..) => Some(EventType::WaitStateAborted),
            Kind::Parallel(_) => Some(EventType::ParallelStateAborted),
            Kind::Map(_) => Some(EventType::MapStateAborted),
            Kind::Pass(_) | Kind::Choice(_) | Kind::Succeed | Kind::Fail(_) => None,
        }
    }

    /// The type of the event that says its branches or iterations failed.
    pub fn failed(&self) -> Option<EventType> {
        match self.kind {
            Kind::Parallel(_) => Some(EventType::ParallelStateFailed),
            Kind::Map(_) => Some(EventType::MapStateFailed),
            _ => None,
        }
    }

    /// Whether `$states.context.State` counts its retries.
    pub fn counts_retries(&self) -> bool {
        matches!(self.kind, Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_))
    }
}
