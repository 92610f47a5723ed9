# Services on instances of one's own: a cluster, its capacity provider, and what the instances run.

data "aws_partition" "this" {}

data "aws_region" "this" {}

data "aws_caller_identity" "this" {}

data "aws_default_tags" "this" {}

locals {
  stack = terraform.workspace

  # By way of the association, so that services are created after the cluster has its capacity provider, and deleted before the
  # cluster loses it.
  capacity_provider = one(aws_ecs_cluster_capacity_providers.this.capacity_providers)

  # Whom the load balancer sends requests.
  public = { for key, service in var.services : key => service if service.port != null && service.public }
}

resource "aws_ecs_cluster" "this" {
  name = local.stack

  setting {
    name  = "containerInsights"
    value = var.container_insights ? "enabled" : "disabled"
  }

  #checkov:skip=CKV_AWS_65: the variable container_insights: its metrics cost more than a small stack
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = [aws_ecs_capacity_provider.this.name]

  # For what names none itself: migrations and tasks. They wait for an instance, where there is none yet.
  default_capacity_provider_strategy {
    capacity_provider = aws_ecs_capacity_provider.this.name
    weight            = 1
  }
}

resource "aws_service_discovery_http_namespace" "this" {
  count = var.service_discovery ? 1 : 0

  name        = local.stack
  description = "Where the services of the stack ${local.stack} find each other."
}

module "service" {
  source   = "../../modules/service"
  for_each = var.services

  stack              = local.stack
  key                = each.key
  cluster_arn        = aws_ecs_cluster.this.arn
  launch             = "EC2"
  capacity_providers = { (local.capacity_provider) = {} }
  architecture       = var.architecture
  subnet_ids         = local.private_subnet_ids
  security_group_ids = [aws_security_group.tasks.id]

  cpu             = each.value.cpu
  memory          = each.value.memory
  command         = each.value.command
  port            = each.value.port
  protocol        = each.value.protocol
  request_timeout = each.value.request_timeout
  idle_timeout    = each.value.idle_timeout
  singleton       = each.value.singleton
  deployment = merge(each.value.deployment, {
    alarms = each.value.deployment.roll_back_on_alarm ? aws_cloudwatch_metric_alarm.errors[*].alarm_name : []
  })
  progressive_target       = contains(keys(local.public), each.key) ? lookup(module.load_balancer[0].progressive_targets, each.key, null) : null
  tmpfs                    = each.value.tmpfs
  registry_secret_arn      = each.value.registry_secret
  sidecars                 = each.value.sidecars
  desired_count            = each.value.count
  health_command           = each.value.health_command
  stop_timeout             = each.value.stop_timeout
  readonly_root_filesystem = each.value.readonly_disk
  task_policies            = each.value.policies
  task_policy_arns         = each.value.policy_arns
  kms_key_arn              = var.kms_key_arn

  environment = merge(
    local.database_environment,
    each.value.port == null ? {} : { PORT = tostring(each.value.port) },
    var.environment,
    each.value.environment,
  )
  secrets = merge(
    local.database_secrets,
    { for name, arn in var.secrets : name => arn if each.value.secrets == null ? true : contains(each.value.secrets, name) },
  )

  target_group_arns                 = contains(keys(local.public), each.key) ? [module.load_balancer[0].target_group_arns[each.key]] : []
  health_check_grace_period_seconds = each.value.grace_period
  service_connect_namespace         = one(aws_service_discovery_http_namespace.this[*].arn)
  enable_execute_command            = var.enable_execute_command
  image_repository_arns             = var.image_repositories
  permissions_boundary              = var.permissions_boundary
  log_retention_days                = coalesce(each.value.log_retention, var.log_retention_days)
}
