//! The toolchain: the archive with the runner and Terraform that every build begins with.

use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use slipway_model::name::Digest;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::artifacts::Artifacts;
use super::{Architecture, Done};
use crate::error::Error;
use crate::output::Output;
use crate::terraform::Search;

/// The name of the runner in the archive, by which the build calls it.
const RUNNER: &str = "slipway-runner";

/// With which Terraform an archive was put, beside its digest.
const TERRAFORM: &str = "slipway-terraform";

/// The archive, and what it was made of.
#[derive(Debug)]
pub struct Toolchain {
    architecture: Architecture,
    zip: Vec<u8>,
    terraform: Digest,
}

impl Toolchain {
    /// Packs the runner with the Terraform that is given, or with the pinned one, which is fetched.
    pub async fn pack(architecture: Architecture, runner: &Path, terraform: Option<PathBuf>) -> Result<Self, Error> {
        let terraform = match terraform {
            Some(program) => program,
            None => Search::from_env().fetched_for(architecture.platform()).await?,
        };
        // The runner expects these two names.
        let name = match terraform.file_name().and_then(|name| name.to_str()) {
            Some(name) if name.starts_with("tofu") => "tofu",
            _ => "terraform",
        };
        let (runner, terraform) = (program(runner, architecture)?, program(&terraform, architecture)?);
        let digest = Digest::of(&terraform);
        let zip = pack(&[(RUNNER, runner), (name, terraform)]);
        Ok(Self {
            architecture,
            zip: zip.map_err(|error| Error::Program(format!("cannot pack the toolchain: {error}")))?,
            terraform: digest,
        })
    }

    /// Uploads it for builds, unless the same one is there.
    pub async fn publish(self, artifacts: &Artifacts, output: Output) -> Result<Done, Error> {
        let key = key(self.architecture);
        let digest = Digest::of(&self.zip);
        let before = artifacts.look(&key).await?;
        let published = before.as_ref().and_then(|before| before.digest()) != Some(digest.as_str());
        if published {
            let last = before.as_ref().and_then(|before| before.get(TERRAFORM));
            if last.is_some_and(|last| last != self.terraform.as_str()) {
                output.say(
                    "Builds use another Terraform from now on, which rejects plans of the previous one: request operations again that wait for \
                     an approval or are between plan and apply.",
                );
            }
            artifacts
                .put(&key, self.zip, digest.as_str(), &[(TERRAFORM, self.terraform.as_str())])
                .await?;
        }
        Ok(Done {
            kind: "toolchain",
            name: self.architecture.name().to_owned(),
            published,
            unchecked: Vec::new(),
        })
    }
}

/// That builds have one: on AWS, a publish without it would leave a Slipway that cannot plan.
pub async fn require(architecture: Architecture, artifacts: &Artifacts) -> Result<(), Error> {
    if artifacts.look(&key(architecture)).await?.is_some() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "builds have no toolchain for {0} yet: build the runner for Linux on {0} (docs/aws.md says how) and name it with `--runner FILE`",
        architecture.name()
    )))
}

fn key(architecture: Architecture) -> String {
    format!("toolchain/{}.zip", architecture.name())
}

/// Reads a program, and sees that it runs on Linux on that processor: another one would fail in every build.
fn program(path: &Path, architecture: Architecture) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(Error::file("read", path))?;
    // ELF of 64 bits, little endian, and the two bytes of `e_machine`.
    let elf = bytes.starts_with(b"\x7fELF\x02\x01");
    let machine = bytes.get(18..20).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    if elf && machine == Some(architecture.machine()) {
        return Ok(bytes);
    }
    Err(Error::Usage(format!(
        "{} is no program for Linux on {1}: builds run on {1}, as the parameter Architecture says; `--architecture` names another one",
        path.display(),
        architecture.name()
    )))
}

/// The same programs are always the same archive.
fn pack(programs: &[(&str, Vec<u8>)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    for (name, bytes) in programs {
        writer.start_file(*name, options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}
