# The database on Aurora Serverless v2: it has as much capacity as it is used, and with a min_capacity of 0 pauses without connections.
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html

resource "aws_rds_cluster_parameter_group" "this" {
  count = local.is_serverless ? 1 : 0

  # The version is in the name: a new one is there before the old one goes.
  name        = "${var.name}-aurora-${var.engine}${replace(local.version, ".", "-")}"
  description = "What the database ${var.name} is set to."
  family      = { postgres = "aurora-postgresql${local.version}", mysql = "aurora-mysql${local.version}" }[var.engine]

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

resource "aws_rds_cluster" "this" {
  count = local.is_serverless ? 1 : 0

  #checkov:skip=CKV_AWS_139: by deletion_protection, which protected environments set
  #checkov:skip=CKV_AWS_162: by password, which tasks read from Secrets Manager: a token of IAM lives a quarter of an hour
  #checkov:skip=CKV_AWS_324: by log_exports: they cost by the gigabyte
  #checkov:skip=CKV_AWS_327: with the key of the service itself
  #checkov:skip=CKV2_AWS_8: RDS makes the backups itself, for backup_retention_days
  #checkov:skip=CKV2_AWS_27: by parameters: a log of all queries costs by the gigabyte
  cluster_identifier = var.name
  engine             = { postgres = "aurora-postgresql", mysql = "aurora-mysql" }[var.engine]
  engine_version     = local.version

  serverlessv2_scaling_configuration {
    min_capacity             = var.serverless.min_capacity
    max_capacity             = var.serverless.max_capacity
    seconds_until_auto_pause = var.serverless.min_capacity == 0 ? var.serverless.pause_after_seconds : null
  }

  # RDS takes another major version only where this is said; that it is another one was said by changing engine_version.
  allow_major_version_upgrade     = true
  apply_immediately               = var.apply_immediately
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.this[0].name
  engine_lifecycle_support        = var.extended_support ? "open-source-rds-extended-support" : "open-source-rds-extended-support-disabled"

  preferred_maintenance_window    = var.maintenance_window
  preferred_backup_window         = var.backup_window
  enabled_cloudwatch_logs_exports = var.log_exports ? local.logs : null

  storage_encrypted   = true
  kms_key_id          = var.kms_key_arn
  database_name       = var.database_name
  master_username     = var.username
  snapshot_identifier = var.snapshot

  # RDS makes the password and keeps it in Secrets Manager: it is in no plan and in no state.
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.kms_key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  port                   = local.port

  backup_retention_period   = var.backup_retention_days
  copy_tags_to_snapshot     = true
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.final_snapshot
  final_snapshot_identifier = var.final_snapshot ? terraform_data.final_snapshot.output : null

  # What was backed up stays for as long as it would have.
  delete_automated_backups = false

  lifecycle {
    # Where it came from is history, and RDS takes the support of a database when it makes it, and not later.
    ignore_changes = [snapshot_identifier, engine_lifecycle_support]

    # As with an instance: until the window the database would stay in the old version's parameter group.
    postcondition {
      condition     = var.apply_immediately || self.engine_version_actual == null ? true : startswith("${self.engine_version_actual}.", "${local.version}.")
      error_message = "Another major version is not put off to the maintenance window: the database would stay in the old version's parameter group. Set apply_immediately with engine_version; it stops the database for some minutes."
    }
  }

  depends_on = [terraform_data.made_with, aws_cloudwatch_log_group.this]
}

# The writer, and with multi_az a reader in another zone that takes over when the writer fails.
resource "aws_rds_cluster_instance" "this" {
  #checkov:skip=CKV_AWS_118: the metrics of the machine under it cost extra, and its own say enough
  #checkov:skip=CKV_AWS_353: while it records what a database waits for, the database does not pause
  #checkov:skip=CKV_AWS_354: with the key of the service itself
  count = !local.is_serverless ? 0 : var.multi_az ? 2 : 1

  identifier                 = "${var.name}-${count.index + 1}"
  cluster_identifier         = aws_rds_cluster.this[0].id
  engine                     = aws_rds_cluster.this[0].engine
  instance_class             = "db.serverless"
  apply_immediately          = var.apply_immediately
  auto_minor_version_upgrade = true
  ca_cert_identifier         = "rds-ca-rsa2048-g1"
  publicly_accessible        = false
  copy_tags_to_snapshot      = true

  # A reader of this tier has the capacity of the writer, so that it can take over at once.
  promotion_tier = 1
}
