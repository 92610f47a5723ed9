//! Protected resource types: resources that hold data.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Environment;

/// The types that a protected environment protects unless it names its own: databases, tables, caches with data, buckets, file
/// systems, volumes, snapshots, streams, registries, user pools, secrets, the keys without which encrypted data cannot be read, and
/// stacks of CloudFormation, which may have any of them. EC2 instances are replaced with each image; their data is on volumes.
pub const DEFAULT_TYPES: [&str; 116] = [
    "aws_*_snapshot",
    "aws_*_snapshot_copy",
    "aws_ami",
    "aws_ami_copy",
    "aws_backup_logically_air_gapped_vault",
    "aws_backup_vault",
    "aws_cloudcontrolapi_resource",
    "aws_cloudformation_stack",
    "aws_cloudformation_stack_set",
    "aws_cloudformation_stack_set_instance",
    "aws_cloudsearch_domain",
    "aws_cloudtrail_event_data_store",
    "aws_cloudwatch_event_archive",
    "aws_codeartifact_domain",
    "aws_codeartifact_repository",
    "aws_codecommit_repository",
    "aws_cognito_user_pool",
    "aws_db_instance",
    "aws_db_instance_automated_backups_replication",
    "aws_docdb_cluster",
    "aws_docdb_global_cluster",
    "aws_docdbelastic_cluster",
    "aws_dsql_cluster",
    "aws_dynamodb_global_table",
    "aws_dynamodb_table",
    "aws_dynamodb_table_replica",
    "aws_ebs_volume",
    "aws_ebs_volume_copy",
    "aws_ecr_repository",
    "aws_ecrpublic_repository",
    "aws_efs_file_system",
    "aws_elasticache_cluster",
    "aws_elasticache_global_replication_group",
    "aws_elasticache_replication_group",
    "aws_elasticache_serverless_cache",
    "aws_elasticsearch_domain",
    "aws_finspace_kx_database",
    "aws_finspace_kx_volume",
    "aws_fsx_*_file_system",
    "aws_fsx_*_volume",
    "aws_glacier_vault",
    "aws_kendra_index",
    "aws_keyspaces_keyspace",
    "aws_keyspaces_table",
    "aws_kinesis_stream",
    "aws_kinesis_video_stream",
    "aws_kms_external_key",
    "aws_kms_key",
    "aws_kms_replica_external_key",
    "aws_kms_replica_key",
    "aws_lightsail_bucket",
    "aws_lightsail_database",
    "aws_lightsail_disk",
    "aws_lightsail_instance",
    "aws_media_store_container",
    "aws_memorydb_cluster",
    "aws_memorydb_multi_region_cluster",
    "aws_mq_broker",
    "aws_msk_cluster",
    "aws_msk_serverless_cluster",
    "aws_neptune_cluster",
    "aws_neptune_global_cluster",
    "aws_neptunegraph_graph",
    "aws_odb_autonomous_database",
    "aws_opensearch_domain",
    "aws_opensearchserverless_collection",
    "aws_qldb_ledger",
    "aws_rds_cluster",
    "aws_rds_global_cluster",
    "aws_redshift_cluster",
    "aws_redshiftserverless_namespace",
    "aws_s3_bucket",
    "aws_s3_directory_bucket",
    "aws_s3control_bucket",
    "aws_s3files_file_system",
    "aws_s3tables_namespace",
    "aws_s3tables_table",
    "aws_s3tables_table_bucket",
    "aws_s3vectors_index",
    "aws_s3vectors_vector_bucket",
    "aws_sagemaker_feature_group",
    "aws_secretsmanager_secret",
    "aws_storagegateway_*_volume",
    "aws_timestreaminfluxdb_db_cluster",
    "aws_timestreaminfluxdb_db_instance",
    "aws_timestreamwrite_database",
    "aws_timestreamwrite_table",
    "aws_workspaces_workspace",
    "awscc_backup_*_vault",
    "awscc_cassandra_*",
    "awscc_cognito_user_pool",
    "awscc_docdb_*",
    "awscc_docdbelastic_cluster",
    "awscc_dsql_cluster",
    "awscc_dynamodb_*",
    "awscc_ec2_volume",
    "awscc_ecr_*repository",
    "awscc_efs_file_system",
    "awscc_elasticache_*",
    "awscc_fsx_*",
    "awscc_kinesis_stream",
    "awscc_kms_*key",
    "awscc_memorydb_cluster",
    "awscc_msk_*cluster",
    "awscc_neptune_*",
    "awscc_neptunegraph_graph",
    "awscc_opensearch*",
    "awscc_rds_*",
    "awscc_redshift*",
    "awscc_s3_bucket",
    "awscc_s3express_directory_bucket",
    "awscc_s3tables_*",
    "awscc_secretsmanager_secret",
    "awscc_timestream_*",
    "mysql_database",
    "postgresql_database",
];

