# The network, and who may connect to whom in it.

module "network" {
  source = "../../modules/network"
  count  = var.network == null ? 1 : 0

  name       = local.stack
  cidr_block = var.cidr_block
  zones      = var.zones
  nat        = var.nat

  flow_logs = var.flow_logs ? {
    log_group_name       = "/slipway/stacks/${local.stack}/network"
    retention_days       = var.log_retention_days
    permissions_boundary = var.permissions_boundary
  } : null
}

locals {
  own_network = one(module.network)

  vpc_id             = try(local.own_network.vpc_id, var.network.vpc_id)
  public_subnet_ids  = try(local.own_network.public_subnet_ids, var.network.public_subnet_ids)
  private_subnet_ids = try(local.own_network.private_subnet_ids, var.network.private_subnet_ids)

  # Without a NAT gateway tasks need an address of their own to reach the internet. Nothing gets in: see the security group.
  tasks_are_public = var.network == null && var.nat == "none"
  task_subnet_ids  = local.tasks_are_public ? local.public_subnet_ids : local.private_subnet_ids
}

resource "aws_security_group" "tasks" {
  name        = "${local.stack}-tasks"
  description = "The tasks of the stack: reached by its load balancer and by each other, and nobody else."
  vpc_id      = local.vpc_id

  tags = { Name = "${local.stack}-tasks" }
}

resource "aws_vpc_security_group_ingress_rule" "tasks_from_load_balancer" {
  for_each = toset([for service in local.public : tostring(service.port)])

  security_group_id            = aws_security_group.tasks.id
  description                  = "Requests from the load balancer."
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.value)
  to_port                      = tonumber(each.value)
}

# Service Connect goes from task to task, on the ports of the containers.
resource "aws_vpc_security_group_ingress_rule" "tasks_from_tasks" {
  for_each = toset([for service in local.listening : tostring(service.port)])

  security_group_id            = aws_security_group.tasks.id
  description                  = "Requests of other services of the stack."
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.value)
  to_port                      = tonumber(each.value)
}

# Whom an application calls is its own affair.
resource "aws_vpc_security_group_egress_rule" "tasks" {
  for_each = { ipv4 = "0.0.0.0/0", ipv6 = "::/0" }

  security_group_id = aws_security_group.tasks.id
  description       = "Everything, over ${each.key}."
  ip_protocol       = "-1"
  cidr_ipv4         = each.key == "ipv4" ? each.value : null
  cidr_ipv6         = each.key == "ipv6" ? each.value : null
}
