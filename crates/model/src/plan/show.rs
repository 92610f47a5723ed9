//! Reads `terraform show -json` of a saved plan
//! (<https://developer.hashicorp.com/terraform/internals/json-format>).
//!
//! It is read as it comes, one resource at a time: the prior state and the planned values, which are most of it, are passed over.
//! Fields that are not known are ignored, as the format asks for. What may be a change and is not understood is noted in the
//! summary, and such a plan needs an approval.

mod provisioners;
mod raw;
mod secrets;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::ops::Range;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::attribute::AttributeChange;
use super::contract::PlannedContract;
use super::cost::Costs;
use super::difference::{self, Sides};
use super::item::{Item, Subject, Trigger};
use super::pages::Packed;
use super::{Action, PlanSummary, path, protection};
use crate::contract::{Contract, Partial};
use crate::count::counted;
use crate::json::exact;
use crate::problem::FieldProblem;
use crate::terraform::OUTPUT;
use crate::variable::HIDDEN;
pub use secrets::sensitive_values;

use provisioners::Provisioners;
use raw::{Change, Check, Deferred, DeferredInvocation, Invocation, Resource};

/// The major version of the format that is understood.
const FORMAT_MAJOR: &str = "1";

/// The mode of data sources, which cost nothing.
const DATA: &str = "data";

/// The parts of the document that hold no changes, or are read by their name.
const WITHOUT_CHANGES: [&str; 7] = [
    "terraform_version",
    "variables",
    "planned_values",
    "proposed_unknown",
    "prior_state",
    "relevant_attributes",
    "timestamp",
];

/// Why a document is no plan.
#[derive(Debug, thiserror::Error)]
#[error("it is not the JSON of a saved plan")]
pub struct NotAPlan(#[from] serde_json::Error);

/// A plan as it was read.
#[derive(Debug, Default)]
pub struct Shown {
    /// The counts, and what follows from the plan.
    pub summary: PlanSummary,
    /// Every item, in the order in which people read them.
    pub(super) items: Vec<Packed>,
    /// Of the replaced resources, those whose old object Terraform forgets instead of destroying it.
    pub replaced_and_kept: u64,
    /// What becomes of the output `slipway`.
    pub contract: Option<PlannedContract>,
    /// What is wrong with that output, as far as the plan knows it: the apply would only show it when the resources exist.
    pub contract_problems: Vec<FieldProblem>,
    /// How many bytes that output has as JSON, as far as the plan knows it.
    pub contract_bytes: usize,
}

/// Reads a plan. `hide` takes known secrets out of a text: Terraform marks the attribute that a sensitive value was given to, and
/// not those that the provider computes from it. [`sensitive_values`] finds these values.
pub fn read(document: impl Read, hide: &dyn Fn(&str) -> String) -> Result<Shown, NotAPlan> {
    let mut reader = Reader {
        hide,
        has_hidden: Cell::new(false),
        hidden: Vec::new(),
        shown: Shown::default(),
        drifted: BTreeMap::new(),
        overwritten: Some(BTreeSet::new()),
        drift: Vec::new(),
        costs: Costs::default(),
        provisioners: Provisioners::default(),
        provisioned: Vec::new(),
        format: None,
    };
    let mut deserializer = serde_json::Deserializer::from_reader(document);
    deserializer.deserialize_map(&mut reader)?;
    deserializer.end()?;
    Ok(reader.finish())
}

struct Reader<'h> {
    hide: &'h dyn Fn(&str) -> String,
    /// Whether a text of the item that is read was hidden.
    has_hidden: Cell<bool>,
    /// Where something is hidden that the apply makes, although Terraform does not mark it.
    hidden: Vec<String>,
    shown: Shown,
    /// The paths that drifted, by address.
    drifted: BTreeMap<String, Vec<String>>,
    /// The addresses whose drift the apply overwrites; not known where the changes came before the drift.
    overwritten: Option<BTreeSet<String>>,
    /// The drifted resources: whether the apply overwrites them is known at the end.
    drift: Vec<Item>,
    costs: Costs,
    provisioners: Provisioners,
    /// The resources whose provisioners may run, with the places of their items. Terraform writes the configuration after the changes.
    provisioned: Vec<(String, Range<usize>)>,
    format: Option<String>,
}

