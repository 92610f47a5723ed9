//! The blueprints below a folder, each with the version that its `blueprint.json` says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use semver::Version;
use serde_json::Value;
use slipway_model::artifact;
use slipway_model::blueprint::{Source, below};
use slipway_model::name::{Digest, Name};
use slipway_model::problem::FieldProblem;
use slipway_model::terraform::LOCK_FILE;

use super::Done;
use super::artifacts::Artifacts;
use super::packages::Packages;
use super::upload::{self, Beside};

use crate::author::check::{self, Offline};
use crate::author::files::Files;
use crate::author::migrations;
use crate::author::vendor;
use crate::bundle::{self, ABOUT, About};
use crate::client::Client;
use crate::error::Error;
use crate::files::{self, Links};
use crate::output::Output;

/// How many files are named that differ from the published ones.
const NAMED: usize = 8;

/// A version of a blueprint, ready to be published.
#[derive(Debug)]
pub struct Ready {
    folder: PathBuf,
    name: Name,
    version: Version,
    beside: Beside,
    source: Source,
    /// What was not checked, and how to check it.
    unchecked: Vec<String>,
    /// What is published under the version already.
    before: Option<Before>,
}

/// A version that is published.
#[derive(Debug)]
struct Before {
    digest: String,
    written: Option<String>,
    draft: bool,
}

impl Before {
    fn of(published: &Value) -> Option<Self> {
        Some(Self {
            digest: published["digest"].as_str()?.to_owned(),
            written: published["written"].as_str().map(str::to_owned),
            draft: published["draft"].as_bool().unwrap_or_default(),
        })
    }
}

/// The folders of the blueprints below `top`. In a folder of a blueprint that is no module, a file `blueprint.json` is a template or a
/// part of a package.
fn folders(top: &Path) -> Result<Vec<PathBuf>, Error> {
    let files = files::below(top, Links::PassedOver, |name| {
        [".terraform", ".git", "node_modules", "target"].contains(&name)
    })?;
    let mut named: BTreeSet<&Path> = BTreeSet::new();
    let mut modules: BTreeSet<&Path> = BTreeSet::new();
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name == ABOUT {
            named.extend(file.parent());
        } else if bundle::is_terraform(&name) {
            modules.extend(file.parent());
        }
    }
    let is_inside = |folder: &Path| folder.ancestors().skip(1).any(|above| named.contains(above));
    let blueprints = named
        .iter()
        .filter(|folder| modules.contains(*folder) || !is_inside(folder));
    let folder_of = |folder: &&Path| top.join(folder.join(ABOUT)).parent().unwrap_or(top).to_owned();
    Ok(blueprints.map(folder_of).collect())
}

/// Finds every blueprint below `top`, and reads it, to be published as a draft or for good.
pub async fn find(top: &Path, draft: bool) -> Result<Vec<Ready>, Error> {
    let mut found = Vec::new();
    for folder in folders(top)? {
        if let Some(about) = bundle::about(&folder)? {
            found.push(read(&folder, top, about, draft).await?);
        }
    }
    if found.is_empty() {
        return Err(Error::Usage(format!(
            "there is no blueprint below {}: a folder with a file {ABOUT}, which says {{\"version\": \"1.0.0\", \"description\": \"…\"}}",
            top.display()
        )));
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    if let Some(twice) = found.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(Error::Usage(format!(
            "{} and {} are both the blueprint `{}`: give one of them another `name` in its {ABOUT}",
            twice[0].folder.display(),
            twice[1].folder.display(),
            twice[0].name
        )));
    }
    Ok(found)
}

/// Reads one blueprint, and checks it as the API will.
async fn read(folder: &Path, top: &Path, about: About, draft: bool) -> Result<Ready, Error> {
    let name = match about.name {
        Some(name) => name,
        None => bundle::name_of(folder)?,
    };
    let Complete { source, unchecked } = complete(folder, top).await?;
    let readme = bundle::readme(folder, top)?;
    Ok(Ready {
        folder: folder.to_owned(),
        name,
        version: about.version,
        beside: Beside {
            description: about.description,
            readme,
            draft,
        },
        source,
        unchecked,
        before: None,
    })
}

/// A blueprint's files as they are published, with its remote modules.
struct Complete {
    source: Source,
    /// What was not checked, and how to check it.
    unchecked: Vec<String>,
}

