# One database for each set.

module "database" {
  source   = "../../modules/database"
  for_each = var.database == null ? toset([]) : local.sets

  name                  = "${local.stack}${local.suffix[each.value]}"
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
  deletion_protection   = var.deletion_protection

  # The second set begins with what the first one had.
  snapshot = each.value == local.next_set ? var.side_by_side.snapshot : null

  vpc_id        = local.vpc_id
  subnet_ids    = local.private_subnet_ids
  alarm_actions = local.alarm_actions

  clients = merge(
    { tasks = aws_security_group.tasks.id },
    var.bastion ? { bastion = aws_security_group.bastion[0].id } : {},
  )
}
