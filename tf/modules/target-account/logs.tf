# What Slipway reads the logs of services with. The API limits each session to the log groups of one stack.

data "aws_iam_policy_document" "logs_trust" {
  # The principal as in main.tf, the external id as in release.tf.
  statement {
    sid     = "ApiOfSlipway"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.this.partition}:iam::${local.slipway_account}:root"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [var.api_role_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.state_machine_arn]
    }
  }
}

resource "aws_iam_role" "logs" {
  name                 = "slipway-logs-${var.name}"
  description          = "What Slipway reads the logs of services with in the environment ${var.name}."
  assume_role_policy   = data.aws_iam_policy_document.logs_trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "logs" {
  name   = "logs"
  role   = aws_iam_role.logs.id
  policy = data.aws_iam_policy_document.logs.json
}

data "aws_iam_policy_document" "logs" {
  statement {
    actions   = ["logs:FilterLogEvents"]
    resources = ["${local.in_region.logs}:log-group:/slipway/stacks/*"]
  }
}