impl<'de> Visitor<'de> for &mut Reader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plan")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("`{name}` stands there twice")));
            }
            match name.as_str() {
                "format_version" => self.format = map.next_value::<Value>()?.as_str().map(str::to_owned),
                "applyable" => self.shown.summary.applyable = map.next_value::<Value>()?.as_bool(),
                "complete" => self.shown.summary.complete = map.next_value::<Value>()?.as_bool(),
                "errored" => {
                    if map.next_value::<Value>()? != Value::Bool(false) {
                        self.note("Terraform marks the plan as errored");
                    }
                }
                "resource_changes" => map.next_value_seed(Each(self, Reader::take_resource))?,
                "resource_drift" => map.next_value_seed(Each(self, Reader::take_drift))?,
                "deferred_changes" => map.next_value_seed(Each(self, Reader::take_deferred))?,
                "action_invocations" => map.next_value_seed(Each(self, Reader::take_invocation))?,
                "deferred_action_invocations" => map.next_value_seed(Each(self, Reader::take_deferred_invocation))?,
                "checks" => map.next_value_seed(Each(self, Reader::take_check))?,
                "output_changes" => {
                    let outputs: Box<RawValue> = map.next_value()?;
                    self.take_outputs(&exact(outputs.get()).map_err(A::Error::custom)?);
                }
                "configuration" => {
                    let configuration: Box<RawValue> = map.next_value()?;
                    match Provisioners::read(configuration.get()) {
                        Ok(provisioners) => self.provisioners = provisioners,
                        Err(error) => self.note(format!("the configuration in the plan: {error}")),
                    }
                }
                known if WITHOUT_CHANGES.contains(&known) => {
                    map.next_value::<IgnoredAny>()?;
                }
                other => {
                    let other = other.to_owned();
                    self.take_unknown(&other, &map.next_value()?);
                }
            }
        }
        Ok(())
    }
}

/// Each element of a list, one at a time.
struct Each<'r, R>(&'r mut R, fn(&mut R, &Value));

impl<'de, R> DeserializeSeed<'de> for Each<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R> Visitor<'de> for Each<'_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<Box<RawValue>>()? {
            let element = exact(element.get()).map_err(A::Error::custom)?;
            (self.1)(self.0, &element);
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// A text without known secrets, of what has no marks.
    fn shown_text(&self, text: &str) -> String {
        let shown = (self.hide)(text);
        if shown != text {
            self.has_hidden.set(true);
        }
        shown
    }

    /// Something about the plan is not understood.
    fn note(&mut self, what: impl Into<String>) {
        self.shown.summary.note(what);
    }

    /// A part of a later version of the format: it may hold changes if it holds anything.
    fn take_unknown(&mut self, name: &str, value: &Value) {
        let is_empty = match value {
            Value::Array(elements) => elements.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => true,
        };
        if !is_empty {
            self.note(format!("the plan has `{name}`"));
        }
    }

    /// An element of a list that is not of the form that it should have.
    fn take_odd(&mut self, subject: Subject, element: &Value, why: &serde_json::Error) {
        let address = self.shown_address(element["address"].as_str().unwrap_or("(no address)"));
        let mut item = Item::new(subject, Some(Action::Unknown), &*address);
        element["type"].as_str().unwrap_or_default().clone_into(&mut item.kind);
        item.not_understood = Some(why.to_string());
        self.note(format!("{address}: {why}"));
        if subject == Subject::Resource {
            self.shown.summary.count(&item);
        }
        self.push(item);
    }

