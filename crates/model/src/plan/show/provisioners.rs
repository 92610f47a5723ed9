//! The provisioners that a plan runs.
//!
//! A plan does not have them among its changes: the configuration has them with their resources, as types and expressions. It does not
//! say which of them run before a destroy (`when`), so all count for both. Those of `removed` blocks are not in it: see
//! [`Source::removals_with_provisioners`](crate::blueprint::Source::removals_with_provisioners).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::plan::{Action, protection};

/// The types of the provisioners of each resource that has some, by its address without keys.
#[derive(Debug, Default)]
pub(super) struct Provisioners(BTreeMap<String, Vec<String>>);

impl Provisioners {
    /// Reads the part `configuration` of a plan.
    pub(super) fn read(configuration: &str) -> Result<Self, serde_json::Error> {
        let configuration: Configuration = serde_json::from_str(configuration)?;
        let mut found = Self::default();
        found.take("", configuration.root_module);
        Ok(found)
    }

    /// The provisioners of a resource; none if it has none.
    pub(super) fn of(&self, configured: &str) -> Option<&[String]> {
        self.0.get(configured).map(Vec::as_slice)
    }

    fn take(&mut self, path: &str, module: Module) {
        for resource in module.resources {
            let types: Vec<String> = resource.provisioners.into_iter().map(|one| one.kind).collect();
            if !types.is_empty() {
                let address = format!("{path}{}.{}", resource.kind, resource.name);
                self.0.insert(address, types);
            }
        }
        for (name, call) in module.module_calls {
            self.take(&format!("{path}module.{name}."), call.module);
        }
    }
}

/// Whether Terraform runs the provisioners of a resource with this change.
pub(super) fn may_run(action: Option<Action>) -> bool {
    match action {
        Some(Action::Create | Action::Replace | Action::Delete | Action::Unknown) => true,
        Some(Action::Forget | Action::Invoke | Action::Update | Action::Import | Action::Move | Action::Read)
        | None => false,
    }
}

/// An address without the keys of instances, as the configuration has it.
pub(super) fn configured(address: &str) -> String {
    let parts = protection::parts(address).into_iter();
    let names: Vec<&str> = parts
        .map(|part| part.split_once('[').map_or(part, |(name, _)| name))
        .collect();
    names.join(".")
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    root_module: Module,
}

#[derive(Default, Deserialize)]
struct Module {
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    module_calls: BTreeMap<String, Call>,
}

#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    module: Module,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    provisioners: Vec<Provisioner>,
}

#[derive(Deserialize)]
struct Provisioner {
    #[serde(rename = "type")]
    kind: String,
}
