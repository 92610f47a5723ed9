mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }

  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/slipway/stack-build" }
  }

  mock_resource "aws_codebuild_project" {
    defaults = { arn = "arn:aws:codebuild:eu-west-1:111122223333:project/stack-image" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/slipway/stacks/stack/build" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:111122223333:rule/stack-uploaded" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:stack-undelivered" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::stack-source-111122223333" }
  }
}

variables {
  repository = {
    provider       = "github"
    url            = "https://github.com/shop/web.git"
    connection_arn = "arn:aws:codeconnections:eu-west-1:111122223333:connection/0d6f2c1f-7a10-4d0e-9a52-b3d2f6a81c55"
  }
  image_repository_arn = "arn:aws:ecr:eu-west-1:111122223333:repository/shop/web"
  test                 = { command = ["./app", "check"] }
  releases             = { "lusab-babad" = ["web", "worker"] }
  slipway_bus_arn      = "arn:aws:events:eu-west-1:000011112222:event-bus/slipway"
  permissions_boundary = "arn:aws:iam::111122223333:policy/slipway-environment-production"
}

run "a_release_tag_starts_a_build_and_nothing_else" {
  assert {
    condition = [
      for group in aws_codebuild_webhook.tag["this"].filter_group : { for filter in group.filter : filter.type => filter.pattern }
      ] == [
      { EVENT = "PUSH", HEAD_REF = "^refs/tags/(v[0-9]+\\.[0-9]+\\.[0-9]+)$" }
    ]
    error_message = "One group of filters, which wants a push and a tag that is a release."
  }

  assert {
    condition = alltrue([
      for filter in flatten([for group in aws_codebuild_webhook.tag["this"].filter_group : [for filter in group.filter : filter]]) : !coalesce(filter.exclude_matched_pattern, false)
    ])
    error_message = "No filter is turned round."
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.uploaded) == 0 && length(aws_s3_bucket.archive) == 0 && output.archive_bucket == null
    error_message = "A repository needs no bucket."
  }
}

run "a_pattern_with_alternatives_matches_tags_alone" {
  variables {
    tag_pattern = "v[0-9]+|release-[0-9]+"
  }

  assert {
    condition     = strcontains(jsonencode([for group in aws_codebuild_webhook.tag["this"].filter_group : [for filter in group.filter : filter.pattern]]), "^refs/tags/(v[0-9]+|release-[0-9]+)$")
    error_message = "Both alternatives stand behind refs/tags/."
  }
}

run "what_is_built_is_data" {
  assert {
    condition = { for variable in aws_codebuild_project.this.environment[0].environment_variable : variable.name => variable.value } == {
      BUS_ARN          = var.slipway_bus_arn
      CACHE_TAG        = ""
      CONTEXT          = "."
      DOCKERFILE       = "Dockerfile"
      IMAGE_REPOSITORY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/web"
      RELEASES         = "{\"lusab-babad\":[\"web\",\"worker\"]}"
      TAG_PATTERN      = "v[0-9]+\\.[0-9]+\\.[0-9]+"
      TEST_COMMAND     = "[\"./app\",\"check\"]"
      TEST_TARGET      = ""
    }
    error_message = "The script gets values from its environment, and none is written into it."
  }

  assert {
    condition     = jsondecode(aws_codebuild_project.this.source[0].buildspec).phases.build.commands == [file("release.sh")] && jsondecode(aws_codebuild_project.this.source[0].buildspec).env.shell == "bash"
    error_message = "The build is the script."
  }

  assert {
    condition = (
      aws_codebuild_project.this.source[0].type == "GITHUB"
      && aws_codebuild_project.this.source[0].auth[0].type == "CODECONNECTIONS"
      && aws_codebuild_project.this.source[0].auth[0].resource == var.repository.connection_arn
    )
    error_message = "The repository is read through the connection."
  }

  assert {
    condition = (
      aws_codebuild_project.this.concurrent_build_limit == 2 && aws_codebuild_project.this.build_timeout == 30
      && contains(aws_codebuild_project.this.cache[0].modes, "LOCAL_DOCKER_LAYER_CACHE")
    )
    error_message = "Builds have limits and a cache."
  }

  assert {
    condition = (
      aws_cloudwatch_log_group.build.name == "/slipway/stacks/${terraform.workspace}/build" && aws_cloudwatch_log_group.build.retention_in_days == 90
      && aws_codebuild_project.this.logs_config[0].cloudwatch_logs[0].group_name == aws_cloudwatch_log_group.build.name
    )
    error_message = "Logs are where Slipway finds them, and not for ever."
  }

  assert {
    condition     = startswith(aws_codebuild_project.this.name, "${terraform.workspace}-") && startswith(aws_iam_role.build.name, "${terraform.workspace}-")
    error_message = "Names begin with the stack's id."
  }
}

