//! Images of the local ECS.
//!
//! An image is a tar of a folder with an `image.json`; it goes into the local S3, and its digest is that of the tar. Commands
//! under `build` complete a copy of the folder first, as `docker build` does.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;

use aws_emulator::ecs::Manifest;
use slipway_model::json::Fault;
use slipway_model::name::{Digest, Name};
use tempfile::TempDir;
use tokio::process::Command;

use crate::error::Error;
use crate::files::{self, Links};
use crate::server::{self, LocalAws};

/// The bucket from which the local ECS reads images.
const BUCKET: &str = "slipway-images";

/// Pushes a folder; gives the image's name by digest.
pub async fn upload(folder: &Path, repository: &Name, local: &LocalAws) -> Result<String, Error> {
    let manifest = folder.join("image.json");
    let wrong = |what: String| {
        let like = "write it like {\"entrypoint\": [\"./app\"]}";
        Error::Usage(format!("failed to read {}: {what}; {like}", manifest.display()))
    };
    let json = fs::read(&manifest).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => wrong("the folder of an image has this file".to_owned()),
        _ => wrong(error.to_string()),
    })?;
    let manifest = Manifest::parse(&json).map_err(|error| wrong(Fault::from(error).to_string()))?;
    let built = build(folder, &manifest).await?;
    let files = built.as_ref().map_or(folder, TempDir::path);
    if let Some(program) = manifest.program().filter(|program| !is_there(program, files)) {
        return Err(Error::Usage(format!(
            "failed to push {}: it has no file `{program}`, which `entrypoint` of its image.json starts. Build the program, or correct \
             `entrypoint`",
            folder.display()
        )));
    }
    let tar = pack(files)?;
    let digest = Digest::of(&tar);
    let key = format!("{repository}/sha256-{}.tar", digest.hex());
    let vars = server::variables(local);
    let config = aws_sdk_s3::config::Builder::from(&slipway_aws::sdk_config(&vars))
        .force_path_style(slipway_aws::s3_path_style(&vars))
        .build();
    let put = aws_sdk_s3::Client::from_conf(config)
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .body(tar.into());
    put.send().await.map_err(|source| Error::PushImage {
        endpoint: local.address.clone(),
        source: Box::new(source.into()),
    })?;
    Ok(format!("{repository}@{digest}"))
}

/// Whether the program of an image is in its folder, or else on this machine: a task finds it in that order. One without a slash is
/// looked up on `PATH` when the task starts.
fn is_there(program: &str, files: &Path) -> bool {
    if !program.contains('/') {
        return true;
    }
    let here = Path::new(program);
    files.join(program.trim_start_matches('/')).is_file() || (here.is_absolute() && here.is_file())
}

/// A copy of the folder in which the build commands were run; `None` when there are none.
async fn build(folder: &Path, manifest: &Manifest) -> Result<Option<TempDir>, Error> {
    if manifest.build().is_empty() {
        return Ok(None);
    }
    let copy = tempfile::tempdir().map_err(Error::file("copy", folder))?;
    for name in files::below(folder, Links::Refused, |_| false)? {
        let (from, to) = (folder.join(&name), copy.path().join(&name));
        let parent = to.parent().unwrap_or(copy.path());
        fs::create_dir_all(parent).map_err(Error::file("copy", parent))?;
        fs::copy(&from, &to).map_err(Error::file("copy", &from))?;
    }
    for command in manifest.build() {
        run(command, copy.path()).await?;
    }
    Ok(Some(copy))
}

/// Runs a build command with the caller's environment, but with the `PATH` of tasks. Its output goes to standard error: standard output is the image's name.
async fn run(command: &[String], folder: &Path) -> Result<(), Error> {
    let shown = command.join(" ");
    let [program, arguments @ ..] = command else {
        return Err(Error::Usage(
            "image.json: a command under `build` is empty: remove it".to_owned(),
        ));
    };
    let ran = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", aws_emulator::ecs::PATH)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .await;
    match ran {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Program(format!(
            "failed to build the image: `{shown}` ended with {status}"
        ))),
        Err(error) => Err(Error::Program(format!("failed to build the image: `{shown}`: {error}"))),
    }
}

/// The folder as a tar with sorted entries and no times, so that the same files have the same digest.
fn pack(folder: &Path) -> Result<Vec<u8>, Error> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.mode(tar::HeaderMode::Deterministic);
    for name in files::below(folder, Links::Refused, |_| false)? {
        let path = folder.join(&name);
        builder
            .append_path_with_name(&path, &name)
            .map_err(Error::file("pack", &path))?;
    }
    builder.into_inner().map_err(Error::file("pack", folder))
}
