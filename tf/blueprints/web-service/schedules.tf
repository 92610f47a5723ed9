# Schedules: each set has its own. Those of a second set stay disabled until it is the only one: a tick is one task.

locals {
  # Services and workers alike: what commands run with.
  parts = merge(module.service, module.worker)

  # The service or worker, of the schedule's own set, whose image a tick runs.
  schedule_service = { for key, schedule in local.schedules : key => "${schedule.service}${module.sets.suffix[schedule.set]}" }
}

module "schedule" {
  source   = "../../modules/schedule"
  for_each = local.schedules

  stack              = local.stack
  key                = each.key
  group_name         = aws_scheduler_schedule_group.this[0].name
  expression         = each.value.expression
  timezone           = each.value.timezone
  cluster_arn        = aws_ecs_cluster.this.arn
  placeholder_arn    = local.parts[local.schedule_service[each.key]].placeholder_arn
  container_name     = local.schedule_service[each.key]
  command            = each.value.command
  subnet_ids         = local.task_subnet_ids
  security_group_ids = [aws_security_group.tasks.id]
  assign_public_ip   = local.tasks_are_public
  role_arn           = aws_iam_role.scheduler[0].arn
  dead_letter_arn    = aws_sqs_queue.missed[0].arn
}

resource "aws_scheduler_schedule_group" "this" {
  count = length(var.schedules) > 0 ? 1 : 0

  name = local.stack
}

# Ticks whose task could not be started.
resource "aws_sqs_queue" "missed" {
  count = length(var.schedules) > 0 ? 1 : 0

  # No worker's name has two hyphens before it.
  name                      = "${local.stack}--missed-ticks"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_iam_role" "scheduler" {
  count = length(var.schedules) > 0 ? 1 : 0

  name                 = "${local.stack}-scheduler"
  path                 = "/slipway/"
  description          = "Starts the scheduled tasks of the stack ${local.stack}."
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = local.account
          "aws:SourceArn"     = aws_scheduler_schedule_group.this[0].arn
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  count = length(var.schedules) > 0 ? 1 : 0

  name = "start-tasks"
  role = aws_iam_role.scheduler[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Every revision: a release registers a new one.
        Effect = "Allow"
        Action = ["ecs:RunTask"]
        Resource = [
          for key in distinct(values(local.schedule_service)) :
          "${local.arn}:ecs:${local.region}:${local.account}:task-definition/${local.parts[key].family}:*"
        ]
        Condition = { ArnEquals = { "ecs:cluster" = aws_ecs_cluster.this.arn } }
      },
      {
        Effect    = "Allow"
        Action    = ["ecs:TagResource"]
        Resource  = ["${local.arn}:ecs:${local.region}:${local.account}:task/${aws_ecs_cluster.this.name}/*"]
        Condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
      },
      {
        Effect = "Allow"
        Action = ["iam:PassRole"]
        Resource = flatten([
          for key in distinct(values(local.schedule_service)) :
          [local.parts[key].execution_role_arn, local.parts[key].task_role_arn]
        ])
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      {
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [aws_sqs_queue.missed[0].arn]
      },
    ]
  })
}
