//! The stack that a command names.

use serde_json::Value;
use slipway_api_types::{Missing, MissingKind};
use slipway_model::id::StackId;

use crate::args::StackRef;
use crate::client::Client;
use crate::error::Error;
use crate::output::text_at;

/// The ID of the stack. A name is resolved by the server, and rejected if several environments have one of that name.
pub async fn stack_id(stack: &StackRef, client: &Client) -> Result<StackId, Error> {
    let (environment, name) = match stack {
        StackRef::Id(id) => return Ok(id.clone()),
        StackRef::Named { environment, name } => (environment, name),
    };
    let environment = environment
        .as_ref()
        .map(|environment| ("environment", environment.to_string()));
    let query: Vec<_> = [("name", name.to_string())].into_iter().chain(environment).collect();
    let found = client.list("/v1/stacks", &query).await?;
    match found.as_slice() {
        [stack] => id_of(stack),
        [] => Err(Error::Missing(Missing {
            kind: MissingKind::Stack,
            name: stack.to_string(),
        })),
        several => {
            let ways = several
                .iter()
                .map(|stack| format!("`{}/{name}`", text_at(stack, "environment")));
            Err(Error::Usage(format!(
                "{} stacks are called `{name}`: name one as {}, or by its ID",
                several.len(),
                ways.collect::<Vec<_>>().join(" or ")
            )))
        }
    }
}

fn id_of(stack: &Value) -> Result<StackId, Error> {
    let id = text_at(stack, "id");
    id.parse()
        .map_err(|error| Error::Program(format!("the server's answer has no ID of a stack: {error}")))
}
