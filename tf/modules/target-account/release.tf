# What Slipway releases with, while the environment's role is Terraform's alone: this one makes nothing, and runs what is there. It is
# not below the path of the stacks' roles, so that no blueprint can pass it on or change it.

locals {
  region          = coalesce(var.region, data.aws_region.this.region)
  slipway_account = split(":", var.state_machine_arn)[4]
  in_region       = { for service in ["application-autoscaling", "ecs", "rds", "scheduler", "logs", "events"] : service => "arn:${data.aws_partition.this.partition}:${service}:${local.region}:${data.aws_caller_identity.this.account_id}" }

  rules = {
    rollouts = {
      description = "The ends of rollouts, for the workflow that waits for them."
      pattern = {
        source        = ["aws.ecs"]
        "detail-type" = ["ECS Deployment State Change", "ECS Hook State Change"]
        detail = { eventName = [
          "SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_FAILED",
          "HOOK_AWAITING_ACTION", "HOOK_SUCCEEDED", "HOOK_FAILED", "HOOK_TIMED_OUT",
        ] }
      }
    }
    tasks = {
      description = "The ends of migrations, backups and tasks, for the workflow that waits for them."
      pattern = {
        source        = ["aws.ecs"]
        "detail-type" = ["ECS Task State Change"]
        # A task that an operation started: the tasks of services say which deployment did.
        detail = { lastStatus = ["STOPPED"], startedBy = [{ prefix = "op-" }] }
      }
    }
    snapshots = {
      description = "Snapshots of databases that are there, for the workflow that waits for them."
      pattern = {
        source        = ["aws.rds"]
        "detail-type" = ["RDS DB Snapshot Event", "RDS DB Cluster Snapshot Event"]
        detail        = { EventID = ["RDS-EVENT-0042", "RDS-EVENT-0075"] }
      }
    }
  }
}

# ---------------------------------------------------------------------------------------------- who may have it

data "aws_iam_policy_document" "release_trust" {
  # The principal as in main.tf. The external id is the state machine's ARN, which the steps give.
  statement {
    sid     = "WorkflowOfSlipway"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.this.partition}:iam::${local.slipway_account}:root"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = var.workflow_role_arns
    }

    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.state_machine_arn]
    }
  }
}

resource "aws_iam_role" "release" {
  name                 = "slipway-release-${var.name}"
  description          = "What Slipway releases with in the environment ${var.name}."
  assume_role_policy   = data.aws_iam_policy_document.release_trust.json
  max_session_duration = 3600
}

# ---------------------------------------------------------------------------------------------- what it may do

resource "aws_iam_role_policy" "release" {
  name   = "release"
  role   = aws_iam_role.release.id
  policy = data.aws_iam_policy_document.release.json
}

