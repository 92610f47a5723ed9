//! The values that a plan marks as sensitive.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Each, NotAPlan};
use crate::json::exact;
use crate::plan::difference::marked;

/// Every text and number that the plan marks as sensitive: in resources, outputs and actions, before and after, and the values
/// of sensitive variables from any source.
pub fn sensitive_values(document: impl Read) -> Result<Vec<Value>, NotAPlan> {
    let mut collector = Collector::default();
    let mut deserializer = serde_json::Deserializer::from_reader(document);
    deserializer.deserialize_map(&mut collector)?;
    deserializer.end()?;
    let Collector {
        mut found,
        variables,
        sensitive,
    } = collector;
    let all = Value::Bool(true);
    for name in &sensitive {
        let value = variables.get(name).and_then(|variable| variable.value.as_ref());
        marked(value, Some(&all), &mut found);
    }
    let mut seen = BTreeSet::new();
    found.retain(|value| seen.insert(value.to_string()));
    Ok(found)
}

#[derive(Default)]
struct Collector {
    found: Vec<Value>,
    variables: BTreeMap<String, Variable>,
    /// The names of the sensitive variables.
    sensitive: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Variable {
    value: Option<Value>,
}

/// The part of the configuration that says which variables are sensitive.
#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    root_module: Module,
}

#[derive(Default, Deserialize)]
struct Module {
    #[serde(default)]
    variables: BTreeMap<String, Declared>,
}

#[derive(Deserialize)]
struct Declared {
    #[serde(default)]
    sensitive: bool,
}

impl<'de> Visitor<'de> for &mut Collector {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plan")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "resource_changes"
                | "resource_drift"
                | "deferred_changes"
                | "action_invocations"
                | "deferred_action_invocations" => {
                    map.next_value_seed(Each(self, Collector::take))?;
                }
                "output_changes" => {
                    let outputs: Box<RawValue> = map.next_value()?;
                    let outputs = exact(outputs.get()).map_err(A::Error::custom)?;
                    outputs
                        .as_object()
                        .into_iter()
                        .flatten()
                        .for_each(|(_, output)| self.take_change(output));
                }
                "variables" => self.variables = map.next_value()?,
                "configuration" => {
                    let configuration: Configuration = map.next_value()?;
                    let variables = configuration.root_module.variables.into_iter();
                    self.sensitive.extend(
                        variables
                            .filter(|(_, declared)| declared.sensitive)
                            .map(|(name, _)| name),
                    );
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

impl Collector {
    fn take(&mut self, element: &Value) {
        // A deferred change or action has the other inside.
        for inner in ["resource_change", "action_invocation"] {
            if element[inner].is_object() {
                self.take(&element[inner]);
            }
        }
        self.take_change(&element["change"]);
        marked(
            element.get("config_values"),
            element.get("config_sensitive"),
            &mut self.found,
        );
    }

    fn take_change(&mut self, change: &Value) {
        for side in ["before", "after"] {
            let mark = change.get(format!("{side}_sensitive"));
            marked(change.get(side), mark, &mut self.found);
        }
    }
}
