# A cache that speaks the protocol of Redis: TLS only, with a password.

ephemeral "random_password" "redis" {
  count = var.redis == null ? 0 : 1

  # 16 to 128 characters.
  length  = 64
  special = false
}

resource "aws_elasticache_subnet_group" "this" {
  count = var.redis == null ? 0 : 1

  name        = local.stack
  description = "Where the cache of the stack ${local.stack} is."
  subnet_ids  = local.private_subnet_ids
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV_AWS_31: it has a password, by the write-only argument, which this check does not know
  #checkov:skip=CKV_AWS_191: by kms_key_arn; else with the key of the service itself
  #checkov:skip=CKV2_AWS_50: by replicas: a second node doubles the price
  count = var.redis == null ? 0 : 1

  replication_group_id = local.stack
  description          = "The cache of the stack ${local.stack}."
  engine               = var.redis.engine
  engine_version       = { valkey = "8.0", redis = "7.1" }[var.redis.engine]
  node_type            = var.redis.node_type
  port                 = 6379

  num_cache_clusters         = 1 + var.redis.replicas
  automatic_failover_enabled = var.redis.replicas > 0
  multi_az_enabled           = var.redis.replicas > 0

  subnet_group_name  = aws_elasticache_subnet_group.this[0].name
  security_group_ids = [aws_security_group.redis[0].id]

  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  auth_token_wo              = ephemeral.random_password.redis[0].result
  auth_token_wo_version      = var.redis.password_version

  # The password before stays good next to the new one, until all tasks know it.
  auth_token_update_strategy = "ROTATE"

  snapshot_retention_limit = var.redis.snapshot_days
  apply_immediately        = true
  kms_key_id               = var.kms_key_arn

  # The version above is this blueprint's to raise. Were AWS to do it, the next plan would go back, which AWS takes for a new cache.
  auto_minor_version_upgrade = false

  depends_on = [terraform_data.cache]
}

# There is a way from Redis to Valkey, and none back.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.HowTo.html
resource "terraform_data" "cache" {
  count = var.redis == null ? 0 : 1

  input = { engine = var.redis.engine, kms_key = var.kms_key_arn }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = !(self.output.engine == "valkey" && var.redis.engine == "redis")
      error_message = "A cache of valkey does not become one of redis: AWS knows the other way only. Leave the engine, or take the cache away with one update and add it with the next."
    }

    postcondition {
      condition     = self.output.kms_key == var.kms_key_arn
      error_message = "A cache keeps the kms_key_arn that it was made with: another key would be a new cache. Take the cache away with one update and add it with the next."
    }
  }
}

resource "aws_secretsmanager_secret" "redis" {
  #checkov:skip=CKV2_AWS_57: by password_version: tasks read it when they start
  count = var.redis == null ? 0 : 1

  name_prefix             = "slipway/${local.stack}/redis-"
  kms_key_id              = var.kms_key_arn
  description             = "The password of the cache of the stack ${local.stack}."
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "redis" {
  count = var.redis == null ? 0 : 1

  secret_id                = aws_secretsmanager_secret.redis[0].id
  secret_string_wo         = ephemeral.random_password.redis[0].result
  secret_string_wo_version = var.redis.password_version

  # A cache that could not be made is made with another password the next time: it is kept once it is the cache's. (Should an apply
  # be killed right in between, a higher password_version makes them one again.)
  depends_on = [aws_elasticache_replication_group.this]
}

resource "aws_security_group" "redis" {
  count = var.redis == null ? 0 : 1

  name        = "${local.stack}-redis"
  description = "Lets the tasks of the stack connect to its cache, and nobody else."
  vpc_id      = local.vpc_id

  tags = { Name = "${local.stack}-redis" }
}

resource "aws_vpc_security_group_ingress_rule" "redis" {
  count = var.redis == null ? 0 : 1

  security_group_id            = aws_security_group.redis[0].id
  description                  = "From the tasks."
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}
