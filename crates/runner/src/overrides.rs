//! The files that the runner adds to a blueprint: where the state is, how the AWS provider is configured, and the values of
//! the variables.
//!
//! Every string in a `.tf.json` file is a template, so each is escaped; strings in a tfvars file are literal.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use slipway_model::blueprint::{AwsConfiguration, AwsProvider};
use slipway_model::environment::Environment;
use slipway_model::id::StackId;
use slipway_model::operation::Operation;

use crate::config::Config;

pub(crate) use slipway_model::blueprint::{OVERRIDES, VARIABLES};

/// The prefix of the states in their bucket.
const STATES: &str = "stacks";

/// The last part of a state's key.
const STATE: &str = "terraform.tfstate";

/// The prefix of everything that Terraform reads, writes or lists for a stack.
///
/// Each stack has a prefix of its own, because every Terraform command lists the whole prefix of its workspaces: with one
/// prefix for all, each command of each stack would list all states, and would need the right to.
pub(crate) fn state_prefix(stack: &StackId) -> String {
    format!("{STATES}/{stack}")
}

/// The key of a stack's state: Terraform makes it from the prefix, the workspace's name and the backend's `key`. The
/// workspace is named after the stack, because blueprints read `terraform.workspace`.
pub(crate) fn state_key(stack: &StackId) -> String {
    format!("{}/{stack}/{STATE}", state_prefix(stack))
}

/// Where the state was while all stacks shared one prefix.
pub(crate) fn earlier_state_key(stack: &StackId) -> String {
    format!("{STATES}/{stack}/{STATE}")
}

/// The key of the lock of a state.
pub(crate) fn lock_key(state: &str) -> String {
    format!("{state}.tflock")
}

/// The name of the backend's setting that differs from stack to stack.
pub(crate) const STATE_PREFIX: &str = "workspace_key_prefix";

/// The backend block, without the prefix of the stack. It overrides a block that the blueprint has.
///
/// Neither is `encrypt`: with it Terraform asks for the key of S3, whatever key the bucket has by default.
///
/// The endpoint is not in it: Terraform takes that from its environment, and the block is part of every plan, which must
/// still be applicable when local mode comes back on another port.
pub(crate) fn backend(config: &Config) -> Value {
    let mut backend = json!({
        "bucket": literal(&config.state_bucket),
        "key": STATE,
        "region": literal(&config.region),
        "use_lockfile": true,
    });
    if config.own_endpoint {
        merge(
            &mut backend,
            json!({ "use_path_style": true, "skip_s3_checksum": true }),
        );
        merge(&mut backend, without_aws());
    }
    json!({ "backend": { "s3": backend } })
}

/// Settings for an endpoint that is not AWS: there is no STS and no metadata service to ask.
fn without_aws() -> Value {
    json!({
        "skip_credentials_validation": true,
        "skip_metadata_api_check": true,
        "skip_region_validation": true,
        "skip_requesting_account_id": true,
    })
}

/// The whole override file. `aws` is the AWS provider, where the blueprint needs it.
pub(crate) fn file(
    config: &Config,
    operation: &Operation,
    environment: &Environment,
    owner: &str,
    aws: Option<&AwsProvider>,
) -> String {
    let mut terraform = backend(config);
    terraform["backend"]["s3"][STATE_PREFIX] = literal(&state_prefix(&operation.stack)).into();
    let mut file = json!({ "terraform": terraform });
    if let Some(aws) = aws {
        // Without an alias it works in the account of the environment, whatever role the blueprint names. The plan of a change is
        // refused then; a destroy goes on.
        let written = AwsConfiguration {
            roles: Vec::new(),
            ..aws.default.clone()
        };
        let mut default = provider(config, operation, environment, owner, &written);
        merge(&mut default, json!({ "region": literal(environment.region.as_str()) }));
        // A further configuration is there for another Region or account, and keeps it.
        let aliased = aws.aliases.iter().map(|(alias, written)| {
            let mut aliased = provider(config, operation, environment, owner, written);
            merge(&mut aliased, json!({ "alias": literal(alias) }));
            aliased
        });
        let blocks: Vec<Value> = std::iter::once(default).chain(aliased).collect();
        merge(&mut file, json!({ "provider": { (aws.name.as_str()): blocks } }));
    }
    format!("{file:#}\n")
}

