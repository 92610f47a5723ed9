resource "terraform_data" "queue" {
  for_each = local.queues

  input = each.value

  provisioner "local-exec" {
    interpreter = ["slipway", "aws", "sqs", "CreateQueue"]
    command     = jsonencode({ QueueName = self.input })
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["slipway", "aws", "sqs", "DeleteQueue"]
    command     = jsonencode({ QueueUrl = "http://localhost/000000000000/${self.input}" })
  }
}

resource "terraform_data" "worker" {
  for_each = var.workers

  input = {
    cluster = terraform_data.cluster.output.clusterName
    name    = "${local.stack}-${each.key}"
  }

  provisioner "local-exec" {
    interpreter = ["slipway", "--query", "service.serviceArn", "aws", "ecs", "CreateService"]
    command = jsonencode({
      cluster      = self.input.cluster
      serviceName  = self.input.name
      desiredCount = 0
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
    command     = jsonencode({ cluster = self.input.cluster, service = self.input.name, force = true })
  }

  depends_on = [terraform_data.files, terraform_data.database, terraform_data.queue]
}

locals {
  scaling = {
    for name in keys(var.workers) : name => {
      ServiceNamespace  = "ecs"
      ResourceId        = "service/${local.stack}/${local.stack}-${name}"
      ScalableDimension = "ecs:service:DesiredCount"
    }
  }
}

# How many tasks a worker may have. Registering it again with other numbers changes it.
resource "terraform_data" "scalable" {
  for_each = var.workers

  input            = local.scaling[each.key]
  triggers_replace = [each.value.min, each.value.max, terraform_data.worker[each.key].id]

  provisioner "local-exec" {
    interpreter = ["slipway", "aws", "application-autoscaling", "RegisterScalableTarget"]
    command     = jsonencode(merge(self.input, { MinCapacity = each.value.min, MaxCapacity = each.value.max }))
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["slipway", "aws", "application-autoscaling", "DeregisterScalableTarget"]
    command     = jsonencode(self.input)
  }
}

# As many tasks as make the messages that wait for each of them the backlog that was asked for.
resource "terraform_data" "backlog" {
  for_each = var.workers

  input            = local.scaling[each.key]
  triggers_replace = [each.value.backlog_per_task, terraform_data.scalable[each.key].id]

  provisioner "local-exec" {
    interpreter = ["slipway", "aws", "application-autoscaling", "PutScalingPolicy"]
    command = jsonencode(merge(self.input, {
      PolicyName = "backlog"
      PolicyType = "TargetTrackingScaling"
      TargetTrackingScalingPolicyConfiguration = {
        TargetValue      = each.value.backlog_per_task
        ScaleInCooldown  = 5
        ScaleOutCooldown = 0
        CustomizedMetricSpecification = {
          Metrics = [
            {
              Id         = "visible"
              ReturnData = false
              MetricStat = {
                Stat = "Maximum"
                Metric = {
                  Namespace  = "AWS/SQS"
                  MetricName = "ApproximateNumberOfMessagesVisible"
                  Dimensions = [{ Name = "QueueName", Value = local.queues[each.key] }]
                }
              }
            },
            {
              Id         = "running"
              ReturnData = false
              MetricStat = {
                Stat = "Average"
                Metric = {
                  Namespace  = "ECS/ContainerInsights"
                  MetricName = "RunningTaskCount"
                  Dimensions = [
                    { Name = "ClusterName", Value = local.stack },
                    { Name = "ServiceName", Value = "${local.stack}-${each.key}" },
                  ]
                }
              }
            },
            {
              Id         = "backlog"
              ReturnData = true
              Expression = "IF(FILL(running,0) > 0, visible / FILL(running,0), visible)"
            },
          ]
        }
      }
    }))
  }
}
