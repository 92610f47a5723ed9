# Who pushes: a role for each, that can push to its repositories and do nothing else, and nothing that deletes.

locals {
  pushers = {
    for name, pusher in var.push : name => merge(pusher, {
      repositories = coalesce(pusher.repositories, toset(keys(var.repositories)))
      issuer       = try(split("oidc-provider/", pusher.oidc.provider_arn)[1], null)
    })
  }
}

data "aws_iam_policy_document" "push_trust" {
  for_each = local.pushers

  dynamic "statement" {
    for_each = each.value.oidc == null ? [] : [each.value.oidc]

    content {
      actions = ["sts:AssumeRoleWithWebIdentity"]

      principals {
        type        = "Federated"
        identifiers = [statement.value.provider_arn]
      }

      condition {
        test     = "StringEquals"
        variable = "${each.value.issuer}:aud"
        values   = [statement.value.audience]
      }

      condition {
        test     = "StringLike"
        variable = "${each.value.issuer}:sub"
        values   = statement.value.subjects
      }
    }
  }

  # The accounts are the principals and the roles a condition: the trust outlives a role that is made anew.
  dynamic "statement" {
    for_each = length(each.value.principals) == 0 ? [] : [each.value.principals]

    content {
      actions = ["sts:AssumeRole"]

      principals {
        type        = "AWS"
        identifiers = distinct([for arn in statement.value : "arn:${split(":", arn)[1]}:iam::${split(":", arn)[4]}:root"])
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = statement.value
      }

      dynamic "condition" {
        for_each = each.value.external_id == null ? [] : [each.value.external_id]

        content {
          test     = "StringEquals"
          variable = "sts:ExternalId"
          values   = [condition.value]
        }
      }
    }
  }
}

resource "aws_iam_role" "push" {
  for_each = local.pushers

  name                 = "${local.stack}-push-${each.key}"
  path                 = "/slipway/"
  description          = "Pushes images of the stack ${local.stack}."
  assume_role_policy   = data.aws_iam_policy_document.push_trust[each.key].json
  permissions_boundary = var.permissions_boundary
  max_session_duration = 3600
}

data "aws_iam_policy_document" "push" {
  for_each = local.pushers

  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # a token is of the registry, and AWS knows no narrower one
  }

  # BatchGetImage and GetDownloadUrlForLayer: a push looks whether the image is there, and builds take layers from the image before.
  statement {
    sid = "Push"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeImages",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [for name in sort(each.value.repositories) : aws_ecr_repository.this[name].arn]
  }

  #checkov:skip=CKV_AWS_356: a token to log in with is of the registry, and AWS knows no narrower one
}

resource "aws_iam_role_policy" "push" {
  for_each = local.pushers

  name   = "push"
  role   = aws_iam_role.push[each.key].id
  policy = data.aws_iam_policy_document.push[each.key].json
}
