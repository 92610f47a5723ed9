//! What Terraform's state says after an apply: the stream may lack what a full disk did not take.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::terraform::OUTPUT;

use crate::error::Error;
use crate::lost::{self, Loss};
use crate::overrides::state_key;
use crate::report::{Report, plain};
use crate::session::Session;
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
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Debug, Deserialize)]
struct Instance {
    /// A number or a text, of a resource with `count` or `for_each`.
    index_key: Option<Value>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
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

    /// As the stream writes them: a text as key stands in quotes, as in JSON.
    fn instance_addresses(&self) -> impl Iterator<Item = String> {
        let address = self.address();
        self.instances.iter().map(move |instance| match &instance.index_key {
            Some(key) => format!("{address}[{key}]"),
            None => address.clone(),
        })
    }
}

/// The outputs that are not sensitive after an apply that Terraform ended; `rescued` is the state that the runner saved for it.
/// After a destroy there are none, and no resources.
pub(crate) async fn outputs(
    session: &Session,
    operation: &Operation,
    report: &Report,
    rescued: Option<Vec<u8>>,
) -> Result<Map<String, Value>, Error> {
    let state = read(session, operation, rescued).await?;
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
    read(session, operation, None).await?.require_empty()
}

/// The addresses of the instances of resources that the state has.
pub(crate) async fn addresses(session: &Session, operation: &Operation) -> Result<BTreeSet<String>, Error> {
    let state = read(session, operation, None).await?;
    Ok(state.resources.iter().flat_map(Resource::instance_addresses).collect())
}

/// What a killed Terraform may have changed without recording it in the state.
pub(crate) struct Unrecorded {
    /// What it had begun, with the action, by address.
    begun: BTreeMap<String, String>,
    /// What it had created and the state lacks, with the IDs that it reported, by address.
    created: BTreeMap<String, Option<String>>,
}

impl Unrecorded {
    /// The difference between what Terraform reported and what the state has.
    pub(crate) async fn of(session: &Session, operation: &Operation, report: &Report) -> Result<Self, Error> {
        let recorded = addresses(session, operation).await?;
        let created = report.created.clone().into_iter();
        Ok(Self {
            begun: report.begun.clone(),
            created: created.filter(|(address, _)| !recorded.contains(address)).collect(),
        })
    }

    /// Each with what is known of it, for people.
    pub(crate) fn named(&self) -> Vec<String> {
        let begun = self
            .begun
            .iter()
            .map(|(address, action)| format!("{address} ({action} begun)"));
        let created = self.created.iter().map(|(address, id)| match id {
            Some(id) => format!("{address} (created, id {id})"),
            None => format!("{address} (created)"),
        });
        begun.chain(created).collect()
    }

    /// What the next plan can import.
    pub(crate) fn importable(&self) -> BTreeMap<String, String> {
        let ids = self
            .created
            .iter()
            .filter_map(|(address, id)| Some((address.clone(), id.clone()?)));
        ids.collect()
    }
}

/// A plan or an apply always leaves a state: without one, nothing says what the stack has.
async fn read(session: &Session, operation: &Operation, rescued: Option<Vec<u8>>) -> Result<State, Error> {
    let key = state_key(&operation.stack);
    let bytes = match rescued {
        Some(state) => Some(state),
        None => session.state.get(&key).await?.map(|object| object.bytes),
    };
    let Some(bytes) = bytes else {
        return Err(lost::error(&session.config, &operation.stack, Loss::Missing));
    };
    serde_json::from_slice(&bytes).map_err(|error| Error::Object {
        action: "understand",
        bucket: session.config.state_bucket.clone(),
        key,
        source: error.into(),
    })
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
