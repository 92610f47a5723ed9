# What a build may do.

data "aws_iam_policy_document" "build_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["codebuild.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }

    # By name: the project names this role.
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values = [
        "arn:${data.aws_partition.this.partition}:codebuild:${data.aws_region.this.region}:${data.aws_caller_identity.this.account_id}:project/${local.stack}-image"
      ]
    }
  }
}

resource "aws_iam_role" "build" {
  name                 = "${local.stack}-build"
  path                 = "/slipway/"
  description          = "Builds of the stack ${local.stack}."
  assume_role_policy   = data.aws_iam_policy_document.build_trust.json
  permissions_boundary = var.permissions_boundary
}

data "aws_iam_policy_document" "build" {
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.build.arn}:*"]
  }

  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # a token is of the registry, and AWS knows no narrower one
  }

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
    resources = [var.image_repository_arn]
  }

  dynamic "statement" {
    for_each = var.repository == null ? [] : [var.repository.connection_arn]

    content {
      sid = "Connection"
      # Older connections keep the service's older name.
      actions   = [for action in ["GetConnection", "GetConnectionToken"] : "${split(":", statement.value)[2]}:${action}"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = aws_s3_bucket.archive

    content {
      sid       = "Archive"
      actions   = ["s3:GetObject", "s3:GetObjectVersion"]
      resources = ["${statement.value.arn}/releases/*"]
    }
  }

  dynamic "statement" {
    for_each = length(var.releases) == 0 ? [] : [var.slipway_bus_arn]

    content {
      sid       = "Request"
      actions   = ["events:PutEvents"]
      resources = [statement.value]

      # These keys have a value for each event of a call: a plain operator matches none of them, and the set operator is also met by a
      # call without the key.
      # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
      dynamic "condition" {
        for_each = { "events:detail-type" = "Slipway Request", "events:source" = "slipway.image-pipeline" }

        content {
          test     = "ForAllValues:StringEquals"
          variable = condition.key
          values   = [condition.value]
        }
      }

      dynamic "condition" {
        for_each = toset(["events:detail-type", "events:source"])

        content {
          test     = "Null"
          variable = condition.value
          values   = ["false"]
        }
      }
    }
  }

  #checkov:skip=CKV_AWS_356: a token to log in with is of the registry, and AWS knows no narrower one
}

resource "aws_iam_role_policy" "build" {
  name   = "build"
  role   = aws_iam_role.build.id
  policy = data.aws_iam_policy_document.build.json
}

resource "aws_iam_role_policy_attachment" "more" {
  for_each = toset(var.policy_arns)

  role       = aws_iam_role.build.name
  policy_arn = each.value
}
