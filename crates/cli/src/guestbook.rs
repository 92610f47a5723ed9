//! The guestbook of `examples/`: built, and put into a local server as a blueprint and four images.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use semver::Version;
use serde_json::json;
use slipway_model::name::Name;
use tempfile::TempDir;

use crate::bundle;
use crate::client::Client;
use crate::error::Error;
use crate::local_image;
use crate::publish::blueprints;
use crate::publish::upload::Beside;
use crate::server::LocalAws;

/// What the blueprint is published as.
const BLUEPRINT: &str = "guestbook";
const VERSION: Version = Version::new(1, 0, 0);

/// How many releases there are.
const RELEASES: u32 = 4;

/// The guestbook, built: the folders of its images, and that of its blueprint.
pub struct Guestbook {
    /// Gone when the demo is.
    folder: TempDir,
    /// The example's folder in the checkout.
    example: PathBuf,
}

impl Guestbook {
    /// Publishes the blueprint and pushes the images; gives their names by digest, in the order of the releases.
    pub async fn publish(&self, client: &Client, aws: &LocalAws) -> Result<Vec<String>, Error> {
        let name: Name = BLUEPRINT
            .parse()
            .map_err(|error| Error::Usage(format!("{BLUEPRINT}: {error}")))?;
        let folder = self.example.join("blueprint");
        let beside = Beside {
            description: "A guestbook with a database".to_owned(),
            readme: bundle::readme(&folder, &folder)?,
            draft: false,
        };
        blueprints::publish(client, &folder, &folder, (&name, &VERSION), &beside).await?;
        let mut names = Vec::new();
        for number in 1..=RELEASES {
            names.push(local_image::upload(&self.image(number), &name, aws).await?);
        }
        Ok(names)
    }

    fn image(&self, release: u32) -> PathBuf {
        self.folder.path().join(release.to_string())
    }
}

/// Builds the guestbook, and lays out its four images: the program, and what the release adds to it.
pub fn build() -> Result<Guestbook, Error> {
    let example = find_example()?;
    let program = compile(&example)?;
    let folder = TempDir::new().map_err(Error::file("make a folder in", &std::env::temp_dir()))?;
    let guestbook = Guestbook { folder, example };
    for number in 1..=RELEASES {
        let from = guestbook.example.join("releases").join(number.to_string());
        let image = guestbook.image(number);
        lay_out(&program, &from, &image).map_err(Error::file("lay out the image in", &image))?;
    }
    Ok(guestbook)
}

/// The source of the guestbook: where this program was built, or in the checkout around the current folder.
fn find_example() -> Result<PathBuf, Error> {
    const EXAMPLE: &str = "examples/guestbook";
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(EXAMPLE);
    let current = std::env::current_dir().unwrap_or_default();
    let around = current.ancestors().map(|folder| folder.join(EXAMPLE));
    let found = [built]
        .into_iter()
        .chain(around)
        .find_map(|folder| folder.canonicalize().ok());
    found.ok_or_else(|| {
        Error::Program(
            "failed to find the guestbook, which is built from source: run this in a checkout of Slipway \
             (`git clone https://github.com/slipway/slipway`)"
                .to_owned(),
        )
    })
}

/// Has cargo build the guestbook, with the dependencies that this program was built with.
fn compile(example: &Path) -> Result<PathBuf, Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = Command::new(&cargo)
        .args(["build", "--quiet", "--package", "guestbook", "--package", "slipway-cli"])
        .args(["--bin", "guestbook", "--message-format", "json-render-diagnostics"])
        .current_dir(example)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let run = run.map_err(|error| {
        Error::Program(format!(
            "failed to run cargo, which builds the guestbook: {error}. Install Rust: https://rustup.rs"
        ))
    })?;
    if !run.status.success() {
        return Err(Error::Program("cargo could not build the guestbook".to_owned()));
    }
    executable(&String::from_utf8_lossy(&run.stdout))
        .ok_or_else(|| Error::Program("cargo did not say where the guestbook is".to_owned()))
}

/// The path of the guestbook in cargo's messages.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = messages.filter(|message| message["target"]["name"] == "guestbook");
    programs.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

fn lay_out(program: &Path, release: &Path, image: &Path) -> std::io::Result<()> {
    let migrations = image.join("release/migrations");
    fs::create_dir_all(&migrations)?;
    fs::copy(program, image.join("guestbook"))?;
    fs::copy(release.join("release.json"), image.join("release/release.json"))?;
    for file in fs::read_dir(release.join("migrations"))? {
        let file = file?;
        fs::copy(file.path(), migrations.join(file.file_name()))?;
    }
    fs::write(
        image.join("image.json"),
        json!({ "entrypoint": ["./guestbook"] }).to_string(),
    )
}
