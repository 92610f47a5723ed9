# The database on an instance of its own.

resource "aws_db_parameter_group" "this" {
  count = local.is_serverless ? 0 : 1

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

resource "aws_db_instance" "this" {
  count = local.is_serverless ? 0 : 1

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
  parameter_group_name        = aws_db_parameter_group.this[0].name
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

  # RDS makes the password and keeps it in Secrets Manager: it is in no plan and in no state. RDS copies no such database for an update by
  # copy (blue/green): https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/blue-green-deployments-considerations.html
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

  lifecycle {
    # Where it came from is history: without this, leaving the snapshot out later would make the database anew. RDS takes the support
    # of a database when it makes it, and not later.
    ignore_changes = [snapshot_identifier, engine_lifecycle_support]

    # Until the maintenance window the database would stay in the parameter group of the old version, which then cannot be deleted.
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBParameterGroup.html
    postcondition {
      condition     = var.apply_immediately || self.engine_version_actual == null ? true : startswith("${self.engine_version_actual}.", "${local.version}.")
      error_message = "Another major version is not put off to the maintenance window: the database would stay in the old version's parameter group. Set apply_immediately with engine_version; it stops the database for some minutes."
    }
  }

  depends_on = [terraform_data.made_with, aws_cloudwatch_log_group.this]
}

moved {
  from = aws_db_parameter_group.this
  to   = aws_db_parameter_group.this[0]
}

moved {
  from = aws_db_instance.this
  to   = aws_db_instance.this[0]
}
