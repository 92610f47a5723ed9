//! Terraform on a copy of a blueprint: its own checks, and a plan with mocked providers.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;
use serde_json::Value;
use slipway_model::blueprint::Source;
use slipway_model::problem::Place;
use tempfile::TempDir;

use crate::error::Error;

/// The workspace of the copy, in place of a stack's ID.
const WORKSPACE: &str = "lusab-babad";

/// Where providers may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Providers {
    /// From wherever Terraform finds them; what it downloads is kept for the next time.
    Anywhere,
    /// From what an earlier check kept. No network.
    Kept,
}

/// A copy of a blueprint's files, in which Terraform works.
pub struct Copy {
    folder: TempDir,
    root: PathBuf,
    terraform: PathBuf,
    providers: Providers,
    cache: PathBuf,
}

/// A place in Terraform's messages (`internal/command/views/json/diagnostic.go`).
#[derive(Debug, Clone, Deserialize)]
pub struct Diagnostic {
    pub severity: DiagnosticSeverity,
    pub summary: String,
    #[serde(default)]
    pub detail: String,
    pub range: Option<Range>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiagnosticSeverity {
    Error,
    Warning,
    #[serde(other)]
    Other,
}

/// Where it is.
#[derive(Debug, Clone, Deserialize)]
pub struct Range {
    pub filename: String,
    pub start: Place,
}

impl Diagnostic {
    /// What it says, in a line.
    pub fn text(&self) -> String {
        let detail: Vec<&str> = self.detail.split_whitespace().collect();
        match detail.join(" ").as_str() {
            "" => self.summary.clone(),
            detail => format!("{}: {detail}", self.summary),
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == DiagnosticSeverity::Error
    }
}

impl Copy {
    /// Writes the files into a folder of its own.
    pub fn of(source: &Source, terraform: &Path, providers: Providers, cache: &Path) -> Result<Self, Error> {
        let folder = tempfile::tempdir().map_err(Error::file("write", &std::env::temp_dir()))?;
        for file in source.contents() {
            let Ok((path, content, may_run)) = file else { continue };
            let path = folder.path().join(path);
            write(&path, &content, may_run).map_err(Error::file("write", &path))?;
        }
        let root = folder.path().join(&source.root);
        fs::create_dir_all(&root).map_err(Error::file("write", &root))?;
        fs::create_dir_all(cache).map_err(Error::file("write", cache))?;
        Ok(Self {
            folder,
            root,
            terraform: terraform.to_owned(),
            providers,
            cache: cache.to_owned(),
        })
    }

    /// Adds a file to the root module.
    pub fn add(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.root.join(name);
        fs::write(&path, text).map_err(Error::file("write", &path))
    }

    /// Downloads modules, and no providers; what Terraform says if it cannot.
    pub fn get(&self) -> Result<(), String> {
        let run = self.run(&["get", "-no-color"]).map_err(|error| error.report())?;
        if run.status.success() {
            return Ok(());
        }
        Err(self.plain(String::from_utf8_lossy(&run.stderr).trim()))
    }

    /// The folder of all files.
    pub fn top(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the root module.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Fetches modules and providers; what stands in the way, if something does.
    pub fn init(&self) -> Result<Vec<Diagnostic>, Error> {
        let mut arguments = vec!["init", "-backend=false", "-input=false", "-no-color", "-json"];
        let kept = format!("-plugin-dir={}", self.cache.display());
        if self.providers == Providers::Kept {
            arguments.push(&kept);
        }
        let run = self.run(&arguments)?;
        if run.status.success() {
            return Ok(Vec::new());
        }
        let mut found: Vec<Diagnostic> = messages(&run.stdout)
            .filter_map(|message| diagnostic(&message))
            .collect();
        if !found.iter().any(Diagnostic::is_error) {
            found.push(unsaid("init", &run));
        }
        Ok(found)
    }

    /// What Terraform says of the module.
    pub fn validate(&self) -> Result<Vec<Diagnostic>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            diagnostics: Vec<Diagnostic>,
        }
        let run = self.run(&["validate", "-no-color", "-json"])?;
        let answer: Result<Answer, _> = serde_json::from_slice(&run.stdout);
        let answer = answer.map_err(|_| Error::Program(unsaid("validate", &run).text()))?;
        Ok(answer.diagnostics)
    }

    /// Runs the tests of the copy; gives every message of Terraform.
    pub fn test(&self) -> Result<Vec<Value>, Error> {
        let run = self.run(&["test", "-no-color", "-json", "-verbose"])?;
        let found: Vec<Value> = messages(&run.stdout).collect();
        if found.is_empty() {
            return Err(Error::Program(unsaid("test", &run).text()));
        }
        Ok(found)
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, Error> {
        let mut command = Command::new(&self.terraform);
        command
            .args(arguments)
            .current_dir(&self.root)
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_WORKSPACE", WORKSPACE)
            .stdin(Stdio::null());
        // What the caller set for commands of their own.
        for (name, _) in std::env::vars_os() {
            let is_of_commands = name.to_str().is_some_and(|name| name.starts_with("TF_CLI_ARGS"));
            if is_of_commands || name == OsStr::new("TF_DATA_DIR") || name == OsStr::new("TF_LOG") {
                command.env_remove(name);
            }
        }
        if self.providers == Providers::Anywhere && std::env::var_os("TF_PLUGIN_CACHE_DIR").is_none() {
            command
                .env("TF_PLUGIN_CACHE_DIR", &self.cache)
                .env("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "1");
        }
        command
            .output()
            .map_err(|error| Error::Program(format!("failed to run {}: {error}", self.terraform.display())))
    }

    /// A text of Terraform without the path of the copy, which the caller does not know.
    pub fn plain(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn write(path: &Path, content: &[u8], may_run: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)?;
    if may_run {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// The JSON messages in an output, one a line.
fn messages(output: &[u8]) -> impl Iterator<Item = Value> {
    output
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
}

/// The diagnostic that a message is.
pub fn diagnostic(message: &Value) -> Option<Diagnostic> {
    (message["type"] == "diagnostic").then(|| Diagnostic::deserialize(&message["diagnostic"]).ok())?
}

/// Terraform failed, and did not say why in JSON.
fn unsaid(command: &str, run: &Output) -> Diagnostic {
    Diagnostic {
        severity: DiagnosticSeverity::Error,
        summary: format!("`terraform {command}` ended with {}", run.status),
        detail: String::from_utf8_lossy(&run.stderr).trim().to_owned(),
        range: None,
    }
}