data "aws_iam_policy_document" "release" {
  #checkov:skip=CKV_AWS_356:ecs:ListTasks can be limited to container instances alone, which tasks on Fargate have none of; DescribeScalableTargets has no resources
  # A wildcard, because these two actions have no resources.
  statement {
    actions   = ["ecs:RegisterTaskDefinition", "ecs:DescribeTaskDefinition"]
    resources = ["*"]
  }

  # A task definition is registered with its tags.
  statement {
    actions   = ["ecs:TagResource"]
    resources = ["${local.in_region.ecs}:task-definition/*"]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RegisterTaskDefinition"]
    }
  }

  # A one-off task gets the tags of its task definition.
  statement {
    actions   = ["ecs:TagResource"]
    resources = ["${local.in_region.ecs}:task/*"]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }

  statement {
    actions   = ["ecs:RunTask"]
    resources = ["${local.in_region.ecs}:task-definition/*"]
  }

  statement {
    actions   = ["ecs:StopTask", "ecs:DescribeTasks"]
    resources = ["${local.in_region.ecs}:task/*"]
  }

  # Without a condition on tags: a service that no longer exists has none, and would be denied rather than missing. Of services that are
  # not rolling updates, the service deployments and revisions say how a rollout ended.
  statement {
    actions   = ["ecs:DescribeServices", "ecs:ListServiceDeployments"]
    resources = ["${local.in_region.ecs}:service/*"]
  }

  # A service deployment has no tags. What is continued or stopped is read from the stack's own service.
  statement {
    actions   = ["ecs:DescribeServiceDeployments", "ecs:ContinueServiceDeployment", "ecs:StopServiceDeployment"]
    resources = ["${local.in_region.ecs}:service/*", "${local.in_region.ecs}:service-deployment/*"]
  }

  statement {
    actions   = ["ecs:DescribeServiceRevisions"]
    resources = ["${local.in_region.ecs}:service/*", "${local.in_region.ecs}:service-revision/*"]
  }

  # A wildcard, because the resource of this action is a container instance, which Fargate does not have.
  statement {
    actions   = ["ecs:ListTasks"]
    resources = ["*"]
  }

  # The services of stacks alone: the runner puts this tag on everything that Terraform makes.
  statement {
    actions   = ["ecs:UpdateService"]
    resources = ["${local.in_region.ecs}:service/*"]

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/slipway:stack"
      values   = ["false"]
    }
  }

  # The autoscalers of services that stop while migrations run. A wildcard, because this action has no resources.
  statement {
    actions   = ["application-autoscaling:DescribeScalableTargets"]
    resources = ["*"]
  }

  statement {
    actions   = ["application-autoscaling:RegisterScalableTarget"]
    resources = ["${local.in_region["application-autoscaling"]}:scalable-target/*"]

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/slipway:stack"
      values   = ["false"]
    }
  }

  # Of whatever database a blueprint names, into a snapshot with a stack's id and an operation's in its name.
  statement {
    actions   = ["rds:CreateDBSnapshot"]
    resources = ["${local.in_region.rds}:db:*", "${local.in_region.rds}:snapshot:?????-?????-op-*"]
  }

  statement {
    actions   = ["rds:CreateDBClusterSnapshot"]
    resources = ["${local.in_region.rds}:cluster:*", "${local.in_region.rds}:cluster-snapshot:?????-?????-op-*"]
  }

  # What RDS asks for where a database copies its tags to its snapshots.
  statement {
    actions = ["rds:AddTagsToResource"]
    resources = [
      "${local.in_region.rds}:snapshot:?????-?????-op-*",
      "${local.in_region.rds}:cluster-snapshot:?????-?????-op-*",
    ]
  }

  statement {
    actions   = ["rds:DescribeDBSnapshots"]
    resources = ["${local.in_region.rds}:snapshot:?????-?????-op-*"]
  }

  statement {
    actions   = ["rds:DescribeDBClusterSnapshots"]
    resources = ["${local.in_region.rds}:cluster-snapshot:?????-?????-op-*"]
  }

  # The schedules of stacks alone: their names begin with the stack's id. A schedule has no tags.
  statement {
    actions   = ["scheduler:GetSchedule", "scheduler:UpdateSchedule"]
    resources = ["${local.in_region.scheduler}:schedule/*/?????-?????-*"]
  }

  # What the migrations of stacks print.
  statement {
    actions   = ["logs:GetLogEvents"]
    resources = ["${local.in_region.logs}:log-group:/slipway/stacks/*"]
  }

  # The roles that blueprints make for their tasks, volumes and schedules.
  statement {
    actions   = ["iam:PassRole"]
    resources = [local.stack_roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com", "scheduler.amazonaws.com"]
    }
  }
}

# ---------------------------------------------------------------------------------------------- what the workflow waits for

# One that does not arrive is made up for: now and then the steps of the workflow check themselves.
resource "aws_cloudwatch_event_rule" "ends" {
  for_each = local.rules

  region        = local.region
  name          = "slipway-${each.key}-${var.name}"
  description   = each.value.description
  event_pattern = jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "ends" {
  for_each = local.rules

  region    = local.region
  rule      = aws_cloudwatch_event_rule.ends[each.key].name
  target_id = "slipway"
  arn       = var.event_bus_arn
  role_arn  = aws_iam_role.events.arn

  # EventBridge retries for a day, and dead-letters at once what Slipway's bus denies.
  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

# Events that did not reach Slipway: most often its bus denies this account (parameter EnvironmentAccounts of Slipway's template).
resource "aws_sqs_queue" "undelivered" {
  region                    = local.region
  name                      = "slipway-undelivered-${var.name}"
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
      values   = [for rule in aws_cloudwatch_event_rule.ends : rule.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "undelivered" {
  region    = local.region
  queue_url = aws_sqs_queue.undelivered.id
  policy    = data.aws_iam_policy_document.undelivered.json
}

resource "aws_cloudwatch_metric_alarm" "undelivered" {
  region              = local.region
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

data "aws_iam_policy_document" "events_trust" {
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

    # By name: the rules name this role.
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for rule in sort(keys(local.rules)) : "${local.in_region.events}:rule/slipway-${rule}-${var.name}"]
    }
  }
}

resource "aws_iam_role" "events" {
  name               = "slipway-events-${var.name}"
  description        = "Sends Slipway the ends of rollouts, tasks and snapshots in the environment ${var.name}."
  assume_role_policy = data.aws_iam_policy_document.events_trust.json
}

resource "aws_iam_role_policy" "events" {
  name   = "put-events"
  role   = aws_iam_role.events.id
  policy = data.aws_iam_policy_document.events.json
}

data "aws_iam_policy_document" "events" {
  statement {
    actions   = ["events:PutEvents"]
    resources = [var.event_bus_arn]
  }
}