/// The type of a resource that is not known. Every protected environment protects it.
pub const UNKNOWN: &str = "(unknown)";

/// The longest pattern.
const LENGTH: usize = 128;

/// Resource types: one, or all that a pattern with `*` describes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TypePattern(String);

/// A text that describes no resource types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no resource type: lower-case letters, digits, `_`, and `*` for any of them")]
pub struct InvalidTypePattern;

impl FromStr for TypePattern {
    type Err = InvalidTypePattern;

    fn from_str(text: &str) -> Result<Self, InvalidTypePattern> {
        let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*".contains(&b);
        if text.is_empty() || text.len() > LENGTH || !text.bytes().all(is_allowed) {
            return Err(InvalidTypePattern);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for TypePattern {
    type Error = InvalidTypePattern;

    fn try_from(text: String) -> Result<Self, InvalidTypePattern> {
        text.parse()
    }
}

impl From<TypePattern> for String {
    fn from(pattern: TypePattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a pattern describes this type.
fn describes(pattern: &str, kind: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = kind.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

impl Environment {
    /// Whether resources of this type are protected here.
    pub fn protects(&self, kind: &str) -> bool {
        if !self.protected {
            return false;
        }
        if kind == UNKNOWN || kind.is_empty() {
            return true;
        }
        match &self.protected_types {
            Some(patterns) => patterns.iter().any(|pattern| describes(&pattern.0, kind)),
            None => DEFAULT_TYPES.iter().any(|pattern| describes(pattern, kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn environment_may_name_its_own_types() {
        let live = json!({"name": "live", "account": "111122223333", "region": "eu-west-1", "protected": true});
        let mut live: Environment = serde_json::from_value(live).expect("an environment");
        let patterns = ["aws_db_*", "*_data", "a*b*c"];
        live.protected_types = Some(
            patterns
                .iter()
                .map(|pattern| pattern.parse().expect("a pattern"))
                .collect(),
        );
        for (kind, is_protected) in [
            ("aws_db_instance", true),
            ("aws_db_", true),
            ("terraform_data", true),
            ("aXbYc", true),
            ("abc", true),
            ("acb", false),
            ("aws_s3_bucket", false),
            ("terraform_database", false),
            (UNKNOWN, true),
            ("", true),
        ] {
            assert_eq!(live.protects(kind), is_protected, "{kind}");
        }
        live.protected_types = Some(BTreeSet::new());
        assert!(!live.protects("aws_db_instance"));
        for odd in ["", "AWS", "a b", "aws.db"] {
            assert!(odd.parse::<TypePattern>().is_err(), "{odd:?}");
        }
        for pattern in DEFAULT_TYPES {
            assert!(pattern.parse::<TypePattern>().is_ok(), "{pattern}");
        }
        assert!(DEFAULT_TYPES.is_sorted());
    }

    #[test]
    fn documented_list_is_the_default() {
        const PAGE: &str = include_str!("../../../../docs/policies.md");
        let (_, list) = PAGE.split_once("The default list:").expect("the list");
        let (list, _) = list.split_once("Two limits.").expect("its end");
        let documented: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
        assert_eq!(documented, DEFAULT_TYPES);
    }
}
