//! Local mode: Slipway on one machine. The functions run in this process, and the AWS emulator answers them.
//!
//! The resources are those of `template.yaml` ([`template`]); [`server`] starts the emulator, the functions and both ports.

mod error;
pub mod server;
pub mod template;

pub use error::Error;
pub use server::{Local, LocalOptions, Running};
