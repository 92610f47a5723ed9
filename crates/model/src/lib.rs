//! The nouns of Slipway and their rules.
//!
//! Everything here is pure: no AWS types, no I/O, no async runtime. Input is parsed into these types once, and they cannot
//! represent an invalid state. A status changes by a function of a status and an event; the store writes the result on condition
//! that the stored status is still the one that was read.
//!
//! | module | content |
//! | --- | --- |
//! | [`id`] | IDs of stacks and operations, release numbers |
//! | [`name`] | names, digests, images |
//! | [`blueprint`] | a published Terraform root module |
//! | [`variable`] | the schema of a blueprint's variables, and the validation of a request against it |
//! | [`artifact`] | the keys of the artifacts bucket |
//! | [`audit`] | the records of who did what, in chains of hashes |
//! | [`account`] | AWS account IDs |
//! | [`environment`] | where stacks live, and the rules there |
//! | [`stack`] | one instance of a blueprint in an environment |
//! | [`operation`] | one change or check of a stack |
//! | [`principal`] | the names of owners and requesters |
//! | [`plan`] | what Terraform would change, and the verdict about it |
//! | [`approval_sheet`] | everything that an approver decides by |
//! | [`release`] | a set of images of a stack's services |
//! | [`console_link`] | pages of the AWS console |
//! | [`contract`] | the output `slipway`: what a blueprint declares for the workflow |
//! | [`source_account`] | accounts whose events may request operations |
//! | [`terraform`] | the conventions between Slipway and Terraform |
//! | [`terraform_file`] | the blocks of a file in Terraform's native syntax |
//! | [`terraform_json`] | the blocks of a file in Terraform's JSON syntax |
//! | [`error_name`] | the names of the errors of operations |
//! | [`error_chain`] | an error with its causes in one line |
//! | [`event`] | requests by event |
//! | [`event_result`] | the results of these requests |
//! | [`notification`] | the events that report what changed |
//! | [`subscription`] | which images are released when they are pushed |
//! | [`request`] | a request as it was written |
//! | [`secret`] | the redactor of everything that is shown |
//! | [`webhook`] | addresses to which notifications are delivered |
//! | [`fields`], [`json`] | strict reading of JSON objects |
//! | [`problem`] | the problems of a request, field by field |

pub mod account;
pub mod approval_sheet;
pub mod artifact;
pub mod audit;
pub mod blueprint;
pub mod console_link;
pub mod contract;
pub mod count;
pub mod cut;
pub mod dead_letter;
pub mod environment;
pub mod error_chain;
pub mod error_name;
pub mod event;
pub mod event_result;
pub mod fields;
pub mod id;
pub mod json;
mod kind;
pub mod log;
pub mod marks;
pub mod name;
pub mod notification;
pub mod operation;
pub mod plan;
pub mod policy;
pub mod principal;
pub mod problem;
pub mod reference;
pub mod release;
pub mod request;
pub mod secret;
pub mod source_account;
pub mod stack;
pub mod subscription;
pub mod terraform;
pub mod terraform_file;
pub mod terraform_json;
mod textual;
pub mod variable;
pub mod webhook;
