//! Drift, from a refresh-only plan.
//!
//! The plan's stream only names the resources, and a message of it may be missing. So what differs is always read from the saved plan
//! (`show -json`), an additional process. Some attributes do not belong to Terraform, because releases, autoscalers and AWS itself
//! change them all the time.
//!
//! A refresh-only plan also has what nothing sets, such as the rules of a security group that other resources add. No update would change
//! that, so it would be found for ever. If anything but a deleted resource is found, Terraform plans an update, and what that leaves as
//! it is does not count.

mod cause;
mod difference;
mod planned;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use slipway_model::count::{counted, counted_as};
use slipway_model::error_chain::chain;
use slipway_model::plan::{Action, Drift, ResourceChange, address_without_secrets};

use self::cause::Causes;
use self::difference::Drifted;
use self::planned::Planned;
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

/// Reads a refresh-only plan that Terraform has made and saved in `folder`. `plan` plans an update in its place.
pub(crate) async fn find(
    session: &Session,
    terraform: &Terraform,
    folder: &WorkFolder,
    ended: &Ended,
    plan: impl AsyncFn() -> Result<Ended, Error>,
) -> Result<Drift, Error> {
    let failure = ended.success("plan").err();
    if let Err(incomplete) = ended.report.check_plan(0) {
        return Err(failure.unwrap_or(incomplete));
    }
    let shown = show::<Shown>(session, terraform, folder).await;
    session.cancel.check()?;
    let (shown, failure) = match (shown, failure) {
        // Terraform saves its plan where an expression fails. Where it saved none, the reason is the plan's.
        (Err(_), Some(failure)) => return Err(failure),
        (shown, failure) => (shown?, failure),
    };
    shown.check(&ended.report, failure)?;
    let planned = if shown.has_updates() {
        update(session, terraform, folder, plan).await?
    } else {
        None
    };
    let drift = shown.drift(planned.as_ref());
    if let Some(planned) = &planned {
        shown.say_left(planned);
    }
    say(shown.sentence(&drift));
    Ok(drift)
}

/// What an update would change; none if it cannot be planned, for which what differs may be the reason.
async fn update(
    session: &Session,
    terraform: &Terraform,
    folder: &WorkFolder,
    plan: impl AsyncFn() -> Result<Ended, Error>,
) -> Result<Option<Planned>, Error> {
    say("Resources differ. Terraform plans an update, which shows what it would change of that.");
    // On the heap: it is a whole plan.
    let planned = Box::pin(async {
        plan().await?.success("plan")?;
        show::<Planned>(session, terraform, folder).await
    })
    .await;
    session.cancel.check()?;
    if let Err(error) = &planned {
        say(format_args!(
            "An update cannot be planned, so each difference counts as drift: {}",
            chain(error)
        ));
    }
    Ok(planned.ok())
}

/// Reads the plan that is saved in `folder`.
async fn show<T: DeserializeOwned>(session: &Session, terraform: &Terraform, folder: &WorkFolder) -> Result<T, Error> {
    let document = folder.path().join(DOCUMENT);
    let shown = match terraform.show(folder, &document, &session.cancel).await {
        Ok(()) => read(&document),
        Err(error) => Err(error),
    };
    // What cannot be removed goes with the folder.
    let _ = std::fs::remove_file(&document);
    shown
}

fn read<T: DeserializeOwned>(document: &Path) -> Result<T, Error> {
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

impl Shown {
    /// Whether the plan says everything that differs; `failure` is that of the plan, if it has one.
    fn check(&self, report: &Report, failure: Option<Error>) -> Result<(), Error> {
        if self.format_version.split('.').next() != Some(FORMAT_MAJOR) {
            let why = format!("the saved plan has the format version {}", self.format_version);
            return Err(Error::DriftUnknown { why, found: Vec::new() });
        }
        let drift = self.drift(None);
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
        Ok(())
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
        if self.differences().next().is_some() {
            return "No resource differs in what an update would change.".to_owned();
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

    /// What differs, and what happened to it.
    fn differences(&self) -> impl Iterator<Item = (&Drifted, Action)> {
        let drifted = self.resource_drift.iter();
        drifted.filter_map(|drifted| Some((drifted, drifted.action()?)))
    }

    fn has_updates(&self) -> bool {
        self.differences().any(|(_, action)| action == Action::Update)
    }

    /// What an update would leave as it is.
    fn left(&self, planned: &Planned) -> impl Iterator<Item = &Drifted> {
        let updates = self.differences().filter(|(_, action)| *action == Action::Update);
        updates
            .map(|(drifted, _)| drifted)
            .filter(move |drifted| planned.leaves(&drifted.address, &drifted.attributes()))
    }

    fn drift(&self, planned: Option<&Planned>) -> Drift {
        let left: BTreeSet<&str> = planned
            .into_iter()
            .flat_map(|planned| self.left(planned))
            .map(|drifted| drifted.address.as_str())
            .collect();
        let mut drift = Drift::default();
        for (drifted, action) in self.differences() {
            if action == Action::Update && left.contains(drifted.address.as_str()) {
                continue;
            }
            drift.add(ResourceChange {
                address: address_without_secrets(&drifted.address, &secrets::hide),
                action,
            });
        }
        drift
    }

    /// Says what differs and is not drift.
    fn say_left(&self, planned: &Planned) {
        let left: Vec<&Drifted> = self.left(planned).collect();
        for drifted in left.iter().take(NAMED) {
            let attributes: Vec<String> = drifted.attributes().into_iter().collect();
            say(format_args!(
                "{}: no update would change what differs ({}), so it is not drift.",
                drifted.address,
                attributes.join(", ")
            ));
        }
        if let Some(more) = left.len().checked_sub(NAMED).filter(|more| *more > 0) {
            say(format_args!(
                "The same holds for {}.",
                counted_as(more as u64, "more resource", "more resources")
            ));
        }
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
