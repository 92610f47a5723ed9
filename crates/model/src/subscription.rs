//! Images that are released when they are pushed: which repository and tags a service of a stack subscribes to.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::account::AccountId;
use crate::contract::PARTS;
use crate::fields::{Fields, described};
use crate::name::{Digest, Image, InvalidName, Name};
use crate::problem::{FieldProblem, shortened};
use crate::textual::as_text;

/// What to give for a repository.
pub const REPOSITORY_REMEDY: &str =
    "give the ARN of a repository of ECR, `arn:aws:ecr:eu-west-1:111122223333:repository/shop/web`";

/// What to give for a pattern of tags.
pub const TAGS_REMEDY: &str = "give a tag in which `*` stands for any characters, like `v*`, or `*` for every tag";

const OBJECT_REMEDY: &str = "give each service, by its name, an object with `repository` and `tags`";

/// The most subscriptions of a stack: one for each service that it can have. Also where every repository changes, they stay far
/// below the 100 writes that one transaction of DynamoDB takes.
pub const SUBSCRIPTIONS: usize = PARTS;

/// The most characters that a tag of an image has.
const TAG_LENGTH: usize = 128;

/// A text that is no repository, or no pattern of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSubscription(&'static str);

/// A repository of ECR, written as its ARN.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository {
    account: AccountId,
    region: String,
    name: String,
}

impl Repository {
    /// The repository of this name in an account and region.
    pub fn new(account: AccountId, region: &str, name: &str) -> Result<Self, InvalidSubscription> {
        let part = |text: &str, further: &[u8]| {
            text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || further.contains(&b))
        };
        if region.len() > 32 || !part(region, b"-") {
            return Err(InvalidSubscription("the region is not like `eu-west-1`"));
        }
        if name.len() > 200 || !name.split('/').all(|one| part(one, b"._-")) {
            return Err(InvalidSubscription(
                "a repository has lower-case letters, digits and `.`, `_`, `-`, `/`, at most 200 of them",
            ));
        }
        Ok(Self {
            account,
            region: region.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The account that it is in.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Its name in its account and region.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, as container engines call it.
    pub fn address(&self) -> String {
        let domain = if self.region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        format!("{}.dkr.ecr.{}.{domain}/{}", self.account, self.region, self.name)
    }

    /// The image of this digest in it.
    pub fn image(&self, digest: &Digest) -> Result<Image, InvalidName> {
        format!("{}@{digest}", self.address()).parse()
    }
}

impl FromStr for Repository {
    type Err = InvalidSubscription;

    fn from_str(text: &str) -> Result<Self, InvalidSubscription> {
        let form = InvalidSubscription("is not the ARN of a repository of ECR");
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "ecr", region, account, resource] = parts.as_slice() else {
            return Err(form);
        };
        let (Ok(account), Some(name)) = (account.parse(), resource.strip_prefix("repository/")) else {
            return Err(form);
        };
        let repository = Self::new(account, region, name)?;
        if *partition == repository.partition() {
            Ok(repository)
        } else {
            Err(InvalidSubscription(
                "the partition of the ARN is not that of its region",
            ))
        }
    }
}

impl Repository {
    fn partition(&self) -> &'static str {
        match self.region.split('-').collect::<Vec<_>>().as_slice() {
            ["cn", ..] => "aws-cn",
            ["us", "gov", ..] => "aws-us-gov",
            _ => "aws",
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (partition, region, account, name) = (self.partition(), &self.region, &self.account, &self.name);
        write!(f, "arn:{partition}:ecr:{region}:{account}:repository/{name}")
    }
}

/// Tags of images: a tag in which `*` stands for any characters, also none.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagPattern(String);

impl TagPattern {
    /// Whether a tag is one of these.
    pub fn matches(&self, tag: &str) -> bool {
        let mut pieces = self.0.split('*');
        let Some(rest) = pieces.next().and_then(|first| tag.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = pieces.next_back() else {
            // Without a star.
            return rest.is_empty();
        };
        let mut rest = rest;
        for piece in pieces {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl FromStr for TagPattern {
    type Err = InvalidSubscription;

    fn from_str(text: &str) -> Result<Self, InvalidSubscription> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'*');
        if (1..=TAG_LENGTH).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidSubscription(
            "a tag has letters, digits and `.`, `_`, `-`, at most 128 of them; `*` stands for any",
        ))
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a service of a stack subscribes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The repository of its images.
    pub repository: Repository,
    /// The tags of the images that are released.
    pub tags: TagPattern,
    /// The newest image that was pushed and requested: earlier pushes are no longer released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Pushed>,
}

/// An image that was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// What it is.
    pub digest: Digest,
    /// When it was pushed.
    pub at: Timestamp,
}

impl Pushed {
    /// An image that was requested at this time. ECR gives the time of a push in whole seconds.
    pub fn requested(image: &Image, at: Timestamp) -> Self {
        Self {
            digest: image.digest().clone(),
            at: Timestamp::from_second(at.as_second()).unwrap_or(at),
        }
    }
}

/// A push of an image, as reported by ECR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Where it was pushed to.
    pub repository: Repository,
    /// With which tag.
    pub tag: String,
    /// The image, and when.
    pub pushed: Pushed,
}

/// What a push means to a service that may subscribe to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing: another repository, or another tag.
    Nothing,
    /// The service is to get the image.
    Release,
    /// The service has been asked to run this image already.
    Known,
    /// An image that was pushed later has come before.
    Late,
}

