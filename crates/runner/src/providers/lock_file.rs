//! Terraform's dependency lock file: which providers a root module needs, in which versions, and their checksums.

use std::path::{Path, PathBuf};

use hcl_edit::expr::Expression;
use slipway_model::terraform_file::{self, Argument};

/// A provider in a lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Host, namespace and type: `registry.terraform.io/hashicorp/aws`.
    pub address: String,
    /// The version.
    pub version: String,
    /// Checksums of its packages: `h1:` of what is in one, `zh:` of a zip.
    pub hashes: Vec<String>,
}

/// Reads a lock file. The error says what is wrong with it.
pub fn read(text: &str) -> Result<Vec<Provider>, String> {
    let body = terraform_file::parse(text).map_err(|error| error.to_string())?;
    let mut providers = Vec::new();
    for block in body.blocks_of("provider") {
        let address = block
            .labels
            .first()
            .map_or_else(String::new, |label| label.clone().into_owned());
        let version = block.body.argument("version").and_then(Argument::as_text);
        let version = version.unwrap_or_default();
        // They become paths and names of objects.
        let parts: Vec<&str> = address.split('/').collect();
        if parts.len() != 3 || !parts.iter().copied().chain([version.as_str()]).all(is_plain) {
            return Err(format!(
                "the provider {address:?} of version {version:?} is none that Terraform writes"
            ));
        }
        let hashes = block.body.argument("hashes").map(Argument::expression);
        let hashes = match &hashes {
            Some(Ok(Expression::Array(hashes))) => hashes
                .iter()
                .filter_map(Expression::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        providers.push(Provider {
            address,
            version,
            hashes,
        });
    }
    Ok(providers)
}

fn is_plain(part: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || ".-_+".contains(character);
    !part.is_empty() && !part.starts_with('.') && part.chars().all(plain)
}

impl Provider {
    /// The object with its package for a platform, in the artifacts bucket.
    pub fn key(&self, platform: &str) -> String {
        format!("providers/{}/{}/{platform}.zip", self.address, self.version)
    }

    /// The folder of its unpacked package in a mirror.
    pub fn package(&self, platform: &str) -> PathBuf {
        [&self.address, &self.version, platform].iter().collect()
    }

    /// The mirror below `cache` that has it already.
    pub(crate) fn unpacked(&self, cache: &Path) -> Option<PathBuf> {
        let folders = self.hashes.iter().filter(|hash| hash.starts_with("h1:"));
        let package = self.package(&super::package::platform());
        folders
            .map(|hash| cache.join(folder_name(hash)))
            .find(|folder| folder.join(&package).is_dir())
    }
}

/// A checksum as the name of a folder.
pub(crate) fn folder_name(hash: &str) -> String {
    hash.replace(':', "-").replace('/', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_terraform_writes_is_read() {
        let text = r#"
            # This file is maintained automatically by "terraform init".
            provider "registry.terraform.io/hashicorp/aws" {
              version     = "6.69.1"
              constraints = "~> 6.0"
              hashes = [
                "h1:ab/c+d=",
                "zh:00ff",
              ]
            }
        "#;
        let expected = Provider {
            address: "registry.terraform.io/hashicorp/aws".to_owned(),
            version: "6.69.1".to_owned(),
            hashes: vec!["h1:ab/c+d=".to_owned(), "zh:00ff".to_owned()],
        };
        assert_eq!(read(text), Ok(vec![expected.clone()]));
        // Terraform passes over a byte order mark, and publishing does.
        assert_eq!(read(&format!("\u{feff}{text}")), Ok(vec![expected.clone()]));
        assert_eq!(
            expected.key("linux_arm64"),
            "providers/registry.terraform.io/hashicorp/aws/6.69.1/linux_arm64.zip"
        );
        assert_eq!(folder_name("h1:ab/c+d="), "h1-ab_c+d=");
        assert_eq!(read(""), Ok(vec![]));
    }

    #[test]
    fn what_would_lead_elsewhere_is_refused() {
        for (address, version) in [
            ("registry.terraform.io/hashicorp/../aws", "1.0.0"),
            ("registry.terraform.io/../aws", "1.0.0"),
            ("hashicorp/aws", "1.0.0"),
            ("registry.terraform.io/hashicorp/aws", "../../1"),
            ("registry.terraform.io/hashicorp/aws", ""),
        ] {
            let text = format!("provider \"{address}\" {{\n  version = \"{version}\"\n}}");
            assert!(read(&text).is_err(), "{text}");
        }
        assert!(read("provider {").expect_err("broken").contains("line 1"));
    }
}
