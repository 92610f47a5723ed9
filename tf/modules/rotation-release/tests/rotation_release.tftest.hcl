mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/slipway/lusab-babad-rotation" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:111122223333:rule/lusab-babad-rotated" }
  }

  mock_resource "aws_codebuild_project" {
    defaults = { arn = "arn:aws:codebuild:eu-west-1:111122223333:project/lusab-babad-rotation" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/slipway/stacks/lusab-babad/rotation" }
  }
}

variables {
  name                 = "lusab-babad"
  secret_arns          = { a = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!db-0a1b2c3d-AbCdEf" }
  cluster_name         = "lusab-babad"
  services             = { web = "lusab-babad-web", mailer = "lusab-babad-mailer" }
  bus_arn              = "arn:aws:events:eu-west-1:000011112222:event-bus/slipway"
  permissions_boundary = "arn:aws:iam::111122223333:policy/slipway-environment-production"
}

run "rotation_starts_the_build" {
  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this.event_pattern) == {
      source      = ["aws.secretsmanager"]
      detail-type = ["AWS Service Event via CloudTrail"]
      detail = {
        eventName           = ["RotationSucceeded"]
        additionalEventData = { SecretId = ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!db-0a1b2c3d-AbCdEf"] }
      }
    }
    error_message = "Rotations that succeeded, of these secrets."
  }

  assert {
    condition     = aws_cloudwatch_event_target.this.arn == aws_codebuild_project.this.arn && aws_cloudwatch_event_target.this.role_arn == aws_iam_role.events.arn
    error_message = "They start the build."
  }

  assert {
    condition = { for variable in aws_codebuild_project.this.environment[0].environment_variable : variable.name => variable.value } == {
      BUS_ARN  = var.bus_arn
      CLUSTER  = "lusab-babad"
      SERVICES = jsonencode(var.services)
      STACK    = "lusab-babad"
    }
    error_message = "The build knows the stack and its services."
  }
}

run "its_roles_do_nothing_else" {
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.build.policy).Statement : statement.Action if contains(statement.Resource, "*")] == [["ecs:DescribeTaskDefinition"]]
    error_message = "What can be named is named."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.build.policy).Statement[3].Condition["ForAllValues:StringEquals"] == { "events:detail-type" = ["Slipway Request"], "events:source" = ["slipway.rotation-release"] }
    error_message = "It puts requests on the bus, and no other events."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.events.policy).Statement[0].Action == ["codebuild:StartBuild"] && alltrue([for role in [aws_iam_role.build, aws_iam_role.events] : role.path == "/slipway/" && role.permissions_boundary == var.permissions_boundary && length(role.name) <= 64])
    error_message = "Roles are where the environment lets them be."
  }
}

run "the_rotation_of_all_secrets_is_refused" {
  command = plan

  variables {
    secret_arns = {}
  }

  expect_failures = [var.secret_arns]
}
