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

  mock_resource "aws_ecr_repository" {
    defaults = { arn = "arn:aws:ecr:eu-west-1:111122223333:repository/stack/name", repository_url = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/stack/name" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/slipway/stack-events" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:111122223333:rule/stack-pushed" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:stack-undelivered" }
  }
}

variables {
  repositories = {
    web           = {}
    "team/worker" = { keep_images = 20, mutable_tags = ["cache*"] }
  }

  push = {
    ci = {
      principals  = ["arn:aws:iam::444455556666:role/ci", "arn:aws:iam::444455556666:role/nightly"]
      external_id = "b3d2f6a8-1c55-4d0e-9a52-0d6f2c1f7a10"
    }
    github = {
      repositories = ["web"]
      oidc = {
        provider_arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
        subjects     = ["repo:shop@123456/web@456789:ref:refs/tags/*"]
      }
    }
  }

  pull_accounts        = ["777788889999"]
  pull_organization    = "o-a1b2c3d4e5"
  slipway_bus_arn      = "arn:aws:events:eu-west-1:000011112222:event-bus/slipway"
  permissions_boundary = "arn:aws:iam::111122223333:policy/slipway-environment-production"
}

run "an_image_stays_what_it_is" {
  assert {
    condition = (
      aws_ecr_repository.this["web"].image_tag_mutability == "IMMUTABLE"
      && aws_ecr_repository.this["team/worker"].image_tag_mutability == "IMMUTABLE_WITH_EXCLUSION"
      && [for filter in aws_ecr_repository.this["team/worker"].image_tag_mutability_exclusion_filter : filter.filter] == ["cache*"]
    )
    error_message = "Tags do not move, but for those that were named."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_scanning_configuration[0].scan_on_push])
    error_message = "Every image is looked through."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.encryption_configuration[0].encryption_type == "AES256" && !repository.force_delete])
    error_message = "Images are encrypted, and a repository with images is not deleted."
  }

  assert {
    condition = [for rule in jsondecode(aws_ecr_lifecycle_policy.this["team/worker"].policy).rules : [rule.selection.tagStatus, rule.selection.countNumber]] == [
      ["untagged", 14], ["any", 20]
    ]
    error_message = "Old images expire."
  }

  assert {
    condition = alltrue(concat(
      [for name, repository in aws_ecr_repository.this : repository.name == "${terraform.workspace}/${name}"],
      [for role in aws_iam_role.push : startswith(role.name, "${terraform.workspace}-") && length(role.name) <= 64],
    ))
    error_message = "Names begin with the stack's id."
  }
}

run "who_pushes_does_nothing_else" {
  assert {
    condition = alltrue([
      for document in data.aws_iam_policy_document.push : alltrue([
        for action in flatten(document.statement[*].actions) : contains([
          "ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
          "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
        ], action)
      ]) && alltrue([for statement in document.statement : statement.sid == "Login" || !contains(statement.resources, "*")])
    ])
    error_message = "A role pushes to repositories that are named, and deletes nothing."
  }

  assert {
    condition     = length(data.aws_iam_policy_document.push["github"].statement[1].resources) == 1
    error_message = "It pushes to the repositories that were named for it."
  }

  assert {
    condition = {
      for condition in data.aws_iam_policy_document.push_trust["github"].statement[0].condition : condition.variable => [condition.test, tolist(condition.values)]
      } == {
      "token.actions.githubusercontent.com:aud" = ["StringEquals", tolist(["sts.amazonaws.com"])]
      "token.actions.githubusercontent.com:sub" = ["StringLike", tolist(["repo:shop@123456/web@456789:ref:refs/tags/*"])]
    }
    error_message = "A token is for AWS, and of the repository."
  }

  assert {
    condition = (
      toset(flatten(data.aws_iam_policy_document.push_trust["ci"].statement[0].principals[*].identifiers)) == toset(["arn:aws:iam::444455556666:root"])
      && { for condition in data.aws_iam_policy_document.push_trust["ci"].statement[0].condition : condition.variable => toset(condition.values) } == {
        "aws:PrincipalArn" = toset(["arn:aws:iam::444455556666:role/ci", "arn:aws:iam::444455556666:role/nightly"])
        "sts:ExternalId"   = toset(["b3d2f6a8-1c55-4d0e-9a52-0d6f2c1f7a10"])
      }
    )
    error_message = "Only the roles that were named assume it, and they know the external id."
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.push : role.path == "/slipway/" && role.permissions_boundary == var.permissions_boundary])
    error_message = "Roles are where the environment lets roles be, within its boundary."
  }
}

run "others_pull_and_no_more" {
  assert {
    condition = alltrue([
      for action in flatten(data.aws_iam_policy_document.pull[0].statement[*].actions) :
      contains(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], action)
    ])
    error_message = "They pull."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.pull[0].statement :
      !contains(flatten(statement.principals[*].identifiers), "*") || [for condition in statement.condition : [condition.variable, tolist(condition.values)]] == [["aws:PrincipalOrgID", tolist(["o-a1b2c3d4e5"])]]
    ])
    error_message = "Without accounts, the whole organization can pull, and no one else."
  }

  assert {
    condition     = toset(keys(aws_ecr_repository_policy.pull)) == toset(["web", "team/worker"])
    error_message = "Every repository is shared."
  }
}

