# Events of this account that Slipway hears of, and the results that it sends back.

data "aws_caller_identity" "this" {}

data "aws_region" "this" {}

locals {
  account_id = data.aws_caller_identity.this.account_id

  # EventBridge matches a text as it is, and a pattern as an object.
  repository_names = concat(
    [for name in var.repositories : name if !strcontains(name, "*")],
    [for name in var.repositories : { wildcard = name } if strcontains(name, "*")],
  )

  rules = {
    for name, rule in {
      slipway-images = {
        wanted      = length(var.repositories) > 0
        description = "New images, for the stacks that subscribe to them."
        pattern = jsonencode({
          source      = ["aws.ecr"]
          detail-type = ["ECR Image Action"]
          detail = {
            action-type     = ["PUSH"]
            result          = ["SUCCESS"]
            repository-name = local.repository_names
          }
        })
      }
      slipway-requests = {
        wanted      = length(var.request_sources) > 0
        description = "Operations that are asked for by event."
        pattern = jsonencode({
          source      = var.request_sources
          detail-type = ["Slipway Request"]
        })
      }
    } : name => rule if rule.wanted
  }
}

# ---------------------------------------------------------------------------------------------- to Slipway

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.rules

  name          = each.key
  description   = each.value.description
  event_pattern = each.value.pattern

  lifecycle {
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    precondition {
      condition     = length(each.value.pattern) <= 2048
      error_message = "EventBridge takes patterns of at most 2,048 characters, and this one has ${length(each.value.pattern)}: name repositories by patterns such as team-a/*, or use fewer sources."
    }
  }
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.rules

  rule      = aws_cloudwatch_event_rule.this[each.key].name
  target_id = "slipway"
  arn       = var.bus_arn
  role_arn  = aws_iam_role.this.arn

  # EventBridge tries for a day, and then keeps the event here.
  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for rule in aws_cloudwatch_event_rule.this : rule.arn]
    }
  }
}

resource "aws_iam_role" "this" {
  name               = "slipway-event-source-${data.aws_region.this.region}"
  description        = "Puts events on Slipway's bus."
  assume_role_policy = data.aws_iam_policy_document.trust.json

  lifecycle {
    precondition {
      condition     = length(local.rules) > 0
      error_message = "There is nothing to send: name repositories, or request_sources, or both."
    }
  }
}

data "aws_iam_policy_document" "put" {
  statement {
    actions   = ["events:PutEvents"]
    resources = [var.bus_arn]
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "put-events"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.put.json
}

resource "aws_sqs_queue" "undelivered" {
  name                      = "slipway-undelivered"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "undelivered" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.undelivered.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for rule in aws_cloudwatch_event_rule.this : rule.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.id
  policy    = data.aws_iam_policy_document.undelivered.json
}

resource "aws_cloudwatch_metric_alarm" "undelivered" {
  alarm_name          = aws_sqs_queue.undelivered.name
  alarm_description   = "EventBridge failed to deliver events to Slipway's bus."
  alarm_actions       = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.undelivered.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
}

# ---------------------------------------------------------------------------------------------- from Slipway

resource "aws_cloudwatch_event_bus" "results" {
  count = var.events_role_arn == null ? 0 : 1

  name        = "slipway-results"
  description = "What became of the operations that this account asked for."
}

data "aws_iam_policy_document" "results" {
  count = var.events_role_arn == null ? 0 : 1

  # The account is the principal and the role a condition: the trust outlives a role that is made anew.
  statement {
    sid       = "ResultsOfSlipway"
    actions   = ["events:PutEvents"]
    resources = [aws_cloudwatch_event_bus.results[0].arn]

    principals {
      type        = "AWS"
      identifiers = ["arn:${split(":", var.events_role_arn)[1]}:iam::${split(":", var.events_role_arn)[4]}:root"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [var.events_role_arn]
    }
  }
}

resource "aws_cloudwatch_event_bus_policy" "results" {
  count = var.events_role_arn == null ? 0 : 1

  event_bus_name = aws_cloudwatch_event_bus.results[0].name
  policy         = data.aws_iam_policy_document.results[0].json
}
