# Alarms that need attention: tasks that wait for instances, and errors of the services.

locals {
  alarm_actions = concat(var.alarms.topic_arns, aws_sns_topic.alarms[*].arn)
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

resource "aws_cloudwatch_metric_alarm" "no_capacity" {
  alarm_name          = "${local.stack}-no-capacity"
  alarm_description   = "For a quarter of an hour, tasks of the stack ${local.stack} have waited for instances: there are max_instances of them, or AWS has none of the type, or they do not register."
  namespace           = "AWS/ECS/ManagedScaling"
  metric_name         = "CapacityProviderReservation"
  dimensions          = { ClusterName = aws_ecs_cluster.this.name, CapacityProviderName = aws_ecs_capacity_provider.this.name }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 100
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  count = length(module.load_balancer)

  alarm_name          = "${local.stack}-errors"
  alarm_description   = "In each of three minutes, more than ten requests to the stack ${local.stack} were answered with an error of the server."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  dimensions          = { LoadBalancer = module.load_balancer[0].arn_suffix }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}
