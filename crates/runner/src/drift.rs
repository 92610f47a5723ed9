//! Drift, from a refresh-only plan.
//!
//! The plan's stream only names the resources, and a message of it may be missing. So what differs is always read from the saved plan
//! (`show -json`), an additional process. Some attributes do not belong to Terraform, because releases, autoscalers and AWS itself
//! change them all the time.

mod cause;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use slipway_model::count::{counted, counted_as};
use slipway_model::plan::{Action, Drift, ResourceChange, address_without_secrets};

use self::cause::Causes;
use crate::applied_state::Mode;
use crate::console::say;
use crate::error::Error;
use crate::report::Report;
use crate::secrets;
use crate::session::Session;
use crate::terraform::{Ended, Terraform};
use crate::work_folder::WorkFolder;

/// What Terraform writes the saved plan to. It has every value in clear, so it is read and removed.
const DOCUMENT: &str = "drift.json";

/// The major version of the format of that document.
const FORMAT_MAJOR: &str = "1";

/// How many resources a line of the log names.
const NAMED: usize = 10;

/// Providers whose resources exist in the state alone: a refresh has nothing to read.
const STATE_ONLY: [&str; 5] = [
    "terraform.io/builtin/terraform",
    "hashicorp/null",
    "hashicorp/random",
    "hashicorp/time",
    "hashicorp/tls",
];

/// Attributes that change without anybody's fault, by the type of their resource.
const MOVING: [(&str, &[&str]); 4] = [
    // A release points the service at its task definition, and an autoscaler may count its tasks.
    ("aws_ecs_service", &["/desired_count", "/task_definition"]),
    // A release points the schedule at its task definition and enables it.
    (
        "aws_scheduler_schedule",
        &["/state", "/target/0/ecs_parameters/0/task_definition_arn"],
    ),
    // The capacity provider counts the machines.
    ("aws_autoscaling_group", &["/desired_capacity"]),
    // It is a few minutes ago, whenever one looks.
    ("aws_db_instance", &["/latest_restorable_time"]),
];

/// Reads a refresh-only plan that Terraform has made and saved in `folder`.
pub(crate) async fn find(
    session: &Session,
    terraform: &Terraform,
    folder: &WorkFolder,
    ended: &Ended,
) -> Result<Drift, Error> {
    let failure = ended.success("plan").err();
    if let Err(incomplete) = ended.report.check_plan(0) {
        return Err(failure.unwrap_or(incomplete));
    }
    let document = folder.path().join(DOCUMENT);
    let shown = match terraform.show(folder, &document, &session.cancel).await {
        Ok(()) => read(&document),
        Err(error) => Err(error),
    };
    // What cannot be removed goes with the folder.
    let _ = std::fs::remove_file(&document);
    session.cancel.check()?;
    match (shown, failure) {
        // Terraform saves its plan where an expression fails. Where it saved none, the reason is the plan's.
        (Err(_), Some(failure)) => Err(failure),
        (shown, failure) => shown?.judge(&ended.report, failure),
    }
}

fn read(document: &Path) -> Result<Shown, Error> {
    let file = File::open(document).map_err(|source| Error::File {
        action: "read",
        path: document.to_owned(),
        source,
    })?;
    serde_json::from_reader(BufReader::new(file)).map_err(|error| Error::Plan(error.into()))
}

/// The part of `show -json` that says what differs, and whether that is all.
#[derive(Debug, Deserialize)]
struct Shown {
    format_version: String,
    /// Not every version of Terraform and OpenTofu writes these two.
    errored: Option<bool>,
    complete: Option<bool>,
    #[serde(default)]
    resource_drift: Vec<Drifted>,
    #[serde(default)]
    prior_state: Prior,
    #[serde(default)]
    configuration: Value,
}

/// The state after the refresh.
#[derive(Debug, Default, Deserialize)]
struct Prior {
    #[serde(default)]
    values: Values,
}

#[derive(Debug, Default, Deserialize)]
struct Values {
    #[serde(default)]
    root_module: Module,
}

#[derive(Debug, Default, Deserialize)]
struct Module {
    #[serde(default)]
    resources: Vec<Instance>,
    #[serde(default)]
    child_modules: Vec<Module>,
}

/// An instance of a resource or a data source, without its values.
#[derive(Debug, Deserialize)]
struct Instance {
    address: String,
    mode: Mode,
    provider_name: String,
}

impl Module {
    /// The resources in it and below it; data sources are none.
    fn managed<'a>(&'a self, into: &mut Vec<&'a Instance>) {
        into.extend(self.resources.iter().filter(|instance| instance.mode == Mode::Managed));
        for child in &self.child_modules {
            child.managed(into);
        }
    }
}

