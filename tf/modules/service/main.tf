# One ECS service whose image and count belong to the workflow: Terraform says what shape its tasks have, and releases fill it.

data "aws_region" "this" {}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  name           = "${var.stack}-${var.key}"
  discovery_name = coalesce(var.discovery_name, var.key)

  # Requests go over from the old tasks to the new ones by weight.
  progressive = var.deployment.strategy != "rolling"

  # As the contract has it: blue_green takes no steps.
  strategy = merge(
    {
      kind          = var.deployment.strategy
      bake_minutes  = var.deployment.bake_minutes
      pauses        = var.deployment.pause_at
      pause_minutes = var.deployment.pause_minutes
    },
    var.deployment.strategy == "blue_green" ? {} : {
      percent      = var.deployment.percent
      step_minutes = var.deployment.step_minutes
    },
  )
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/slipway/stacks/${var.stack}/${var.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# ECS refuses a service whose task definition does not have the port that requests are sent to, and the released task definition keeps
# the old one until the next release. So another port is another service: it starts at zero, and the update's release fills it.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html
resource "terraform_data" "port" {
  input = var.port
}

resource "aws_ecs_service" "this" {
  name            = local.name
  cluster         = var.cluster_arn
  task_definition = aws_ecs_task_definition.placeholder.arn

  # Nothing serves before its first migration has succeeded.
  desired_count = 0

  # One of which there must never be two stops before the next one starts.
  deployment_minimum_healthy_percent = var.singleton ? 0 : 100
  deployment_maximum_percent         = var.singleton ? 100 : 200
  availability_zone_rebalancing      = var.singleton ? "DISABLED" : "ENABLED"
  health_check_grace_period_seconds  = length(var.target_group_arns) > 0 ? var.health_check_grace_period_seconds : null
  enable_execute_command             = var.enable_execute_command
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  # Other capacity providers are then taken in place: without this the service would be made anew, at zero.
  force_new_deployment = true

  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html: for rolling updates only.
  dynamic "deployment_circuit_breaker" {
    for_each = local.progressive ? [] : [1]

    content {
      enable   = true
      rollback = true
    }
  }

  dynamic "alarms" {
    for_each = length(var.deployment.alarms) == 0 ? [] : [var.deployment.alarms]

    content {
      enable      = true
      rollback    = true
      alarm_names = alarms.value
    }
  }

  dynamic "deployment_configuration" {
    for_each = local.progressive ? [var.deployment] : []

    content {
      strategy             = upper(deployment_configuration.value.strategy)
      bake_time_in_minutes = tostring(deployment_configuration.value.bake_minutes)

      dynamic "canary_configuration" {
        for_each = deployment_configuration.value.strategy == "canary" ? [1] : []

        content {
          canary_percent              = deployment_configuration.value.percent
          canary_bake_time_in_minutes = tostring(deployment_configuration.value.step_minutes)
        }
      }

      dynamic "linear_configuration" {
        for_each = deployment_configuration.value.strategy == "linear" ? [1] : []

        content {
          step_percent              = deployment_configuration.value.percent
          step_bake_time_in_minutes = tostring(deployment_configuration.value.step_minutes)
        }
      }

      # The deployment waits for ContinueServiceDeployment.
      dynamic "lifecycle_hook" {
        for_each = length(deployment_configuration.value.pause_at) == 0 ? [] : [deployment_configuration.value.pause_at]

        content {
          target_type      = "PAUSE"
          lifecycle_stages = lifecycle_hook.value

          timeout_configuration {
            action             = "ROLLBACK"
            timeout_in_minutes = tostring(deployment_configuration.value.pause_minutes)
          }
        }
      }
    }
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.capacity_providers

    content {
      capacity_provider = capacity_provider_strategy.key
      weight            = capacity_provider_strategy.value.weight
      base              = capacity_provider_strategy.value.base
    }
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = var.security_group_ids
    assign_public_ip = var.assign_public_ip
  }

  dynamic "load_balancer" {
    for_each = var.target_group_arns

    content {
      target_group_arn = load_balancer.value
      container_name   = var.key
      container_port   = var.port

      dynamic "advanced_configuration" {
        for_each = local.progressive ? [var.progressive_target] : []

        content {
          alternate_target_group_arn = advanced_configuration.value.target_group_arn
          production_listener_rule   = advanced_configuration.value.listener_rule_arn
          role_arn                   = aws_iam_role.load_balancer[0].arn
        }
      }
    }
  }

  dynamic "ordered_placement_strategy" {
    for_each = var.launch == "EC2" ? [["spread", "attribute:ecs.availability-zone"], ["binpack", "memory"]] : []

    content {
      type  = ordered_placement_strategy.value[0]
      field = ordered_placement_strategy.value[1]
    }
  }

  dynamic "service_connect_configuration" {
    for_each = var.service_connect_namespace == null ? [] : [var.service_connect_namespace]

    content {
      enabled   = true
      namespace = service_connect_configuration.value

      # The proxy's log, beside that of the application.
      log_configuration {
        log_driver = "awslogs"
        options = {
          "awslogs-group"         = aws_cloudwatch_log_group.this.name
          "awslogs-region"        = data.aws_region.this.region
          "awslogs-stream-prefix" = "service-connect"
        }
      }

      # A service without a port is no more than a client.
      dynamic "service" {
        for_each = var.port == null ? [] : [var.port]

        content {
          port_name      = var.key
          discovery_name = local.discovery_name

          client_alias {
            dns_name = local.discovery_name
            port     = service.value
          }

          # Without this, the proxy ends every request after 15 seconds, those of the load balancer too.
          # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TimeoutConfiguration.html
          timeout {
            per_request_timeout_seconds = var.protocol == "tcp" ? null : var.request_timeout
            idle_timeout_seconds        = var.idle_timeout
          }
        }
      }
    }
  }

  lifecycle {
    # They belong to the workflow, and the count of some to an autoscaler.
    ignore_changes = [desired_count, task_definition]

    replace_triggered_by = [terraform_data.port]
  }

  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy.task, aws_iam_role_policy.load_balancer]
}
