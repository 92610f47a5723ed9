//! Images by tag: the digest that a tag of Amazon ECR means now.
//!
//! A release names images by digest only, because a tag may mean one image to the migration and another to the service a minute
//! later. So the tag is resolved here, once, before the request.

use std::collections::BTreeMap;
use std::str::FromStr;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};
use slipway_model::name::{Image, Name};

use crate::access::Signer;
use crate::error::Error;
use crate::output::Output;

/// An image as a person names it.
#[derive(Debug, Clone)]
pub enum Named {
    /// By digest.
    Digest(Image),
    /// By a tag of ECR.
    Tag(Tag),
}

/// `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    registry: String,
    account: String,
    region: String,
    /// `amazonaws.com`, or that of another partition.
    domain: String,
    repository: String,
    name: String,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            return text.parse().map(Self::Digest).map_err(|error| format!("{error}"));
        }
        tag(text).map(Self::Tag).ok_or_else(|| {
            let by_digest = text.parse::<Image>().err().map(|error| format!("{error}"));
            format!(
                "{}; a tag is resolved for images of Amazon ECR only, ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG; a local image has \
                 the name that `slipway image push` prints",
                by_digest.unwrap_or_default()
            )
        })
    }
}

fn tag(text: &str) -> Option<Tag> {
    let (registry, rest) = text.split_once('/')?;
    let (repository, tag) = rest.rsplit_once(':')?;
    let mut parts = registry.splitn(5, '.');
    let (account, dkr, ecr, region, domain) = (
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
    );
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_known = domain == "amazonaws.com" || domain == "amazonaws.com.cn";
    let is_plain = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        !text.is_empty() && text.chars().all(plain)
    };
    let holds = is_account
        && dkr == "dkr"
        && ecr == "ecr"
        && is_known
        && [region, repository, tag].iter().all(|text| is_plain(text));
    holds.then(|| Tag {
        registry: registry.to_owned(),
        account: account.to_owned(),
        region: region.to_owned(),
        domain: domain.to_owned(),
        repository: repository.to_owned(),
        name: tag.to_owned(),
    })
}

impl Tag {
    /// Asks ECR which image it means.
    async fn resolve(&self) -> Result<Image, Error> {
        let address = std::env::var("AWS_ENDPOINT_URL_ECR")
            .ok()
            .filter(|address| !address.is_empty());
        let address = address.unwrap_or_else(|| format!("https://api.ecr.{}.{}", self.region, self.domain));
        let digest = self.digest(&address).await?;
        format!("{}/{}@{digest}", self.registry, self.repository)
            .parse()
            .map_err(|error| Error::Program(format!("ECR answered with no digest of an image: {error}")))
    }

    /// `DescribeImages` (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>).
    async fn digest(&self, address: &str) -> Result<String, Error> {
        let failed = |error: reqwest::Error| Error::Unreachable {
            server: address.to_owned(),
            source: Box::new(error),
        };
        let body = json!({
            "registryId": self.account,
            "repositoryName": self.repository,
            "imageIds": [{ "imageTag": self.name }],
        });
        let client = reqwest::Client::new();
        let mut request = client
            .request(Method::POST, format!("{address}/"))
            .header("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeImages")
            .body(body.to_string())
            .build()
            .map_err(failed)?;
        let json = HeaderValue::from_static("application/x-amz-json-1.1");
        request.headers_mut().insert(CONTENT_TYPE, json);
        Signer::new(self.region.clone()).sign(&mut request, "ecr").await?;
        let answer = client.execute(request).await.map_err(failed)?;
        let is_success = answer.status().is_success();
        let answer: Value = answer.json().await.map_err(failed)?;
        let digest = answer["imageDetails"][0]["imageDigest"].as_str().filter(|_| is_success);
        digest.map(str::to_owned).ok_or_else(|| {
            let said = answer["message"]
                .as_str()
                .or(answer["__type"].as_str())
                .unwrap_or("no image");
            Error::Usage(format!(
                "failed to resolve {}/{}:{}: {said}",
                self.registry, self.repository, self.name
            ))
        })
    }
}

/// The images by service, tags resolved; a service that is named twice is a mistake, whichever image was meant.
pub async fn by_service(images: Vec<(Name, Named)>, output: Output) -> Result<BTreeMap<Name, Image>, Error> {
    let mut by_service = BTreeMap::new();
    for (service, image) in images {
        if by_service.contains_key(&service) {
            return Err(Error::Usage(format!("--image names the service `{service}` twice")));
        }
        let image = match image {
            Named::Digest(image) => image,
            Named::Tag(tag) => {
                let image = tag.resolve().await?;
                output.say(&format!("{service}: {} is {image}", tag.name));
                image
            }
        };
        by_service.insert(service, image);
    }
    Ok(by_service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_of_ecr_is_not_taken_for_a_digest() {
        let digest = format!("web@sha256:{}", "a".repeat(64));
        assert!(matches!(digest.parse(), Ok(Named::Digest(_))));
        let Ok(Named::Tag(tag)) = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web:v1.2".parse() else {
            panic!("a tag");
        };
        assert_eq!(
            (tag.region.as_str(), tag.repository.as_str(), tag.name.as_str()),
            ("eu-west-1", "team/web", "v1.2")
        );
        for wrong in [
            "web:v1",
            "docker.io/library/nginx:1",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web",
            "123456789012.dkr.ecr.eu-west-1.evil.test/web:v1",
            "123456789012.dkr.ecr.evil.test/x.amazonaws.com/web:v1",
            "12.dkr.ecr.eu-west-1.amazonaws.com/web:v1",
        ] {
            assert!(wrong.parse::<Named>().is_err(), "{wrong}");
        }
    }
}
