# One database for each set.

module "database" {
  source   = "../../modules/database"
  for_each = var.database == null ? toset([]) : module.sets.sets

  name                  = "${local.stack}${module.sets.suffix[each.value]}"
  engine                = var.database.engine
  engine_version        = var.database.engine_version
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
  parameters            = var.database.parameters
  maintenance_window    = var.database.maintenance_window
  backup_window         = var.database.backup_window
  log_exports           = var.database.log_exports
  extended_support      = var.database.extended_support
  blue_green_update     = var.database.blue_green_update
  log_retention_days    = var.log_retention_days
  kms_key_arn           = var.kms_key_arn
  deletion_protection   = var.deletion_protection

  # The second set begins with what the first one had.
  snapshot = each.value == module.sets.next ? var.side_by_side.snapshot : null

  vpc_id        = local.vpc_id
  subnet_ids    = local.private_subnet_ids
  alarm_actions = local.alarm_actions

  clients = merge(
    { tasks = aws_security_group.tasks.id },
    var.bastion ? { bastion = aws_security_group.bastion[0].id } : {},
  )
}