run "a_build_pushes_and_asks_and_does_nothing_else" {
  assert {
    condition = { for statement in data.aws_iam_policy_document.build.statement : statement.sid => tolist(statement.resources) } == {
      Log        = tolist(["${aws_cloudwatch_log_group.build.arn}:*"])
      Login      = tolist(["*"])
      Push       = tolist([var.image_repository_arn])
      Connection = tolist([var.repository.connection_arn])
      Request    = tolist([var.slipway_bus_arn])
    }
    error_message = "Every right is on what is named."
  }

  assert {
    condition     = !anytrue([for action in flatten([for statement in data.aws_iam_policy_document.build.statement : tolist(statement.actions)]) : strcontains(action, "*") || strcontains(action, "Delete")])
    error_message = "No action has a wildcard, and none deletes."
  }

  assert {
    condition = {
      for condition in one([for statement in data.aws_iam_policy_document.build.statement : statement.condition if statement.sid == "Request"]) :
      condition.variable => tolist(condition.values) if condition.test == "ForAllValues:StringEquals"
      } == {
      "events:detail-type" = tolist(["Slipway Request"])
      "events:source"      = tolist(["slipway.image-pipeline"])
    }
    error_message = "What it puts on the bus are requests."
  }

  assert {
    condition     = aws_iam_role.build.path == "/slipway/" && aws_iam_role.build.permissions_boundary == var.permissions_boundary
    error_message = "The role is where the environment lets roles be, within its boundary."
  }
}

run "an_archive_starts_a_build_of_its_own_version" {
  state_key = "archive"

  variables {
    repository   = null
    archive      = { uploaders = ["arn:aws:iam::444455556666:role/ci"] }
    architecture = "ARM64"
    releases     = {}
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.uploaded["this"].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created"]
      detail = {
        bucket = { name = ["${terraform.workspace}-source-111122223333"] }
        object = { key = [{ wildcard = "releases/*.zip" }] }
      }
    }
    error_message = "Archives of releases start builds."
  }

  assert {
    condition = jsondecode(replace(replace(aws_cloudwatch_event_target.uploaded["this"].input_transformer[0].input_template, "\"${terraform.workspace}-source-111122223333/<key>\"", "\"location\""), "/<[a-z]+>/", "\"value\"")) == {
      sourceLocationOverride       = "location"
      sourceVersion                = "value"
      environmentVariablesOverride = [{ name = "RELEASE_KEY", type = "PLAINTEXT", value = "value" }]
    }
    error_message = "The build gets the object, its version and its name."
  }

  assert {
    condition     = length(aws_codebuild_webhook.tag) == 0 && aws_codebuild_project.this.source[0].type == "S3" && aws_codebuild_project.this.environment[0].type == "ARM_CONTAINER"
    error_message = "There are no pushers."
  }

  assert {
    condition = alltrue([
      for block in aws_s3_bucket_public_access_block.archive : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.archive) == 1 && !aws_s3_bucket.archive["this"].force_destroy
    error_message = "The bucket is closed to the public, and kept while there is something in it."
  }

  assert {
    condition = (
      one([for statement in data.aws_iam_policy_document.archive["this"].statement : tolist(statement.condition[*].values)[0] if statement.sid == "Upload"]) == tolist(["arn:aws:iam::444455556666:role/ci"])
      && aws_s3_bucket_notification.archive["this"].eventbridge
    )
    error_message = "Only who was named uploads, and EventBridge hears of it."
  }

  assert {
    condition     = toset([for statement in data.aws_iam_policy_document.build.statement : statement.sid]) == toset(["Log", "Login", "Push", "Archive"])
    error_message = "Without `releases` no release is requested."
  }

  assert {
    condition     = length(aws_s3_bucket.archive["this"].bucket) <= 63 && flatten(data.aws_iam_policy_document.events["this"].statement[*].actions) == ["codebuild:StartBuild"]
    error_message = "The rule starts builds, and does nothing else."
  }
}

# ---------------------------------------------------------------------------------------------- refused

