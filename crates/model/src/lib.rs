//! The nouns of Slipway and their rules.
//!
//! Everything here is pure: no AWS types, no I/O, no async runtime. What comes from outside is parsed into these types
//! once, and a wrong state cannot be written down afterwards. Status changes are functions of a status and an event; whoever
//! stores the result does so on the condition that the stored status is still the one that was read.
//!
//! | module | holds |
//! | --- | --- |
//! | [`id`] | stack ids, operation ids, release numbers |
//! | [`name`] | names, digests, images |
//! | [`blueprint`] | a published Terraform root module |
//! | [`variable`] | the schema of a blueprint's variables, and the check of a request against it |
//! | [`artifact`] | the keys of what lies in the artifacts bucket |
//! | [`account`] | ids of AWS accounts |
//! | [`environment`] | where stacks live, and the rules there |
//! | [`stack`] | one instance of a blueprint in an environment |
//! | [`operation`] | one trip of a stack through the workflow |
//! | [`principal`] | the names of those who own and request
//! | [`plan`] | what Terraform would change, and what follows from it |
//! | [`release`] | a set of images of a stack's services |
//! | [`contract`] | the `slipway` output: what a blueprint tells the workflow |
//! | [`source_account`] | accounts whose events may ask for operations, and for which |
//! | [`terraform`] | what Slipway and Terraform have agreed on |
//! | [`terraform_file`] | the blocks of a file in Terraform's native syntax |
//! | [`terraform_json`] | the blocks of a file in Terraform's JSON syntax |
//! | [`error_name`] | what errors of operations are called |
//! | [`error_chain`] | an error with what led to it, in one line |
//! | [`event`] | requests that come as events |
//! | [`event_result`] | what is told about those |
//! | [`subscription`] | which images are released when they are pushed |
//! | [`request`] | what is asked for, as it was written |
//! | [`fields`], [`json`] | the fields of a JSON object from outside, read strictly |
//! | [`problem`] | what is wrong with a request, field by field |

pub mod account;
pub mod artifact;
pub mod blueprint;
pub mod contract;
pub mod environment;
pub mod error_chain;
pub mod error_name;
pub mod event;
pub mod event_result;
pub mod fields;
pub mod id;
pub mod json;
pub mod log;
pub mod name;
pub mod operation;
pub mod plan;
pub mod principal;
pub mod problem;
pub mod release;
pub mod request;
pub mod source_account;
pub mod stack;
pub mod subscription;
pub mod terraform;
pub mod terraform_file;
pub mod terraform_json;
mod textual;
pub mod variable;
