# The services and workers: their environment variables, and their permissions.

locals {
  # Out of what the cluster has been given, as a service is refused while its cluster does not have them yet.
  on_demand = one([for name in aws_ecs_cluster_capacity_providers.this.capacity_providers : name if name == "FARGATE"])
  on_spot   = one([for name in aws_ecs_cluster_capacity_providers.this.capacity_providers : name if name == "FARGATE_SPOT"])

  # The first tasks on capacity without interruptions, the others on Spot.
  capacity = { for key, part in merge(local.services, local.workers) : key => (
    !part.spot ? { (local.on_demand) = { weight = 1, base = 0 } } :
    part.spot_base == 0 ? { (local.on_spot) = { weight = 1, base = 0 } } :
    { (local.on_demand) = { weight = 0, base = part.spot_base }, (local.on_spot) = { weight = 1, base = 0 } }
  ) }

  # The environment of a set, by the blueprint's own names. A set has its own database and its own queues.
  environment = { for set in module.sets.sets : set => {
    for name, value in merge(
      {
        STACK      = local.stack
        PUBLIC_URL = module.load_balancer.base_url
        # The second set has to write: migrations run in it.
        READ_ONLY = tostring(var.read_only && set == var.primary_set)
      },
      var.database == null ? {} : {
        DATABASE_ENGINE = var.database.engine
        DATABASE_HOST   = module.database[set].host
        DATABASE_PORT   = tostring(module.database[set].port)
        DATABASE_NAME   = module.database[set].name
      },
      var.redis == null ? {} : {
        REDIS_HOST = aws_elasticache_replication_group.this[0].primary_endpoint_address
        REDIS_PORT = "6379"
        REDIS_TLS  = "true"
      },
      var.files == null ? {} : { FILES_BUCKET = aws_s3_bucket.files[0].bucket },
      var.email == null ? {} : {
        EMAIL_DOMAIN            = local.email_domain
        EMAIL_CONFIGURATION_SET = aws_sesv2_configuration_set.this[0].configuration_set_name
      },
      {
        for key, worker in local.workers :
        "QUEUE_URL_${upper(replace(worker.name, "-", "_"))}" => module.queue[key].queue_url if worker.set == set
      },
    ) : lookup(var.environment_names, name, name) => value
  } }

  # The same for what is secret: references, never values.
  secret_environment = { for set in module.sets.sets : set => {
    for name, arn in merge(
      var.redis == null ? {} : { REDIS_PASSWORD = aws_secretsmanager_secret_version.redis[0].arn },
    ) : lookup(var.environment_names, name, name) => arn
  } }

  secrets = merge(var.secrets, { for name, version in aws_secretsmanager_secret_version.generated : name => version.arn })

  task_policies = { for key, part in merge(local.services, local.workers) : key => merge(
    local.files_policies,
    local.email_policies,
    local.dump_policies,
    part.policies,
    var.kms_key_arn == null ? {} : { key = jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key_arn]
      }]
    }) },
    length(var.workers) == 0 ? {} : { send-to-queues = jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
        Resource = [for other, worker in local.workers : module.queue[other].queue_arn if worker.set == part.set]
      }]
    }) },
  ) }
}

module "service" {
  source   = "../../modules/service"
  for_each = local.services

  stack       = local.stack
  key         = each.key
  cluster_arn = aws_ecs_cluster.this.arn

  capacity_providers = local.capacity[each.key]
  subnet_ids         = local.task_subnet_ids
  security_group_ids = [aws_security_group.tasks.id]
  assign_public_ip   = local.tasks_are_public

  cpu             = each.value.cpu
  memory          = each.value.memory
  architecture    = var.architecture
  command         = each.value.command
  port            = each.value.port
  protocol        = each.value.protocol
  request_timeout = each.value.request_timeout
  idle_timeout    = each.value.idle_timeout
  singleton       = each.value.singleton
  quiesce         = each.value.quiesce

  deployment = merge(each.value.deployment, {
    alarms = each.value.deployment.roll_back_on_alarm ? [for name in ["errors", "unanswered"] : aws_cloudwatch_metric_alarm.load_balancer[name].alarm_name] : []
  })
  progressive_target       = lookup(module.load_balancer.progressive_targets, each.key, null)
  health_command           = each.value.health_command
  stop_timeout             = each.value.stop_timeout
  readonly_root_filesystem = each.value.readonly_disk

  environment = merge(
    local.environment[each.value.set],
    { for name, value in local.database_environment[each.key] : lookup(var.environment_names, name, name) => value },
    each.value.port == null ? {} : { (lookup(var.environment_names, "PORT", "PORT")) = tostring(each.value.port) },
    var.environment,
    each.value.environment,
  )
  secrets = merge(
    local.secret_environment[each.value.set],
    { for name, arn in local.database_secrets[each.key] : lookup(var.environment_names, name, name) => arn },
    { for name, arn in local.secrets : name => arn if each.value.secrets == null ? true : contains(each.value.secrets, name) },
  )

