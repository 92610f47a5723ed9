//! `slipway blueprint check`: everything that is wrong with a blueprint, with its place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use slipway_model::blueprint::{README_BYTES, Source};
use slipway_model::json::Fault;
use slipway_model::problem::{FieldProblem, Place};
use slipway_model::{terraform_file, terraform_json};

use super::files::Files;
pub use super::finding::Finding;
use super::finding::{Rule, Severity};
use super::migrations;
use super::terraform::{Copy, Diagnostic, DiagnosticSeverity, Providers};
use super::vendor;

use crate::bundle::{self, ABOUT, About, README};
use crate::error::Error;
use crate::files;
use crate::hint;
use crate::output::{Line, Style};
use crate::terraform::Search;

/// What a check without Terraform leaves out.
const NO_TERRAFORM: &str = "Terraform was not found on PATH, so resources, types and most references were not checked: install Terraform \
    or set SLIPWAY_TERRAFORM";

/// What a check came to.
pub struct Checked {
    pub source: Source,
    /// In the order of files and lines.
    pub findings: Vec<Finding>,
    /// What was not checked, and why.
    pub notes: Vec<String>,
    pub terraform: Option<PathBuf>,
}

impl Checked {
    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .count()
    }
}

/// A note, as people read it.
pub fn note(text: &str) -> Line {
    Line::new(Style::Yellow, format!("note: {text}"))
}

/// Checks the blueprint in a folder. Its local modules may be anywhere below `top`.
pub fn check(folder: &Path, top: &Path, providers: Providers, search: &Search) -> Result<Checked, Error> {
    let read = bundle::read(folder, top).and_then(|source| Ok((source, readme(folder, top)?)));
    let (source, readme) = match read {
        Err(Error::Link { path, what }) => return of_link(folder, &path, &what),
        read => read?,
    };
    let files = Files::new(folder, &source);
    let mut findings = about(folder)?;
    findings.extend(readme);
    let problems = source.check_as_written().err().unwrap_or_default();
    findings.extend(problems.into_iter().map(|problem| Finding::of(problem, &files)));
    let mut notes = Vec::new();
    let terraform = search.installed()?;
    match &terraform {
        Some(program) => {
            let copy = Copy::of(&source, program, providers, &search.providers())?;
            by_terraform(&copy, &files, &mut findings, &mut notes)?;
            if findings.iter().all(|finding| finding.severity != Severity::Error) {
                with_modules(&source, &copy, &files, &mut findings, &mut notes);
            }
        }
        None => notes.push(NO_TERRAFORM.to_owned()),
    }
    findings.extend(migrations::findings(&source, &files));
    findings
        .sort_by(|one, other| (&one.file, one.place, one.severity).cmp(&(&other.file, other.place, other.severity)));
    Ok(Checked {
        source,
        findings,
        notes,
        terraform,
    })
}

/// What was checked of a blueprint whose files cannot be read, because of a link.
fn of_link(folder: &Path, path: &Path, what: &str) -> Result<Checked, Error> {
    let whole = folder.canonicalize().map_err(Error::file("read", folder))?;
    let shown = path.strip_prefix(whole).map(|below| folder.join(below));
    let message = format!("is a link that {what}");
    let file = shown.unwrap_or_else(|_| path.to_owned());
    let mut findings = about(folder)?;
    findings.push(of_file(file, message, Error::LINK_REMEDY));
    Ok(Checked {
        source: Source::default(),
        findings,
        notes: vec!["the rest is checked once the link is corrected".to_owned()],
        terraform: None,
    })
}

/// What the API rejects of the README.
fn readme(folder: &Path, top: &Path) -> Result<Option<Finding>, Error> {
    let Some(text) = bundle::readme(folder, top)? else {
        return Ok(None);
    };
    let wrong = if text.len() > README_BYTES {
        let remedy = format!("give a README of at most {README_BYTES} bytes");
        Some((Place::START, format!("has {} bytes", text.len()), remedy))
    } else {
        let nul = text.find('\0').map(|byte| Place::of(&text, byte));
        nul.map(|place| (place, "has a NUL character".to_owned(), "remove it".to_owned()))
    };
    Ok(wrong.map(|(place, message, remedy)| Finding {
        place,
        ..of_file(folder.join(README), message, &remedy)
    }))
}

