//! The runner as a process, with the Terraform of this machine.

mod aws;
mod endings;
mod lifecycle;
mod provider;
mod support;
