# One task for each tick, however many tasks the services have.

resource "aws_scheduler_schedule" "this" {
  name                         = "${var.stack}-${var.key}"
  group_name                   = var.group_name
  schedule_expression          = var.expression
  schedule_expression_timezone = var.timezone

  # The first release enables it.
  state = "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.cluster_arn
    role_arn = var.role_arn

    input = jsonencode({
      containerOverrides = [{ name = var.container_name, command = var.command }]
    })

    ecs_parameters {
      task_definition_arn     = var.placeholder_arn
      task_count              = 1
      launch_type             = var.capacity_provider == null ? "FARGATE" : null
      enable_ecs_managed_tags = true
      propagate_tags          = "TASK_DEFINITION"

      # Tasks that are started by the launch type EC2 fail where no instance is free; these wait for one.
      dynamic "capacity_provider_strategy" {
        for_each = var.capacity_provider == null ? [] : [var.capacity_provider]

        content {
          capacity_provider = capacity_provider_strategy.value
          weight            = 1
        }
      }

      network_configuration {
        subnets          = var.subnet_ids
        security_groups  = var.security_group_ids
        assign_public_ip = var.assign_public_ip
      }
    }

    # A tick that comes five minutes late is better left out: the next one comes.
    retry_policy {
      maximum_event_age_in_seconds = 300
      maximum_retry_attempts       = 5
    }

    dead_letter_config {
      arn = var.dead_letter_arn
    }
  }

  lifecycle {
    # They belong to the workflow: a release points the schedule at its task definition.
    ignore_changes = [state, target[0].ecs_parameters[0].task_definition_arn]
  }
}
