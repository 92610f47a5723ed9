# Alarms that need attention before the application stops.

locals {
  # The storage of Aurora grows by itself.
  alarms = { for name, alarm in local.all_alarms : name => alarm if contains(local.is_serverless ? ["capacity"] : ["storage", "cpu", "memory"], name) }

  all_alarms = {
    capacity = {
      description = "The database has used nearly all of its capacity for a quarter of an hour: find slow queries, or raise serverless.max_capacity."
      metric      = "ACUUtilization"
      below       = false
      threshold   = 90
      minutes     = 15
    }
    storage = {
      description = "Less than a tenth of the storage is left: raise max_allocated_storage."
      metric      = "FreeStorageSpace"
      below       = true
      threshold   = var.allocated_storage * 1024 * 1024 * 1024 / 10
      minutes     = 15
    }
    cpu = {
      description = "The processor has been busy for a quarter of an hour: find slow queries, or choose a larger instance_class."
      metric      = "CPUUtilization"
      below       = false
      threshold   = 90
      minutes     = 15
    }
    memory = {
      description = "Less than 64 MiB of memory are free: take a larger instance_class."
      metric      = "FreeableMemory"
      below       = true
      threshold   = 64 * 1024 * 1024
      minutes     = 15
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-database-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = local.is_serverless ? { DBClusterIdentifier = local.server.id } : { DBInstanceIdentifier = local.server.id }
  statistic           = "Average"
  comparison_operator = each.value.below ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.minutes / 5
  treat_missing_data  = "missing"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
}
