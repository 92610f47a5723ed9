//! A plan that imports what a killed Terraform created: each resource gets an `import` block
//! (<https://developer.hashicorp.com/terraform/language/block/import>), so the approval sheet shows it as an import.
//!
//! Terraform rejects a plan for one import that fails: of a resource that cannot be imported, that the blueprint no longer has, or
//! that does not exist. Most errors name the resource or its type. The others are found by trying halves, in a bounded number of plans.
//! A plan without imports proves first that these are the cause: the same resource may fail for another reason. A plan without an import
//! may create the resource again, so its record says that, and it needs an approval.

use std::ffi::OsString;

use serde_json::json;
use slipway_model::count::counted_as;
use slipway_model::name::Digest;
use slipway_model::plan::PlanSummary;
use slipway_model::plan::protection::type_in;

use crate::adoption::{Adoption, named};
use crate::cancel::Cancel;
use crate::console::say;
use crate::created::{Created, Rejected};
use crate::created_list::Resources;
use crate::error::Error;
use crate::overrides::literal;
use crate::secrets;
use crate::stream::Diagnostic;
use crate::terraform::{Ended, Run, Terraform};
use crate::work_folder::WorkFolder;

/// The file with the `import` blocks, in the root module.
const FILE: &str = "slipway_import.tf.json";

/// The line of the file with the first block. Each block has a line of its own.
const FIRST_LINE: u64 = 2;

/// The most plans of a search for the imports that fail. What is not tried by then is left to the next update.
const PLANS: usize = 20;

/// How many resources a plan names that it does not import. The log names all.
const NAMED: usize = 8;

/// The `import` blocks. An address is an expression in a `to`, and a string elsewhere is a template, so an ID is escaped.
fn blocks(resources: &Resources) -> String {
    let block =
        |(address, created): (&String, &Created)| json!({ "to": address, "id": literal(&created.id) }).to_string();
    let blocks: Vec<String> = resources.iter().map(block).collect();
    format!("{{\"import\": [\n{}\n]}}\n", blocks.join(",\n"))
}

/// Takes out of the state what Terraform replaced by resources that are to be imported: an `import` block of an address that is in the
/// state has no effect. A replaced resource that was not destroyed gets another address, which the blueprint does not have, so the plan
/// destroys it.
pub(crate) async fn make_room(
    terraform: &Terraform,
    folder: &WorkFolder,
    cancel: &Cancel,
    adoption: &Adoption,
) -> Result<(), Error> {
    for (address, created) in adoption.replacing() {
        let mut arguments: Vec<OsString> = Vec::new();
        if created.has_replaced {
            say(format_args!(
                "{address}: the state has a resource that Terraform destroyed. It is removed."
            ));
            arguments.extend(["rm", "-no-color", address].map(OsString::from));
        } else {
            let aside = aside(address, &created.id);
            say(format_args!(
                "{address}: the state has a resource that Terraform replaced. It becomes {aside}, to be destroyed."
            ));
            arguments.extend(["mv", "-no-color", address, &aside].map(OsString::from));
        }
        let run = Run {
            command: "state",
            arguments,
            folder: folder.root(),
            stream: &folder.path().join("state.txt"),
        };
        terraform.run(&run, cancel, None).await?.success(run.command)?;
    }
    Ok(())
}

/// The address that a replaced resource gets.
fn aside(address: &str, id: &str) -> String {
    let unique = Digest::of(format!("{address} {id}").as_bytes());
    format!("{}.slipway_replaced_{}", type_in(address), &unique.hex()[..12])
}

