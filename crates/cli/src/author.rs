//! What blueprint authors use: a module to begin with, and the checks of one, before it is published.

pub mod check;
pub mod files;
pub mod finding;
pub mod init;
pub mod migrations;
pub mod outline;
pub mod sarif;
mod terraform;
pub mod test;
pub mod vendor;

pub use terraform::{Copy, Providers};
