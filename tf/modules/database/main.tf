# A database of one stack: in private subnets, encrypted, with backups, and with a password that only Secrets Manager keeps.

locals {
  version = coalesce(var.engine_version, { postgres = "17", mysql = "8.4" }[var.engine])
  port    = { postgres = 5432, mysql = 3306 }[var.engine]
  logs    = { postgres = ["postgresql", "upgrade"], mysql = ["error", "slowquery"] }[var.engine]

  # Connections without TLS are refused.
  tls = {
    postgres = { name = "rds.force_ssl", value = "1" }
    mysql    = { name = "require_secure_transport", value = "1" }
  }[var.engine]
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "Where the database ${var.name} is."
  subnet_ids  = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  # The version is in the name: a new one is there before the old one goes.
  name        = "${var.name}-${var.engine}${replace(local.version, ".", "-")}"
  description = "What the database ${var.name} is set to."
  family      = "${var.engine}${local.version}"

  dynamic "parameter" {
    for_each = merge({ (local.tls.name) = local.tls.value }, var.parameters)

    content {
      name  = parameter.key
      value = parameter.value

      # Some take effect after a restart only, and are refused otherwise.
      apply_method = parameter.key == local.tls.name ? "immediate" : "pending-reboot"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
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
  input = { engine = var.engine, name = var.database_name, username = var.username, kms_key = var.kms_key_arn }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.engine == var.engine && self.output.name == var.database_name && self.output.username == var.username && self.output.kms_key == var.kms_key_arn
      error_message = "A database keeps the engine, name, username and kms_key_arn that it was made with (${self.output.engine}, ${self.output.name}, ${self.output.username}): another one would be a new, empty database. Make a new stack, and load a dump there."
    }
  }
}

# RDS would make these groups itself, where they are kept for ever.
resource "aws_cloudwatch_log_group" "this" {
  for_each = var.log_exports ? toset(local.logs) : toset([])

  name              = "/aws/rds/instance/${var.name}/${each.value}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_118: the metrics of the machine under it cost extra, and its own say enough
  #checkov:skip=CKV_AWS_129: by log_exports: they cost by the gigabyte
  #checkov:skip=CKV_AWS_161: by password, which tasks read from Secrets Manager: a token of IAM lives a quarter of an hour
  #checkov:skip=CKV_AWS_293: by deletion_protection, which protected environments set
  #checkov:skip=CKV_AWS_353: by performance_insights: the smallest classes cannot
  #checkov:skip=CKV_AWS_354: with the key of the service itself
  identifier     = var.name
  engine         = var.engine
  engine_version = local.version
  instance_class = var.instance_class
  multi_az       = var.multi_az

  # RDS takes another major version only where this is said; that it is another one was said by changing engine_version.
  allow_major_version_upgrade = true
  auto_minor_version_upgrade  = true
  apply_immediately           = var.apply_immediately
  parameter_group_name        = aws_db_parameter_group.this.name
  ca_cert_identifier          = "rds-ca-rsa2048-g1"

  # RDS enrols databases in Extended Support by itself, and charges for each core of a version that is past its standard support.
  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/extended-support-overview.html
  engine_lifecycle_support = var.extended_support ? "open-source-rds-extended-support" : "open-source-rds-extended-support-disabled"

  maintenance_window              = var.maintenance_window
  backup_window                   = var.backup_window
  enabled_cloudwatch_logs_exports = var.log_exports ? local.logs : null
  kms_key_id                      = var.kms_key_arn

  allocated_storage     = var.allocated_storage
  max_allocated_storage = var.max_allocated_storage > var.allocated_storage ? var.max_allocated_storage : null
  storage_type          = "gp3"
  storage_encrypted     = true

  db_name             = var.database_name
  username            = var.username
  snapshot_identifier = var.snapshot

  # RDS makes the password and keeps it in Secrets Manager: it is in no plan and in no state.
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.kms_key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  publicly_accessible    = false
  port                   = local.port

  backup_retention_period   = var.backup_retention_days
  copy_tags_to_snapshot     = true
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.final_snapshot
  final_snapshot_identifier = var.final_snapshot ? terraform_data.final_snapshot.output : null

  # What was backed up stays for as long as it would have.
  delete_automated_backups = false

  performance_insights_enabled          = var.performance_insights
  performance_insights_retention_period = var.performance_insights ? 7 : null

  # A copy gets the change first, and takes over within a minute.
  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/blue-green-deployments.html
  blue_green_update {
    enabled = var.blue_green_update
  }

  lifecycle {
    # Where it came from is history: without this, leaving the snapshot out later would make the database anew. RDS takes the support
    # of a database when it makes it, and not later.
    ignore_changes = [snapshot_identifier, engine_lifecycle_support]

    # Until the maintenance window the database would stay in the parameter group of the old version, which then cannot be deleted.
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBParameterGroup.html
    postcondition {
      condition     = var.apply_immediately || var.blue_green_update || self.engine_version_actual == null ? true : startswith("${self.engine_version_actual}.", "${local.version}.")
      error_message = "Another major version is not put off to the maintenance window: the database would stay in the old version's parameter group. Set apply_immediately with engine_version; it stops the database for some minutes. Or set blue_green_update."
    }
  }

  depends_on = [terraform_data.made_with, aws_cloudwatch_log_group.this]
}

# RDS would rotate the password every week. Tasks read it when they start, and could not connect any more until they are replaced. So it
# is rotated on request, and otherwise as seldom as Secrets Manager allows.
resource "aws_secretsmanager_secret_rotation" "this" {
  #checkov:skip=CKV_AWS_304: tasks read it when they start, and would stand before a locked door
  secret_id          = aws_db_instance.this.master_user_secret[0].secret_arn
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
