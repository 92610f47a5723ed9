# Who pulls: accounts and an organization. This account needs no mention here, its roles have policies of their own.

locals {
  shared = length(var.pull_accounts) > 0 || var.pull_organization != null
  pull   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
}

data "aws_iam_policy_document" "pull" {
  count = local.shared ? 1 : 0

  dynamic "statement" {
    for_each = length(var.pull_accounts) == 0 ? [] : [var.pull_accounts]

    content {
      sid     = "PullByAccounts"
      actions = local.pull

      principals {
        type        = "AWS"
        identifiers = [for account in sort(statement.value) : "arn:${data.aws_partition.this.partition}:iam::${account}:root"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.pull_organization == null ? [] : [var.pull_organization]

    content {
      sid     = "PullByOrganization"
      actions = local.pull

      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:PrincipalOrgID"
        values   = [statement.value]
      }
    }
  }
}

resource "aws_ecr_repository_policy" "pull" {
  for_each = local.shared ? var.repositories : {}

  repository = aws_ecr_repository.this[each.key].name
  policy     = data.aws_iam_policy_document.pull[0].json
}
