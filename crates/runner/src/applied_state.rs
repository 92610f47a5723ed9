//! What Terraform's state says after an apply: the stream may lack what a full disk did not take.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::secret::state::sensitive_values;
use slipway_model::terraform::OUTPUT;

use crate::created::{Attributes, Created};
use crate::error::Error;
use crate::lost::Loss;
use crate::marked;
use crate::overrides::{literal, state_key};
use crate::report::{Report, plain};
use crate::secrets;
use crate::session::Session;
use crate::state;
use crate::stream::Output;

/// The part of a state that is read here.
#[derive(Debug, Deserialize)]
struct State {
    #[serde(default)]
    outputs: BTreeMap<String, Output>,
    #[serde(default)]
    resources: Vec<Resource>,
    /// Of OpenTofu, where the blueprint encrypts the state.
    encrypted_data: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    mode: Mode,
    #[serde(default)]
    module: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    /// The configuration of its provider: `provider["registry.terraform.io/hashicorp/aws"].dns`.
    #[serde(default)]
    provider: String,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Debug, Deserialize)]
struct Instance {
    /// A number or a text, of a resource with `count` or `for_each`.
    index_key: Option<Value>,
    /// None of an object without any.
    attributes: Option<Attributes>,
}

/// What Terraform does with a resource, as its JSON says it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    Managed,
    #[serde(other)]
    Read,
}

impl Resource {
    fn address(&self) -> String {
        let module = match self.module.as_str() {
            "" => String::new(),
            module => format!("{module}."),
        };
        format!("{module}{}.{}", self.kind, self.name)
    }

    /// The alias of the configuration of the AWS provider in the root module that it is of.
    fn aws_alias(&self) -> Option<&str> {
        let (_, alias) = self
            .provider
            .strip_prefix("provider[")?
            .split_once("/hashicorp/aws\"].")?;
        Some(alias)
    }

    /// The addresses as the stream writes them, with the attributes: a text as key stands in quotes, as in HCL.
    fn objects(&self) -> impl Iterator<Item = (String, Attributes)> {
        let address = self.address();
        self.instances.iter().map(move |instance| {
            let address = match &instance.index_key {
                Some(key) => format!("{address}[{}]", literal(&key.to_string())),
                None => address.clone(),
            };
            (address, instance.attributes.clone().unwrap_or_default())
        })
    }
}

/// The outputs that are not sensitive after an apply that Terraform ended; `rescued` is the state that the runner saved for it.
/// After a destroy there are none, and no resources. What the apply generated is kept as secret before: from here on, the workflow
/// runs containers and shows what they print.
pub(crate) async fn outputs(
    session: &Session,
    operation: &Operation,
    report: &Report,
    rescued: Option<Vec<u8>>,
) -> Result<Map<String, Value>, Error> {
    let bytes = match rescued {
        Some(state) => state,
        None => object(session, operation).await?,
    };
    keep_marked(session, operation, &bytes).await?;
    let state = parse(session, operation, &bytes)?;
    if state.encrypted_data.is_some() {
        // Only OpenTofu reads it. The stream is whole: `check_apply` has looked.
        return Ok(report.plain_outputs());
    }
    if operation.kind() == OperationKind::Destroy {
        state.require_empty()?;
        return Ok(Map::new());
    }
    if state.outputs.get(OUTPUT).is_some_and(|output| output.sensitive) {
        return Err(Error::SensitiveContract);
    }
    Ok(plain(&state.outputs))
}

/// Refuses a destroy that has nothing to do while the state has resources.
pub(crate) async fn require_destroyed(session: &Session, operation: &Operation) -> Result<(), Error> {
    read(session, operation).await?.require_empty()
}

/// Keeps what a part of an apply generated: containers may print it already.
pub(crate) async fn learn(session: &Session, operation: &Operation) -> Result<(), Error> {
    let state = object(session, operation).await?;
    keep_marked(session, operation, &state).await
}

async fn keep_marked(session: &Session, operation: &Operation, state: &[u8]) -> Result<(), Error> {
    let marked = sensitive_values(state).map_err(|error| not_understood(session, operation, error))?;
    secrets::learn_marked(&marked);
    marked::keep(&session.state, &operation.stack).await
}

/// The resources that the state has now.
pub(crate) async fn recorded(session: &Session, operation: &Operation) -> Result<Recorded, Error> {
    let state = read(session, operation).await?;
    Ok(Recorded::of(&state))
}

