# Alarms that need attention. Those of databases and queues are in their modules.

locals {
  alarm_actions = concat(var.alarms.topic_arns, aws_sns_topic.alarms[*].arn)

  load_balancer_alarms = merge(
    {
      errors = {
        description = "More than ten requests in five minutes ended with an error of the application: read its log."
        metric      = "HTTPCode_Target_5XX_Count"
        threshold   = 10
        dimensions  = {}
      }
      unanswered = {
        description = "More than ten requests in five minutes found no task that answered: check the services' events."
        metric      = "HTTPCode_ELB_5XX_Count"
        threshold   = 10
        dimensions  = {}
      }
    },
    {
      # Releases by weight move the tasks to a second target group, and back.
      for key, suffix in merge(
        { for key, suffix in module.load_balancer.target_group_arn_suffixes : "unhealthy-${key}" => suffix },
        { for key, suffix in module.load_balancer.progressive_target_arn_suffixes : "green-unhealthy-${key}" => suffix },
        ) : key => {
        description = "Tasks of ${trimprefix(trimprefix(key, "green-"), "unhealthy-")} do not pass their health check: read their log."
        metric      = "UnHealthyHostCount"
        threshold   = 0
        dimensions  = { TargetGroup = suffix }
      }
    },
  )

  redis_alarms = var.redis == null ? {} : {
    for pair in setproduct(
      [
        { name = "memory", metric = "DatabaseMemoryUsagePercentage", threshold = 90, description = "The cache is nearly full, and drops keys: take a larger node_type." },
        { name = "cpu", metric = "EngineCPUUtilization", threshold = 90, description = "The cache is busy: take a larger node_type." },
      ],
      range(1, 2 + var.redis.replicas),
    ) : "${pair[0].name}-${pair[1]}" => merge(pair[0], { node = format("%s-%03d", local.stack, pair[1]) })
  }
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26: alarms cannot use the key of the service itself, and say nothing secret
  count = var.alarms.email == null ? 0 : 1

  name = "${local.stack}-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  count = var.alarms.email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.alarms.email
}

resource "aws_cloudwatch_metric_alarm" "load_balancer" {
  for_each = local.load_balancer_alarms

  alarm_name          = "${local.stack}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/ApplicationELB"
  metric_name         = each.value.metric
  dimensions          = merge({ LoadBalancer = module.load_balancer.arn_suffix }, each.value.dimensions)
  statistic           = each.value.metric == "UnHealthyHostCount" ? "Maximum" : "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = each.value.metric == "UnHealthyHostCount" ? 60 : 300
  evaluation_periods  = each.value.metric == "UnHealthyHostCount" ? 5 : 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "slow" {
  alarm_name          = "${local.stack}-slow"
  alarm_description   = "For a quarter of an hour, one request in twenty has taken longer than two seconds."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "TargetResponseTime"
  dimensions          = { LoadBalancer = module.load_balancer.arn_suffix }
  extended_statistic  = "p95"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 2
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  # One slow request in a quiet night is no alarm.
  evaluate_low_sample_count_percentiles = "ignore"
}

resource "aws_cloudwatch_metric_alarm" "redis" {
  for_each = local.redis_alarms

  alarm_name          = "${local.stack}-redis-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/ElastiCache"
  metric_name         = each.value.metric
  dimensions          = { CacheClusterId = each.value.node }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "missing"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "missed" {
  count = length(var.schedules) > 0 ? 1 : 0

  alarm_name          = "${local.stack}-missed-ticks"
  alarm_description   = "A scheduled task could not be started: the message in the queue ${aws_sqs_queue.missed[0].name} says why."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.missed[0].name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}
