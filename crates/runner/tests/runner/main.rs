//! The runner as a process, with the Terraform of this machine.

mod adoption;
mod assumed_role;
mod aws;
mod bound;
mod cancels;
mod drift;
mod endings;
mod incomplete;
mod isolation;
mod lifecycle;
mod lost_state;
mod marked;
mod moto;
mod permissions;
mod prevented;
mod provider;
mod references;
mod rejected_imports;
mod s3_of_moto;
mod support;
mod validations;
mod warnings;