run "another_provider_is_refused" {
  command = plan
  variables {
    repository = { provider = "codecommit", url = "https://github.com/shop/web.git", connection_arn = "arn:aws:codeconnections:eu-west-1:111122223333:connection/0d6f2c1f" }
  }
  expect_failures = [var.repository]
}

run "an_address_with_a_user_is_refused" {
  command = plan
  variables {
    repository = { provider = "github", url = "https://me:secret@github.com/shop/web.git", connection_arn = "arn:aws:codeconnections:eu-west-1:111122223333:connection/0d6f2c1f" }
  }
  expect_failures = [var.repository]
}

run "a_connection_by_name_is_refused" {
  command = plan
  variables {
    repository = { provider = "github", url = "https://github.com/shop/web.git", connection_arn = "github" }
  }
  expect_failures = [var.repository]
}

run "two_sources_are_refused" {
  command = plan
  variables { archive = {} }
  expect_failures = [var.repository]
}

run "no_source_is_refused" {
  command = plan
  variables { repository = null }
  expect_failures = [var.repository]
}

run "a_whole_account_that_uploads_is_refused" {
  command = plan
  variables {
    repository = null
    archive    = { uploaders = ["arn:aws:iam::444455556666:root"] }
  }
  expect_failures = [var.archive]
}

run "keeping_sources_for_no_day_is_refused" {
  command = plan
  variables {
    repository = null
    archive    = { keep_days = 0 }
  }
  expect_failures = [var.archive]
}

run "a_pattern_that_matches_anything_is_refused" {
  command = plan
  variables { tag_pattern = ".*" }
  expect_failures = [var.tag_pattern]
}

run "a_pattern_that_breaks_out_of_its_group_is_refused" {
  command = plan
  variables { tag_pattern = "v1)|(.+" }
  expect_failures = [var.tag_pattern]
}

run "a_repository_by_address_is_refused" {
  command = plan
  variables { image_repository_arn = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/web" }
  expect_failures = [var.image_repository_arn]
}

run "a_dockerfile_out_of_the_sources_is_refused" {
  command = plan
  variables { dockerfile = "../Dockerfile" }
  expect_failures = [var.dockerfile]
}

run "a_context_out_of_the_sources_is_refused" {
  command = plan
  variables { context = "/" }
  expect_failures = [var.context]
}

run "untested_image_is_refused" {
  command = plan
  variables { test = {} }
  expect_failures = [var.test]
}

run "a_target_that_is_no_name_is_refused" {
  command = plan
  variables { test = { target = "--network=host" } }
  expect_failures = [var.test]
}

run "a_cache_tag_that_is_none_is_refused" {
  command = plan
  variables { cache_tag = "cache,mode=max" }
  expect_failures = [var.cache_tag]
}

run "a_stack_by_name_is_refused" {
  command = plan
  variables { releases = { Staging = ["web"] } }
  expect_failures = [var.releases]
}

run "a_stack_without_services_is_refused" {
  command = plan
  variables { releases = { "lusab-babad" = [] } }
  expect_failures = [var.releases]
}

run "releases_without_a_bus_are_refused" {
  command = plan
  variables { slipway_bus_arn = null }
  expect_failures = [var.releases]
}

run "a_bus_without_an_account_is_refused" {
  command = plan
  variables { slipway_bus_arn = "slipway" }
  expect_failures = [var.slipway_bus_arn]
}

run "an_unknown_architecture_is_refused" {
  command = plan
  variables { architecture = "arm" }
  expect_failures = [var.architecture]
}

run "an_unknown_size_is_refused" {
  command = plan
  variables { size = "huge" }
  expect_failures = [var.size]
}

run "a_build_of_a_day_is_refused" {
  command = plan
  variables { timeout_minutes = 1440 }
  expect_failures = [var.timeout_minutes]
}

run "no_build_at_once_is_refused" {
  command = plan
  variables { concurrent_builds = 0 }
  expect_failures = [var.concurrent_builds]
}

run "a_retention_that_cloudwatch_does_not_know_is_refused" {
  command = plan
  variables { log_retention_days = 31 }
  expect_failures = [var.log_retention_days]
}

run "a_policy_by_name_is_refused" {
  command = plan
  variables { policy_arns = ["ReadOnlyAccess"] }
  expect_failures = [var.policy_arns]
}

run "a_boundary_by_name_is_refused" {
  command = plan
  variables { permissions_boundary = "boundary" }
  expect_failures = [var.permissions_boundary]
}
