//! The words of `slipway blueprint`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use slipway_model::name::Name;

use super::{BlueprintRef, Variables};

#[derive(Debug, Subcommand)]
pub enum BlueprintCommand {
    /// List the blueprints
    List,
    /// Show a version of a blueprint with its variables
    Show {
        /// The blueprint, with or without a version: `web` or `web@1.2.0`
        blueprint: BlueprintRef,
    },
    /// Print the README of a blueprint, in Markdown
    Readme {
        /// The blueprint, with or without a version: `web` or `web@1.2.0`
        blueprint: BlueprintRef,
    },
    /// List the versions of a blueprint and the stacks of each
    Versions {
        /// The blueprint
        name: Name,
    },
    /// Deprecate a version with a message (administrators)
    Deprecate {
        /// The blueprint and the version: `web@1.2.0`
        blueprint: BlueprintRef,
        /// The reason and the version to use instead
        #[arg(long)]
        message: String,
    },
    /// End the deprecation of a version (administrators)
    Undeprecate {
        /// The blueprint and the version: `web@1.2.0`
        blueprint: BlueprintRef,
    },
    /// Delete a draft (administrators)
    Discard {
        /// The blueprint and the version: `web@1.2.0`
        blueprint: BlueprintRef,
    },
    /// Write a blueprint to begin with, into a new folder
    Init {
        /// Name of the blueprint and of the folder
        name: Name,
        /// Folder in which the new one is created
        #[arg(long, value_name = "FOLDER", default_value = ".", value_hint = ValueHint::DirPath)]
        parent: PathBuf,
    },
    /// Find what is wrong with a blueprint, with file and line
    Check(Folder),
    /// Check, plan with mocked providers, show what the workflow would do
    Test {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        variables: Variables,
    },
    /// Publish a folder as a version of a blueprint
    Publish {
        #[command(flatten)]
        folder: Folder,
        /// The blueprint and the version: `web@1.2.0` [default: as the folder's `blueprint.json` says]
        #[arg(long = "as", value_name = "NAME@VERSION")]
        name: Option<BlueprintRef>,
        /// What it is for, in a sentence [default: as the folder's `blueprint.json` says]
        #[arg(long)]
        description: Option<String>,
        /// Publish a draft: for sandbox environments, replaced when it is published again
        #[arg(long)]
        draft: bool,
    },
}

/// A blueprint's folder.
#[derive(Debug, Args)]
pub struct Folder {
    /// Folder of the Terraform root module
    #[arg(value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Folder above the blueprint and its local modules [default: the blueprint's own]
    #[arg(long, value_name = "TOP", value_hint = ValueHint::DirPath)]
    pub within: Option<PathBuf>,
}

impl Folder {
    /// The folder that holds the blueprint and its modules.
    pub fn top(&self) -> &Path {
        self.within.as_deref().unwrap_or(&self.folder)
    }
}
