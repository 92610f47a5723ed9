//! Puts remote modules into a version: what Terraform downloads while it is published is what every build has.
//!
//! Each call of a remote module is redirected to a folder below [`VENDORED`] of the root module. So a build downloads no module, and all
//! checks of local modules hold for these, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use semver::Version;
use serde::{Deserialize, Serialize};
use slipway_model::blueprint::{
    MODULES, ModuleCall, Modules, Source, VENDORED, below, folder_of, module_calls, redirect,
};
use slipway_model::name::Digest;
use slipway_model::problem::FieldProblem;

use super::{Copy, Providers};
use crate::bundle;
use crate::error::Error;
use crate::files::{self, Links};
use crate::terraform::Search;

/// Where Terraform puts the modules that it downloads, from the root module's folder.
const DOWNLOADED: &str = ".terraform/modules";

/// What Terraform says of the modules that it found, in `.terraform/modules/modules.json` (`internal/modsdir/manifest.go`).
#[derive(Debug, Deserialize)]
struct Installed {
    #[serde(rename = "Modules")]
    modules: Vec<Module>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Module {
    /// The names of the calls that lead to it, with dots between.
    key: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    version: Option<Version>,
    /// From the root module's folder.
    dir: String,
}

/// A module that was put into the version, as [`MODULES`] has it.
#[derive(Debug, Serialize)]
struct Vendored {
    folder: String,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    /// Of its files, as they were downloaded.
    sha256: String,
}

/// The files of a blueprint, with the remote modules that they call.
pub async fn vendor(folder: &Path, source: Source) -> Result<Source, Error> {
    let remote = source.remote_modules();
    refuse_reserved(folder, &source)?;
    if remote.is_empty() {
        return Ok(source);
    }
    let search = Search::from_env();
    let terraform = search.find().await?;
    let copy = Copy::of(&source, &terraform, Providers::Anywhere, &search.providers())?;
    copy.get().map_err(|said| {
        let named: BTreeSet<&str> = remote.iter().map(|module| module.call.source.as_str()).collect();
        let named: Vec<&str> = named.into_iter().collect();
        Error::Program(format!(
            "Terraform cannot download the modules that {} calls ({}): {said}",
            folder.display(),
            named.join(", ")
        ))
    })?;
    with_downloaded(folder, source, &copy)
}

/// Refuses files of the author where those of remote modules are put.
fn refuse_reserved(folder: &Path, source: &Source) -> Result<(), Error> {
    // With the list of a published version, these files would pass for that version.
    let is_reserved = !source.remote_modules().is_empty() || source.written().is_some();
    let vendored = source.files.keys().find(|path| source.is_vendored(path));
    match vendored.filter(|_| is_reserved) {
        None => Ok(()),
        Some(known) => Err(Error::Usage(format!(
            "{} is in the folder `{VENDORED}`, which is for remote modules: rename the folder, or call these modules by their paths",
            folder.join(known).display()
        ))),
    }
}

/// What [`vendor`] makes of files, from the modules that Terraform downloaded into a copy of them.
pub fn from_copy(folder: &Path, source: Source, copy: &Copy) -> Result<Source, Error> {
    refuse_reserved(folder, &source)?;
    if source.remote_modules().is_empty() {
        return Ok(source);
    }
    with_downloaded(folder, source, copy)
}

/// The files of a blueprint, with the modules that Terraform downloaded into a copy of them.
fn with_downloaded(folder: &Path, source: Source, copy: &Copy) -> Result<Source, Error> {
    let list = copy.root().join(DOWNLOADED).join(MODULES);
    let text = fs::read_to_string(&list).map_err(Error::file("read", &list))?;
    let installed: Installed = serde_json::from_str(&text)
        .map_err(|error| Error::Program(format!("failed to read Terraform's list of modules: {error}")))?;
    let mut vendor = Vendor::new(copy.top(), source.root.clone(), installed);
    vendor.follow(folder)?;
    let listed = vendor.keep(source.digest())?;
    // What the author leaves out is left out of the modules, too.
    if let Some(rules) = files::read_if_any(&folder.join(bundle::IGNORE))? {
        copy.add(bundle::IGNORE, &rules)?;
    }
    let mut whole = bundle::read(copy.root(), copy.top())?;
    // By the list, the version is found to be made of these files.
    let list = below(&source.root, &format!("{VENDORED}/{MODULES}"));
    whole.files.insert(list, listed);
    Ok(with_modules(source, whole))
}

/// The files of the author, with the modules that are in a copy of them, and with its calls of these. The copy has no
/// `.slipwayignore` of other folders than the root module's, by which the author includes what is left out otherwise.
fn with_modules(mut written: Source, copy: Source) -> Source {
    let paths = copy.files.keys().chain(copy.binaries.keys());
    let modules: BTreeSet<String> = paths.filter(|path| written.is_vendored(path)).cloned().collect();
    for (path, text) in copy.files {
        if modules.contains(&path) || written.files.contains_key(&path) {
            written.files.insert(path, text);
        }
    }
    let of_modules = |path: &String| modules.contains(path);
    let binaries = copy.binaries.into_iter().filter(|(path, _)| of_modules(path));
    written.binaries.extend(binaries);
    written
        .executables
        .extend(copy.executables.into_iter().filter(of_modules));
    written
}

struct Vendor<'a> {
    /// The folder of all files. All others are paths from it.
    top: &'a Path,
    root: String,
    /// By the folder that Terraform says.
    installed: Vec<(String, Module)>,
    /// The keys of the packages that are kept, by their files' digest and by the folder in them that is called: of several calls of
    /// one module, Terraform downloads each.
    packages: BTreeMap<(Digest, String), String>,
    kept: BTreeMap<String, Vendored>,
    /// The folders that are called, and whether the module of each may read files beside its folder.
    called: BTreeMap<String, bool>,
}

