# A small web application on the local ECS: a cluster, a folder for the database, and a service that starts at zero tasks.
#
# There is no Terraform provider for a machine without a registry, so the resources are `terraform_data` whose provisioners
# call the local AWS: `slipway aws` is a program with arguments, and no shell reads what they say.

locals {
  # The workspace is the stack's id: nothing here is named so that two stacks collide.
  stack = terraform.workspace

  # A port that stays the same for the life of the stack, out of the range that this machine does not hand out itself.
  port = coalesce(var.port, 20000 + parseint(substr(sha256(local.stack), 0, 6), 16) % 10000)

  folder = "${var.volumes}/${local.stack}"

  # The shape of the task. The workflow puts the release's image into it.
  task_definition = {
    containerDefinitions = [{
      name         = "web"
      essential    = true
      command      = ["serve"]
      portMappings = [{ containerPort = 8080, hostPort = local.port }]
      environment  = [{ name = "DATABASE_PATH", value = "data/guestbook.db" }]
      mountPoints  = [{ sourceVolume = "data", containerPath = "/data" }]
      healthCheck = {
        command  = ["CMD", "./guestbook", "healthy"]
        interval = 1
        timeout  = 2
        retries  = 2
      }
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = "/slipway/stacks/${local.stack}"
          "awslogs-region"        = "us-east-1"
          "awslogs-stream-prefix" = "web"
        }
      }
    }]
    volumes = [{ name = "data", host = { sourcePath = local.folder } }]
  }
}

resource "terraform_data" "database" {
  input = local.folder

  provisioner "local-exec" {
    interpreter = ["mkdir", "-p", "--"]
    command     = self.input
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["rm", "-r", "-f", "--"]
    command     = self.input
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

resource "terraform_data" "service" {
  input = {
    cluster     = local.stack
    serviceName = "${local.stack}-web"
    port        = local.port
  }

  # A service keeps its port for life.
  triggers_replace = [local.port]

  provisioner "local-exec" {
    interpreter = ["slipway", "--query", "service.serviceArn", "aws", "ecs", "CreateService"]
    command = jsonencode({
      cluster       = self.input.cluster
      serviceName   = self.input.serviceName
      desiredCount  = 0
      loadBalancers = [{ containerName = "web", containerPort = 8080 }]
      deploymentConfiguration = {
        deploymentCircuitBreaker = { enable = true, rollback = true }
        minimumHealthyPercent    = 100
        maximumPercent           = 200
      }
    })
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["slipway", "--query", "service.serviceArn", "aws", "ecs", "DeleteService"]
    command     = jsonencode({ cluster = self.input.cluster, service = self.input.serviceName, force = true })
  }

  depends_on = [terraform_data.cluster, terraform_data.database]
}