run "the_outputs_say_how_to_push" {
  assert {
    condition     = toset(keys(output.slipway.notes)) == toset(["login", "push web", "push team/worker", "arn web", "arn team/worker", "role ci", "role github"]) && toset(keys(output.push_role_arns)) == toset(["ci", "github"]) && output.undelivered_queue_url != null
    error_message = "The outputs say how to push."
  }
}

run "only_this_account_by_default" {
  state_key = "defaults"

  variables {
    repositories         = { web = {} }
    push                 = {}
    pull_accounts        = []
    pull_organization    = null
    slipway_bus_arn      = null
    permissions_boundary = null
  }

  assert {
    condition     = length(aws_ecr_repository_policy.pull) == 0 && length(aws_iam_role.push) == 0 && length(module.push_events) == 0 && output.undelivered_queue_url == null
    error_message = "Without input there are no pushers, no other pullers and no rule."
  }
}

run "images_are_deleted_by_choice" {
  state_key = "defaults"

  variables {
    repositories  = { web = {} }
    delete_images = true
  }

  assert {
    condition     = aws_ecr_repository.this["web"].force_delete
    error_message = "Who says so deletes the images with the repository."
  }
}

run "a_key_of_ones_own_encrypts" {
  state_key = "key"

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/0d6f2c1f-7a10-4d0e-9a52-b3d2f6a81c55"
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.encryption_configuration[0].encryption_type == "KMS" && repository.encryption_configuration[0].kms_key == var.kms_key_arn])
    error_message = "The key that was given."
  }
}

# ---------------------------------------------------------------------------------------------- refused

run "no_repository_is_refused" {
  command = plan
  variables {
    repositories = {}
    push         = {}
  }
  expect_failures = [var.repositories]
}

run "a_name_with_capitals_is_refused" {
  command = plan
  variables {
    repositories = { Web = {} }
    push         = {}
  }
  expect_failures = [var.repositories]
}

run "keeping_no_image_is_refused" {
  command = plan
  variables {
    repositories = { web = { keep_images = 0 } }
    push         = {}
  }
  expect_failures = [var.repositories]
}

run "images_of_releases_are_kept" {
  command = plan

  variables {
    repositories = { web = { keep_tags = ["v*"] } }
    push         = {}
  }

  assert {
    condition = [
      for rule in jsondecode(aws_ecr_lifecycle_policy.this["web"].policy).rules : "${rule.rulePriority} ${try(join(",", rule.selection.tagPatternList), rule.selection.tagStatus)}"
    ] == ["1 untagged", "10 v*", "20 any"]
    error_message = "A rule never expires what matches a rule of lower number: a stack that has not been released for long keeps its image."
  }
}

run "keeping_every_tag_is_refused" {
  command = plan

  variables {
    repositories = { web = { keep_tags = ["*"] } }
  }

  expect_failures = [var.repositories]
}

run "tags_that_all_move_are_refused" {
  command = plan
  variables {
    repositories = { web = { mutable_tags = ["*"] } }
    push         = {}
  }
  expect_failures = [var.repositories]
}

run "a_pusher_with_capitals_is_refused" {
  command = plan
  variables { push = { CI = { principals = ["arn:aws:iam::444455556666:role/ci"] } } }
  expect_failures = [var.push]
}

run "pusher_without_principals_is_refused" {
  command = plan
  variables { push = { ci = {} } }
  expect_failures = [var.push]
}

run "a_whole_account_that_pushes_is_refused" {
  command = plan
  variables { push = { ci = { principals = ["arn:aws:iam::444455556666:root"] } } }
  expect_failures = [var.push]
}

run "an_external_id_that_can_be_guessed_is_refused" {
  command = plan
  variables { push = { ci = { principals = ["arn:aws:iam::444455556666:role/ci"], external_id = "ci" } } }
  expect_failures = [var.push]
}

run "a_provider_by_address_is_refused" {
  command = plan
  variables { push = { ci = { oidc = { provider_arn = "https://token.actions.githubusercontent.com", subjects = ["repo:shop/web:*"] } } } }
  expect_failures = [var.push]
}

run "any_repository_of_an_owner_is_refused" {
  command = plan
  variables { push = { ci = { oidc = { provider_arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com", subjects = ["repo:shop/*"] } } } }
  expect_failures = [var.push]
}

run "pushing_to_what_is_not_there_is_refused" {
  command = plan
  variables { push = { ci = { principals = ["arn:aws:iam::444455556666:role/ci"], repositories = ["shop"] } } }
  expect_failures = [var.push]
}

run "an_account_by_name_is_refused" {
  command = plan
  variables { pull_accounts = ["production"] }
  expect_failures = [var.pull_accounts]
}

run "an_organization_by_name_is_refused" {
  command = plan
  variables { pull_organization = "shop" }
  expect_failures = [var.pull_organization]
}

run "a_bus_without_an_account_is_refused" {
  command = plan
  variables { slipway_bus_arn = "slipway" }
  expect_failures = [var.slipway_bus_arn]
}

run "a_key_by_alias_is_refused" {
  command = plan
  variables { kms_key_arn = "alias/aws/ecr" }
  expect_failures = [var.kms_key_arn]
}

run "a_boundary_by_name_is_refused" {
  command = plan
  variables { permissions_boundary = "boundary" }
  expect_failures = [var.permissions_boundary]
}
