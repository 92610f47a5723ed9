//! Terraform expressions, evaluated without Terraform: as much of the language as conditions of variables are written in.
//!
//! What is not known here, or might not be exactly as Terraform has it, is [`Stop::Unknown`]: it is left to Terraform. A
//! wrong answer would refuse what is right, so no answer is always the better one.

mod arithmetic;
mod collections;
mod functions;
mod network;
mod pattern;
mod scope;
mod texts;
mod value;

pub(super) use scope::{Scope, Stop};
pub(super) use value::Value;
