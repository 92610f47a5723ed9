//! Publishing: what builds need goes into the artifacts bucket, and versions of blueprints through the API.
//!
//! Remote modules become part of the version ([`crate::author::vendor`]).
//!
//! Everything is checked before anything is uploaded: one invalid blueprint stops the whole command, and nothing has changed.

pub mod artifacts;
pub mod blueprints;
pub mod packages;
pub mod toolchain;
pub mod upload;

use serde_json::{Value, json};

/// What was done about one thing.
#[derive(Debug)]
pub struct Done {
    /// What it is: `toolchain`, `provider`, `blueprint` or `draft`.
    pub kind: &'static str,
    /// Which one.
    pub name: String,
    /// Whether it was published now; otherwise it was there before.
    pub published: bool,
    /// What was not checked, and how to check it.
    pub unchecked: Vec<String>,
}

impl Done {
    /// As programs read it.
    pub fn to_json(&self) -> Value {
        let result = if self.published { "published" } else { "unchanged" };
        let mut done = json!({ "kind": self.kind, "name": self.name, "result": result });
        if !self.unchecked.is_empty() {
            done["notes"] = self.unchecked.clone().into();
        }
        done
    }
}

/// The processor that builds run on, as the parameter `Architecture` of `template.yaml` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Architecture {
    /// Graviton
    #[value(name = "arm64")]
    Arm64,
    /// Intel and AMD
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// Its name in the parameter and in the toolchain's key.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// Its builds' platform, as Terraform names it.
    pub fn platform(self) -> &'static str {
        match self {
            Self::Arm64 => "linux_arm64",
            Self::X86_64 => "linux_amd64",
        }
    }

    /// `e_machine` of its programs.
    pub fn machine(self) -> u16 {
        match self {
            Self::Arm64 => 0xB7,
            Self::X86_64 => 0x3E,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_read_what_was_not_checked() {
        let mut done = Done {
            kind: "blueprint",
            name: "web@1.0.0".to_owned(),
            published: true,
            unchecked: Vec::new(),
        };
        assert!(done.to_json().get("notes").is_none());
        done.unchecked.push("resources were not checked".to_owned());
        assert_eq!(done.to_json()["notes"], json!(["resources were not checked"]));
    }
}
