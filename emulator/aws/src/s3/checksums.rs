//! Checksums: which ones S3 knows, computing them while bytes pass, and comparing them with what a client said.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::crypto::{Checksum, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

/// A checksum algorithm of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    /// From the API's name (`CRC32`) or the end of a header's name (`crc32`).
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "CRC32" => Self::Crc32,
            "CRC32C" => Self::Crc32c,
            "CRC64NVME" => Self::Crc64Nvme,
            "SHA1" => Self::Sha1,
            "SHA256" => Self::Sha256,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }
}

/// Base64 digests by algorithm.
pub(super) type Checksums = BTreeMap<Algorithm, String>;

/// Collects the `checksum_*` fields of a request.
macro_rules! checksums_of {
    ($input:expr) => {{
        let fields = [
            ($crate::s3::checksums::Algorithm::Crc32, &$input.checksum_crc32),
            ($crate::s3::checksums::Algorithm::Crc32c, &$input.checksum_crc32c),
            ($crate::s3::checksums::Algorithm::Crc64Nvme, &$input.checksum_crc64nvme),
            ($crate::s3::checksums::Algorithm::Sha1, &$input.checksum_sha1),
            ($crate::s3::checksums::Algorithm::Sha256, &$input.checksum_sha256),
        ];
        fields
            .into_iter()
            .filter_map(|(algorithm, value)| value.clone().map(|value| (algorithm, value)))
            .collect::<$crate::s3::checksums::Checksums>()
    }};
}

/// Fills the `checksum_*` fields of an answer.
macro_rules! set_checksums {
    ($output:expr, $checksums:expr) => {{
        let checksums: &$crate::s3::checksums::Checksums = $checksums;
        let get = |algorithm| checksums.get(&algorithm).cloned();
        $output.checksum_crc32 = get($crate::s3::checksums::Algorithm::Crc32);
        $output.checksum_crc32c = get($crate::s3::checksums::Algorithm::Crc32c);
        $output.checksum_crc64nvme = get($crate::s3::checksums::Algorithm::Crc64Nvme);
        $output.checksum_sha1 = get($crate::s3::checksums::Algorithm::Sha1);
        $output.checksum_sha256 = get($crate::s3::checksums::Algorithm::Sha256);
    }};
}

pub(super) use {checksums_of, set_checksums};

/// What the client said about the bytes that it sends. All of it is checked.
#[derive(Default)]
pub(super) struct Expected {
    /// `Content-MD5`.
    pub(super) md5: Option<String>,
    /// `x-amz-content-sha256`, when it is a digest.
    pub(super) sha256_hex: Option<String>,
    pub(super) checksums: Checksums,
}

/// The digests of bytes that have passed.
pub(super) struct Digests {
    pub(super) md5: [u8; 16],
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) checksums: Checksums,
}

impl Digests {
    pub(super) fn verify(&self, expected: &Expected) -> S3Result<()> {
        if let Some(md5) = &expected.md5 {
            let claimed = BASE64.decode(md5).ok().filter(|bytes| bytes.len() == 16);
            let claimed =
                claimed.ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid."))?;
            if claimed != self.md5 {
                return Err(s3_error!(
                    BadDigest,
                    "The Content-MD5 you specified did not match what we received."
                ));
            }
        }
        if let (Some(claimed), Some(computed)) = (&expected.sha256_hex, &self.sha256)
            && *claimed != hex::encode(computed)
        {
            let mut error = s3s::S3Error::with_message(
                s3s::S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()),
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            );
            error.set_status_code(http::StatusCode::BAD_REQUEST);
            return Err(error);
        }
        for (algorithm, claimed) in &expected.checksums {
            if self.checksums.get(algorithm) != Some(claimed) {
                let name = algorithm.name();
                return Err(s3_error!(
                    BadDigest,
                    "The {name} you specified did not match the calculated checksum."
                ));
            }
        }
        Ok(())
    }
}

/// Computes MD5 (the `ETag`) and what else is asked for, in one pass.
pub(super) struct Hasher {
    md5: Md5,
    sha256: Option<Sha256>,
    checksums: s3s::checksum::ChecksumHasher,
}

impl Hasher {
    pub(super) fn new(algorithms: impl IntoIterator<Item = Algorithm>, payload_sha256: bool) -> Self {
        let mut checksums = s3s::checksum::ChecksumHasher::default();
        for algorithm in algorithms {
            match algorithm {
                Algorithm::Crc32 => checksums.crc32 = Some(Crc32::new()),
                Algorithm::Crc32c => checksums.crc32c = Some(Crc32c::new()),
                Algorithm::Crc64Nvme => checksums.crc64nvme = Some(Crc64Nvme::new()),
                Algorithm::Sha1 => checksums.sha1 = Some(Sha1::new()),
                Algorithm::Sha256 => checksums.sha256 = Some(Sha256::new()),
            }
        }
        Self {
            md5: Md5::new(),
            sha256: payload_sha256.then(Sha256::new),
            checksums,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.checksums.update(bytes);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    pub(super) fn finish(self) -> Digests {
        let checksums = self.checksums.finalize();
        Digests {
            md5: self.md5.finalize(),
            sha256: self.sha256.map(Checksum::finalize),
            checksums: checksums_of!(checksums),
        }
    }
}

/// The checksum of a multipart object of type COMPOSITE: that of its parts' checksums, and their number.
pub(super) fn composite(algorithm: Algorithm, parts: &[&str]) -> Option<String> {
    let mut hasher = Hasher::new([algorithm], false);
    for part in parts {
        hasher.update(&BASE64.decode(part).ok()?);
    }
    let digest = hasher.finish().checksums.remove(&algorithm)?;
    Some(format!("{digest}-{}", parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        let mut hasher = Hasher::new([Algorithm::Crc32, Algorithm::Crc64Nvme, Algorithm::Sha256], true);
        hasher.update(b"1234");
        hasher.update(b"56789");
        let digests = hasher.finish();
        assert_eq!(hex::encode(digests.md5), "25f9e794323b453885f5181f1b624d0b");
        assert_eq!(digests.checksums[&Algorithm::Crc32], "y/Q5Jg==");
        assert_eq!(digests.checksums[&Algorithm::Crc64Nvme], "rosUhgp5mIg=");
        assert!(digests.verify(&Expected::default()).is_ok());
        let wrong = Expected {
            checksums: [(Algorithm::Crc32, "AAAAAA==".to_owned())].into(),
            ..Expected::default()
        };
        assert_eq!(
            digests.verify(&wrong).expect_err("refused").code().as_str(),
            "BadDigest"
        );
        let wrong = Expected {
            sha256_hex: Some("0".repeat(64)),
            ..Expected::default()
        };
        assert!(digests.verify(&wrong).is_err());
    }
}
