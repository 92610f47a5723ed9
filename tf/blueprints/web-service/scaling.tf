# How many tasks services have: by the use of processor and memory, by requests, and at times.

resource "aws_appautoscaling_target" "service" {
  for_each = { for key, service in local.services : key => service.scaling if service.scaling != null }

  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${module.service[each.key].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = each.value.min
  max_capacity       = each.value.max
}

resource "aws_appautoscaling_policy" "cpu" {
  for_each = aws_appautoscaling_target.service

  name               = "${local.stack}-${each.key}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  resource_id        = each.value.resource_id
  scalable_dimension = each.value.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = local.services[each.key].scaling.cpu_percent
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "memory" {
  for_each = { for key, service in local.services : key => service.scaling.memory_percent if try(service.scaling.memory_percent, null) != null }

  name               = "${local.stack}-${each.key}-memory"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.service[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.service[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.service[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = each.value
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageMemoryUtilization"
    }
  }
}

resource "aws_appautoscaling_scheduled_action" "service" {
  for_each = merge([for key, service in local.services : {
    for index, time in try(service.scaling.schedule, []) : "${key}-${index}" => merge(time, { key = key })
  }]...)

  name               = "${local.stack}-${each.key}"
  service_namespace  = aws_appautoscaling_target.service[each.value.key].service_namespace
  resource_id        = aws_appautoscaling_target.service[each.value.key].resource_id
  scalable_dimension = aws_appautoscaling_target.service[each.value.key].scalable_dimension
  schedule           = each.value.expression
  timezone           = each.value.timezone

  scalable_target_action {
    min_capacity = each.value.min
    max_capacity = each.value.max
  }
}

locals {
  # The two target groups of a service whose requests go over by weight.
  target_groups = { for key, green in module.load_balancer.progressive_target_arn_suffixes : key => {
    blue  = module.load_balancer.target_group_arn_suffixes[key]
    green = green
  } }
}

resource "aws_appautoscaling_policy" "requests" {
  for_each = { for key, service in local.services : key => service.scaling.requests_per_task if try(service.scaling.requests_per_task, null) != null }

  name               = "${local.stack}-${each.key}-requests"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.service[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.service[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.service[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    # Requests in a minute for each task.
    target_value       = each.value
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    dynamic "predefined_metric_specification" {
      for_each = contains(keys(local.target_groups), each.key) ? [] : [module.load_balancer.target_group_arn_suffixes[each.key]]

      content {
        predefined_metric_type = "ALBRequestCountPerTarget"
        resource_label         = "${module.load_balancer.arn_suffix}/${predefined_metric_specification.value}"
      }
    }

    # ALBRequestCountPerTarget counts in one target group alone, and each release moves the tasks to the other one. The requests for each
    # task of both together are those of the one that has them, and during a release what each half gets of them.
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html
    dynamic "customized_metric_specification" {
      for_each = contains(keys(local.target_groups), each.key) ? [local.target_groups[each.key]] : []

      content {
        metrics {
          id          = "requests"
          label       = "Requests in a minute for each task"
          expression  = "FILL(blue, 0) + FILL(green, 0)"
          return_data = true
        }

        dynamic "metrics" {
          for_each = customized_metric_specification.value

          content {
            id          = metrics.key
            return_data = false

            metric_stat {
              stat = "Sum"

              metric {
                namespace   = "AWS/ApplicationELB"
                metric_name = "RequestCountPerTarget"

                dimensions {
                  name  = "TargetGroup"
                  value = metrics.value
                }
              }
            }
          }
        }
      }
    }
  }
}