/// What is wrong with a file as a whole.
fn of_file(file: PathBuf, message: String, remedy: &str) -> Finding {
    Finding {
        file,
        place: Place::START,
        severity: Severity::Error,
        rule: Rule::Blueprint,
        code: None,
        message,
        remedy: Some(remedy.to_owned()),
    }
}

/// Adds what is wrong with the version that would be published, with its remote modules: its size, say.
fn with_modules(source: &Source, copy: &Copy, files: &Files<'_>, findings: &mut Vec<Finding>, notes: &mut Vec<String>) {
    match vendor::from_copy(files.folder(), source.clone(), copy) {
        Ok(whole) => {
            let problems = whole.check().err().unwrap_or_default();
            findings.extend(problems.into_iter().map(|problem| Finding::of(problem, files)));
        }
        Err(error) => notes.push(format!("the remote modules were not checked: {error}")),
    }
}

/// What Terraform says without a network.
pub struct Offline {
    /// What is wrong, each with its file.
    pub wrong: Vec<(PathBuf, FieldProblem)>,
    /// What was not checked, why, and how to check it.
    pub unchecked: Vec<String>,
}

impl Offline {
    fn unchecked(note: String) -> Self {
        Self {
            wrong: Vec::new(),
            unchecked: vec![note],
        }
    }
}

/// What Terraform says of files that have no other problem, as far as it needs no network: it knows the providers that an earlier
/// check kept.
pub fn offline(folder: &Path, top: &Path, source: &Source) -> Result<Offline, Error> {
    let search = Search::from_env();
    let kept = search.providers();
    let providers: BTreeSet<String> = source.providers().into_iter().map(|(name, _)| name).collect();
    let Some(program) = search.installed()? else {
        return Ok(Offline::unchecked(NO_TERRAFORM.to_owned()));
    };
    let remedy = format!("run `{}`, which downloads providers", check_command(folder, top));
    if !providers.is_empty() && !kept.is_dir() {
        let names = Vec::from_iter(providers).join(", ");
        return Ok(Offline::unchecked(format!(
            "resources, types and most references were not checked, because no check on this machine kept the blueprint's providers \
             ({names}): {remedy}"
        )));
    }
    let files = Files::new(folder, source);
    let (mut findings, mut notes) = (Vec::new(), Vec::new());
    let copy = Copy::of(source, &program, Providers::Kept, &kept)?;
    by_terraform(&copy, &files, &mut findings, &mut notes)?;
    let errors = findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error);
    let problem = |finding: Finding| {
        let field = finding.file.strip_prefix(folder).unwrap_or(&finding.file);
        let field = format!("files.{}", field.display());
        let problem = FieldProblem::new(field, finding.message, String::new()).at(finding.place);
        (finding.file, problem)
    };
    Ok(Offline {
        wrong: errors.map(problem).collect(),
        unchecked: notes.into_iter().map(|note| format!("{note}: {remedy}")).collect(),
    })
}

/// The command that checks a blueprint with its providers.
fn check_command(folder: &Path, top: &Path) -> String {
    let quoted = |path: &Path| hint::quoted(&path.to_string_lossy());
    let within = if top == folder {
        String::new()
    } else {
        format!(" --within {}", quoted(top))
    };
    format!("slipway blueprint check {}{within}", quoted(folder))
}

/// What is wrong with `blueprint.json`, where there is one.
fn about(folder: &Path) -> Result<Vec<Finding>, Error> {
    let path = folder.join(ABOUT);
    let Some(text) = files::read_if_any(&path)? else {
        return Ok(Vec::new());
    };
    let finding = |place: Place, message: String, remedy: &str| Finding {
        file: path.clone(),
        place,
        severity: Severity::Error,
        rule: Rule::Blueprint,
        code: None,
        message,
        remedy: Some(remedy.to_owned()),
    };
    let about: About = match serde_json::from_str(&text) {
        Ok(about) => about,
        Err(error) => {
            let Fault { place, what } = error.into();
            let remedy =
                "write {\"version\": \"1.0.0\", \"description\": \"…\"}, and \"name\" where it is not the folder's";
            return Ok(vec![finding(place, what, remedy)]);
        }
    };
    let mut found = Vec::new();
    let version = [terraform_json::Step::Member("version")];
    if !about.version.build.is_empty() {
        let what = format!(
            "the version {} has build metadata, which does not distinguish versions",
            about.version
        );
        found.push(finding(
            terraform_json::place(&text, &version),
            what,
            "leave out what follows the `+`",
        ));
    }
    if about.name.is_none()
        && let Err(Error::Usage(what)) = bundle::name_of(folder)
    {
        found.push(finding(Place::START, what, "give it a `name`"));
    }
    Ok(found)
}

