//! The names of operations, and the options of `slipway plan`, `slipway sheet`, `slipway approve` and `slipway reject`.

use std::str::FromStr;

use clap::Args;
use slipway_model::id::OperationId;
use slipway_model::name::Digest;

use super::StackRef;

/// What help calls an operation that a stack may stand for.
pub const TARGET: &str = "STACK-OR-OPERATION";

/// An operation: by its ID, or as one of a stack.
#[derive(Debug, Clone)]
pub enum OperationRef {
    Operation(OperationId),
    Stack(StackRef),
}

impl FromStr for OperationRef {
    type Err = String;

    /// What may be an operation's id is one.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(operation) => Ok(Self::Operation(operation)),
            Err(_) => text.parse::<StackRef>().map(Self::Stack).map_err(|error: String| {
                format!("{error}; an operation ID looks like `op-01kaj3v9mz5x0q8r2t4w6y7z9a`")
            }),
        }
    }
}

#[derive(Debug, Args)]
pub struct ShowPlan {
    /// Operation ID, or a stack for its newest plan
    #[arg(value_name = TARGET)]
    pub target: OperationRef,
    /// Only items with this action: `delete`, `replace`, `update`, …
    #[arg(long)]
    pub action: Option<String>,
    /// Only items with this subject: `resource`, `output`, `drift`, …
    #[arg(long)]
    pub subject: Option<String>,
    /// Only items with this type of resource
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// Only items whose address has this prefix
    #[arg(long)]
    pub address: Option<String>,
}

#[derive(Debug, Args)]
pub struct Approve {
    /// Operation ID, or a stack for the plan that waits
    #[arg(value_name = TARGET)]
    pub operation: OperationRef,
    /// Hash of the approval sheet [default: show it and ask]
    #[arg(long, value_name = "HASH")]
    pub sheet: Option<Digest>,
    /// Comment, recorded with the approval
    #[arg(long)]
    pub comment: Option<String>,
    /// Watch the operation until it ends
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Args)]
pub struct Reject {
    /// Operation ID, or a stack for the plan that waits
    #[arg(value_name = TARGET)]
    pub operation: OperationRef,
    /// Reason, for the requester
    #[arg(long)]
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_neither_stack_nor_operation_gets_an_example_of_both() {
        for stack in ["shop", "live/shop", "op-nope"] {
            assert!(
                matches!(stack.parse::<OperationRef>(), Ok(OperationRef::Stack(_))),
                "{stack}"
            );
        }
        let error = "op_nope".parse::<OperationRef>().expect_err("no name");
        assert!(
            error.contains("lower-case letters") && error.contains("looks like `op-01"),
            "{error}"
        );
    }
}
