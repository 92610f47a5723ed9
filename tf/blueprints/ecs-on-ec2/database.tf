# The database, where one is asked for, and how tasks find it.

module "database" {
  source = "../../modules/database"
  count  = var.database == null ? 0 : 1

  name                  = local.stack
  engine                = var.database.engine
  engine_version        = var.database.engine_version
  serverless            = var.database.serverless
  instance_class        = var.database.instance_class
  allocated_storage     = var.database.allocated_storage
  max_allocated_storage = var.database.max_allocated_storage
  multi_az              = var.database.multi_az
  backup_retention_days = var.database.backup_retention_days
  final_snapshot        = var.database.final_snapshot
  apply_immediately     = var.database.apply_immediately
  performance_insights  = var.database.performance_insights
  database_name         = var.database.name
  username              = var.database.username
  snapshot              = var.database.snapshot
  parameters            = var.database.parameters
  maintenance_window    = var.database.maintenance_window
  backup_window         = var.database.backup_window
  log_exports           = var.database.log_exports
  extended_support      = var.database.extended_support
  log_retention_days    = var.log_retention_days
  kms_key_arn           = var.kms_key_arn
  deletion_protection   = var.deletion_protection
  vpc_id                = local.vpc_id
  subnet_ids            = local.private_subnet_ids
  clients               = { tasks = aws_security_group.tasks.id }
  alarm_actions         = local.alarm_actions
}

locals {
  database = one(module.database[*])

  database_environment = var.database == null ? {} : {
    DATABASE_ENGINE = var.database.engine
    DATABASE_HOST   = local.database.host
    DATABASE_PORT   = tostring(local.database.port)
    DATABASE_NAME   = local.database.name
    DATABASE_USER   = local.database.username
  }

  database_secrets = var.database == null ? {} : { DATABASE_PASSWORD = local.database.password_arn }
}
