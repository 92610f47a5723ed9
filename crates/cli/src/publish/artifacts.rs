//! The artifacts bucket.

use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use slipway_local::template::Template;

use crate::error::Error;
use crate::global::Global;
use crate::server;

/// The name under which an object carries the digest of what is in it.
const DIGEST: &str = "slipway-digest";

/// The bucket with the toolchain, the providers and the files of blueprints.
#[derive(Debug, Clone)]
pub struct Artifacts {
    client: aws_sdk_s3::Client,
    bucket: String,
}

/// An object, without its content.
#[derive(Debug)]
pub struct Known {
    metadata: BTreeMap<String, String>,
}

impl Known {
    /// The digest that it was put with.
    pub fn digest(&self) -> Option<&str> {
        self.get(DIGEST)
    }

    /// What else it was put with.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.metadata.get(name).map(String::as_str)
    }
}

impl Artifacts {
    /// The bucket of this name on AWS, or that of the local server.
    pub async fn open(global: &Global, bucket: Option<String>) -> Result<Self, Error> {
        let Some(endpoint) = &global.endpoint else {
            return Self::local(global, bucket);
        };
        let bucket = bucket.ok_or_else(|| {
            Error::Usage(
                "name the artifacts bucket with `--bucket`: it is the output ArtifactsBucketName of the CloudFormation stack".to_owned(),
            )
        })?;
        let mut config = aws_config::defaults(BehaviorVersion::latest()).http_client(slipway_aws::http_client());
        if let Some(region) = global.region.as_deref().or(endpoint.region()) {
            config = config.region(Region::new(region.to_owned()));
        }
        let config = config.load().await;
        if config.region().is_none() {
            let what = "name the region of the artifacts bucket with `--region` or AWS_REGION";
            return Err(Error::Usage(what.to_owned()));
        }
        let paths = slipway_aws::s3_path_style(&slipway_runner::environment());
        let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(paths);
        Ok(Self {
            client: aws_sdk_s3::Client::from_conf(config.build()),
            bucket,
        })
    }

    fn local(global: &Global, bucket: Option<String>) -> Result<Self, Error> {
        let vars = server::variables(&server::aws(global)?);
        let config = aws_sdk_s3::config::Builder::from(&slipway_aws::sdk_config(&vars))
            .force_path_style(slipway_aws::s3_path_style(&vars))
            .build();
        let of_template = || {
            let template = Template::embedded().ok()?;
            let mut buckets = template.buckets.into_iter().map(|bucket| bucket.name);
            buckets.find(|name| name.contains("-artifacts-"))
        };
        let bucket = bucket.or_else(of_template);
        let bucket = bucket.ok_or_else(|| Error::Program("local mode has no artifacts bucket".to_owned()))?;
        Ok(Self {
            client: aws_sdk_s3::Client::from_conf(config),
            bucket,
        })
    }

    /// Reads the metadata of an object.
    pub async fn look(&self, key: &str) -> Result<Option<Known>, Error> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(found) => Ok(Some(Known {
                metadata: found.metadata.unwrap_or_default().into_iter().collect(),
            })),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(self.failed("read the metadata of", key, error.into())),
        }
    }

    /// Reads an object.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let object = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => return Ok(None),
            Err(error) => return Err(self.failed("read", key, error.into())),
        };
        let body = object.body.collect().await;
        let body = body.map_err(|error| Error::Program(format!("cannot read {key} of {}: {error}", self.bucket)))?;
        Ok(Some(body.to_vec()))
    }

    /// Puts an object.
    pub async fn put(&self, key: &str, bytes: Vec<u8>, digest: &str, more: &[(&str, &str)]) -> Result<(), Error> {
        let mut put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .metadata(DIGEST, digest);
        for (name, value) in more {
            put = put.metadata(*name, *value);
        }
        let put = put.body(bytes.into()).send().await;
        put.map(|_| ()).map_err(|error| self.failed("put", key, error.into()))
    }

    fn failed(&self, action: &'static str, key: &str, source: aws_sdk_s3::Error) -> Error {
        Error::Artifact {
            action,
            object: format!("s3://{}/{key}", self.bucket),
            source: Box::new(source),
        }
    }
}
