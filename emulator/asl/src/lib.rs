//! The Amazon States Language in `JSONata` mode: a typed definition and a pure interpreter.
//!
//! Nothing here waits, calls a service or reads a clock. A [`StateMachine`] is parsed once from its JSON and refused
//! as AWS `CreateStateMachine` would refuse it. An [`Execution`] is a value: every [`Event`] handed to it gives a
//! [`Turn`], which holds the history events that AWS would have written and the [`Effect`]s that the caller has to
//! carry out. The value serialises, so a driver saves it after each turn and takes up [`Execution::pending`] after a
//! crash; all randomness comes from the seed it was started with, so a replay is exact.
//!
//! ```text
//!             Event (task succeeded, timer fired, ...)
//!   driver ───────────────────────────────────────────► Execution::handle
//!     ▲                                                       │
//!     └──────────── Turn { history, effects, outcome } ◄──────┘
//! ```
//!
//! [`simulate`] runs a machine to its end against a closure; start reading there.

#![warn(missing_docs)]

mod definition;
mod diagnostics;
mod driver;
pub mod errors;
mod execution;
pub mod history;
mod interpreter;
mod jsonata;
mod random;
mod resource;
mod retry;
pub mod simulate;
mod states;
mod thread;
mod values;

pub use definition::StateMachine;
pub use diagnostics::{DefinitionErrors, Diagnostic, DiagnosticCode};
pub use driver::{Effect, Event, ExecutionStart, Outcome, TaskId, TaskRequest, TimerId, Turn};
pub use execution::Execution;
pub use history::{EventDetails, EventType, HistoryEvent};
pub use resource::{IntegrationPattern, InvalidResource, Resource};
