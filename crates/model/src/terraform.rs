//! What Slipway and Terraform have agreed on.

use semver::Version;

/// The oldest Terraform that will do: the first with `use_lockfile` for the S3 backend, and with write-only arguments.
pub const OLDEST_TERRAFORM: Version = Version::new(1, 11, 0);

/// The oldest OpenTofu that will do, for the same reasons.
pub const OLDEST_TOFU: Version = Version::new(1, 10, 0);

/// The output that contains a blueprint's contract.
pub const OUTPUT: &str = "slipway";

/// The file beside a root module with the versions and checksums of its providers.
pub const LOCK_FILE: &str = ".terraform.lock.hcl";
