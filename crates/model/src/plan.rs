//! What Terraform would change, and what follows from it.
//!
//! | module | holds |
//! | --- | --- |
//! | [`show`] | the reader of `terraform show -json` |
//! | `summary`, `action` | what the record of an operation has of a plan |
//! | [`review`](mod@review) | the verdict about a plan |
//! | [`item`], [`attribute`] | an entry of a plan, and what changes in it |
//! | `difference`, `text`, `path` | what differs between two values, and how people read that |
//! | [`contract`] | what becomes of the output `slipway` |
//! | [`migration`] | dangerous statements in the SQL of migrations |
//! | [`cost`] | what the resources cost a month, before and after |
//! | [`pages`] | a plan as objects in the artifacts bucket |
//! | [`binding`] | what the apply of a plan uses, by SHA-256 |
//! | [`protection`], [`refusal`] | which resources no plan may lose, and why a plan is refused |

mod action;
pub mod attribute;
pub mod binding;
pub mod contract;
pub mod cost;
mod difference;
pub mod item;
pub mod migration;
pub mod pages;
mod path;
pub mod protection;
pub mod refusal;
pub mod review;
pub mod show;
mod summary;
mod text;

pub use action::{Action, InvalidAction};
pub use path::address_without_secrets;
pub use refusal::Refusal;
pub use review::{Requirement, Verdict, review};
pub(crate) use summary::is_zero;
pub use summary::{Drift, PlanSummary, RESOURCES_BYTES, RESOURCES_NAMED, ResourceChange};