    fn take_resource(&mut self, element: &Value) {
        match Resource::read(element) {
            Ok(resource) => {
                if resource.mode != DATA {
                    self.costs
                        .add(&resource.kind, resource.change.sides(), resource.change.forgets());
                }
                let Some(item) = self.resource(Subject::Resource, &resource) else {
                    return;
                };
                if self.overwrites_drift(&item)
                    && let Some(overwritten) = &mut self.overwritten
                {
                    overwritten.insert(item.address.clone());
                }
                self.shown.summary.count(&item);
                if item.action == Some(Action::Replace) && resource.change.forgets() {
                    self.shown.replaced_and_kept += 1;
                }
                if matches!(item.action, Some(Action::Create | Action::Update | Action::Replace))
                    && let Some(keys) = resource.change.tags()
                {
                    self.shown.summary.count_tags(keys);
                }
                let (may_run, first) = (provisioners::may_run(item.action), self.shown.items.len());
                self.push(item);
                if may_run {
                    let configured = provisioners::configured(&resource.address);
                    self.provisioned.push((configured, first..self.shown.items.len()));
                }
            }
            Err(error) => self.take_odd(Subject::Resource, element, &error),
        }
    }

    /// Whether a change goes over what drifted. Terraform writes the drift before the changes.
    fn overwrites_drift(&self, item: &Item) -> bool {
        let Some(drifted) = self.drifted.get(&item.address) else {
            return false;
        };
        let touches = |change: &AttributeChange| {
            let meets = |path: &String| path::leads_to(path, &change.path) || path::leads_to(&change.path, path);
            drifted.iter().any(meets)
        };
        match item.action {
            Some(Action::Create | Action::Replace | Action::Delete) => true,
            Some(Action::Update) => item.attributes.iter().any(touches),
            _ => false,
        }
    }

    fn take_drift(&mut self, element: &Value) {
        match Resource::read(element) {
            Ok(resource) => {
                let Some(mut item) = self.resource(Subject::Drift, &resource) else {
                    return;
                };
                item.hidden = self.has_hidden.take();
                self.shown.summary.drifted += 1;
                if resource.mode != DATA {
                    protection::count(&mut self.shown.summary.not_found, &item);
                }
                if self.shown.summary.changes() {
                    self.overwritten = None;
                }
                let paths = item.attributes.iter().map(|change| change.path.clone());
                self.drifted.insert(item.address.clone(), paths.collect());
                self.drift.push(item);
            }
            Err(error) => self.take_odd(Subject::Drift, element, &error),
        }
    }

    fn take_deferred(&mut self, element: &Value) {
        self.shown.summary.deferred += 1;
        let read = Deferred::deserialize(element);
        match read.and_then(|deferred| Ok((Resource::read(&deferred.resource_change)?, deferred.reason))) {
            Ok((resource, reason)) => {
                // Also where nothing of it is known yet.
                let address = self.shown_address(&resource.address);
                let unchanged = || Item::new(Subject::DeferredResource, None, address);
                let mut item = self
                    .resource(Subject::DeferredResource, &resource)
                    .unwrap_or_else(unchanged);
                item.reason = Some(reason);
                self.push(item);
            }
            Err(error) => self.take_odd(Subject::DeferredResource, &element["resource_change"], &error),
        }
    }

    fn take_invocation(&mut self, element: &Value) {
        self.shown.summary.invoke += 1;
        match Invocation::deserialize(element) {
            Ok(invocation) => {
                let item = self.invocation(Subject::Action, invocation);
                self.shown.summary.count_type(&item);
                self.push(item);
            }
            Err(error) => self.take_odd(Subject::Action, element, &error),
        }
    }

    fn take_deferred_invocation(&mut self, element: &Value) {
        self.shown.summary.deferred += 1;
        match DeferredInvocation::deserialize(element) {
            Ok(deferred) => {
                let mut item = self.invocation(Subject::DeferredAction, deferred.action_invocation);
                item.reason = Some(deferred.reason);
                self.push(item);
            }
            Err(error) => self.take_odd(Subject::DeferredAction, &element["action_invocation"], &error),
        }
    }

    fn take_check(&mut self, element: &Value) {
        let check = match Check::deserialize(element) {
            Ok(check) => check,
            Err(error) => return self.take_odd(Subject::Check, &element["address"], &error),
        };
        let mut item = Item::new(Subject::Check, None, self.shown_address(&check.address.to_display));
        item.kind = check.address.kind;
        let instances = check.instances.into_iter();
        item.problems = instances
            .flat_map(|instance| instance.problems)
            .map(|problem| self.shown_text(&problem.message))
            .collect();
        if matches!(check.status.as_str(), "fail" | "error") {
            self.shown.summary.checks_failed += 1;
        }
        item.status = Some(check.status);
        self.push(item);
    }

