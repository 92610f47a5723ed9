//! Publishing: what builds need goes into the artifacts bucket, and versions of blueprints through the API.
//!
//! Remote modules become part of the version ([`vendor`]).
//!
//! Everything is checked before anything is uploaded: one invalid blueprint stops the whole command, and nothing has changed.

pub mod artifacts;
pub mod blueprints;
pub mod packages;
pub mod toolchain;
pub mod upload;
pub mod vendor;

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
}

impl Done {
    /// As programs read it.
    pub fn to_json(&self) -> Value {
        let result = if self.published { "published" } else { "unchanged" };
        json!({ "kind": self.kind, "name": self.name, "result": result })
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