/// Adds what Terraform finds, less what follows from what is found already.
fn by_terraform(
    copy: &Copy,
    files: &Files<'_>,
    findings: &mut Vec<Finding>,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let stops = copy.init()?;
    let is_ready = !stops.iter().any(Diagnostic::is_error);
    let said = if is_ready { copy.validate()? } else { stops };
    let known: BTreeSet<(PathBuf, usize)> = findings
        .iter()
        .map(|finding| (finding.file.clone(), finding.place.line))
        .collect();
    // A module that cannot be fetched is named at its block, whatever is wrong with its source.
    let blocks: BTreeSet<(PathBuf, usize)> = known
        .iter()
        .filter(|_| !is_ready)
        .map(|(file, line)| (file.clone(), files.block_at(file, *line)))
        .collect();
    let is_named = !known.is_empty() || said.iter().any(|one| one.is_error() && one.range.is_some());
    let mut is_whole = is_ready;
    for diagnostic in said {
        let severity = match diagnostic.severity {
            DiagnosticSeverity::Error => Severity::Error,
            DiagnosticSeverity::Warning => Severity::Warning,
            DiagnosticSeverity::Other => continue,
        };
        let message = copy.plain(&diagnostic.text());
        let Some(range) = &diagnostic.range else {
            if is_named {
                // It may only follow: a module that is not there, say, or a lock file that cannot be read.
                is_whole &= severity != Severity::Error;
            } else if is_ready && severity == Severity::Error {
                // It is about the whole module: a cycle, say.
                let (file, place) = files.place_in_root_module(&message);
                findings.push(of_terraform(file, place, severity, message));
            } else {
                // It is about this machine.
                notes.push(format!("Terraform could not check all: {message}"));
            }
            continue;
        };
        let path = files.path_of(&range.filename);
        let file = path
            .as_ref()
            .map_or_else(|| files.folder().join(&range.filename), |path| files.shown(path));
        let is_unreadable = path.is_some_and(|path| files.is_unreadable(&path));
        let found = of_terraform(file, range.start, severity, message);
        let follows = blocks.contains(&(found.file.clone(), files.block_at(&found.file, found.place.line)))
            || known.contains(&(found.file.clone(), found.place.line));
        if !is_unreadable && !follows && !findings.contains(&found) {
            findings.push(found);
        }
    }
    if !is_whole && is_named {
        notes.push("Terraform checks the rest once these are corrected".to_owned());
    }
    Ok(())
}

fn of_terraform(file: PathBuf, place: Place, severity: Severity, message: String) -> Finding {
    Finding {
        file,
        place,
        severity,
        rule: Rule::Terraform,
        code: None,
        message,
        remedy: None,
    }
}

impl Files<'_> {
    /// The line at which the block around a line begins. A file in JSON counts as one block.
    fn block_at(&self, shown: &Path, line: usize) -> usize {
        let body = self.named(shown).map(terraform_file::parse);
        let Some(Ok(body)) = body else { return 0 };
        let lines = body.blocks.iter().map(|block| block.at.line);
        lines.filter(|begins| *begins <= line).max().unwrap_or_default()
    }

    /// Whether a file has a wrong syntax, so that it is named already.
    fn is_unreadable(&self, path: &str) -> bool {
        let Some(text) = self.text(path) else { return false };
        match path.rsplit_once('.') {
            Some((_, "json")) => terraform_json::Node::parse(text).is_err(),
            _ => terraform_file::parse(text).is_err(),
        }
    }
}
