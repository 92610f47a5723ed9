# Commands at their times: one task for each tick, with the release's own image.

module "schedule" {
  source   = "../../modules/schedule"
  for_each = var.schedules

  stack              = local.stack
  key                = each.key
  group_name         = aws_scheduler_schedule_group.this[0].name
  expression         = each.value.expression
  timezone           = each.value.timezone
  cluster_arn        = aws_ecs_cluster.this.arn
  capacity_provider  = local.capacity_provider
  placeholder_arn    = module.service[each.value.service].placeholder_arn
  container_name     = each.value.service
  command            = each.value.command
  subnet_ids         = local.private_subnet_ids
  security_group_ids = [aws_security_group.tasks.id]
  role_arn           = aws_iam_role.scheduler[0].arn
  dead_letter_arn    = aws_sqs_queue.missed[0].arn
}

locals {
  with_schedules = length(var.schedules) > 0 ? 1 : 0
}

resource "aws_scheduler_schedule_group" "this" {
  count = local.with_schedules

  name = local.stack
}

# Ticks whose task could not be started.
resource "aws_sqs_queue" "missed" {
  count = local.with_schedules

  name                      = "${local.stack}-missed"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_iam_role" "scheduler" {
  count = local.with_schedules

  name                 = "${local.stack}-scheduler"
  path                 = "/slipway/"
  description          = "Starts the tasks of the schedules of ${local.stack}."
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = data.aws_caller_identity.this.account_id
          "aws:SourceArn"     = aws_scheduler_schedule_group.this[0].arn
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  count = local.with_schedules

  name = "start-tasks"
  role = aws_iam_role.scheduler[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Releases register further revisions of these families.
        Sid    = "Tasks"
        Effect = "Allow"
        Action = ["ecs:RunTask"]
        Resource = [
          for key in distinct([for schedule in values(var.schedules) : schedule.service]) :
          "arn:${data.aws_partition.this.partition}:ecs:${local.region_arn}:task-definition/${module.service[key].family}*:*"
        ]
        Condition = { ArnEquals = { "ecs:cluster" = aws_ecs_cluster.this.arn } }
      },
      {
        Sid       = "Tags"
        Effect    = "Allow"
        Action    = ["ecs:TagResource"]
        Resource  = ["arn:${data.aws_partition.this.partition}:ecs:${local.region_arn}:task/${aws_ecs_cluster.this.name}/*"]
        Condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
      },
      {
        Sid    = "Roles"
        Effect = "Allow"
        Action = ["iam:PassRole"]
        Resource = flatten([
          for key in distinct([for schedule in values(var.schedules) : schedule.service]) :
          [module.service[key].execution_role_arn, module.service[key].task_role_arn]
        ])
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      {
        Sid      = "Missed"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [aws_sqs_queue.missed[0].arn]
      },
    ]
  })
}
