locals {
  redis = "${local.stack}-redis"
  # A port of the stack's ten that neither a service nor the database takes.
  redis_port   = local.first_port + 8
  redis_secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:elasticache!${local.redis}"

  # The names that web-service gives its containers on AWS.
  redis_environment = var.redis == null ? {} : {
    REDIS_HOST = "127.0.0.1"
    REDIS_PORT = tostring(local.redis_port)
    REDIS_TLS  = "false"
  }
  redis_secrets = var.redis == null ? {} : {
    REDIS_PASSWORD = "${local.redis_secret}:password::"
    REDIS_URL      = "${local.redis_secret}:url::"
  }
}

# The local ElastiCache runs one server of Valkey or Redis.
resource "terraform_data" "redis" {
  count = var.redis != null ? 1 : 0

  input = { id = local.redis, port = local.redis_port }

  provisioner "local-exec" {
    interpreter = ["slipway", "aws", "elasticache", "CreateReplicationGroup"]
    command     = jsonencode({ ReplicationGroupId = self.input.id, Port = self.input.port })
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["slipway", "aws", "elasticache", "DeleteReplicationGroup"]
    command     = jsonencode({ ReplicationGroupId = self.input.id })
  }
}
