//! `JSONata` as Step Functions runs it: expressions, templates that hold them, and the functions AWS adds.

mod culprit;
mod exact;
mod expression;
mod functions;
mod messages;
mod references;
mod session;
mod strict_json;
mod syntax_error;
mod template;

pub(crate) use expression::{Expression, Readable};
pub(crate) use session::{EvaluationError, Scope, Session};
pub(crate) use template::{Field, Template};