    fn take_contract(&mut self, change: &Change) {
        let sides = change.sides();
        let contract = PlannedContract::of(sides, self.hide);
        // Names of migrations that do not change are in no item.
        let mut names = contract.migrations.iter().chain(&contract.backups);
        if names.any(|name| name.contains(HIDDEN)) {
            self.hidden.push(format!("{OUTPUT} (a migration or backup)"));
        }
        // Those of a new or destroyed stack are made or destroyed with it.
        if matches!(change.actions(), Some((Action::Update, _))) {
            for line in contract.service_lines() {
                self.shown.summary.note_service(&line);
            }
        }
        self.shown.contract = Some(contract);
        // Destroyed with the stack.
        if matches!(change.actions(), Some((Action::Delete, _))) {
            return;
        }
        let planned = Partial::planned(sides.after, sides.unknown);
        self.shown.contract_bytes = planned.known_bytes();
        let mut problems = Contract::problems(&planned);
        for problem in &mut problems {
            for text in [&mut problem.field, &mut problem.detail, &mut problem.remedy] {
                *text = (self.hide)(text);
            }
        }
        self.shown.contract_problems = problems;
    }

    fn take_outputs(&mut self, outputs: &Value) {
        for (name, output) in outputs.as_object().into_iter().flatten() {
            let change = match Change::read(output) {
                Ok(change) => change,
                Err(error) => {
                    self.note(format!("output {name}: {error}"));
                    continue;
                }
            };
            if name == OUTPUT {
                self.take_contract(&change);
            }
            let action = match change.actions() {
                Some((Action::Create | Action::Update | Action::Delete, None)) if change.importing.is_none() => {
                    change.actions().map(|(action, _)| action)
                }
                None if change.is_no_op() => continue,
                _ => {
                    self.note(format!("output {name}: actions {:?}", change.actions));
                    Some(Action::Unknown)
                }
            };
            self.shown.summary.outputs_changed = true;
            let mut item = Item::new(Subject::Output, action, name.clone());
            item.attributes = difference::attributes(change.sides(), self.hide);
            self.push(item);
        }
    }

    /// The item of a resource; none where nothing happens to it.
    fn resource(&mut self, subject: Subject, resource: &Resource) -> Option<Item> {
        let change = &resource.change;
        let moves = resource.previous_address.is_some();
        let (action, order) = match change.actions() {
            Some((action, order)) => (action, order),
            None if !change.is_no_op() => (Action::Unknown, None),
            None if change.importing.is_some() => (Action::Import, None),
            None if moves => (Action::Move, None),
            None => return None,
        };
        let mut item = Item::new(subject, Some(action), self.shown_address(&resource.address));
        item.kind.clone_from(&resource.kind);
        item.provider.clone_from(&resource.provider_name);
        let previous = resource.previous_address.as_deref();
        item.previous_address = previous.map(|address| self.shown_address(address));
        item.deposed.clone_from(&resource.deposed);
        item.reason.clone_from(&resource.action_reason);
        item.replace_order = order;
        if let Some(importing) = &change.importing {
            item.import_id = importing["id"].as_str().map(|id| self.shown_text(id));
            item.import_identity = Some(&importing["identity"])
                .filter(|identity| !identity.is_null())
                .map(|identity| difference::without_secrets(identity, &|text| self.shown_text(text)));
            if !item.is_imported() {
                item.import_id = Some("(known after apply)".to_owned());
            }
        }
        item.attributes = difference::attributes(change.sides(), self.hide);
        let paths = change.replace_paths.as_array().into_iter().flatten();
        item.replace_paths = paths
            .filter_map(|steps| path::of_steps(steps, &|text| self.shown_text(text)))
            .collect();
        for attribute in &mut item.attributes {
            let forces = |path: &String| path::leads_to(path, &attribute.path) || path::leads_to(&attribute.path, path);
            attribute.forces_replacement = item.replace_paths.iter().any(forces);
        }
        if subject == Subject::Resource {
            self.check_understood(&mut item, change);
        }
        Some(item)
    }