impl<'a> Vendor<'a> {
    fn new(top: &'a Path, root: String, installed: Installed) -> Self {
        let folders = installed.modules.into_iter();
        let installed = folders.filter_map(|module| Some((folder_of(&root, &module.dir)?, module)));
        Self {
            top,
            installed: installed.collect(),
            root,
            packages: BTreeMap::new(),
            kept: BTreeMap::new(),
            called: BTreeMap::new(),
        }
    }

    /// Follows every call from the root module on, and redirects those of remote modules.
    fn follow(&mut self, shown: &Path) -> Result<(), Error> {
        let mut pending = vec![self.root.clone()];
        while let Some(folder) = pending.pop() {
            if self.called.contains_key(&folder) {
                continue;
            }
            let texts = self.texts(&folder)?;
            let leads_up = texts.iter().any(|(file, text)| bundle::leads_up(file, text));
            self.called.insert(folder.clone(), leads_up);
            let refused = |errors: Vec<FieldProblem>| Error::Refused {
                title: format!("A module that {} calls cannot be published", shown.display()),
                detail: format!("nothing was published; the module is {folder}"),
                errors,
            };
            let files = texts.iter().map(|(file, text)| (file.as_str(), text.as_str()));
            let calls = module_calls(files).map_err(refused)?;
            let mut sources = BTreeMap::new();
            for call in calls {
                if call.is_local() {
                    pending.extend(folder_of(&folder, &call.source));
                    continue;
                }
                if call.file.ends_with(".json") {
                    return Err(Error::Usage(format!(
                        "{folder}/{} calls the remote module {}: write this call in a `.tf` file, in which it can be redirected to the \
                         module's files, or call the module by a path",
                        call.file, call.source
                    )));
                }
                let target = self.package(&folder, &call)?;
                sources.insert(call.name, path_between(&self.kept_at(&folder), &self.kept_at(&target)));
                pending.push(target);
            }
            self.redirect(&folder, texts, &sources)?;
        }
        Ok(())
    }

    /// The Terraform files of a folder.
    fn texts(&self, folder: &str) -> Result<BTreeMap<String, String>, Error> {
        let path = self.top.join(folder);
        let real = |path: &Path| path.canonicalize().map_err(Error::file("read", path));
        if !real(&path)?.starts_with(real(self.top)?) {
            return Err(Error::Usage(format!(
                "the module {folder} is a link that leads out of what was downloaded: call its folder by a path in the repository"
            )));
        }
        let mut texts = BTreeMap::new();
        for entry in fs::read_dir(&path).map_err(Error::file("read", &path))? {
            let file = entry.map_err(Error::file("read", &path))?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if file.is_file() && (name.ends_with(".tf") || name.ends_with(".tf.json")) {
                // What it leads to would be written in its place.
                if file.is_symlink() {
                    return Err(Error::Usage(format!(
                        "{folder}/{name} of a remote module is a link: Slipway puts modules without such links into a version"
                    )));
                }
                texts.insert(name, fs::read_to_string(&file).map_err(Error::file("read", &file))?);
            }
        }
        Ok(texts)
    }

    /// The folder to which a remote call leads.
    fn package(&mut self, folder: &str, call: &ModuleCall) -> Result<String, Error> {
        let of_folder = self.installed.iter().filter(|(known, _)| known == folder);
        let keys = of_folder.map(|(_, caller)| match caller.key.as_str() {
            "" => call.name.clone(),
            key => format!("{key}.{}", call.name),
        });
        let keys: BTreeSet<String> = keys.collect();
        let found = self.installed.iter().find(|(_, module)| keys.contains(&module.key));
        let Some((target, module)) = found else {
            let what = format!(
                "Terraform did not download the module {} that {folder:?} calls",
                call.source
            );
            return Err(Error::Program(what));
        };
        let downloaded = self.downloaded(&module.key);
        let below = target.strip_prefix(&downloaded).ok_or_else(|| {
            Error::Program(format!(
                "Terraform has the module {} at an unknown place, {target}",
                call.source
            ))
        })?;
        let sha256 = digest(&self.top.join(&downloaded))?;
        let key = self.packages.entry((sha256.clone(), below.to_owned()));
        let key = key.or_insert_with(|| module.key.clone()).clone();
        let vendored = Vendored {
            folder: key.clone(),
            source: without_credentials(&module.source),
            version: module.version.clone(),
            sha256: sha256.hex().to_owned(),
        };
        let target = format!("{}{below}", self.downloaded(&key));
        self.kept.entry(key).or_insert(vendored);
        Ok(target)
    }

