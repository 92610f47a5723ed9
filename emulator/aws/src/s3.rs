//! S3 over a folder: bodies in files, everything else in one SQLite file next to them.
//!
//! `s3s` knows the protocol; this module knows what is stored. Conditional writes and deletes are atomic, versions
//! are kept where a bucket wants them, and any key up to 1024 bytes is as good as any other, for a key is never a
//! path. Unsupported operations answer S3's `NotImplemented`.

mod bodies;
mod buckets;
mod checksums;
mod chunked;
mod copy;
mod http;
mod index;
mod listing;
mod multipart;
mod objects;
mod reading;
mod service;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::Stream;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3ErrorCode, S3Result};

use self::bodies::Bodies;
use self::checksums::Algorithm;
use self::index::{Attributes, Condition, Index, NewVersion};
use self::listing::Listing;
use crate::wire::AwsError;

/// An operation of this process on buckets and objects that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectsError {
    #[error("failed to open the folder of the objects {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to {action} `{name}`")]
    Use {
        /// What was tried.
        action: &'static str,
        /// The bucket, and the key or prefix.
        name: String,
        #[source]
        source: S3Error,
    },
}

impl From<ObjectsError> for AwsError {
    fn from(error: ObjectsError) -> Self {
        Self::internal(&error)
    }
}

/// The buckets of this machine.
#[derive(Clone)]
pub struct S3 {
    store: Arc<Store>,
    service: S3Service,
}

/// What the operations work on.
struct Store {
    index: Index,
    bodies: Bodies,
}

/// An object as [`S3::list`] shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

impl S3 {
    /// Opens the folder, which is made when it does not exist.
    pub fn open(folder: &Path) -> Result<Self, ObjectsError> {
        let store = Store::open(folder).map_err(|source| ObjectsError::Open {
            path: folder.to_owned(),
            source,
        })?;
        let store = Arc::new(store);
        let mut builder = S3ServiceBuilder::new(service::Operations(Arc::clone(&store)));
        builder.set_host(http::LocalHost);
        Ok(Self {
            store,
            service: builder.build(),
        })
    }

    /// Answers one HTTP request. A request without a signature gets the advice.
    pub async fn serve(&self, request: ::http::Request<Body>, advice: &str) -> Response {
        http::serve(&self.service, request, advice).await
    }

    /// Makes a bucket unless it exists.
    pub fn ensure_bucket(&self, name: &str, versioned: bool) -> Result<(), ObjectsError> {
        let ensure = || -> S3Result<()> {
            if self.store.index.create_bucket(name)? && versioned {
                self.store.index.set_versioning(name, "Enabled")?;
            }
            Ok(())
        };
        ensure().map_err(|error| failed("make the bucket", name, "", error))
    }

    /// Stores an object.
    pub async fn put<E: std::fmt::Display>(
        &self,
        bucket: &str,
        key: &str,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<(), ObjectsError> {
        let store = async || -> S3Result<()> {
            let written = self.store.bodies.write(body, [Algorithm::Crc64Nvme], false).await?;
            let attributes = Attributes {
                checksums: written.digests.checksums.clone(),
                ..Attributes::default()
            };
            self.store
                .commit(bucket, key, written, &attributes, &Condition::default())?;
            Ok(())
        };
        store()
            .await
            .map_err(|error| failed("store the object", bucket, key, error))
    }

    /// Opens an object for reading; `None` when there is none.
    pub fn open_object(&self, bucket: &str, key: &str) -> Result<Option<std::fs::File>, ObjectsError> {
        match self.store.open_version(bucket, key, None) {
            Ok((_, _, file)) => Ok(Some(file)),
            Err(error) if *error.code() == S3ErrorCode::NoSuchKey => Ok(None),
            Err(error) => Err(failed("read the object", bucket, key, error)),
        }
    }

    /// Reads a whole object; `None` when there is none. For small ones.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, ObjectsError> {
        let Some(file) = self.open_object(bucket, key)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let mut file = tokio::fs::File::from_std(file);
        tokio::io::AsyncReadExt::read_to_end(&mut file, &mut bytes)
            .await
            .map_err(|error| failed("read the object", bucket, key, S3Error::internal_error(error)))?;
        Ok(Some(bytes))
    }

    /// Every object whose key begins with `prefix`, ordered by key.
    pub fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, ObjectsError> {
        let listing = Listing {
            bucket,
            prefix,
            delimiter: None,
            after_key: "",
            after_version: None,
            limit: usize::MAX - 1,
            all_versions: false,
        };
        let page = listing
            .page(&self.store.index)
            .map_err(|error| failed("list the objects", bucket, prefix, error))?;
        let objects = page.versions.into_iter().map(|version| ListedObject {
            key: version.key,
            size: version.size,
        });
        Ok(objects.collect())
    }
}

impl Store {
    fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let index = Index::open(&folder.join("index.db")).map_err(io::Error::other)?;
        let known = index.bodies().map_err(io::Error::other)?;
        let bodies = Bodies::open(&folder.join("bodies"), &known)?;
        Ok(Self { index, bodies })
    }

    /// Makes what was written the current version of the key, and removes what it replaces.
    fn commit(
        &self,
        bucket: &str,
        key: &str,
        written: bodies::Written,
        attributes: &Attributes,
        condition: &Condition,
    ) -> S3Result<index::Outcome> {
        let etag = written.etag();
        let new = NewVersion {
            body: written.name(),
            size: written.size,
            etag: &etag,
            attributes,
        };
        let outcome = self.index.put(bucket, key, &new, condition)?;
        written.keep();
        self.remove_bodies(&outcome.freed);
        Ok(outcome)
    }

    fn remove_bodies(&self, freed: &[String]) {
        for body in freed {
            self.bodies.remove(body);
        }
    }

    /// A version with its bytes. The file is opened before anybody can delete it.
    fn open_version(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> S3Result<(index::Version, bool, std::fs::File)> {
        self.index.with_version(bucket, key, version, |bucket, found| {
            let Some(body) = &found.body else {
                return Err(objects::deleted(&found, version.is_some()));
            };
            let file = self.bodies.read(body).map_err(S3Error::internal_error)?;
            Ok((found, bucket.is_versioned(), file))
        })
    }
}

fn failed(action: &'static str, bucket: &str, key: &str, source: S3Error) -> ObjectsError {
    ObjectsError::Use {
        action,
        name: format!("{bucket}/{key}"),
        source,
    }
}