/// Reads a blueprint's files, and adds its remote modules. Names everything for which the API would refuse them, and what Terraform
/// says of them as far as it needs no network.
async fn complete(folder: &Path, top: &Path) -> Result<Complete, Error> {
    let unpublishable = |wrong: Vec<(PathBuf, FieldProblem)>| Error::Unpublishable {
        folder: folder.to_owned(),
        wrong,
    };
    let placed = |source: &Source, problems: Vec<FieldProblem>| {
        let files = Files::new(folder, source);
        let with_file = |problem: FieldProblem| (files.of_field(&problem.field), problem);
        unpublishable(problems.into_iter().map(with_file).collect())
    };
    let written = bundle::read(folder, top)?;
    written
        .check_as_written()
        .map_err(|problems| placed(&written, problems))?;
    let source = vendor::vendor(folder, written).await?;
    source.check().map_err(|problems| placed(&source, problems))?;
    let Offline { wrong, unchecked } = check::offline(folder, top, &source)?;
    if wrong.is_empty() {
        Ok(Complete { source, unchecked })
    } else {
        Err(unpublishable(wrong))
    }
}

impl Ready {
    /// As people name it.
    pub fn title(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Sees what is published already, and chooses providers where the blueprint's folder has no lock file: those with which the
    /// version was published, or else new ones. A draft with other files may need other providers.
    pub async fn prepare(mut self, client: &Client, artifacts: &Artifacts, packages: &Packages) -> Result<Self, Error> {
        let published: Option<Value> = client.find(&self.path()).await?;
        self.before = published.as_ref().and_then(Before::of);
        if self.lock().is_some() {
            self.refuse_change(artifacts).await?;
            return Ok(self);
        }
        let written = self.source.clone();
        if let Some(before) = &self.before {
            let (is_draft, digest) = (before.draft, before.digest.clone());
            let published = published_source(artifacts, &digest).await?;
            self.take_lock(published.as_ref().and_then(lock_of));
            if !is_draft || self.source.digest().as_str() == digest {
                self.refuse_change(artifacts).await?;
                return Ok(self);
            }
        }
        self.source = written;
        self.take_lock(packages.lock(&self.title(), &self.source)?);
        Ok(self)
    }

    fn take_lock(&mut self, lock: Option<String>) {
        if let Some(lock) = lock {
            self.source.files.insert(self.lock_path(), lock);
        }
    }

    /// A version does not change, unless it is a draft.
    async fn refuse_change(&self, artifacts: &Artifacts) -> Result<(), Error> {
        match &self.before {
            Some(before) if !before.draft && self.beside.draft => Err(Error::Usage(format!(
                "{} is published, and does not become a draft: raise `version` in {}",
                self.title(),
                self.folder.join(ABOUT).display()
            ))),
            Some(before) if !before.draft && !self.is(before) => {
                // They only add to the message.
                let published = published_source(artifacts, &before.digest).await.ok().flatten();
                let named = published.map(|published| differences(&published, &self.source));
                Err(Error::Usage(format!(
                    "{} is published with other files{}, and a version does not change: raise `version` in {}. If you changed nothing, \
                     the version of `slipway` that published it packs other files",
                    self.title(),
                    named.unwrap_or_default(),
                    self.folder.join(ABOUT).display()
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether these files are published, as a draft or for good as is wanted. A version keeps the remote modules that it has.
    fn is(&self, before: &Before) -> bool {
        let written = self.source.written();
        let is_written = written.is_some_and(|digest| before.written.as_deref() == Some(digest.as_str()));
        before.draft == self.beside.draft
            && (before.digest == self.source.digest().as_str() || (is_written && !before.draft))
    }

    /// Says what is dangerous in the SQL of its migrations, and what was not checked.
    pub fn warn(&self, output: Output) {
        migrations::warn(&self.folder, &self.source, output);
        for note in &self.unchecked {
            output.lines(&[check::note(&format!("{}: {note}", self.title()))]);
        }
    }

    /// The text of its lock file.
    pub fn lock(&self) -> Option<&String> {
        self.source.files.get(&self.lock_path())
    }

    fn lock_path(&self) -> String {
        below(&self.source.root, LOCK_FILE)
    }

    fn path(&self) -> String {
        format!("/v1/blueprints/{}/versions/{}", self.name, self.version)
    }

    /// Publishes it, unless it is.
    pub async fn publish(&self, client: &Client) -> Result<Done, Error> {
        let published = !self.before.as_ref().is_some_and(|before| self.is(before));
        if published {
            let body = upload::document(&self.source, &self.beside);
            upload::publish(client, &self.path(), &body).await?;
        }
        Ok(Done {
            kind: if self.beside.draft { "draft" } else { "blueprint" },
            name: self.title(),
            published,
            unchecked: self.unchecked.clone(),
        })
    }
}

/// Publishes a folder as a version of a blueprint. Gives the API's answer, and what was not checked.
pub async fn publish(
    client: &Client,
    folder: &Path,
    top: &Path,
    (name, version): (&Name, &Version),
    beside: &Beside,
) -> Result<(Value, Vec<String>), Error> {
    let Complete { source, unchecked } = complete(folder, top).await?;
    let body = upload::document(&source, beside);
    let path = format!("/v1/blueprints/{name}/versions/{version}");
    Ok((upload::publish(client, &path, &body).await?, unchecked))
}

/// The files of what is published.
async fn published_source(artifacts: &Artifacts, digest: &str) -> Result<Option<Source>, Error> {
    let digest: Digest = digest.parse().map_err(|error| {
        Error::Program(format!(
            "the API returned a blueprint with the digest {digest:?}: {error}"
        ))
    })?;
    let key = artifact::blueprint(&digest);
    let Some(bytes) = artifacts.get(&key).await? else {
        return Ok(None);
    };
    let source = serde_json::from_slice(&bytes)
        .map_err(|error| Error::Program(format!("{key} in the artifacts bucket is damaged: {error}")))?;
    Ok(Some(source))
}

/// The lock file among published files.
fn lock_of(source: &Source) -> Option<String> {
    let lock = source.root_files().find(|(file, _)| *file == LOCK_FILE);
    lock.map(|(_, text)| text.to_owned())
}

/// How the files of a folder differ from the published ones, in brackets. Those of remote modules follow from the others.
fn differences(published: &Source, own: &Source) -> String {
    let all = [published, own]
        .into_iter()
        .flat_map(|source| source.files.keys().chain(source.binaries.keys()))
        .filter(|path| !published.is_vendored(path) && !own.is_vendored(path))
        .collect::<BTreeSet<_>>();
    let mut named: Vec<String> = all
        .into_iter()
        .filter_map(|path| match (content(published, path), content(own, path)) {
            (Some(_), None) => Some(format!("`{path}` is published only")),
            (None, Some(_)) => Some(format!("`{path}` is in the folder only")),
            (published, own) => (published != own).then(|| format!("`{path}` differs")),
        })
        .collect();
    let more = named.len().saturating_sub(NAMED);
    named.truncate(NAMED);
    if more > 0 {
        named.push(format!("{more} more"));
    }
    if named.is_empty() {
        String::new()
    } else {
        format!(" ({})", named.join(", "))
    }
}

/// A file, and whether it may be executed.
fn content<'a>(source: &'a Source, path: &str) -> Option<(&'a str, bool)> {
    let text = source.files.get(path).or_else(|| source.binaries.get(path))?;
    Some((text.as_str(), source.executables.contains(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(files: &[(&str, &str)]) -> Source {
        let mut source = Source::default();
        for (path, text) in files {
            source.files.insert((*path).to_owned(), (*text).to_owned());
        }
        source
    }

    #[test]
    fn changed_version_names_the_files_that_differ() {
        let published = source(&[("main.tf", "1"), ("outputs.tf", "same"), ("run.sh", "2")]);
        let mut own = source(&[
            ("main.tf", "other"),
            ("outputs.tf", "same"),
            ("run.sh", "2"),
            ("config/web.json", "{}"),
        ]);
        own.executables.insert("run.sh".to_owned());
        assert_eq!(
            differences(&published, &own),
            " (`config/web.json` is in the folder only, `main.tf` differs, `run.sh` differs)"
        );
        assert_eq!(
            differences(&published, &source(&[])),
            " (`main.tf` is published only, `outputs.tf` is published only, `run.sh` is published only)"
        );
        let many: Vec<String> = (0..12).map(|number| format!("{number:02}.tf")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|path| (path.as_str(), "")).collect();
        assert!(differences(&source(&[]), &source(&many)).ends_with("`07.tf` is in the folder only, 4 more)"));
        assert_eq!(differences(&own, &own), "");
    }
}
