# As many tasks as the queue needs, by its depth alone: messages that wait and messages that are worked on. The depth says how many
# tasks there shall be, not how many more, so no metric of running tasks is needed, and the first message wakes the first task.

locals {
  name = "${var.stack}-${var.key}"

  # While there is a message there is a task.
  least = max(var.min, 1)

  # A policy has at most 20 steps. https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-limits.html
  steps = min(var.max - local.least + 1, 20)
  counts = [for step in range(local.steps) : (
    step == 0 ? local.least : local.least + ceil(step * (var.max - local.least) / (local.steps - 1))
  )]

  # Above which depth, counted from the alarm's first message, there are so many: more than what one task less has for itself.
  bounds = [for step, count in local.counts : step == 0 ? 0 : var.backlog_per_task * local.counts[step - 1]]
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  resource_id        = "service/${var.cluster_name}/${var.service_name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.min
  max_capacity       = var.max
}

resource "aws_appautoscaling_policy" "busy" {
  name               = "${local.name}-busy"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  resource_id        = aws_appautoscaling_target.this.resource_id
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type         = "ExactCapacity"
    metric_aggregation_type = "Maximum"
    cooldown                = 60

    dynamic "step_adjustment" {
      for_each = local.counts

      content {
        metric_interval_lower_bound = tostring(local.bounds[step_adjustment.key])
        metric_interval_upper_bound = step_adjustment.key == local.steps - 1 ? null : tostring(local.bounds[step_adjustment.key + 1])
        scaling_adjustment          = step_adjustment.value
      }
    }
  }
}

resource "aws_appautoscaling_policy" "idle" {
  name               = "${local.name}-idle"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  resource_id        = aws_appautoscaling_target.this.resource_id
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type         = "ExactCapacity"
    metric_aggregation_type = "Maximum"
    cooldown                = 60

    step_adjustment {
      metric_interval_upper_bound = "0"
      scaling_adjustment          = var.min
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "depth" {
  for_each = {
    busy = { operator = "GreaterThanOrEqualToThreshold", minutes = 1, policy = aws_appautoscaling_policy.busy.arn, what = "has messages" }
    # Longer than a message may take to come back, so that a task that works on the last one stays.
    idle = { operator = "LessThanThreshold", minutes = 5, policy = aws_appautoscaling_policy.idle.arn, what = "is empty" }
  }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "The queue ${var.queue_name} ${each.value.what}. No alarm for people: it sets the number of tasks."
  comparison_operator = each.value.operator
  threshold           = 1
  evaluation_periods  = each.value.minutes
  treat_missing_data  = each.key == "busy" ? "notBreaching" : "breaching"
  alarm_actions       = [each.value.policy]

  metric_query {
    id          = "depth"
    label       = "Messages that wait or are worked on"
    expression  = "visible + working"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { visible = "ApproximateNumberOfMessagesVisible", working = "ApproximateNumberOfMessagesNotVisible" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/SQS"
        metric_name = metric_query.value
        dimensions  = { QueueName = var.queue_name }
        stat        = "Maximum"
        period      = 60
      }
    }
  }
}