impl Instance {
    /// Whether the state is the only place where it exists.
    fn is_in_the_state_alone(&self) -> bool {
        STATE_ONLY.iter().any(|provider| {
            let source = self.provider_name.strip_suffix(provider);
            source.is_some_and(|host| host.is_empty() || host.ends_with('/'))
        })
    }
}

/// A resource that differs.
#[derive(Debug, Deserialize)]
struct Drifted {
    address: String,
    #[serde(rename = "type")]
    kind: String,
    change: Difference,
}

/// How it differs. The values may be secret, so they stay here.
#[derive(Deserialize)]
struct Difference {
    actions: Vec<String>,
    before: Value,
    after: Value,
}

impl std::fmt::Debug for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.actions)
    }
}

impl Shown {
    /// The drift, if the plan says all of it; `failure` is that of the plan, if it has one. The result is said.
    fn judge(&self, report: &Report, failure: Option<Error>) -> Result<Drift, Error> {
        if self.format_version.split('.').next() != Some(FORMAT_MAJOR) {
            let why = format!("the saved plan has the format version {}", self.format_version);
            return Err(Error::DriftUnknown { why, found: Vec::new() });
        }
        let drift = self.drift();
        let unknown = |why: String| {
            let found = drift.resources.iter().map(|resource| resource.address.clone());
            Error::DriftUnknown {
                why,
                found: found.take(NAMED).collect(),
            }
        };
        let shown: BTreeSet<&str> = self.resource_drift.iter().map(|one| one.address.as_str()).collect();
        if let Some(address) = report.drifted.iter().find(|address| !shown.contains(address.as_str())) {
            let address = address_without_secrets(address, &secrets::hide);
            return Err(unknown(format!(
                "Terraform's stream names a difference of {address}, and its saved plan has none"
            )));
        }
        match failure {
            None if self.errored == Some(true) => {
                return Err(unknown("Terraform marks the plan as errored".to_owned()));
            }
            None if self.complete == Some(false) => return Err(unknown("the plan is not complete".to_owned())),
            None => {}
            // Without a difference, nothing explains it.
            Some(failure) if drift.count == 0 || report.errors.is_empty() => return Err(failure),
            Some(_) => {
                let causes = Causes::new(&self.configuration, shown.iter().copied());
                if let Some(error) = report.errors.iter().find(|error| !causes.explain(error)) {
                    return Err(unknown(error.text()));
                }
                say("The blueprint cannot be evaluated with what differs: the errors above follow from it.");
                self.say_unchecked(report);
            }
        }
        say(self.sentence(&drift));
        Ok(drift)
    }

    fn managed(&self) -> Vec<&Instance> {
        let mut managed = Vec::new();
        self.prior_state.values.root_module.managed(&mut managed);
        managed
    }

    /// Says which resources Terraform did not read, because the expression that failed makes their keys.
    fn say_unchecked(&self, report: &Report) {
        let is_unchecked =
            |instance: &&Instance| !instance.is_in_the_state_alone() && !report.refreshed.contains(&instance.address);
        let unchecked: Vec<&str> = self
            .managed()
            .into_iter()
            .filter(is_unchecked)
            .map(|instance| instance.address.as_str())
            .collect();
        if let Some(named) = unchecked
            .get(..unchecked.len().min(NAMED))
            .filter(|named| !named.is_empty())
        {
            say(format_args!(
                "{} not read, among them {}. Update the stack, then check again.",
                counted_as(unchecked.len() as u64, "resource was", "resources were"),
                named.join(", ")
            ));
        }
    }

    /// The result in words.
    fn sentence(&self, drift: &Drift) -> String {
        if drift.count > 0 {
            return counted_as(
                drift.count,
                "resource differs from the state.",
                "resources differ from the state.",
            );
        }
        let managed = self.managed();
        let alone = managed
            .iter()
            .filter(|instance| instance.is_in_the_state_alone())
            .count();
        let exist = |count: usize| counted_as(count as u64, "resource exists", "resources exist");
        match managed.len() {
            0 => "The state has no resources: there is nothing to compare.".to_owned(),
            _ if alone == 0 => "Everything is as the state says.".to_owned(),
            all if all == alone => format!("Nothing was compared: {} in the state alone.", exist(alone)),
            all => format!(
                "Nothing differs in {}. {} in the state alone, with nothing to compare.",
                counted((all - alone) as u64, "resource"),
                exist(alone)
            ),
        }
    }

    fn drift(&self) -> Drift {
        let mut drift = Drift::default();
        for drifted in &self.resource_drift {
            if let Some(action) = drifted.change.action(&drifted.kind) {
                drift.add(ResourceChange {
                    address: address_without_secrets(&drifted.address, &secrets::hide),
                    action,
                });
            }
        }
        drift
    }
}

