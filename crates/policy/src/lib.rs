//! Who may do what, and which plans may be applied: policies in Cedar (<https://docs.cedarpolicy.com/>).
//!
//! | module | holds |
//! | --- | --- |
//! | [`action`] | what policies permit and forbid |
//! | [`facts`] | what policies know of stacks, operations, requests and plans |
//! | [`question`] | a question to the policies: may this principal do this? |
//! | [`policies`] | the policies, and their decisions |
//! | [`text`] | the text of policies |
//! | [`file`] | policies as a file, for export and import |
//! | [`check`] | the check of policies against the schema, before they are stored |
//! | [`gate`] | the policies of an installation, loaded when they are needed |
//!
//! Everything that cannot be decided is denied: no policy that permits it, a policy that fails, facts that do not fit the schema.

pub mod action;
pub mod check;
pub mod facts;
pub mod file;
pub mod gate;
pub mod policies;
pub mod question;
pub mod text;

pub use action::Action;
pub use gate::Gate;
pub use policies::{Denial, Policies};
pub use question::{Facts, Question, Resource};