    fn shown_address(&self, address: &str) -> String {
        path::address_without_secrets(address, &|text| self.shown_text(text))
    }

    /// Reports changes that cannot be judged by the item.
    fn check_understood(&mut self, item: &mut Item, change: &Change) {
        let why = match item.action {
            Some(Action::Unknown) => format!("the actions {:?} are not known", change.actions),
            Some(Action::Update) if item.attributes.is_empty() => "an update in which no attribute differs".to_owned(),
            _ => return,
        };
        self.note(format!("{}: {why}", item.address));
        item.not_understood = Some(why);
    }

    fn invocation(&mut self, subject: Subject, invocation: Invocation) -> Item {
        let mut item = Item::new(subject, Some(Action::Invoke), self.shown_address(&invocation.address));
        item.kind = invocation.kind;
        item.provider = invocation.provider_name;
        item.attributes = difference::attributes(
            Sides {
                after: invocation.config_values.as_ref(),
                unknown: invocation.config_unknown.as_ref(),
                after_sensitive: invocation.config_sensitive.as_ref(),
                ..Sides::default()
            },
            self.hide,
        );
        let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
        let (lifecycle, invoked) = (invocation.lifecycle_action_trigger, invocation.invoke_action_trigger);
        item.trigger = lifecycle.or(invoked).map(|trigger| Trigger {
            resource: text(&trigger, "triggering_resource_address")
                .or_else(|| text(&trigger, "calling_resource_address"))
                .map(|address| self.shown_address(&address)),
            event: text(&trigger, "action_trigger_event"),
            on_failure: text(&trigger, "on_failure"),
        });
        item
    }

    fn push(&mut self, mut item: Item) {
        item.hidden |= self.has_hidden.take();
        self.find_hidden(&item);
        self.shown.items.extend(item.into_parts().into_iter().map(Packed::of));
    }

    /// Notes a value that the apply makes and that is hidden without a mark: the requester may have chosen a secret that hides it.
    fn find_hidden(&mut self, item: &Item) {
        let mut attributes = item.attributes.iter();
        let attribute = attributes.find(|change| change.after_hidden || change.path_hidden);
        match (item.subject, attribute) {
            (Subject::Drift, _) => {}
            (_, Some(change)) => self.hidden.push(format!("{} ({})", item.address, change.path)),
            (_, None) if item.hidden => self.hidden.push(item.address.clone()),
            (_, None) => {}
        }
    }

    fn finish(mut self) -> Shown {
        for mut item in std::mem::take(&mut self.drift) {
            item.overwritten = self.overwritten.as_ref().map(|all| all.contains(&item.address));
            self.shown.summary.drift_overwritten += u64::from(item.overwritten == Some(true));
            self.push(item);
        }
        for (configured, places) in std::mem::take(&mut self.provisioned) {
            if let Some(types) = self.provisioners.of(&configured) {
                self.shown.summary.provision += 1;
                let items = self.shown.items[places].iter_mut();
                items.for_each(|item| item.provision(types));
            }
        }
        match &self.format {
            Some(format) if format.split('.').next() == Some(FORMAT_MAJOR) => {}
            Some(format) => self.note(format!("the plan has the format version {format}")),
            None => self.note("the plan names no format version"),
        }
        let summary = &mut self.shown.summary;
        if let Some(first) = self.hidden.first() {
            let places = counted(self.hidden.len() as u64, "place");
            summary.note(format!(
                "Slipway hides sensitive values that Terraform does not mark, in {places}. The first is in {first}"
            ));
        }
        summary.cost = self.costs.together();
        if summary.complete == Some(false) {
            summary.note("the plan is not complete: Terraform leaves changes to a later plan");
        }
        if summary.applyable == Some(false) && summary.changes() {
            summary.note("Terraform marks the plan as not applyable, and it has changes");
        }
        self.shown.items.sort_by(Packed::order);
        for change in self.shown.items.iter().filter_map(Packed::named) {
            super::summary::name(&mut summary.resources, change);
        }
        self.shown
    }
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
