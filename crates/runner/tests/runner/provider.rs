//! Blueprints with the AWS provider.

use serde_json::json;

use crate::support::{CLI_CONFIG, World};

const BLUEPRINT: &str = r#"
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  alias  = "edge"
  region = "us-east-1"
}
resource "aws_sqs_queue" "here" { name = "here" }
resource "aws_sqs_queue" "edge" {
  provider = aws.edge
  name     = "edge"
}
output "slipway" { value = {} }
output "tags" { value = [aws_sqs_queue.here.tags_all, aws_sqs_queue.edge.tags_all] }
output "arns" { value = [aws_sqs_queue.here.arn, aws_sqs_queue.edge.arn] }
"#;

#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn the_provider_gets_role_region_and_tags() {
    if std::env::var_os(CLI_CONFIG).is_none() {
        println!(
            "skipped: {CLI_CONFIG} is not set; let it name a Terraform CLI configuration with a mirror of hashicorp/aws \
             (or of a stand-in for it) to run this"
        );
        return;
    }
    let Some(world) = World::new() else { return };
    world.put_environment("arn:aws:iam::111111111111:role/slipway-environment-dev", "eu-west-1");
    let configuration = world.blueprint(&[("main.tf", BLUEPRINT)], &json!({}));
    let operation = world.provision("one", configuration.clone());
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    let outputs = world.outputs(&operation);
    for tags in outputs["tags"].as_array().expect("a list") {
        assert_eq!(tags["slipway:stack"], operation.stack.as_str());
        assert_eq!(tags["slipway:owner"], "ada _the owner_ __lovelace_");
    }
    let arns = outputs["arns"].to_string();
    assert!(
        arns.contains("eu-west-1") && arns.contains("us-east-1") && arns.contains("111111111111"),
        "{arns}"
    );

    // The provider is linked, not copied, so what init made is good for the next stack.
    let other = world.provision("two", configuration);
    world.succeed(&other, "plan", "other");
    world.succeed(&other, "apply", "other");
    assert_eq!(world.calls(), ["init", "plan", "apply", "plan", "apply"]);
}