/// Who Terraform is in the account, and what every resource is tagged with, beside what the blueprint has `written`.
fn provider(
    config: &Config,
    operation: &Operation,
    environment: &Environment,
    owner: &str,
    written: &AwsConfiguration,
) -> Value {
    let configuration = &operation.configuration;
    let tags = [
        ("slipway:stack", operation.stack.to_string()),
        ("slipway:stack-name", operation.stack_name.to_string()),
        ("slipway:environment", environment.name.to_string()),
        (
            "slipway:blueprint",
            format!("{}@{}", configuration.blueprint, configuration.version),
        ),
        ("slipway:owner", tag_value(owner)),
    ];
    let mut provider = json!({ "default_tags": [{ "tags": default_tags(written.tags.as_ref(), &tags) }] });
    if let Some(role) = &environment.role {
        let mut assumed = json!({
            "role_arn": literal(role.as_str()),
            "session_name": literal(operation.id.as_str()),
            // CloudTrail shows it on every call, also after a further role was assumed.
            "source_identity": literal(operation.stack.as_str()),
        });
        if let Some(external_id) = &environment.external_id {
            merge(&mut assumed, json!({ "external_id": literal(external_id.as_str()) }));
        }
        // The AWS provider assumes one role with the credentials of the one before, since version 5.67. Terraform's session may assume the
        // role of the environment alone.
        let further = written.roles.iter().cloned().map(Value::Object);
        let roles: Vec<Value> = std::iter::once(assumed).chain(further).collect();
        merge(&mut provider, json!({ "assume_role": roles }));
    }
    if config.own_endpoint {
        merge(&mut provider, without_aws());
    }
    provider
}

/// The blueprint's default tags with those of the stack, which win: a block of an override file replaces the whole block.
fn default_tags(written: Option<&Value>, ours: &[(&str, String)]) -> Value {
    let values = ours
        .iter()
        .map(|(key, value)| ((*key).to_owned(), Value::from(literal(value))));
    match written {
        None | Some(Value::Null) => values.collect::<Map<_, _>>().into(),
        Some(Value::Object(theirs)) => theirs.clone().into_iter().chain(values).collect::<Map<_, _>>().into(),
        Some(other) => {
            let template = other.as_str();
            let Some(expression) = template.and_then(|text| text.strip_prefix("${")?.strip_suffix('}')) else {
                // No map, so Terraform rejects it.
                return other.clone();
            };
            // A text is written alike in JSON and in HCL, as far as tags have it.
            let ours = values.map(|(key, value)| format!("{} = {value}", Value::from(key)));
            format!("${{merge({expression}, {{{}}})}}", ours.collect::<Vec<_>>().join(", ")).into()
        }
    }
}

/// The variables: the environment's, as far as the blueprint declares them, with those that were `read`, and the request's.
pub(crate) fn variables(
    operation: &Operation,
    environment: &Environment,
    read: &Map<String, Value>,
    declared: &BTreeSet<String>,
) -> String {
    let fixed = environment
        .variables
        .iter()
        .filter(|(name, _)| declared.contains(*name));
    let given = operation.configuration.variables.iter();
    // The environment's win: a request cannot set them.
    let values: Map<String, Value> = given
        .chain(fixed)
        .chain(read)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(values).to_string()
}

/// A string in a `.tf.json` file that means itself.
pub(crate) fn literal(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// A text as AWS takes it for the value of a tag: an owner may be anything that a token's claim holds.
fn tag_value(text: &str) -> String {
    let allowed = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
    text.chars()
        .map(|letter| if allowed(letter) { letter } else { '_' })
        .take(256)
        .collect()
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

#[cfg(test)]
#[path = "overrides_tests.rs"]
mod tests;
