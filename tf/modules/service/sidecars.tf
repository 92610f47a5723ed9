# Containers beside the application's own: what people bring, and two presets.

locals {
  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/trace-data.html and
  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/firelens-taskdef.html
  presets = {
    adot     = { image = "public.ecr.aws/aws-observability/aws-otel-collector:v0.43.3", command = ["--config=/etc/ecs/ecs-default-config.yaml"] }
    firelens = { image = "public.ecr.aws/aws-observability/aws-for-fluent-bit:2.32.5", command = null }
  }

  # At most one container takes the application's log.
  log_router = one([for sidecar in values(var.sidecars) : sidecar if sidecar.preset == "firelens"])

  sidecars = [for key in sort(keys(var.sidecars)) : { for name, value in {
    name      = key
    essential = var.sidecars[key].essential
    image     = var.sidecars[key].image != null ? var.sidecars[key].image : local.presets[var.sidecars[key].preset].image
    command = (
      var.sidecars[key].command != null ? var.sidecars[key].command :
      var.sidecars[key].preset == null ? null : local.presets[var.sidecars[key].preset].command
    )
    cpu               = var.sidecars[key].cpu
    memoryReservation = var.sidecars[key].memory
    environment       = [for name in sort(keys(var.sidecars[key].environment)) : { name = name, value = var.sidecars[key].environment[name] }]
    secrets           = [for name in sort(keys(var.sidecars[key].secrets)) : { name = name, valueFrom = var.sidecars[key].secrets[name] }]
    logConfiguration  = local.log[key]
    firelensConfiguration = var.sidecars[key].preset != "firelens" ? null : {
      type    = "fluentbit"
      options = { "enable-ecs-log-metadata" = "true" }
    }
  } : name => value if value != null }]

  # What the collector's default configuration sends: traces to X-Ray, metrics to CloudWatch by way of a log group.
  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/trace-data.html
  telemetry_policies = anytrue([for sidecar in values(var.sidecars) : sidecar.preset == "adot"]) ? {
    telemetry = jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          # AWS knows no resources of these.
          Effect = "Allow"
          Action = [
            "xray:GetSamplingRules", "xray:GetSamplingStatisticSummaries", "xray:GetSamplingTargets",
            "xray:PutTelemetryRecords", "xray:PutTraceSegments",
          ]
          Resource = ["*"]
        },
        {
          Effect   = "Allow"
          Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents", "logs:PutRetentionPolicy"]
          Resource = ["${local.arn}:logs:${data.aws_region.this.region}:${data.aws_caller_identity.this.account_id}:log-group:/aws/ecs/*"]
        },
      ]
    })
  } : {}
}