    fn downloaded(&self, key: &str) -> String {
        below(&self.root, &format!("{DOWNLOADED}/{key}"))
    }

    /// Where a folder is once the modules are where they are kept.
    fn kept_at(&self, folder: &str) -> String {
        match folder.strip_prefix(&below(&self.root, DOWNLOADED)) {
            Some(rest) => format!("{}{rest}", below(&self.root, VENDORED)),
            None => folder.to_owned(),
        }
    }

    /// Writes the files whose calls now lead elsewhere.
    fn redirect(
        &self,
        folder: &str,
        texts: BTreeMap<String, String>,
        sources: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        for (file, text) in texts.into_iter().filter(|(file, _)| file.ends_with(".tf")) {
            let redirected = redirect(&text, sources).filter(|redirected| *redirected != text);
            if let Some(redirected) = redirected {
                let path = self.top.join(folder).join(file);
                fs::write(&path, redirected).map_err(Error::file("write", &path))?;
            }
        }
        Ok(())
    }

    /// What is left out of the modules, as a file `.slipwayignore` beside them says it. A folder that a call leads to is taken all the
    /// same.
    fn rules(&self) -> String {
        // OpenTofu's own files, which Terraform ignores.
        let mut rules = String::from("*.tofu\n*.tofu.json\n");
        for key in self.kept.keys() {
            if !self.needs_whole(&self.downloaded(key)) {
                let _ = writeln!(rules, "/{key}/");
            }
        }
        rules
    }

    /// Whether a package is called itself, or a module in it may read files beside its folder.
    fn needs_whole(&self, package: &str) -> bool {
        let inside = format!("{package}/");
        let mut below = self.called.iter().filter(|(folder, _)| folder.starts_with(&inside));
        self.called.contains_key(package) || below.any(|(_, leads_up)| *leads_up)
    }

    /// Moves the modules to where they are kept. Gives the list of them.
    fn keep(self, written: Digest) -> Result<String, Error> {
        let kept = self.top.join(below(&self.root, VENDORED));
        fs::create_dir_all(&kept).map_err(Error::file("write", &kept))?;
        let rules = self.rules();
        for key in self.kept.keys() {
            let (from, to) = (self.top.join(self.downloaded(key)), kept.join(key));
            fs::rename(&from, &to).map_err(Error::file("write", &to))?;
        }
        let ignore = kept.join(bundle::IGNORE);
        fs::write(&ignore, rules).map_err(Error::file("write", &ignore))?;
        let modules = Modules {
            written: Some(written),
            modules: self.kept.into_values().collect::<Vec<Vendored>>(),
        };
        Ok(format!("{:#}\n", serde_json::json!(modules)))
    }
}

/// A source without the user and the password that its download needed.
fn without_credentials(source: &str) -> String {
    match source.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => source.to_owned(),
    }
}

/// The digest of a package's files, with their paths, without Git's own.
fn digest(folder: &Path) -> Result<Digest, Error> {
    let mut lines = String::new();
    for file in files::below(folder, Links::PassedOver, |name| name == ".git")? {
        let path = folder.join(&file);
        let content = Digest::of(&fs::read(&path).map_err(Error::file("read", &path))?);
        let _ = writeln!(lines, "{} {}", content.hex(), file.display());
    }
    Ok(Digest::of(lines.as_bytes()))
}

/// The path from one folder to another, as a source that Terraform takes for a path.
fn path_between(from: &str, to: &str) -> String {
    let parts = |folder: &'_ str| {
        folder
            .split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (from, to): (Vec<String>, Vec<String>) = (parts(from), parts(to));
    let same = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = match from.len() - same {
        0 => "./".to_owned(),
        above => "../".repeat(above),
    };
    format!("{up}{}", to[same..].join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_of_modules_has_no_credentials() {
        for (source, listed) in [
            (
                "git::https://ann:token@git.test/m.git//net?ref=v1",
                "git::https://git.test/m.git//net?ref=v1",
            ),
            ("https://git.test/a@b.zip", "https://git.test/a@b.zip"),
            ("git@git.test:m.git", "git@git.test:m.git"),
            ("registry.test/a/b/c", "registry.test/a/b/c"),
        ] {
            assert_eq!(without_credentials(source), listed);
        }
    }

    #[test]
    fn path_between_folders_is_one_for_terraform() {
        for (from, to, path) in [
            ("", "vendored/vpc", "./vendored/vpc"),
            ("b/web", "b/web/vendored/vpc", "./vendored/vpc"),
            ("m/network", "b/web/vendored/vpc/sub", "../../b/web/vendored/vpc/sub"),
            ("b/web/vendored/vpc", "b/web/vendored/vpc.label", "../vpc.label"),
        ] {
            assert_eq!(path_between(from, to), path);
            assert_eq!(folder_of(from, path).as_deref(), Some(to));
        }
    }
}
