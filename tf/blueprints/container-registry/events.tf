# Every push to the stack's repositories, and no other, is sent to Slipway.

module "push_events" {
  source = "../../modules/push-events"
  count  = var.slipway_bus_arn == null ? 0 : 1

  name                 = local.stack
  repository_names     = [for name in keys(var.repositories) : aws_ecr_repository.this[name].name]
  bus_arn              = var.slipway_bus_arn
  permissions_boundary = var.permissions_boundary
}
