# A password that was rotated is answered by a release of the images that the stack runs: tasks read their secrets when they start.

data "aws_caller_identity" "this" {}

data "aws_region" "this" {}

data "aws_partition" "this" {}

locals {
  arn     = "arn:${data.aws_partition.this.partition}"
  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.region
}

# Secrets Manager reports by way of CloudTrail, which needs a trail in the account and Region.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html
resource "aws_cloudwatch_event_rule" "this" {
  name        = "${var.name}-rotated"
  description = "Rotated passwords of the stack ${var.name}."

  event_pattern = jsonencode({
    source      = ["aws.secretsmanager"]
    detail-type = ["AWS Service Event via CloudTrail"]
    detail = {
      eventName           = ["RotationSucceeded"]
      additionalEventData = { SecretId = values(var.secret_arns) }
    }
  })
}

resource "aws_cloudwatch_event_target" "this" {
  rule      = aws_cloudwatch_event_rule.this.name
  target_id = "release"
  arn       = aws_codebuild_project.this.arn
  role_arn  = aws_iam_role.events.arn
}

resource "aws_codebuild_project" "this" {
  #checkov:skip=CKV_AWS_147: there are no artifacts to encrypt
  name                   = "${var.name}-rotation"
  description            = "Requests a release of the current images after a password was rotated."
  service_role           = aws_iam_role.build.arn
  build_timeout          = 10
  concurrent_build_limit = 1

  environment {
    type         = "LINUX_CONTAINER"
    image        = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
    compute_type = "BUILD_GENERAL1_SMALL"

    dynamic "environment_variable" {
      for_each = {
        BUS_ARN  = var.bus_arn
        CLUSTER  = var.cluster_name
        SERVICES = jsonencode(var.services)
        STACK    = var.name
      }

      content {
        name  = environment_variable.key
        value = environment_variable.value
      }
    }
  }

  source {
    type = "NO_SOURCE"

    buildspec = jsonencode({
      version = "0.2"
      env     = { shell = "bash" }
      phases  = { build = { commands = [file("${path.module}/release.sh")] } }
    })
  }

  artifacts {
    type = "NO_ARTIFACTS"
  }

  logs_config {
    cloudwatch_logs {
      status     = "ENABLED"
      group_name = aws_cloudwatch_log_group.this.name
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338: by log_retention_days
  name              = "/slipway/stacks/${var.name}/rotation"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# ---------------------------------------------------------------------------------------------- what it may do

resource "aws_iam_role" "build" {
  name                 = "${var.name}-rotation"
  path                 = "/slipway/"
  description          = "Requests a release of the stack ${var.name} after a password was rotated."
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "codebuild.amazonaws.com" }
      Condition = { ArnEquals = { "aws:SourceArn" = "${local.arn}:codebuild:${local.region}:${local.account}:project/${var.name}-rotation" } }
    }]
  })
}

resource "aws_iam_role_policy" "build" {
  name = "request-release"
  role = aws_iam_role.build.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      },
      {
        Effect   = "Allow"
        Action   = ["ecs:DescribeServices"]
        Resource = ["${local.arn}:ecs:${local.region}:${local.account}:service/${var.cluster_name}/*"]
      },
      {
        # AWS knows no resources of it.
        Effect   = "Allow"
        Action   = ["ecs:DescribeTaskDefinition"]
        Resource = ["*"]
      },
      {
        Effect   = "Allow"
        Action   = ["events:PutEvents"]
        Resource = [var.bus_arn]
        # These keys have a value for each event of a call: a plain operator matches none of them.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
        Condition = {
          "ForAllValues:StringEquals" = { "events:detail-type" = ["Slipway Request"], "events:source" = ["slipway.rotation-release"] }
          Null                        = { "events:detail-type" = "false", "events:source" = "false" }
        }
      },
    ]
  })
}

resource "aws_iam_role" "events" {
  name                 = "${var.name}-rotation-events"
  path                 = "/slipway/"
  description          = "Starts the build that requests a release of the stack ${var.name}."
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "events.amazonaws.com" }
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.this.arn } }
    }]
  })
}

resource "aws_iam_role_policy" "events" {
  name = "start-build"
  role = aws_iam_role.events.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["codebuild:StartBuild"]
      Resource = [aws_codebuild_project.this.arn]
    }]
  })
}
