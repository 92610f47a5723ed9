//! What need not be said in every command: profiles of this user, and the file of a project.
//!
//! | file | holds |
//! | --- | --- |
//! | `$XDG_CONFIG_HOME/slipway/config.toml` | profiles, `[profiles.NAME]`, and which is the usual one, `profile = "NAME"` |
//! | `slipway.toml` in this folder or the nearest above | the profile, environment and stack of a project |
//!
//! Options count most, then environment variables, then the project's file, then the profile.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;
use serde::Deserialize;
use slipway_model::name::Name;
use slipway_model::problem::Place;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::global::{Global, Way};

/// The file of a project.
pub const PROJECT: &str = "slipway.toml";

/// What a profile says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    /// Address of the API.
    endpoint: Option<String>,
    /// Authentication method, as `--auth` takes it.
    auth: Option<String>,
    /// AWS Region.
    region: Option<String>,
    /// Data folder of local mode; from the file's own folder, if it is no whole path.
    data: Option<PathBuf>,
    /// Environment of new stacks.
    environment: Option<Name>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserFile {
    profile: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// What a project says. An address is not among it: who clones a repository sends no credentials to where it says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectFile {
    profile: Option<String>,
    /// The stack that `.` stands for.
    stack: Option<String>,
    environment: Option<Name>,
    data: Option<PathBuf>,
}

/// What the files say, for this command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The environment of new stacks.
    pub environment: Option<Name>,
    profile: Profile,
}

impl Settings {
    /// Reads the files.
    pub fn read(profile: Option<&str>) -> Result<Self, Error> {
        let here = env::current_dir().unwrap_or_default();
        Self::of(profile, user_file().as_deref(), project_file(&here).as_deref())
    }

    fn of(named: Option<&str>, user: Option<&Path>, project: Option<&Path>) -> Result<Self, Error> {
        let user: UserFile = user.map_or_else(|| Ok(UserFile::default()), parse)?;
        let (project, folder) = match project {
            Some(path) => (parse::<ProjectFile>(path)?, path.parent().unwrap_or(Path::new("."))),
            None => (ProjectFile::default(), Path::new(".")),
        };
        let name = named.map(str::to_owned).or(project.profile).or(user.profile);
        let mut profile = match name {
            None => Profile::default(),
            Some(name) => user.profiles.get(&name).cloned().ok_or_else(|| {
                let known: Vec<&str> = user.profiles.keys().map(String::as_str).collect();
                let known = if known.is_empty() {
                    String::new()
                } else {
                    format!(", or name one of: {}", known.join(", "))
                };
                Error::Usage(format!(
                    "there is no profile `{name}`: add it to the file config.toml (docs/environment.md){known}"
                ))
            })?,
        };
        if let Some(data) = project.data {
            profile.data = Some(folder.join(data));
        }
        Ok(Self {
            environment: project.environment.or(profile.environment.clone()),
            profile,
        })
    }

    /// Fills in what the command line and the environment do not say.
    pub fn fill(&self, global: &mut Global, matches: &ArgMatches) -> Result<(), Error> {
        let wrong = |name: &str, what: String| Error::Usage(format!("the `{name}` of the profile: {what}"));
        // A data folder that is named means its local server.
        let names_data = matches!(
            matches.value_source("data"),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        );
        if global.endpoint.is_none() && !names_data {
            let endpoint = self.profile.endpoint.as_deref().map(Endpoint::parse).transpose();
            global.endpoint = endpoint.map_err(|what| wrong("endpoint", what))?;
        }
        if global.auth.is_none() {
            let auth = self.profile.auth.as_deref();
            let auth = auth
                .map(|auth| <Way as clap::ValueEnum>::from_str(auth, false))
                .transpose();
            global.auth = auth.map_err(|what| wrong("auth", what))?;
        }
        if global.region.is_none() {
            global.region.clone_from(&self.profile.region);
        }
        if let Some(data) = self.profile.data.as_ref().filter(|_| !names_data) {
            global.data.clone_from(data);
        }
        Ok(())
    }
}

/// The stack that `.` stands for: that of the project's file.
pub fn project_stack() -> Result<String, String> {
    let here = env::current_dir().unwrap_or_default();
    let Some(path) = project_file(&here) else {
        return Err(format!(
            "`.` is the stack of the project, and there is no {PROJECT} here or above"
        ));
    };
    let project: ProjectFile = parse(&path).map_err(|error| error.to_string())?;
    project
        .stack
        .ok_or_else(|| format!("{} does not say which `stack` is the project's", path.display()))
}

fn user_file() -> Option<PathBuf> {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let folder = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home)?;
    Some(folder.join("slipway/config.toml")).filter(|path| path.is_file())
}

fn project_file(here: &Path) -> Option<PathBuf> {
    here.ancestors()
        .map(|folder| folder.join(PROJECT))
        .find(|path| path.is_file())
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, Error> {
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    toml::from_str(&text).map_err(|error| {
        let Place { line, column } = Place::of(&text, error.span().map_or(0, |span| span.start));
        Error::Usage(format!(
            "failed to read {}: line {line}, column {column}: {}. Correct it: docs/environment.md lists the settings",
            path.display(),
            error.message()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    #[test]
    fn project_counts_more_than_the_profile_and_a_name_more_than_both() {
        let folder = tempfile::tempdir().expect("a folder");
        let user = file(
            folder.path(),
            "config.toml",
            "profile = \"live\"\n[profiles.live]\nendpoint = \"https://live.test\"\nenvironment = \"production\"\n[profiles.dev]\nregion = \"eu-west-1\"\n",
        );
        let project = file(
            folder.path(),
            PROJECT,
            "environment = \"staging\"\nstack = \"shop\"\ndata = \"data\"\n",
        );
        let usual = Settings::of(None, Some(&user), None).expect("settings");
        assert_eq!(usual.profile.endpoint.as_deref(), Some("https://live.test"));
        assert_eq!(usual.environment.as_ref().map(Name::as_str), Some("production"));
        let both = Settings::of(None, Some(&user), Some(&project)).expect("settings");
        assert_eq!(both.environment.as_ref().map(Name::as_str), Some("staging"));
        assert_eq!(both.profile.data, Some(folder.path().join("data")));
        let named = Settings::of(Some("dev"), Some(&user), None).expect("settings");
        assert_eq!(
            (named.profile.region.as_deref(), named.environment),
            (Some("eu-west-1"), None)
        );
        for (profile, text, words) in [
            (Some("none"), "", "name one of: dev, live"),
            (None, "endpoint = \"https://evil.test\"\n", "endpoint"),
            (None, "stack = 1\n", "slipway.toml"),
        ] {
            let project = file(folder.path(), PROJECT, text);
            let error = Settings::of(profile, Some(&user), Some(&project))
                .expect_err(text)
                .to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
