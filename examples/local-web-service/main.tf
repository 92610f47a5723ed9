# What `tf/blueprints/web-service` is on AWS, on one machine: services with a stable address, workers that follow their queues,
# schedules, a database of which snapshots are taken. There is no provider for the local AWS, so the resources are `terraform_data`
# whose provisioners call it: `slipway aws` is a program with arguments, and no shell reads what they say.

locals {
  # The workspace is the stack's ID: no two stacks have a name in common.
  stack = terraform.workspace

  folder = "${var.volumes}/${local.stack}"

  # Ten ports for each stack, which stay the same for its life, out of the range that this machine does not hand out itself. There
  # are a thousand such ranges, so two of many stacks may share one.
  first_port = 20000 + parseint(substr(sha256(local.stack), 0, 6), 16) % 1000 * 10
  listening  = [for name, service in var.services : name if service.port != null]
  ports      = { for index, name in local.listening : name => local.first_port + index }
  addresses  = { for name, port in local.ports : name => "http://127.0.0.1:${port}" }
  queues     = { for name in keys(var.workers) : name => "${local.stack}-${name}" }
  queue_urls = { for name, queue in local.queues : name => "http://localhost/000000000000/${queue}" }

  # What every container of the stack is told.
  environment = merge(
    { FILES = "files", READ_ONLY = tostring(var.read_only) },
    local.database_environment[local.database_kind],
    local.redis_environment,
    { for name, address in local.addresses : "${replace(upper(name), "-", "_")}_URL" => address },
    { for name, url in local.queue_urls : "QUEUE_URL_${replace(upper(name), "-", "_")}" => url },
  )

  own_queue = {
    for name in keys(merge(var.services, var.workers)) : name => { for worker, url in local.queue_urls : "QUEUE_URL" => url if worker == name }
  }

  # The shape of every task but for what it runs. The workflow puts the release's image into it.
  volumes = merge(
    { files = "${local.folder}/files" },
    local.database_kind == "sqlite" ? { data = "${var.volumes}/${local.database}" } : {},
  )
  containers = {
    for name, part in merge(var.services, var.workers) : name => {
      name      = name
      essential = true
      command   = part.command
      environment = [
        for key, value in merge(
          { for key, value in merge(local.environment, local.own_queue[name]) : lookup(var.environment_names, key, key) => value },
          part.environment,
        ) : { name = key, value = value }
      ]
      secrets     = [for key, from in merge(local.database_secrets[local.database_kind], local.redis_secrets) : { name = key, valueFrom = from }]
      mountPoints = [for volume in keys(local.volumes) : { sourceVolume = volume, containerPath = "/${volume}" }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = "/slipway/stacks/${local.stack}"
          "awslogs-region"        = "us-east-1"
          "awslogs-stream-prefix" = name
        }
      }
    }
  }
  listens = {
    for name, port in local.ports : name => {
      portMappings = [{ containerPort = 8080, hostPort = port }]
      healthCheck = {
        command  = ["CMD", "/usr/bin/env", "python3", "app.py", "healthy", var.services[name].health_path]
        interval = 2
        timeout  = 3
        retries  = 3
        # A busy machine starts an application slowly; failures before that do not count.
        startPeriod = 30
      }
    }
  }
  task_definitions = {
    for name, container in local.containers : name => {
      containerDefinitions = [merge(container, try(local.listens[name], {}))]
      volumes              = [for volume, path in local.volumes : { name = volume, host = { sourcePath = path } }]
    }
  }
}

resource "terraform_data" "cluster" {
  input = { clusterName = local.stack }

  provisioner "local-exec" {
    interpreter = ["slipway", "--query", "cluster.clusterArn", "aws", "ecs", "CreateCluster"]
    command     = jsonencode(self.input)
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["slipway", "--query", "cluster.clusterArn", "aws", "ecs", "DeleteCluster"]
    command     = jsonencode({ cluster = self.input.clusterName })
  }
}

# Stands in for a bucket: what people put into it, the containers see as their folder `files`.
resource "terraform_data" "files" {
  input = local.folder

  provisioner "local-exec" {
    interpreter = ["mkdir", "-p", "--"]
    command     = "${self.input}/files"
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["rm", "-r", "-f", "--"]
    command     = self.input
  }
}

resource "terraform_data" "service" {
  for_each = var.services

  input = {
    cluster = terraform_data.cluster.output.clusterName
    name    = "${local.stack}-${each.key}"
    listens = each.value.port != null
  }

  # A service keeps its port for life, so one whose port moves, because another service came before it, is made anew.
  triggers_replace = [lookup(local.ports, each.key, null)]

  provisioner "local-exec" {
    interpreter = ["slipway", "--query", "service.serviceArn", "aws", "ecs", "CreateService"]
    command = jsonencode(merge({
      cluster      = self.input.cluster
      serviceName  = self.input.name
      desiredCount = 0
      deploymentConfiguration = {
        deploymentCircuitBreaker = { enable = true, rollback = true }
        minimumHealthyPercent    = 100
        maximumPercent           = 200
      }
    }, { for key in ["loadBalancers"] : key => [{ containerName = each.key, containerPort = 8080 }] if self.input.listens }))
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["slipway", "--query", "service.serviceArn", "aws", "ecs", "DeleteService"]
    command     = jsonencode({ cluster = self.input.cluster, service = self.input.name, force = true })
  }

  depends_on = [terraform_data.files, terraform_data.database, terraform_data.redis]
}
