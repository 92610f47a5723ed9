//! A buildspec (version 0.2) and the one shell script that its phases become.
//!
//! The commands are shell text by definition, and they are the project's own: a caller of `StartBuild` has no way to
//! change them. All phases run in one shell, as on AWS, so that what a command sets, the next one sees.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

/// A buildspec that the emulator can run. Keys that it does not know are refused when it is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Buildspec {
    version: Version,
    #[serde(default)]
    env: Env,
    phases: Phases,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Version {
    Number(f64),
    Text(Version02),
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Version02 {
    #[serde(rename = "0.2")]
    Only,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Env {
    #[serde(default)]
    shell: Shell,
    #[serde(default)]
    variables: BTreeMap<String, Scalar>,
}

/// The shells of AWS's Linux images that this machine may be expected to have.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
enum Shell {
    #[default]
    #[serde(rename = "/bin/sh", alias = "sh")]
    Sh,
    #[serde(rename = "bash")]
    Bash,
}

/// YAML writes `true` and `1` without quotes; a variable is text all the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Bool(bool),
    Number(serde_json::Number),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phases {
    install: Option<PhaseSpec>,
    pre_build: Option<PhaseSpec>,
    build: Option<PhaseSpec>,
    post_build: Option<PhaseSpec>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseSpec {
    #[serde(default)]
    commands: Vec<String>,
    #[serde(default)]
    finally: Vec<String>,
    #[serde(rename = "on-failure")]
    on_failure: Option<OnFailure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum OnFailure {
    #[serde(rename = "ABORT")]
    Abort,
    #[serde(rename = "CONTINUE")]
    Continue,
}

impl Buildspec {
    /// Reads a buildspec. The message of an error names the place and what is known there.
    pub(super) fn parse(text: &str) -> Result<Self, serde_yaml_ng::Error> {
        let spec: Self = serde_yaml_ng::from_str(text)?;
        match spec.version {
            Version::Number(number) if (number - 0.2).abs() > f64::EPSILON => {
                Err(serde::de::Error::custom("version: only 0.2 is supported"))
            }
            _ => Ok(spec),
        }
    }

    /// `env.variables`.
    pub(super) fn variables(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.env.variables.iter().map(|(name, value)| {
            let text = match value {
                Scalar::Text(text) => text.clone(),
                Scalar::Bool(value) => value.to_string(),
                Scalar::Number(value) => value.to_string(),
            };
            (name.clone(), text)
        })
    }

    /// The program that runs the script.
    pub(super) fn shell(&self) -> &'static str {
        match self.env.shell {
            Shell::Sh => "/bin/sh",
            Shell::Bash => "bash",
        }
    }

    /// The phases in the order in which they run, with the names that AWS reports.
    fn phases(&self) -> [(&'static str, PhaseSpec); 4] {
        let spec = |phase: &Option<PhaseSpec>| phase.clone().unwrap_or_default();
        [
            ("INSTALL", spec(&self.phases.install)),
            ("PRE_BUILD", spec(&self.phases.pre_build)),
            ("BUILD", spec(&self.phases.build)),
            ("POST_BUILD", spec(&self.phases.post_build)),
        ]
    }

    /// The script. It marks in `marks` when a phase begins (`BUILD.begin`) and how it ends (`BUILD.end`, with the
    /// first failed command's exit code and text): the times of these files are the times of the phases, whether or
    /// not a server was there to see them.
    ///
    /// It follows AWS's phase transitions: a failed `install` or `pre_build` ends the build, a failed `build` is
    /// still followed by `post_build`, and `on-failure` changes either.
    pub(super) fn script(&self, marks: &Path) -> String {
        let mut script = format!("_build_marks={}\n{HELPERS}", quote(&marks.to_string_lossy()));
        for (name, phase) in self.phases() {
            // Writing to a String cannot fail.
            let _ = write!(script, "if [ -n \"$_build_go_on\" ]; then\n_build_begin {name}\n");
            for command in &phase.commands {
                let text = quote(command);
                let _ = write!(
                    script,
                    "if [ \"$_build_code\" = 0 ]; then _build_say {text}; eval {text}\n_build_after $? {text}; fi\n"
                );
            }
            for command in &phase.finally {
                let text = quote(command);
                let _ = write!(script, "_build_say {text}; eval {text}\n_build_after $? {text}\n");
            }
            let continues = match phase.on_failure {
                Some(choice) => choice == OnFailure::Continue,
                None => name == "BUILD",
            };
            let continues = if continues { "yes" } else { "''" };
            let _ = write!(script, "_build_end {name} {continues}\nfi\n");
        }
        script.push_str("[ \"$CODEBUILD_BUILD_SUCCEEDING\" = 1 ]\n");
        script
    }
}

/// The functions that the script's phases call. None starts a process.
///
/// An interrupt goes to the whole process group of a build. The command that runs ends in its own time, for it may be the runner,
/// which waits until Terraform has saved its state; a shell without the trap would end at once, and the build with it.
const HELPERS: &str = r#"trap 'exit 143' HUP INT TERM
_build_go_on=yes
_build_begin() {
    _build_code=0
    : >"$_build_marks/$1.begin"
    printf '[Container] Entering phase %s\n' "$1"
}
_build_say() { printf '[Container] Running command %s\n' "$1"; }
_build_after() {
    if [ "$1" != 0 ] && [ "$_build_code" = 0 ]; then
        _build_code=$1 _build_command=$2
        printf '[Container] Command did not exit successfully %s exit status %s\n' "$2" "$1"
    fi
}
_build_end() {
    if [ "$_build_code" = 0 ]; then
        echo 0 >"$_build_marks/$1.end"
        printf '[Container] Phase complete: %s State: SUCCEEDED\n' "$1"
    else
        CODEBUILD_BUILD_SUCCEEDING=0 _build_go_on=$2
        printf '%s\n%s\n' "$_build_code" "$_build_command" >"$_build_marks/$1.end"
        printf '[Container] Phase complete: %s State: FAILED\n' "$1"
    fi
}
"#;

/// The text as one word of a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_run_is_refused_by_name() {
        for (text, named) in [
            (
                "version: 0.2\nphases: {build: {commands: [a]}}\nartifacts: {}",
                "artifacts",
            ),
            (
                "version: 0.2\nphases: {build: {runtime-versions: {go: 1}}}",
                "runtime-versions",
            ),
            (
                "version: 0.2\nenv: {secrets-manager: {}}\nphases: {}",
                "secrets-manager",
            ),
            ("version: 0.1\nphases: {}", "version"),
            ("version: 0.2\nphases: {deploy: {}}", "deploy"),
            ("version: 0.2\nenv: {shell: powershell}\nphases: {}", "powershell"),
        ] {
            let error = Buildspec::parse(text).expect_err(text).to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_command_is_one_word_of_the_script() {
        assert_eq!(quote("echo 'a' $(b)"), r"'echo '\''a'\'' $(b)'");
    }
}
