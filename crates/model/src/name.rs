//! Names, digests and images: texts from outside that become parts of keys, paths and AWS names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::textual::textual;

/// The most characters that a [`Name`] has. An AWS name of a stack's part is `<stack id>-<name>`, and the shortest limit
/// that AWS sets on such a name is 63.
pub const NAME_LENGTH: usize = 40;

/// A text that is not of the form that was expected; the message says which that is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(String);

/// The name of a stack, a blueprint, an environment or a service: `[a-z][a-z0-9-]*`, at most 40 characters, not ending
/// with `-`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let starts_right = text.starts_with(|first: char| first.is_ascii_lowercase());
        let all_allowed = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if starts_right && all_allowed && text.len() <= NAME_LENGTH && !text.ends_with('-') {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidName(format!(
            "a name has at most {NAME_LENGTH} lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen"
        )))
    }
}

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut text = String::from("sha256:");
        for byte in Sha256::digest(bytes) {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or_default());
            text.push(char::from_digit(u32::from(byte & 0xf), 16).unwrap_or_default());
        }
        Self(text)
    }

    /// The digest as text, with its `sha256:`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 hexadecimal digits alone, for file names and object keys.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl FromStr for Digest {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_hex = |hex: &str| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match text.strip_prefix("sha256:") {
            Some(hex) if is_hex(hex) => Ok(Self(text.to_owned())),
            _ => Err(InvalidName(
                "a digest is `sha256:` and 64 hexadecimal digits in lower case".to_owned(),
            )),
        }
    }
}

/// A container image by digest, like `guestbook@sha256:…`.
///
/// There is no form with a tag: a tag may mean one image to the migration and another to the service a minute later.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Image {
    repository: String,
    digest: Digest,
}

impl Image {
    /// The repository, with its registry where it has one.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// What the image is, whatever it is called.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl FromStr for Image {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let Some((repository, digest)) = text.split_once('@') else {
            return Err(InvalidName(
                "an image is named by digest, `repository@sha256:…`: a tag can move between the migration and the rollout".to_owned(),
            ));
        };
        // The characters that a registry, its port and a repository's path may have (OCI distribution specification), without an
        // empty part or one of dots: the repository is part of an object key in local mode.
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-' | b'/' | b':');
        let part_is_right =
            |part: &str| part.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
        if repository.len() > 255 || !repository.bytes().all(allowed) || !repository.split('/').all(part_is_right) {
            return Err(InvalidName(
                "the repository of an image has lower-case letters, digits and `.`, `_`, `-`, `/`, at most 255 of them"
                    .to_owned(),
            ));
        }
        Ok(Self {
            repository: repository.to_owned(),
            digest: digest.parse()?,
        })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Image {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<Image> for String {
    fn from(image: Image) -> Self {
        image.to_string()
    }
}

textual!(InvalidName: Name, Digest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_for_keys_paths_and_aws() {
        for right in ["a", "guestbook", "web-2", "a23456789012345678901234567890123456789b"] {
            assert_eq!(right.parse::<Name>().map(String::from), Ok(right.to_owned()));
        }
        for wrong in [
            "", "-a", "a-", "1a", "A", "a_b", "a b", "../a", "a/b", "a\0", "${a}", "$(id)", "ä",
        ] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
        assert!("a".repeat(NAME_LENGTH + 1).parse::<Name>().is_err());
    }

    #[test]
    fn an_image_is_named_by_digest_alone() {
        let digest = Digest::of(b"");
        assert_eq!(
            digest.hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let text = format!("registry.example:5000/team/web@{digest}");
        let image: Image = text.parse().expect("an image");
        assert_eq!(
            (image.repository(), image.digest()),
            ("registry.example:5000/team/web", &digest)
        );
        assert_eq!(image.to_string(), text);

        let tagged = "guestbook:1".parse::<Image>().expect_err("a tag");
        assert!(tagged.to_string().contains("by digest"), "{tagged}");
        for wrong in ["@", "../x@", "a//b@", "a/../b@", "A@", "a b@"] {
            assert!(format!("{wrong}{digest}").parse::<Image>().is_err(), "{wrong}");
        }
    }
}
