# An environment's role: who may have it, and what it may do. Releases have one of their own: release.tf.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  role_name = "slipway-environment-${var.name}"
  iam       = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}"

  # By name: the policy speaks of itself.
  boundary_arn = "${local.iam}:policy/${local.role_name}"

  # Blueprints make their roles below this path, and reach no others.
  stack_roles = "${local.iam}:role/slipway/*"

  runner_account_id = split(":", var.runner_role_arn)[4]
}

# ---------------------------------------------------------------------------------------------- who may have it

data "aws_iam_policy_document" "trust" {
  # The account is the principal and the role a condition: a role as principal is stored by its inner id, and the trust would
  # silently be lost when Slipway's role is recreated.
  statement {
    sid     = "BuildsOfSlipway"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.this.partition}:iam::${local.runner_account_id}:root"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [var.runner_role_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }

    # A session is an operation: its id is the session's name, and so stands in CloudTrail.
    condition {
      test     = "StringLike"
      variable = "sts:RoleSessionName"
      values   = ["op-*"]
    }
  }

  # The stack's id. CloudTrail keeps it on every call, also after a further role was assumed.
  statement {
    sid     = "TheStackIsTheSourceIdentity"
    actions = ["sts:SetSourceIdentity"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.this.partition}:iam::${local.runner_account_id}:root"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [var.runner_role_arn]
    }

    condition {
      test     = "StringLike"
      variable = "sts:SourceIdentity"
      values   = ["?????-?????"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = local.role_name
  description          = "What Slipway deploys with into the environment ${var.name}."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = aws_iam_policy.boundary.arn

  # A role that was assumed by a role lives an hour at most; Terraform's provider renews it.
  max_session_duration = 3600
}

# ---------------------------------------------------------------------------------------------- what it may do

# One document is both what the role may do and the boundary: of the role itself, and of every role that a blueprint makes. So
# nothing that a blueprint leaves behind can do more than the blueprint could.
resource "aws_iam_policy" "boundary" {
  name        = local.role_name
  description = "What the stacks of the environment ${var.name} may do, and the most that their roles may do."
  policy      = data.aws_iam_policy_document.boundary.json
}

resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.boundary.arn
}

data "aws_iam_policy_document" "boundary" {
  # What a blueprint makes has no names before it is made, so services are named here and resources are not.
  statement {
    sid       = "ServicesOfStacks"
    actions   = [for service in var.services : "${service}:*"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = var.regions
    }
  }

  # What is not in any Region answers in us-east-1 (in aws-cn and aws-us-gov elsewhere), whatever the stack's Region is.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-requestedregion
  statement {
    sid       = "GlobalServicesOfStacks"
    actions   = [for service in var.global_services : "${service}:*"]
    resources = ["*"]
  }

  # No role comes into being, or gets a policy, without this boundary.
  statement {
    sid = "RolesWithThisBoundary"
    actions = [
      "iam:AttachRolePolicy",
      "iam:CreateRole",
      "iam:DeleteRolePolicy",
      "iam:DetachRolePolicy",
      "iam:PutRolePermissionsBoundary",
      "iam:PutRolePolicy",
    ]
    resources = [local.stack_roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.boundary_arn]
    }
  }

  statement {
    sid = "RolesOfStacks"
    actions = [
      "iam:DeleteRole",
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole",
      "iam:ListRolePolicies",
      "iam:ListRoleTags",
      "iam:TagRole",
      "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy",
      "iam:UpdateRole",
      "iam:UpdateRoleDescription",
    ]
    resources = [local.stack_roles]
  }

  # With which instances get their roles.
  statement {
    sid = "InstanceProfilesOfStacks"
    actions = [
      "iam:AddRoleToInstanceProfile",
      "iam:CreateInstanceProfile",
      "iam:DeleteInstanceProfile",
      "iam:GetInstanceProfile",
      "iam:RemoveRoleFromInstanceProfile",
      "iam:TagInstanceProfile",
      "iam:UntagInstanceProfile",
    ]
    resources = ["${local.iam}:instance-profile/slipway/*"]
  }

  statement {
    sid       = "RolesForTheServicesThatRunThem"
    actions   = ["iam:PassRole"]
    resources = [local.stack_roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values = [
        "codebuild.amazonaws.com",
        "ec2.amazonaws.com",
        "ecs-tasks.amazonaws.com",
        "ecs.amazonaws.com",
        "events.amazonaws.com",
        "monitoring.rds.amazonaws.com",
        "scheduler.amazonaws.com",
        "vpc-flow-logs.amazonaws.com",
      ]
    }
  }

  # The first load balancer, cluster or database of an account makes the role that its service works with.
  statement {
    sid       = "RolesOfTheServicesThemselves"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.iam}:role/aws-service-role/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values = [
        "autoscaling.amazonaws.com",
        "ecs.amazonaws.com",
        "ecs.application-autoscaling.amazonaws.com",
        "elasticache.amazonaws.com",
        "elasticfilesystem.amazonaws.com",
        "elasticloadbalancing.amazonaws.com",
        "rds.amazonaws.com",
      ]
    }
  }
}
