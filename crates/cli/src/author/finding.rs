//! What a check of a blueprint finds, and how people and programs read it.

use std::path::PathBuf;

use serde_json::{Value, json};
use slipway_model::problem::{FieldProblem, Place};

use super::files::Files;
use crate::output::{Line, Style};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The blueprint cannot be published, or its stacks fail.
    Error,
    /// It is worth a look.
    Warning,
}

impl Severity {
    /// Its name, which is also its level in SARIF.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Which check found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The files of the blueprint, its variables and its modules.
    Blueprint,
    /// The output `slipway`.
    Contract,
    /// `terraform validate`.
    Terraform,
    /// The SQL of migrations. Each finding has a rule of its own.
    Migration,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 4] = [Self::Blueprint, Self::Contract, Self::Terraform, Self::Migration];

    /// Its name for programs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Blueprint => "slipway/blueprint",
            Self::Contract => "slipway/contract",
            Self::Terraform => "terraform/validate",
            Self::Migration => "slipway/migration",
        }
    }

    /// What it checks.
    pub fn description(self) -> &'static str {
        match self {
            Self::Blueprint => "The files, variables, modules and providers of the blueprint",
            Self::Contract => "The output `slipway`, which describes the stack to the workflow",
            Self::Terraform => "What Terraform itself says of the module",
            Self::Migration => {
                "Statements in migrations that lose data, block the application, or break its previous release"
            }
        }
    }
}

/// Something that is wrong with a blueprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, as the caller would open it.
    pub file: PathBuf,
    pub place: Place,
    pub severity: Severity,
    pub rule: Rule,
    /// The rule of the statement in a migration, as `-- squawk-ignore` takes it.
    pub code: Option<String>,
    pub message: String,
    /// What to do about it, where that is known.
    pub remedy: Option<String>,
}

impl Finding {
    /// A problem with the files of a blueprint.
    pub fn of(problem: FieldProblem, files: &Files<'_>) -> Self {
        let rule = if problem.detail.starts_with("slipway.") || problem.detail.starts_with("slipway:") {
            Rule::Contract
        } else {
            Rule::Blueprint
        };
        Self {
            file: files.of_field(&problem.field),
            place: problem.place.unwrap_or(Place::START),
            severity: Severity::Error,
            rule,
            code: None,
            message: problem.detail,
            remedy: Some(problem.remedy),
        }
    }

    /// The name of its rule for programs.
    pub fn rule_id(&self) -> &str {
        self.code.as_deref().unwrap_or_else(|| self.rule.id())
    }

    /// As programs read it.
    pub fn to_json(&self) -> Value {
        json!({
            "file": self.file,
            "line": self.place.line,
            "column": self.place.column,
            "severity": self.severity.name(),
            "rule": self.rule_id(),
            "message": self.message,
            "remedy": self.remedy,
        })
    }

    /// As people read it: `main.tf:3:5: error: …`, which editors understand.
    pub fn lines(&self) -> Vec<Line> {
        let style = match self.severity {
            Severity::Error => Style::Red,
            Severity::Warning => Style::Yellow,
        };
        let text = format!(
            "{}:{}:{}: {}: {}{}",
            self.file.display(),
            self.place.line,
            self.place.column,
            self.severity.name(),
            self.message,
            self.code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default()
        );
        let remedy = self
            .remedy
            .iter()
            .map(|remedy| Line::new(Style::Faint, format!("    {remedy}")));
        [Line::new(style, text)].into_iter().chain(remedy).collect()
    }
}
