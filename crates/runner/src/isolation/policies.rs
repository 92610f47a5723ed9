//! The two session policies.

use serde_json::{Value, json};
use slipway_model::artifact;
use slipway_model::environment::Environment;
use slipway_store::table;

use crate::config::Config;
use crate::overrides::{lock_key, state_key, state_prefix};

/// What the runner may do for this operation.
pub(super) fn of_runner(config: &Config) -> Value {
    let Config { operation, stack, .. } = config;
    let (states, artifacts) = (
        bucket(config, &config.state_bucket),
        bucket(config, &config.artifacts_bucket),
    );
    let written = artifact::all_of(stack, operation);
    let objects = |keys: &[String]| keys.iter().map(|key| format!("{artifacts}/{key}")).collect::<Value>();
    let items =
        |partitions: Vec<String>| json!({ "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": partitions } });
    // The records of the operation and of its stack, which has the holder of the lock; and what prepared folders have to be.
    let own = [
        table::operation_partition(operation),
        table::stack_partition(stack),
        table::PREPARED.to_owned(),
    ];
    policy(&[
        allow(&["dynamodb:PutItem"], json!("*")).on(items(own.to_vec())),
        // Besides, its environment, and whether policies judge plans. The condition knows partitions alone, and each of the two is one.
        allow(&["dynamodb:GetItem", "dynamodb:BatchGetItem"], json!("*")).on(items(
            own.into_iter()
                .chain([table::ENVIRONMENTS, table::POLICIES].map(str::to_owned))
                .collect(),
        )),
        allow(
            &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            json!(format!("{states}/{}/*", state_prefix(stack))),
        ),
        allow(
            &["s3:GetObject", "s3:PutObject"],
            objects(&[written.as_slice(), &["prepared/*".to_owned()]].concat()),
        ),
        allow(
            &["s3:GetObject"],
            json!([format!("{artifacts}/blueprints/*"), format!("{artifacts}/providers/*")]),
        ),
        // Without it S3 answers 403 for a missing object. No condition on the prefix: a read of an object has none.
        allow(&["s3:ListBucket"], json!([states, artifacts])),
        allow(&["codebuild:BatchGetBuilds"], json!("*")),
    ])
}

/// What Terraform may do for the stack.
pub(super) fn of_terraform(config: &Config, environment: &Environment) -> Value {
    let Config { operation, stack, .. } = config;
    let states = bucket(config, &config.state_bucket);
    let state = format!("{states}/{}", state_key(stack));
    let mut statements = vec![
        allow(&["s3:GetObject", "s3:PutObject"], json!(state)),
        allow(
            &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            json!(lock_key(&state)),
        ),
        allow(&["s3:ListBucket"], json!(states))
            .on(json!({ "StringEquals": { "s3:prefix": format!("{}/", state_prefix(stack)) } })),
    ];
    if let Some(role) = &environment.role {
        let mut given = json!({ "sts:RoleSessionName": operation.as_str() });
        if let Some(id) = &environment.external_id {
            given["sts:ExternalId"] = id.as_str().into();
        }
        statements.push(allow(&["sts:AssumeRole"], json!(role.as_str())).on(json!({ "StringEquals": given })));
        statements.push(
            allow(&["sts:SetSourceIdentity"], json!(role.as_str()))
                .on(json!({ "StringEquals": { "sts:SourceIdentity": stack.as_str() } })),
        );
    }
    policy(&statements)
}

fn bucket(config: &Config, name: &str) -> String {
    // The partition is that of the role.
    let partition = config.session_role.split(':').nth(1).unwrap_or("aws");
    format!("arn:{partition}:s3:::{name}")
}

struct Statement(Value);

fn allow(actions: &[&str], resource: Value) -> Statement {
    let mut statement = json!({ "Effect": "Allow", "Action": actions });
    statement["Resource"] = resource;
    Statement(statement)
}

impl Statement {
    fn on(mut self, condition: Value) -> Self {
        self.0["Condition"] = condition;
        self
    }
}

fn policy(statements: &[Statement]) -> Value {
    let statements: Vec<&Value> = statements.iter().map(|Statement(statement)| statement).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn config() -> Config {
        let vars = [
            ("SLIPWAY_OPERATION", "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
            ("SLIPWAY_STACK", "lusab-babad"),
            ("SLIPWAY_PHASE", "plan"),
            ("SLIPWAY_TABLE", "slipway"),
            // The longest names that S3 takes.
            ("SLIPWAY_STATE_BUCKET", &"s".repeat(63)),
            ("SLIPWAY_ARTIFACTS_BUCKET", &"a".repeat(63)),
            (
                "SLIPWAY_SESSION_ROLE",
                "arn:aws-us-gov:iam::111122223333:role/slipway-build-session",
            ),
            ("AWS_REGION", "eu-west-1"),
        ];
        let vars: BTreeMap<_, _> = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Config::from_vars(&vars).expect("a configuration")
    }

    fn environment() -> Environment {
        serde_json::from_value(json!({
            "name": "production", "account": "444455556666", "region": "eu-west-1", "approval": "never", "protected": true,
            "role": format!("arn:aws-us-gov:iam::444455556666:role/slipway-environment-{}", "p".repeat(39)),
            "external_id": "x".repeat(256), "variables": {},
        }))
        .expect("an environment")
    }

    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>: 2,048 characters, all of them up to U+00FF.
    #[test]
    fn longest_policies_fit_into_a_session() {
        for policy in [of_runner(&config()), of_terraform(&config(), &environment())] {
            let text = policy.to_string();
            assert!(
                text.len() <= 2048 && text.is_ascii(),
                "{} characters: {text}",
                text.len()
            );
        }
    }

    #[test]
    fn runner_may_write_objects_of_its_operation_alone() {
        let policy = of_runner(&config()).to_string();
        let bucket = format!("arn:aws-us-gov:s3:::{}", "a".repeat(63));
        for own in [
            "operations/lusab-babad/op-01kaj3v9mz5x0q8r2t4w6y7z9a/*",
            "operations/op-01kaj3v9mz5x0q8r2t4w6y7z9a/*",
        ] {
            assert!(policy.contains(&format!("\"{bucket}/{own}\"")), "{policy}");
        }
        assert_eq!(policy.matches("/operations/").count(), 2, "{policy}");
    }

    #[test]
    fn terraform_may_touch_nothing_but_its_stack_and_environment() {
        let policy = of_terraform(&config(), &environment());
        let statements = policy["Statement"].as_array().expect("statements");
        for statement in statements {
            let resource = statement["Resource"].as_str().expect("one resource");
            assert!(!resource.contains('*'), "{statement}");
            let own = resource.contains("lusab-babad") || statement["Condition"].is_object();
            assert!(own, "{statement}");
        }
        let mut without = environment();
        without.role = None;
        assert!(!of_terraform(&config(), &without).to_string().contains("sts:"));
    }
}
