//! What follows from a record: between the rules of [`slipway_model`] and the table of [`slipway_store`], for all functions alike.
//!
//! The model says what is legal, this crate decides what follows, and the store writes it. Only this crate answers the states of
//! the workflow and starts or stops executions.
//!
//! | module | decides |
//! | --- | --- |
//! | [`admission`] | what a request about a stack must satisfy before anything is written |
//! | [`start`](mod@start) | the start of an operation's execution |
//! | [`approval`] | the delivery of a decision about a plan |
//! | [`cancel`](mod@cancel) | what a cancel stops |
//! | [`pause`] | the step that brings a decision at a pause to ECS |
//! | [`rollout`], [`task_run`], [`snapshot`] | the end of what a state of the workflow waits for |
//! | [`task_token`] | answers to the states that wait |
//! | [`secrets`] | what the functions that show the output of containers must not show |
//! | [`orphan`] | the end of an operation whose execution ended without recording it |

mod error;

pub mod admission;
pub mod approval;
pub mod cancel;
pub mod orphan;
pub mod pause;
pub mod rollout;
pub mod secrets;
pub mod snapshot;
pub mod start;
pub mod task_run;
pub mod task_token;

pub use error::Error;
