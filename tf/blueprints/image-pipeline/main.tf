# A build project that turns a release tag into an image, and asks Slipway for its release. Nothing but a release tag starts it.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  stack = terraform.workspace

  # arn:aws:ecr:eu-west-1:111122223333:repository/shop/web is 111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/web
  image_repository_url = format(
    "%s.dkr.ecr.%s.%s/%s", split(":", var.image_repository_arn)[4], split(":", var.image_repository_arn)[3],
    data.aws_partition.this.dns_suffix, split(":repository/", var.image_repository_arn)[1]
  )

  machine = {
    X86_64 = { type = "LINUX_CONTAINER", image = "aws/codebuild/amazonlinux-x86_64-standard:5.0" }
    ARM64  = { type = "ARM_CONTAINER", image = "aws/codebuild/amazonlinux-aarch64-standard:3.0" }
  }[var.architecture]

  providers = {
    github                = "GITHUB"
    "github-enterprise"   = "GITHUB_ENTERPRISE"
    gitlab                = "GITLAB"
    "gitlab-self-managed" = "GITLAB_SELF_MANAGED"
    bitbucket             = "BITBUCKET"
  }

  environment = {
    BUS_ARN          = coalesce(var.slipway_bus_arn, "none")
    CACHE_TAG        = var.cache_tag == null ? "" : var.cache_tag
    CONTEXT          = var.context
    DOCKERFILE       = var.dockerfile
    IMAGE_REPOSITORY = local.image_repository_url
    RELEASES         = jsonencode(var.releases)
    TAG_PATTERN      = var.tag_pattern
    TEST_COMMAND     = jsonencode(var.test.command)
    TEST_TARGET      = var.test.target == null ? "" : var.test.target
  }
}

resource "aws_codebuild_project" "this" {
  name         = "${local.stack}-image"
  description  = "Builds, tests and pushes the image of a release tag, and asks for its release."
  service_role = aws_iam_role.build.arn

  build_timeout          = var.timeout_minutes
  concurrent_build_limit = var.concurrent_builds

  environment {
    type                        = local.machine.type
    image                       = local.machine.image
    image_pull_credentials_type = "CODEBUILD"
    compute_type                = "BUILD_GENERAL1_${upper(var.size)}"

    # Docker's daemon runs in the build's own container, and mounts file systems there. The container is on a machine of its own,
    # which no other build gets; what it may do in the account is the role's affair.
    privileged_mode = true

    dynamic "environment_variable" {
      for_each = local.environment

      content {
        name  = environment_variable.key
        value = environment_variable.value
      }
    }
  }

  source {
    type                = var.repository == null ? "S3" : local.providers[var.repository.provider]
    location            = var.repository == null ? "${aws_s3_bucket.archive["this"].id}/releases/none.zip" : var.repository.url
    git_clone_depth     = var.repository == null ? null : 1
    report_build_status = var.repository != null

    # The script stands here and not in the sources: every release goes the same way, and a tag cannot leave the test out.
    buildspec = jsonencode({
      version = "0.2"
      env     = { shell = "bash" }
      phases  = { build = { commands = [file("${path.module}/release.sh")] } }
    })

    dynamic "auth" {
      for_each = var.repository == null ? [] : [var.repository.connection_arn]

      content {
        type     = "CODECONNECTIONS"
        resource = auth.value
      }
    }
  }

  artifacts {
    type = "NO_ARTIFACTS"
  }

  cache {
    type  = "LOCAL"
    modes = ["LOCAL_DOCKER_LAYER_CACHE", "LOCAL_SOURCE_CACHE"]
  }

  logs_config {
    cloudwatch_logs {
      status     = "ENABLED"
      group_name = aws_cloudwatch_log_group.build.name
    }
  }

  # CodeBuild looks whether the role can use the connection.
  depends_on = [aws_iam_role_policy.build]

  #checkov:skip=CKV_AWS_316: Docker's daemon needs it, see privileged_mode
  #checkov:skip=CKV_AWS_147: there are no artifacts to encrypt
}

resource "aws_cloudwatch_log_group" "build" {
  name              = "/slipway/stacks/${local.stack}/build"
  retention_in_days = var.log_retention_days

  #checkov:skip=CKV_AWS_338: the variable log_retention_days; the image itself says what it was built from
}

# ---------------------------------------------------------------------------------------------- a tag of the repository

resource "aws_codebuild_webhook" "tag" {
  for_each = var.repository == null ? toset([]) : toset(["this"])

  project_name = aws_codebuild_project.this.name
  build_type   = "BUILD"

  # Both have to hold: no branch, no pull request, and no tag but a release.
  filter_group {
    filter {
      type    = "EVENT"
      pattern = "PUSH"
    }

    filter {
      type    = "HEAD_REF"
      pattern = "^refs/tags/(${var.tag_pattern})$"
    }
  }
}
