# A database of one stack: in private subnets, encrypted, with backups, and with a password that only Secrets Manager keeps.

locals {
  is_serverless = var.serverless != null

  version = coalesce(var.engine_version, (local.is_serverless ? { postgres = "17", mysql = "8.0" } : { postgres = "17", mysql = "8.4" })[var.engine])
  port    = { postgres = 5432, mysql = 3306 }[var.engine]
  logs    = (local.is_serverless ? { postgres = ["postgresql"], mysql = ["error", "slowquery"] } : { postgres = ["postgresql", "upgrade"], mysql = ["error", "slowquery"] })[var.engine]

  # Connections without TLS are refused. Aurora has another word for it.
  tls = {
    postgres = { name = "rds.force_ssl", value = "1" }
    mysql    = { name = "require_secure_transport", value = local.is_serverless ? "ON" : "1" }
  }[var.engine]

  # What is the same of both kinds.
  server = local.is_serverless ? {
    id         = one(aws_rds_cluster.this[*].cluster_identifier)
    host       = one(aws_rds_cluster.this[*].endpoint)
    secret_arn = one(aws_rds_cluster.this[*].master_user_secret[0].secret_arn)
    } : {
    id         = one(aws_db_instance.this[*].identifier)
    host       = one(aws_db_instance.this[*].address)
    secret_arn = one(aws_db_instance.this[*].master_user_secret[0].secret_arn)
  }
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "Where the database ${var.name} is."
  subnet_ids  = var.subnet_ids
}

# A snapshot's name must be new, also when a stack has had a database of this name before.
resource "terraform_data" "final_snapshot" {
  input = "${var.name}-final-${formatdate("YYYYMMDDhhmmss", plantimestamp())}"

  lifecycle {
    ignore_changes = [input]
  }
}

# What makes a database another one: RDS would delete it, with all that is in it, and make an empty one.
resource "terraform_data" "made_with" {
  input = { engine = var.engine, name = var.database_name, username = var.username, kms_key = var.kms_key_arn, serverless = local.is_serverless }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.engine == var.engine && self.output.name == var.database_name && self.output.username == var.username && self.output.kms_key == var.kms_key_arn
      error_message = "A database keeps the engine, name, username and kms_key_arn that it was made with (${self.output.engine}, ${self.output.name}, ${self.output.username}): another one would be a new, empty database. Make a new stack, and load a dump there."
    }

    # Databases of earlier versions of this module were instances, and did not say so.
    postcondition {
      condition     = try(self.output.serverless, false) == local.is_serverless
      error_message = "A database stays ${try(self.output.serverless, false) ? "serverless" : "on an instance"}: the other kind would be a new, empty database. Make a new stack, and load a dump there."
    }
  }
}

# RDS would make these groups itself, where they are kept for ever.
resource "aws_cloudwatch_log_group" "this" {
  for_each = var.log_exports ? toset(local.logs) : toset([])

  name              = "/aws/rds/${local.is_serverless ? "cluster" : "instance"}/${var.name}/${each.value}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# RDS would rotate the password every week. Tasks read it when they start, and could not connect any more until they are replaced. So it
# is rotated on request, and otherwise as seldom as Secrets Manager allows.
resource "aws_secretsmanager_secret_rotation" "this" {
  #checkov:skip=CKV_AWS_304: tasks read it when they start, and would stand before a locked door
  secret_id          = local.server.secret_arn
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = 1000
  }
}

# ---------------------------------------------------------------------------------------------- who may connect

resource "aws_security_group" "this" {
  name        = "${var.name}-database"
  description = "Lets the tasks of the stack connect to its database, and nobody else."
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-database" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.clients

  security_group_id            = aws_security_group.this.id
  description                  = "From ${each.key}."
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}
