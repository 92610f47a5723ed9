# A rotated password of the database is answered by a release: tasks read their secrets when they start.

module "rotation_release" {
  source = "../../modules/rotation-release"
  count  = var.slipway_bus_arn == null || var.database == null ? 0 : 1

  name                 = local.stack
  secret_arns          = { for set, database in module.database : set => database.secret_arn }
  cluster_name         = aws_ecs_cluster.this.name
  services             = { for key, part in local.parts : key => part.name }
  bus_arn              = var.slipway_bus_arn
  permissions_boundary = var.permissions_boundary
  kms_key_arn          = var.kms_key_arn
  log_retention_days   = var.log_retention_days
}
