# What the tasks are: the shape that releases fill, and a definition that no task runs.

locals {
  # The whole of what `ecs:RegisterTaskDefinition` takes but the family and the image: the workflow adds these. Nulls are left
  # out, as ECS refuses them.
  task_definition = { for name, value in {
    requiresCompatibilities = [var.launch]
    networkMode             = "awsvpc"
    cpu                     = tostring(var.cpu)
    memory                  = tostring(var.memory)
    runtimePlatform         = { operatingSystemFamily = "LINUX", cpuArchitecture = var.architecture }
    ephemeralStorage        = var.ephemeral_storage_gib == null ? null : { sizeInGiB = var.ephemeral_storage_gib }
    executionRoleArn        = aws_iam_role.execution.arn
    taskRoleArn             = aws_iam_role.task.arn
    containerDefinitions    = concat([local.container], local.sidecars)
  } : name => value if value != null }

  # In memory, and open to any user of the container: a volume would belong to root.
  tmpfs = merge(var.readonly_root_filesystem ? { "/tmp" = 64 } : {}, var.tmpfs)

  container = { for name, value in {
    name      = var.key
    essential = true
    command   = var.command

    portMappings = var.port == null ? null : [local.port_mapping]

    # In one order, so that equal tasks have equal definitions.
    environment = [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }]
    secrets     = [for name in sort(keys(var.secrets)) : { name = name, valueFrom = var.secrets[name] }]

    repositoryCredentials = var.registry_secret_arn == null ? null : { credentialsParameter = var.registry_secret_arn }

    healthCheck = var.health_command == null ? null : {
      command     = var.health_command
      interval    = 15
      timeout     = 5
      retries     = 3
      startPeriod = 30
    }

    # A program that is process 1 neither passes signals on nor takes in what its children leave behind, unless it was written
    # to: this one does.
    linuxParameters = { for name, value in {
      initProcessEnabled = true
      tmpfs = length(local.tmpfs) == 0 ? null : [
        for path in sort(keys(local.tmpfs)) : { containerPath = path, size = local.tmpfs[path], mountOptions = ["mode=1777"] }
      ]
    } : name => value if value != null }

    stopTimeout            = var.stop_timeout
    readonlyRootFilesystem = var.readonly_root_filesystem
    logConfiguration       = local.log_router == null ? local.log["main"] : { logDriver = "awsfirelens", options = local.log_router.options }
  } : name => value if value != null }

  port_mapping = { for name, value in {
    name          = var.key
    containerPort = var.port
    protocol      = "tcp"
    appProtocol   = var.protocol == "tcp" ? null : var.protocol
  } : name => value if value != null }

  log = { for name in concat(["main"], keys(var.sidecars)) : name => {
    logDriver = "awslogs"
    options = {
      "awslogs-group"         = aws_cloudwatch_log_group.this.name
      "awslogs-region"        = data.aws_region.this.region
      "awslogs-stream-prefix" = name == "main" ? var.key : name
      # A log that cannot be written fast enough loses lines rather than stop the application.
      "mode"            = "non-blocking"
      "max-buffer-size" = "10m"
    }
  } }
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
    name         = var.key
    image        = "slipway/not-released-yet"
    essential    = true
    portMappings = var.port == null ? [] : [merge(local.port_mapping, { hostPort = var.port })]
  }])
}