/// The resources that a state has.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// By the addresses of their instances. There may be deposed ones beside the current one.
    objects: BTreeMap<String, Vec<Attributes>>,
    /// The further configurations of the AWS provider that they are of.
    aws_aliases: BTreeSet<String>,
    /// Whether only OpenTofu can read it: no resource is known.
    pub(crate) is_encrypted: bool,
}

impl Recorded {
    fn of(state: &State) -> Self {
        let mut objects: BTreeMap<String, Vec<Attributes>> = BTreeMap::new();
        let managed = state.resources.iter().filter(|resource| resource.mode == Mode::Managed);
        let mut aws_aliases = BTreeSet::new();
        for resource in managed {
            if !resource.instances.is_empty() {
                aws_aliases.extend(resource.aws_alias().map(str::to_owned));
            }
            for (address, attributes) in resource.objects() {
                objects.entry(address).or_default().push(attributes);
            }
        }
        Self {
            objects,
            aws_aliases,
            is_encrypted: state.encrypted_data.is_some(),
        }
    }

    /// That of a state as it is stored.
    #[cfg(test)]
    pub(crate) fn of_text(state: &str) -> serde_json::Result<Self> {
        serde_json::from_str(state).map(|state| Self::of(&state))
    }

    /// Whether there is a resource at an address.
    pub(crate) fn has(&self, address: &str) -> bool {
        self.objects.contains_key(address)
    }

    /// Whether there may be a resource of this further configuration of the AWS provider.
    pub(crate) fn may_have_of(&self, alias: &str) -> bool {
        self.is_encrypted || self.aws_aliases.contains(alias)
    }

    /// Whether a resource that was created is there.
    pub(crate) fn has_created(&self, address: &str, created: &Created) -> bool {
        let objects = self.objects.get(address);
        objects.is_some_and(|objects| objects.iter().any(|attributes| attributes.are_of(created)))
    }
}

async fn read(session: &Session, operation: &Operation) -> Result<State, Error> {
    parse(session, operation, &object(session, operation).await?)
}

/// A plan or an apply always leaves a state: without one, nothing says what the stack has.
async fn object(session: &Session, operation: &Operation) -> Result<Vec<u8>, Error> {
    let object = session.state.get(&state_key(&operation.stack)).await?;
    let object = object.ok_or_else(|| state::lost(&session.config, &operation.stack, Loss::Missing))?;
    Ok(object.bytes)
}

fn parse(session: &Session, operation: &Operation, state: &[u8]) -> Result<State, Error> {
    serde_json::from_slice(state).map_err(|error| not_understood(session, operation, error))
}

fn not_understood(session: &Session, operation: &Operation, error: serde_json::Error) -> Error {
    let key = state_key(&operation.stack);
    session.state.failed("understand", &key, error.into())
}

impl State {
    /// What a data source read is not a resource of the stack.
    fn require_empty(&self) -> Result<(), Error> {
        let kept = |resource: &&Resource| resource.mode == Mode::Managed && !resource.instances.is_empty();
        let mut left = self.resources.iter().filter(kept).peekable();
        let Some(first) = left.peek().map(|resource| resource.address()) else {
            return Ok(());
        };
        let count = left.map(|resource| resource.instances.len()).sum();
        Err(Error::NotDestroyed { count, first })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn resources_of_an_aliased_provider_are_known() {
        let of = |mode: &str, provider: &str, instances: Value| {
            let (kind, name) = ("r", "a");
            json!({"mode": mode, "type": kind, "name": name, "provider": provider, "instances": instances})
        };
        let aws = |rest: &str| format!("provider[\"registry.terraform.io/hashicorp/aws\"]{rest}");
        let one = json!([{"attributes": {"id": "1"}}]);
        let state = json!({"resources": [
            of("managed", &aws(""), one.clone()),
            of("managed", &aws(".dns"), one.clone()),
            of("managed", &aws(".none"), json!([])),
            of("data", &aws(".read"), one.clone()),
            of("managed", &format!("module.m.{}", aws(".inside")), one.clone()),
            of("managed", "provider[\"registry.terraform.io/hashicorp/google\"].other", one),
        ]});
        let recorded = Recorded::of_text(&state.to_string()).expect("a state");
        let aliases = ["dns", "none", "read", "inside", "other"].map(|alias| recorded.may_have_of(alias));
        assert_eq!(aliases, [true, false, false, false, false]);
        let encrypted = Recorded::of_text("{\"encrypted_data\": \"x\"}").expect("a state");
        assert!(encrypted.may_have_of("dns"));
    }
}
