//! What the caller may decide about a plan that waits for an approval.

use slipway_api_types::Permissions;

use crate::client::Client;
use crate::hint;

/// The decisions that the caller is permitted.
#[derive(Debug, Clone, Copy)]
pub struct Decision {
    pub approve: bool,
    pub reject: bool,
}

impl Decision {
    /// Both: what is shown where the server does not say. It checks each decision itself.
    pub const UNKNOWN: Self = Self {
        approve: true,
        reject: true,
    };

    /// The decisions about this operation. None if the server does not say what the caller may do.
    pub async fn about(operation: &str, client: &Client) -> Option<Self> {
        let path = format!("/v1/permissions?operation={operation}");
        let Permissions { actions } = client.get(&path).await.ok()?;
        let may = |action: &str| actions.iter().any(|permitted| permitted == action);
        Some(Self {
            approve: may("approve"),
            reject: may("reject"),
        })
    }

    /// The words of `slipway` that approve the operation, as a command. If the caller may not approve, the command that says why.
    pub fn approval(self, operation: &str, words: &str) -> String {
        if self.approve {
            return hint::command(words);
        }
        let why = hint::command(&format!("can-i approve --operation {operation}"));
        format!("not permitted. Reason: {why}")
    }
}
