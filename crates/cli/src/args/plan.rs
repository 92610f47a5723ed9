//! The options of `slipway plan`, `slipway sheet` and `slipway approve`.

use std::str::FromStr;

use clap::Args;
use slipway_model::id::OperationId;
use slipway_model::name::Digest;

use super::StackRef;

/// The operation whose plan is shown: itself, or the newest one of a stack.
#[derive(Debug, Clone)]
pub enum PlanTarget {
    Operation(OperationId),
    Stack(StackRef),
}

impl FromStr for PlanTarget {
    type Err = String;

    /// What may be an operation's id is one.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(operation) => Ok(Self::Operation(operation)),
            Err(_) => text.parse().map(Self::Stack),
        }
    }
}

#[derive(Debug, Args)]
pub struct ShowPlan {
    /// Operation ID, or a stack for its newest plan
    #[arg(value_name = "STACK-OR-OPERATION")]
    pub target: PlanTarget,
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
    /// Operation ID
    pub operation: OperationId,
    /// Hash of the approval sheet [default: show it and ask]
    #[arg(long, value_name = "HASH")]
    pub sheet: Option<Digest>,
    /// Comment, recorded with the approval
    #[arg(long)]
    pub comment: Option<String>,
}
