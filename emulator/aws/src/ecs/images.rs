//! Images: a tar in the bucket, unpacked once into a folder that tasks link to.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::wire::{ACCOUNT, REGION};

/// Reads an object of the images' bucket: `None` when there is no such key.
pub type ImageSource = Arc<dyn Fn(String) -> BoxFuture<'static, Result<Option<Bytes>, String>> + Send + Sync>;

/// The images that have been unpacked.
pub(super) struct Images {
    folder: PathBuf,
    source: ImageSource,
    /// One image is unpacked at a time: tasks of one release start together and share it.
    unpacking: Mutex<()>,
}

/// An unpacked image.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) files: PathBuf,
    pub(super) manifest: Manifest,
}

/// `image.json`: what a container of the image runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The schema of the file, for editors.
    #[serde(rename = "$schema", default)]
    _schema: IgnoredAny,
    pub(super) entrypoint: Vec<String>,
    #[serde(default)]
    pub(super) command: Vec<String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    build: Vec<Vec<String>>,
}

impl Manifest {
    /// Reads an `image.json`.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// The program that a container runs.
    pub fn program(&self) -> Option<&str> {
        self.entrypoint.first().map(String::as_str)
    }

    /// The commands that complete the folder before it is packed, each a program and its arguments: what `RUN` is in a
    /// Dockerfile. A push runs them; here they have been run.
    pub fn build(&self) -> &[Vec<String>] {
        &self.build
    }
}

/// Why an image cannot be used; the text becomes the task's `stoppedReason`.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImageError {
    #[error("CannotPullContainerError: there is no image {repository}@sha256:{digest}")]
    Missing { repository: String, digest: String },
    #[error("CannotPullContainerError: the images' bucket cannot be read: {0}")]
    Read(String),
    #[error("CannotPullContainerError: the content of {repository} is not what sha256:{digest} stands for")]
    Altered { repository: String, digest: String },
    #[error("CannotPullContainerError: the image holds {path:?}, which leads out of it")]
    Escape { path: PathBuf },
    #[error("CannotPullContainerError: the image cannot be unpacked: {0}")]
    Unpack(#[from] io::Error),
    #[error("CannotPullContainerError: image.json cannot be read: {0}")]
    Manifest(serde_json::Error),
}

impl Images {
    pub(super) fn new(folder: PathBuf, source: ImageSource) -> Self {
        Self {
            folder,
            source,
            unpacking: Mutex::default(),
        }
    }

    /// The image, from the folder or else from the bucket.
    pub(super) async fn get(&self, repository: &str, digest: &str) -> Result<Image, ImageError> {
        let _unpacking = self.unpacking.lock().await;
        let files = self.folder.join(digest);
        if !files.exists() {
            let key = format!("{repository}/sha256-{digest}.tar");
            let tar = (self.source)(key).await.map_err(ImageError::Read)?;
            let tar = tar.ok_or_else(|| ImageError::Missing {
                repository: repository.to_owned(),
                digest: digest.to_owned(),
            })?;
            let (target, digest, repository) = (files.clone(), digest.to_owned(), repository.to_owned());
            tokio::task::spawn_blocking(move || unpack(&tar, &repository, &digest, &target))
                .await
                .map_err(io::Error::other)??;
        }
        let manifest = fs::read(files.join("image.json"))?;
        let manifest = Manifest::parse(&manifest).map_err(ImageError::Manifest)?;
        Ok(Image { files, manifest })
    }
}

fn unpack(tar: &[u8], repository: &str, digest: &str, target: &Path) -> Result<(), ImageError> {
    use std::fmt::Write as _;
    let found = Sha256::digest(tar).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    if found != digest {
        return Err(ImageError::Altered {
            repository: repository.to_owned(),
            digest: digest.to_owned(),
        });
    }
    // Unpacked aside, so that a folder that exists is a whole image.
    let aside = target.with_extension("new");
    if aside.exists() {
        fs::remove_dir_all(&aside)?;
    }
    fs::create_dir_all(&aside)?;
    unpack_into(tar, &aside)?;
    fs::rename(&aside, target)?;
    Ok(())
}

fn unpack_into(tar: impl Read, folder: &Path) -> Result<(), ImageError> {
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let link = entry.link_name()?.map(std::borrow::Cow::into_owned);
        let escapes = !stays_inside(&path) || link.is_some_and(|link| !stays_inside(&link));
        if escapes || !entry.unpack_in(folder)? {
            return Err(ImageError::Escape { path });
        }
    }
    Ok(())
}

/// Whether a path is relative and never goes up.
fn stays_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// The name of a repository in the local registry, where it is called with the registry.
pub(super) fn in_registry(repository: &str) -> &str {
    let registry = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/");
    repository.strip_prefix(&registry).unwrap_or(repository)
}
