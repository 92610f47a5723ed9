# One ECS service whose image and count belong to the workflow: Terraform says what shape its tasks have, and releases fill it.

data "aws_region" "this" {}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  name           = "${var.stack}-${var.key}"
  discovery_name = coalesce(var.discovery_name, var.key)

  # The whole of what `ecs:RegisterTaskDefinition` takes but the family and the image: the workflow adds these. Nulls are left
  # out, as ECS refuses them.
  task_definition = { for name, value in {
    requiresCompatibilities = [var.launch]
    networkMode             = "awsvpc"
    cpu                     = tostring(var.cpu)
    memory                  = tostring(var.memory)
    runtimePlatform         = { operatingSystemFamily = "LINUX", cpuArchitecture = var.architecture }
    executionRoleArn        = aws_iam_role.execution.arn
    taskRoleArn             = aws_iam_role.task.arn
    containerDefinitions    = [local.container]
    volumes                 = var.readonly_root_filesystem ? [{ name = "tmp" }] : null
  } : name => value if value != null }

  container = { for name, value in {
    name      = var.key
    essential = true
    command   = var.command

    portMappings = var.port == null ? null : [{
      name          = var.key
      containerPort = var.port
      protocol      = "tcp"
      appProtocol   = "http"
    }]

    # In one order, so that equal tasks have equal definitions.
    environment = [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }]
    secrets     = [for name in sort(keys(var.secrets)) : { name = name, valueFrom = var.secrets[name] }]

    healthCheck = var.health_command == null ? null : {
      command     = var.health_command
      interval    = 15
      timeout     = 5
      retries     = 3
      startPeriod = 30
    }

    # A program that is process 1 neither passes signals on nor takes in what its children leave behind, unless it was written
    # to: this one does.
    linuxParameters        = { initProcessEnabled = true }
    stopTimeout            = var.stop_timeout
    readonlyRootFilesystem = var.readonly_root_filesystem
    mountPoints            = var.readonly_root_filesystem ? [{ sourceVolume = "tmp", containerPath = "/tmp" }] : null

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this.name
        "awslogs-region"        = data.aws_region.this.region
        "awslogs-stream-prefix" = var.key
        # A log that cannot be written fast enough loses lines rather than stop the application.
        "mode"            = "non-blocking"
        "max-buffer-size" = "10m"
      }
    }
  } : name => value if value != null }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/slipway/stacks/${var.stack}/${var.key}"
  retention_in_days = var.log_retention_days
}

# ECS wants a task definition of a new service. No task ever runs it: the service starts at zero, and a release brings its own.
resource "aws_ecs_task_definition" "placeholder" {
  family                   = "${local.name}-placeholder"
  requires_compatibilities = [var.launch]
  network_mode             = "awsvpc"
  cpu                      = tostring(var.cpu)
  memory                   = tostring(var.memory)
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  container_definitions = jsonencode([{
    name      = var.key
    image     = "slipway/not-released-yet"
    essential = true
    portMappings = var.port == null ? [] : [{
      name          = var.key
      containerPort = var.port
      hostPort      = var.port
      protocol      = "tcp"
      appProtocol   = "http"
    }]
  }])
}

resource "aws_ecs_service" "this" {
  name            = local.name
  cluster         = var.cluster_arn
  task_definition = aws_ecs_task_definition.placeholder.arn

  # Nothing serves before its first migration has succeeded.
  desired_count = 0

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  availability_zone_rebalancing      = "ENABLED"
  health_check_grace_period_seconds  = length(var.target_group_arns) > 0 ? var.health_check_grace_period_seconds : null
  enable_execute_command             = var.enable_execute_command
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  # Other capacity providers are then taken in place: without this the service would be made anew, at zero.
  force_new_deployment = true

  deployment_circuit_breaker {
    enable   = true
    rollback = true
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
        }
      }
    }
  }

  lifecycle {
    # They belong to the workflow, and the count of some to an autoscaler.
    ignore_changes = [desired_count, task_definition]
  }

  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy.task]
}
