//! Objects in a bucket.

use std::io::Write;
use std::path::Path;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};

use crate::error::{Error, Source};
use crate::reach::{MayPass, patiently};

/// Why an object could not be read.
#[derive(Debug)]
enum Unread {
    /// S3 did not send it.
    Sent(Box<SdkError<GetObjectError, HttpResponse>>),
    /// Its body ended early.
    Body(ByteStreamError),
    /// The file for it could not be written.
    File(std::io::Error),
}

impl MayPass for Unread {
    fn may_pass(&self) -> bool {
        match self {
            Self::Sent(error) => error.may_pass(),
            // An answer had begun: the connection broke, or the server ended.
            Self::Body(_) => true,
            Self::File(_) => false,
        }
    }
}

/// A bucket. Every call waits while S3 cannot be reached.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    client: Client,
    name: String,
}

/// An object that was read.
#[derive(Debug)]
pub(crate) struct Object {
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
    /// Names this version of its content.
    pub(crate) etag: Option<String>,
}

impl Bucket {
    /// The bucket of this name, addressed by path where the endpoint is not AWS's own.
    pub(crate) fn new(sdk: &SdkConfig, by_path: bool, name: &str) -> Self {
        let config = aws_sdk_s3::config::Builder::from(sdk).force_path_style(by_path);
        Self {
            client: Client::from_conf(config.build()),
            name: name.to_owned(),
        }
    }

    /// Reads an object; `None` where there is none.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Object>, Error> {
        let read = async || {
            let Some(object) = self.request(key).await? else {
                return Ok(None);
            };
            let etag = object.e_tag().map(str::to_owned);
            let bytes = object.body.collect().await.map_err(Unread::Body)?.to_vec();
            Ok(Some(Object { bytes, etag }))
        };
        patiently(read)
            .await
            .map_err(|error| self.unread(key, Path::new(""), error))
    }

    /// Reads an object into a file; `false` where there is none.
    pub(crate) async fn get_file(&self, key: &str, file: &Path) -> Result<bool, Error> {
        let read = async || {
            let Some(mut object) = self.request(key).await? else {
                return Ok(false);
            };
            let mut written = std::fs::File::create(file).map_err(Unread::File)?;
            while let Some(bytes) = object.body.next().await {
                written.write_all(&bytes.map_err(Unread::Body)?).map_err(Unread::File)?;
            }
            Ok(true)
        };
        patiently(read).await.map_err(|error| self.unread(key, file, error))
    }

    /// The beginning of an object; `None` where there is none.
    async fn request(&self, key: &str) -> Result<Option<GetObjectOutput>, Unread> {
        match self.client.get_object().bucket(&self.name).key(key).send().await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
            Err(error) => Err(Unread::Sent(Box::new(error))),
        }
    }

    fn unread(&self, key: &str, file: &Path, error: Unread) -> Error {
        match error {
            Unread::Sent(error) => self.failed("read", key, error.into()),
            Unread::Body(error) => self.failed("read", key, error.into()),
            Unread::File(source) => Error::File {
                action: "write",
                path: file.to_owned(),
                source,
            },
        }
    }

    /// Writes an object.
    pub(crate) async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let body = bytes::Bytes::from(bytes);
        let put = async || {
            let request = self.client.put_object().bucket(&self.name).key(key);
            request.body(ByteStream::from(body.clone())).send().await
        };
        patiently(put)
            .await
            .map_err(|error| self.failed("write", key, error.into()))?;
        Ok(())
    }

    /// Writes an object where there is none yet; `false` where there is one.
    pub(crate) async fn create(&self, key: &str, bytes: Vec<u8>) -> Result<bool, Error> {
        let body = bytes::Bytes::from(bytes);
        let put = async || {
            let request = self.client.put_object().bucket(&self.name).key(key);
            request
                .if_none_match("*")
                .body(ByteStream::from(body.clone()))
                .send()
                .await
        };
        match patiently(put).await {
            Ok(_) => Ok(true),
            Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
                // There is one, or another caller is about to make one.
                Some(409 | 412) => Ok(false),
                _ => Err(self.failed("write", key, error.into())),
            },
        }
    }

    /// The keys that begin with a prefix: those of one stack, which fit into one page.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let list = async || {
            let request = self.client.list_objects_v2().bucket(&self.name);
            request.prefix(prefix).send().await
        };
        let page = patiently(list)
            .await
            .map_err(|error| self.failed("list", prefix, error.into()))?;
        let keys = page.contents().iter().filter_map(|object| object.key());
        Ok(keys.map(str::to_owned).collect())
    }

    /// Writes an object, or fails where S3 cannot be reached now.
    pub(crate) async fn put_at_once(&self, key: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let put = self.client.put_object().bucket(&self.name).key(key);
        let put = put.body(ByteStream::from(bytes)).send().await;
        put.map(drop).map_err(|error| self.failed("write", key, error.into()))
    }

    /// Deletes an object if it still is the version that was read; `false` where it is not.
    pub(crate) async fn delete_version(&self, key: &str, etag: &str) -> Result<bool, Error> {
        let delete = async || {
            let request = self.client.delete_object().bucket(&self.name).key(key);
            request.if_match(etag).send().await
        };
        match patiently(delete).await {
            Ok(_) => Ok(true),
            Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
                // A concurrent writer was first: it was deleted or replaced.
                Some(404 | 412) => Ok(false),
                _ => Err(self.failed("delete", key, error.into())),
            },
        }
    }

    pub(crate) fn failed(&self, action: &'static str, key: &str, source: Source) -> Error {
        Error::Object {
            action,
            bucket: self.name.clone(),
            key: key.to_owned(),
            source,
        }
    }
}
