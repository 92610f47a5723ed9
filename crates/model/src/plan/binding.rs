//! What the apply of a plan uses, by SHA-256: what was approved is what is applied.
//!
//! The record of the operation has a [`Binding`], which no build but its own can write. The objects in the artifacts bucket are
//! compared with it before Terraform runs.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::blueprint::VARIABLES;
use crate::name::Digest;
use crate::terraform::LOCK_FILE;

/// What the manifest of a work folder is called, below the operation.
pub fn manifest_name(manifest: &Digest) -> String {
    format!("work-{}.json", manifest.hex())
}

/// The saved plan, below the work folder.
pub const PLAN: &str = "terraform/plan.tfplan";

/// How many files an error names.
const FILES_NAMED: usize = 5;

/// A part of what an apply uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The saved plan.
    Plan,
    /// The lock file of the providers.
    LockFile,
    /// The modules that `init` installed.
    Modules,
    /// The values of the variables.
    Variables,
    /// Everything else in the work folder.
    WorkFolder,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Plan,
        Self::LockFile,
        Self::Modules,
        Self::Variables,
        Self::WorkFolder,
    ];

    /// The part that a file of the work folder belongs to.
    fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        if path == PLAN {
            Self::Plan
        } else if path.contains(".terraform/modules/") {
            Self::Modules
        } else if name == LOCK_FILE {
            Self::LockFile
        } else if name == VARIABLES {
            Self::Variables
        } else {
            Self::WorkFolder
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plan => "the saved plan",
            Self::LockFile => "the lock file",
            Self::Modules => "the modules",
            Self::Variables => "the variables",
            Self::WorkFolder => "the work folder",
        })
    }
}

/// The files of a work folder, by their paths: the SHA-256 of each, with `x` for a program, or the target of a link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manifest(pub BTreeMap<String, String>);

impl Manifest {
    /// The digest of each part.
    pub fn parts(&self) -> BTreeMap<Part, Digest> {
        let digest = |part: Part| {
            let files: BTreeMap<_, _> = self.0.iter().filter(|(path, _)| Part::of(path) == part).collect();
            // A map of texts always is JSON.
            Digest::of(&serde_json::to_vec(&files).unwrap_or_default())
        };
        Part::ALL.into_iter().map(|part| (part, digest(part))).collect()
    }

    /// The first files of a part that differ, in words.
    fn differences(&self, found: &Self, part: Part) -> String {
        let all = self.0.iter().chain(&found.0).map(|(path, _)| path);
        let mut paths: Vec<&String> = all
            .filter(|path| Part::of(path) == part && self.0.get(*path) != found.0.get(*path))
            .collect();
        paths.sort();
        paths.dedup();
        let named = paths.iter().take(FILES_NAMED).map(|path| {
            let what = match (self.0.contains_key(*path), found.0.contains_key(*path)) {
                (true, true) => "changed",
                (true, false) => "removed",
                _ => "added",
            };
            format!("{} {what}", path.escape_debug())
        });
        let mut text = named.collect::<Vec<_>>().join(", ");
        if paths.len() > FILES_NAMED {
            let _ = write!(text, ", and {} more", paths.len() - FILES_NAMED);
        }
        text
    }
}

/// The version of a Terraform state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateVersion {
    /// What distinguishes the state from every other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<String>,
    /// Counts its changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
}

impl StateVersion {
    /// What differs in another version, in words.
    pub fn difference(&self, found: &Self) -> Option<String> {
        let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        if self.lineage != found.lineage {
            let (planned, now) = (text(self.lineage.clone()), text(found.lineage.clone()));
            return Some(format!("the state's lineage was {planned}, and is {now}"));
        }
        if self.serial != found.serial {
            let serial = |version: &Self| text(version.serial.map(|serial| serial.to_string()));
            return Some(format!(
                "the state's serial was {}, and is {}",
                serial(self),
                serial(found)
            ));
        }
        None
    }
}

/// What the apply of a plan uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The SHA-256 of the archive with the work folder.
    pub work: Digest,
    /// The SHA-256 of its manifest.
    pub manifest: Digest,
    /// The SHA-256 of each part.
    pub parts: BTreeMap<Part, Digest>,
    /// The state that the plan was made from.
    pub state: StateVersion,
}

impl Binding {
    /// What differs in an archive whose digest is another one, in words: the parts, and the files where the manifest that was
    /// kept is the one that was recorded.
    pub fn difference(&self, found: &Manifest, kept: Option<&Manifest>) -> String {
        let now = found.parts();
        let differ = Part::ALL
            .into_iter()
            .filter(|part| self.parts.get(part) != now.get(part));
        let named = differ.map(|part| {
            let files = kept.map(|kept| kept.differences(found, part)).unwrap_or_default();
            if files.is_empty() {
                part.to_string()
            } else {
                format!("{part} ({files})")
            }
        });
        let named: Vec<String> = named.collect();
        if named.is_empty() {
            "the archive of the work folder".to_owned()
        } else {
            named.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        let text = |(path, digest): &(&str, &str)| ((*path).to_owned(), (*digest).to_owned());
        Manifest(files.iter().map(text).collect())
    }

    const FILES: [(&str, &str); 6] = [
        ("blueprint/main.tf", "1"),
        ("blueprint/e.py", "2"),
        ("blueprint/.terraform.lock.hcl", "3"),
        ("blueprint/.terraform/modules/m/main.tf", "4"),
        ("blueprint/slipway.auto.tfvars.json", "5"),
        ("terraform/plan.tfplan", "6"),
    ];

    #[test]
    fn every_part_is_named_with_its_files() {
        let kept = manifest(&FILES);
        let binding = Binding {
            work: Digest::of(b"archive"),
            manifest: Digest::of(b"manifest"),
            parts: kept.parts(),
            state: StateVersion::default(),
        };
        for (index, part) in [
            (1, "the work folder (blueprint/e.py changed)"),
            (2, "the lock file (blueprint/.terraform.lock.hcl changed)"),
            (3, "the modules (blueprint/.terraform/modules/m/main.tf changed)"),
            (4, "the variables (blueprint/slipway.auto.tfvars.json changed)"),
            (5, "the saved plan (terraform/plan.tfplan changed)"),
        ] {
            let mut files = FILES;
            files[index].1 = "another";
            assert_eq!(binding.difference(&manifest(&files), Some(&kept)), part);
        }
        let mut files = FILES.to_vec();
        files.remove(1);
        files.push(("blueprint/f.py", "7"));
        let found = manifest(&files);
        assert_eq!(
            binding.difference(&found, Some(&kept)),
            "the work folder (blueprint/e.py removed, blueprint/f.py added)"
        );
        assert_eq!(binding.difference(&found, None), "the work folder");
        assert_eq!(binding.difference(&kept, Some(&kept)), "the archive of the work folder");
    }

    #[test]
    fn state_differs_by_lineage_or_serial() {
        let state = |lineage: &str, serial| StateVersion {
            lineage: Some(lineage.to_owned()),
            serial: Some(serial),
        };
        let planned = state("a", 3);
        assert_eq!(planned.difference(&state("a", 3)), None);
        assert_eq!(
            planned.difference(&state("a", 4)).as_deref(),
            Some("the state's serial was 3, and is 4")
        );
        let other = planned.difference(&state("b", 3)).expect("a difference");
        assert_eq!(other, "the state's lineage was a, and is b");
        assert!(planned.difference(&StateVersion::default()).is_some());
    }
}