  desired_count = each.value.scaling == null ? each.value.count : max(each.value.scaling.min, min(each.value.count, each.value.scaling.max))
  scaling       = each.value.scaling == null ? null : { min = each.value.scaling.min, max = each.value.scaling.max }

  target_group_arns                 = contains(keys(local.public), each.key) ? [module.load_balancer.target_group_arns[each.key]] : []
  health_check_grace_period_seconds = each.value.grace_period
  service_connect_namespace         = local.with_discovery ? aws_service_discovery_http_namespace.this[each.value.set].arn : null
  discovery_name                    = each.value.name
  enable_execute_command            = var.enable_execute_command

  tmpfs                 = each.value.tmpfs
  ephemeral_storage_gib = each.value.ephemeral_storage
  registry_secret_arn   = each.value.registry_secret
  sidecars              = each.value.sidecars
  task_policy_arns      = each.value.policy_arns
  guardduty             = var.guardduty
  kms_key_arn           = var.kms_key_arn
  permissions_boundary  = var.permissions_boundary
  task_policies         = local.task_policies[each.key]
  image_repository_arns = var.image_repositories
  log_retention_days    = coalesce(each.value.log_retention, var.log_retention_days)
}

module "worker" {
  source   = "../../modules/service"
  for_each = local.workers

  stack       = local.stack
  key         = each.key
  cluster_arn = aws_ecs_cluster.this.arn

  capacity_providers = local.capacity[each.key]
  subnet_ids         = local.task_subnet_ids
  security_group_ids = [aws_security_group.tasks.id]
  assign_public_ip   = local.tasks_are_public

  cpu                      = each.value.cpu
  memory                   = each.value.memory
  architecture             = var.architecture
  command                  = each.value.command
  quiesce                  = each.value.quiesce
  stop_timeout             = each.value.stop_timeout
  readonly_root_filesystem = each.value.readonly_disk

  environment = merge(
    local.environment[each.value.set],
    { for name, value in local.database_environment[each.key] : lookup(var.environment_names, name, name) => value },
    { (lookup(var.environment_names, "QUEUE_URL", "QUEUE_URL")) = module.queue[each.key].queue_url },
    var.environment,
    each.value.environment,
  )
  secrets = merge(
    local.secret_environment[each.value.set],
    { for name, arn in local.database_secrets[each.key] : lookup(var.environment_names, name, name) => arn },
    { for name, arn in local.secrets : name => arn if each.value.secrets == null ? true : contains(each.value.secrets, name) },
  )

  # The first release starts one task, to show that it starts at all; then the queue decides.
  desired_count = max(each.value.min, 1)
  scaling       = { min = each.value.min, max = each.value.max }

  service_connect_namespace = local.with_discovery ? aws_service_discovery_http_namespace.this[each.value.set].arn : null
  enable_execute_command    = var.enable_execute_command

  tmpfs                 = each.value.tmpfs
  ephemeral_storage_gib = each.value.ephemeral_storage
  registry_secret_arn   = each.value.registry_secret
  sidecars              = each.value.sidecars
  task_policy_arns      = each.value.policy_arns
  guardduty             = var.guardduty
  kms_key_arn           = var.kms_key_arn
  permissions_boundary  = var.permissions_boundary
  image_repository_arns = var.image_repositories
  log_retention_days    = coalesce(each.value.log_retention, var.log_retention_days)

  task_policies = merge(local.task_policies[each.key], {
    take-from-queue = jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Effect   = "Allow"
          Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
          Resource = [module.queue[each.key].queue_arn]
        },
        {
          # A task that works on something asks not to be stopped when the queue is empty.
          Effect   = "Allow"
          Action   = ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]
          Resource = ["${local.arn}:ecs:${local.region}:${local.account}:task/${aws_ecs_cluster.this.name}/*"]
        },
      ]
    })
  })
}

# ---------------------------------------------------------------------------------------------- workers' queues

module "queue" {
  source   = "../../modules/queue"
  for_each = local.workers

  stack                      = local.stack
  key                        = each.key
  visibility_timeout_seconds = each.value.visibility_timeout_seconds
  max_receives               = each.value.max_receives
  max_age_seconds            = each.value.max_age_seconds
  kms_key_arn                = var.kms_key_arn
  alarm_actions              = local.alarm_actions
}

module "queue_worker" {
  source   = "../../modules/queue-worker"
  for_each = local.workers

  stack            = local.stack
  key              = each.key
  queue_name       = module.queue[each.key].queue_name
  cluster_name     = aws_ecs_cluster.this.name
  service_name     = module.worker[each.key].name
  min              = each.value.min
  max              = each.value.max
  backlog_per_task = each.value.backlog_per_task
}
