# Every push to these repositories, and no other, is sent to Slipway.

locals {
  slipway = var.slipway_bus_arn == null ? toset([]) : toset(["slipway"])
}

resource "aws_cloudwatch_event_rule" "pushed" {
  for_each = local.slipway

  name        = "${local.stack}-pushed"
  description = "Images that were pushed to the repositories of the stack ${local.stack}."

  event_pattern = jsonencode({
    source      = ["aws.ecr"]
    detail-type = ["ECR Image Action"]
    detail = {
      action-type     = ["PUSH"]
      result          = ["SUCCESS"]
      repository-name = [for name in keys(var.repositories) : aws_ecr_repository.this[name].name]
    }
  })
}

resource "aws_cloudwatch_event_target" "pushed" {
  for_each = local.slipway

  rule      = aws_cloudwatch_event_rule.pushed[each.key].name
  target_id = each.key
  arn       = var.slipway_bus_arn
  role_arn  = aws_iam_role.events[each.key].arn

  # EventBridge tries for a day, and then keeps the event here.
  dead_letter_config {
    arn = aws_sqs_queue.undelivered[each.key].arn
  }
}

data "aws_iam_policy_document" "events_trust" {
  for_each = local.slipway

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.pushed[each.key].arn]
    }
  }
}

resource "aws_iam_role" "events" {
  for_each = local.slipway

  name                 = "${local.stack}-events"
  path                 = "/slipway/"
  description          = "Puts the pushes of the stack ${local.stack} on Slipway's bus."
  assume_role_policy   = data.aws_iam_policy_document.events_trust[each.key].json
  permissions_boundary = var.permissions_boundary
}

data "aws_iam_policy_document" "events" {
  for_each = local.slipway

  statement {
    actions   = ["events:PutEvents"]
    resources = [var.slipway_bus_arn]
  }
}

resource "aws_iam_role_policy" "events" {
  for_each = local.slipway

  name   = "put-events"
  role   = aws_iam_role.events[each.key].id
  policy = data.aws_iam_policy_document.events[each.key].json
}

resource "aws_sqs_queue" "undelivered" {
  for_each = local.slipway

  name                      = "${local.stack}-undelivered"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "undelivered" {
  for_each = local.slipway

  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.undelivered[each.key].arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.pushed[each.key].arn]
    }
  }
}

resource "aws_sqs_queue_policy" "undelivered" {
  for_each = local.slipway

  queue_url = aws_sqs_queue.undelivered[each.key].id
  policy    = data.aws_iam_policy_document.undelivered[each.key].json
}
