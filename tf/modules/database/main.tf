# A database of one stack: in private subnets, encrypted, with backups, and with a password that only Secrets Manager keeps.

locals {
  version = coalesce(var.engine_version, { postgres = "17", mysql = "8.4" }[var.engine])
  port    = { postgres = 5432, mysql = 3306 }[var.engine]

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

  parameter {
    name  = local.tls.name
    value = local.tls.value
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

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_118: the metrics of the machine under it cost extra, and its own say enough
  #checkov:skip=CKV_AWS_129: what RDS writes would be in log groups outside the stack, for ever; the console shows it
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

  allocated_storage     = var.allocated_storage
  max_allocated_storage = var.max_allocated_storage > var.allocated_storage ? var.max_allocated_storage : null
  storage_type          = "gp3"
  storage_encrypted     = true

  db_name             = var.database_name
  username            = var.username
  snapshot_identifier = var.snapshot

  # RDS makes the password and keeps it in Secrets Manager: it is in no plan and in no state.
  manage_master_user_password = true

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

  lifecycle {
    # Where it came from is history: without this, leaving the snapshot out later would make the database anew.
    ignore_changes = [snapshot_identifier]
  }
}

# RDS would renew the password every week. Tasks read it when they start, and would stand before a locked door until they are
# replaced; so it is renewed when somebody asks for it, and else as seldom as Secrets Manager allows.
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