impl Subscription {
    /// What a push means to the service.
    pub fn meaning(&self, push: &Push) -> Meaning {
        if self.repository != push.repository || !self.tags.matches(&push.tag) {
            return Meaning::Nothing;
        }
        match &self.newest {
            Some(newest) if newest.digest == push.pushed.digest => Meaning::Known,
            Some(newest) if newest.at > push.pushed.at => Meaning::Late,
            _ => Meaning::Release,
        }
    }
}

/// Reads the field `subscriptions`: a service with null unsubscribes.
pub fn read(fields: &mut Fields) -> BTreeMap<Name, Option<Subscription>> {
    let mut subscriptions = BTreeMap::new();
    for (service, value) in fields.object("subscriptions").unwrap_or_default() {
        let field = format!("subscriptions.{}", shortened(&service));
        match (service.parse::<Name>(), value) {
            (Err(error), _) => fields.problem(FieldProblem::new(field, error.to_string(), OBJECT_REMEDY)),
            (Ok(service), Value::Null) => {
                subscriptions.insert(service, None);
            }
            (Ok(service), Value::Object(object)) => {
                let mut inner = Fields::new(object);
                let repository = inner.required("repository", REPOSITORY_REMEDY);
                let tags = inner.required("tags", TAGS_REMEDY);
                for problem in inner.problems() {
                    fields.problem(problem.below(&field));
                }
                if let (Some(repository), Some(tags)) = (repository, tags) {
                    let newest = None;
                    let subscription = Subscription {
                        repository,
                        tags,
                        newest,
                    };
                    subscriptions.insert(service, Some(subscription));
                }
            }
            (Ok(_), other) => {
                let detail = format!("is {}, not an object", described(&other));
                fields.problem(FieldProblem::new(field, detail, OBJECT_REMEDY));
            }
        }
    }
    let wanted = subscriptions.values().filter(|wanted| wanted.is_some());
    if let Some(problem) = too_many(wanted.count()) {
        fields.problem(problem);
    }
    subscriptions
}

/// What is wrong with so many subscriptions of one stack, if something is.
pub fn too_many(count: usize) -> Option<FieldProblem> {
    (count > SUBSCRIPTIONS).then(|| {
        FieldProblem::new(
            "subscriptions",
            format!("would be {count}, and a stack has at most {SUBSCRIPTIONS}"),
            "leave some out, or unsubscribe services with null",
        )
    })
}

/// The subscriptions of a stack with these over them: what is as it was keeps the newest image that it knows.
pub fn over(
    before: &BTreeMap<Name, Subscription>,
    changes: &BTreeMap<Name, Option<Subscription>>,
) -> BTreeMap<Name, Subscription> {
    let mut after = before.clone();
    for (service, change) in changes {
        match change {
            None => {
                after.remove(service);
            }
            Some(wanted) => {
                let same = before.get(service).filter(|had| had.repository == wanted.repository);
                let newest = same.and_then(|had| had.newest.clone());
                after.insert(
                    service.clone(),
                    Subscription {
                        newest,
                        ..wanted.clone()
                    },
                );
            }
        }
    }
    after
}

/// Subscriptions that know no image know the requested one of these: a push of it, or of an earlier one, no longer applies.
pub fn know_requested(subscriptions: &mut BTreeMap<Name, Subscription>, images: &BTreeMap<Name, Image>, at: Timestamp) {
    for (service, subscription) in subscriptions {
        if let (None, Some(image)) = (&subscription.newest, images.get(service)) {
            subscription.newest = Some(Pushed::requested(image, at));
        }
    }
}

/// What the two texts share.
macro_rules! shown {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

shown!(Repository, TagPattern);
as_text!(InvalidSubscription: Repository, TagPattern);

#[cfg(test)]
mod tests;