/// Runs plans until one has all imports that Terraform accepts, fails for another reason, or too many were run. Returns how that one
/// ended, and the resources that it does not import. Each rejected one is recorded at once: a search may be cancelled.
///
/// No import is rejected by one plan alone: a throttle or an expired credential fails a plan, and not its repetition.
pub(crate) async fn plan(
    folder: &WorkFolder,
    wanted: Resources,
    configuration: Digest,
    run: impl AsyncFn() -> Result<Ended, Error>,
    record: impl AsyncFn(Resources) -> Result<(), Error>,
) -> Result<(Ended, Resources), Error> {
    let mut search = Search::of(wanted, configuration);
    let mut last = None;
    let mut left = PLANS;
    // A plan, and its repetition.
    while left > 1 {
        let Some(group) = search.groups.pop() else { break };
        left -= 1;
        let tried = search.with(&group);
        let mut ended = attempt(folder, &tried, &run).await?;
        let mut before = Vec::new();
        if !ended.status.success() {
            // Without an error it was killed, say, and without an import none is the cause.
            if ended.report.errors.is_empty() || tried.is_empty() {
                return Ok((ended, Resources::new()));
            }
            // Its files replaced those of the plan before it.
            last = None;
            before = blamed(&ended.report.errors, &tried);
            if group.len() == 1 || !before.is_empty() {
                left -= 1;
                ended = attempt(folder, &tried, &run).await?;
            }
        }
        if ended.status.success() {
            search.accepted = tried;
            last = Some(ended);
            continue;
        }
        let Some(first) = ended.report.errors.first() else {
            return Ok((ended, Resources::new()));
        };
        if !search.has_planned_without {
            let without = attempt(folder, &Resources::new(), &run).await?;
            if !without.status.success() {
                return Ok((without, Resources::new()));
            }
            search.has_planned_without = true;
            // Until now, none was accepted.
            last = Some(without);
        }
        let blamed = blamed_twice(blamed(&ended.report.errors, &tried), &before, &group);
        let rejected = if before.is_empty() && blamed.is_empty() {
            search.halve(group, first)
        } else {
            search.reject(group, blamed)
        };
        if !rejected.is_empty() {
            // On the heap, as plans are.
            Box::pin(record(rejected)).await?;
        }
    }
    let ended = match last {
        Some(ended) => ended,
        None => attempt(folder, &search.accepted, &run).await?,
    };
    Ok((ended, search.left_out()))
}

/// Runs a plan with these imports.
async fn attempt(
    folder: &WorkFolder,
    resources: &Resources,
    run: &impl AsyncFn() -> Result<Ended, Error>,
) -> Result<Ended, Error> {
    if !resources.is_empty() {
        folder.write_in_root(FILE, &blocks(resources))?;
    } else if folder.root().join(FILE).exists() {
        folder.remove_from_root(FILE)?;
    }
    // On the heap: it is a whole plan.
    Box::pin(run()).await
}

/// The search for the imports that Terraform rejects.
struct Search {
    /// What a plan had and succeeded.
    accepted: Resources,
    /// What is to be tried, together.
    groups: Vec<Resources>,
    rejected: Resources,
    /// With which they are rejected.
    configuration: Digest,
    /// Whether a plan without imports succeeded, so that imports are the cause of the errors.
    has_planned_without: bool,
}

impl Search {
    fn of(wanted: Resources, configuration: Digest) -> Self {
        Self {
            accepted: Resources::new(),
            groups: vec![wanted],
            rejected: Resources::new(),
            configuration,
            has_planned_without: false,
        }
    }

    fn with(&self, group: &Resources) -> Resources {
        let both = self.accepted.iter().chain(group);
        both.map(|(address, created)| (address.clone(), created.clone()))
            .collect()
    }

    /// Goes on without those that errors blame, and returns them.
    fn reject(&mut self, group: Resources, blamed: Vec<(String, String)>) -> Resources {
        self.groups.push(group);
        let mut rejected = Resources::new();
        for (address, reason) in blamed {
            let mut wanted = self.groups.iter_mut().chain([&mut self.accepted]);
            if let Some(mut created) = wanted.find_map(|resources| resources.remove(&address)) {
                let with = Some(self.configuration.clone());
                created.rejected = Some(Rejected { reason, with });
                rejected.insert(address, created);
            }
        }
        self.groups.retain(|group| !group.is_empty());
        self.rejected.extend(rejected.clone());
        rejected
    }