impl Difference {
    /// What happened to the resource; none where only an attribute moved that moves by itself, or an address in the blueprint.
    fn action(&self, kind: &str) -> Option<Action> {
        match self.actions.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["delete"] => Some(Action::Delete),
            ["no-op"] => None,
            ["update"] => {
                (without_moving(kind, &self.before) != without_moving(kind, &self.after)).then_some(Action::Update)
            }
            // Whatever a later version of Terraform calls it, it differs.
            _ => Some(Action::Update),
        }
    }
}

/// The values of a side, without those that move by themselves.
fn without_moving(kind: &str, side: &Value) -> Value {
    let mut side = side.clone();
    let moving = MOVING.iter().find(|(resource, _)| *resource == kind);
    for attribute in moving.into_iter().flat_map(|(_, attributes)| *attributes) {
        if let Some(value) = side.pointer_mut(attribute) {
            *value = Value::Null;
        }
    }
    side
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(mut parts: Value) -> Shown {
        parts["format_version"] = "1.2".into();
        serde_json::from_value(parts).expect("a plan")
    }

    fn drift(resources: &Value) -> Drift {
        shown(json!({ "resource_drift": resources })).drift()
    }

    fn changed(kind: &str, before: &Value, after: &Value) -> Value {
        json!({"address": format!("{kind}.a"), "type": kind, "change": {"actions": ["update"], "before": before, "after": after}})
    }

    #[test]
    fn what_releases_and_autoscalers_change_is_no_drift() {
        let target = |definition: &str, input: &str| json!([{"input": input, "ecs_parameters": [{"task_definition_arn": definition}]}]);
        let quiet = drift(&json!([
            changed(
                "aws_ecs_service",
                &json!({"desired_count": 0, "task_definition": "x:1", "name": "web"}),
                &json!({"desired_count": 2, "task_definition": "x:2", "name": "web"}),
            ),
            changed(
                "aws_scheduler_schedule",
                &json!({"state": "DISABLED", "target": target("x:1", "{}")}),
                &json!({"state": "ENABLED", "target": target("x:2", "{}")}),
            ),
        ]));
        assert_eq!(quiet, Drift::default());
        let loud = drift(&json!([
            changed(
                "aws_ecs_service",
                &json!({"desired_count": 0, "enable_execute_command": false}),
                &json!({"desired_count": 2, "enable_execute_command": true}),
            ),
            changed(
                "aws_scheduler_schedule",
                &json!({"target": target("x:1", "{}")}),
                &json!({"target": target("x:2", "{\"command\": [\"rm\"]}")}),
            ),
            {"address": "aws_sqs_queue.a", "type": "aws_sqs_queue", "change": {"actions": ["delete"], "before": {}, "after": null}},
            {"address": "aws_sqs_queue.b", "type": "aws_sqs_queue", "change": {"actions": ["no-op"], "before": {}, "after": {}}},
        ]));
        assert_eq!(loud.count, 3);
        let actions: Vec<Action> = loud.resources.iter().map(|resource| resource.action).collect();
        assert_eq!(actions, [Action::Update, Action::Update, Action::Delete]);
    }

    #[test]
    fn a_plan_in_which_nothing_differs_has_no_list() {
        assert_eq!(shown(json!({})).drift(), Drift::default());
        serde_json::from_value::<Shown>(json!({})).expect_err("no format version");
    }

    #[test]
    fn sentence_does_not_claim_what_cannot_be_read() {
        let instance =
            |name: &str, mode: &str, provider: &str| json!({"address": name, "mode": mode, "provider_name": provider});
        let data = instance("data.a.b", "data", "registry.terraform.io/hashicorp/aws");
        let queue = instance("aws_sqs_queue.a", "managed", "registry.terraform.io/hashicorp/aws");
        let text = instance("terraform_data.a", "managed", "terraform.io/builtin/terraform");
        let id = instance("random_id.a", "managed", "registry.opentofu.org/hashicorp/random");
        let sentence = |root: &[&Value], child: &[&Value]| {
            let root = json!({"resources": root, "child_modules": [{"resources": child}]});
            shown(json!({"prior_state": {"values": {"root_module": root}}})).sentence(&Drift::default())
        };
        assert_eq!(sentence(&[&queue], &[]), "Everything is as the state says.");
        assert_eq!(
            sentence(&[&text], &[&id]),
            "Nothing was compared: 2 resources exist in the state alone."
        );
        assert_eq!(
            sentence(&[&text, &data], &[&queue]),
            "Nothing differs in 1 resource. 1 resource exists in the state alone, with nothing to compare."
        );
        assert_eq!(
            sentence(&[&data], &[]),
            "The state has no resources: there is nothing to compare."
        );
    }
}
