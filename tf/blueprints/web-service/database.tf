# One database for each set.

module "database" {
  source   = "../../modules/database"
  for_each = var.database == null ? toset([]) : module.sets.sets

  name                  = "${local.stack}${module.sets.suffix[each.value]}"
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
  parameters            = var.database.parameters
  maintenance_window    = var.database.maintenance_window
  backup_window         = var.database.backup_window
  log_exports           = var.database.log_exports
  extended_support      = var.database.extended_support
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

# ---------------------------------------------------------------------------------------------- the application's own user

locals {
  application_user = var.database == null ? null : var.database.application_user

  # Who changes the schema; without a user of the application's own, all of them.
  is_owner = { for key, part in merge(local.services, local.workers) : key => (
    local.application_user == null ? true : contains(local.application_user.owners, part.name)
  ) }

  # What differs between owners and others, by the blueprint's own names.
  database_environment = { for key, part in merge(local.services, local.workers) : key => merge(
    var.database == null ? {} : { DATABASE_USER = local.is_owner[key] ? module.database[part.set].username : local.application_user.name },
    local.application_user != null && local.is_owner[key] ? { APPLICATION_USER = local.application_user.name } : {},
  ) }

  database_secrets = { for key, part in merge(local.services, local.workers) : key => merge(
    var.database == null ? {} : {
      DATABASE_PASSWORD = local.is_owner[key] ? module.database[part.set].password_arn : aws_secretsmanager_secret_version.application_user[part.set].arn
    },
    local.application_user != null && local.is_owner[key] ? { APPLICATION_PASSWORD = aws_secretsmanager_secret_version.application_user[part.set].arn } : {},
  ) }
}

ephemeral "random_password" "application_user" {
  for_each = local.application_user == null ? toset([]) : module.sets.sets

  length  = 40
  special = false
}

resource "aws_secretsmanager_secret" "application_user" {
  #checkov:skip=CKV2_AWS_57: by password_version: tasks read it when they start
  for_each = local.application_user == null ? toset([]) : module.sets.sets

  # With a suffix of its own: a deleted secret keeps its name for a week.
  name_prefix             = "slipway/${local.stack}/database-user${module.sets.suffix[each.value]}-"
  kms_key_id              = var.kms_key_arn
  description             = "The password of the application's user in the database ${local.stack}${module.sets.suffix[each.value]}."
  recovery_window_in_days = 7

  lifecycle {
    precondition {
      condition     = length(setsubtract(local.application_user.owners, concat(keys(var.services), keys(var.workers)))) == 0
      error_message = "The owners of the database are services or workers that there are: name them in `owners`."
    }

    precondition {
      condition     = length(setsubtract(var.migrations[*].service, local.application_user.owners)) == 0
      error_message = "All migrations run as an owner of the database: name their services in `owners`. The others may not change the schema."
    }
  }
}

resource "aws_secretsmanager_secret_version" "application_user" {
  for_each = local.application_user == null ? toset([]) : module.sets.sets

  secret_id                = aws_secretsmanager_secret.application_user[each.key].id
  secret_string_wo         = ephemeral.random_password.application_user[each.key].result
  secret_string_wo_version = local.application_user.password_version
}