    /// Goes on with the halves of a group of which no error blames one. Returns what is rejected.
    fn halve(&mut self, mut group: Resources, error: &Diagnostic) -> Resources {
        let middle = group.keys().nth(group.len() / 2).cloned();
        match middle {
            Some(middle) if group.len() > 1 => {
                let second = group.split_off(&middle);
                self.groups.extend([second, group]);
                Resources::new()
            }
            only => {
                let alike = only.into_iter().flat_map(|only| self.alike(only, error));
                let blamed = alike.map(|address| (address, error.text())).collect();
                self.reject(group, blamed)
            }
        }
    }

    /// What an error of one import is about: also the others of its type, if that has no import.
    fn alike(&self, only: String, error: &Diagnostic) -> Vec<String> {
        let kind = type_in(&only);
        let others = self.groups.iter().flat_map(Resources::keys);
        let mut alike: Vec<String> = others
            .filter(|address| says_no_import(error) && type_in(address) == kind)
            .cloned()
            .collect();
        alike.push(only);
        alike
    }

    /// What the plan does not import: what was rejected, and what was not tried.
    fn left_out(self) -> Resources {
        self.groups.into_iter().flatten().chain(self.rejected).collect()
    }
}

/// Whether an error says that a type of resources has no import, as the two libraries for providers word it: `resource T doesn't support
/// import`, and `Resource Import Not Implemented: This resource does not support import.`
fn says_no_import(error: &Diagnostic) -> bool {
    let text = error.text();
    ["doesn't support import", "does not support import"]
        .iter()
        .any(|words| text.contains(words))
}

/// The resources that errors name, with what they say.
fn blamed(errors: &[Diagnostic], tried: &Resources) -> Vec<(String, String)> {
    let mut named = Vec::new();
    for (line, address) in (FIRST_LINE..).zip(tried.keys()) {
        let no_import = format!("resource {} doesn't support import", type_in(address));
        let blames = |error: &&Diagnostic| {
            let range = error.range.as_ref();
            error.address.as_ref() == Some(address)
                || range.is_some_and(|range| range.filename == FILE && range.start.line == line)
                || mentions(&error.detail, address)
                || mentions(&error.summary, address)
                || error.text().contains(&no_import)
        };
        if let Some(error) = errors.iter().find(blames) {
            named.push((address.clone(), error.text()));
        }
    }
    named
}

/// The resources that errors name in a plan and in its repetition. If those of the first one named none, its group has one resource, and
/// the repetition may say more of this one: others were accepted before.
fn blamed_twice(now: Vec<(String, String)>, before: &[(String, String)], group: &Resources) -> Vec<(String, String)> {
    let is_named = |address: &String| before.iter().any(|(named, _)| named == address);
    let twice = now.into_iter().filter(|(address, _)| {
        if before.is_empty() {
            group.contains_key(address)
        } else {
            is_named(address)
        }
    });
    twice.collect()
}

/// Whether a text has an address, and not only as a part of another one.
fn mentions(text: &str, address: &str) -> bool {
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    text.match_indices(address).any(|(start, found)| {
        let before = text[..start].chars().next_back();
        let mut after = text[start + found.len()..].chars();
        let goes_on = match after.next() {
            Some('[') => true,
            // Or it ends the sentence.
            Some('.') => after.next().is_some_and(is_name),
            other => other.is_some_and(is_name),
        };
        let is_end_of_another = before.is_some_and(|letter| is_name(letter) || letter == '.');
        !goes_on && !is_end_of_another
    })
}

/// Notes on a plan what it does not import, which requires an approval.
pub(crate) fn note(summary: &mut PlanSummary, left_out: &Resources) {
    for (address, created) in left_out.iter().take(NAMED) {
        let reason = match &created.rejected {
            Some(rejected) => format!("Terraform: {}", rejected.reason),
            None => "Another update tries to import it".to_owned(),
        };
        summary.note(secrets::hide(&format!(
            "a killed Terraform created {}, and this plan does not import it. If the plan creates it again, delete the existing one \
             first. {reason}",
            named((address, created)),
        )));
    }
    if let Some(more) = left_out.len().checked_sub(NAMED).filter(|more| *more > 0) {
        summary.note(format!(
            "a killed Terraform created {} that this plan does not import: the log names them",
            counted_as(more, "more resource", "more resources")
        ));
    }
}

#[cfg(test)]
#[path = "imports_tests.rs"]
mod tests;
