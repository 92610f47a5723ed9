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
    kms_key_arn          = var.kms_key_arn
  } : null
}

locals {
  # Conditions, not try(): one output of the network that is not known yet would make all of them unknown, and replace what they are for.
  vpc_id             = var.network == null ? module.network[0].vpc_id : var.network.vpc_id
  public_subnet_ids  = var.network == null ? module.network[0].public_subnet_ids : var.network.public_subnet_ids
  private_subnet_ids = var.network == null ? module.network[0].private_subnet_ids : var.network.private_subnet_ids

  # Without a NAT gateway tasks need an address of their own to reach the internet. Nothing gets in: see the security group.
  tasks_are_public = var.network == null && var.nat == "none"
  task_subnet_ids  = local.tasks_are_public ? local.public_subnet_ids : local.private_subnet_ids
}

# Nothing of a stack moves to another network: security groups of running tasks cannot be deleted, and databases and load balancers
# take no subnets of another VPC.
resource "terraform_data" "network" {
  input = { vpc = var.network == null ? "its own ${var.cidr_block}" : var.network.vpc_id, zones = var.zones, internal = var.internal }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.vpc == (var.network == null ? "its own ${var.cidr_block}" : var.network.vpc_id)
      error_message = "A stack stays in the network that it was made in (${self.output.vpc}): take the change of network or cidr_block back, or make a new stack there."
    }

    postcondition {
      condition     = var.network == null ? self.output.zones <= var.zones : true
      error_message = "A network keeps its ${self.output.zones} zones: what is in a zone stands in the way of its subnets' end. Raise zones, or leave it."
    }

    postcondition {
      condition     = self.output.internal == var.internal
      error_message = "A load balancer stays ${self.output.internal ? "internal" : "public"}: AWS cannot change that, and two of them do not share target groups. Make a new stack, or limit allowed_cidr_blocks."
    }
  }
}

resource "aws_security_group" "tasks" {
  #checkov:skip=CKV2_AWS_5: the module service attaches it to the tasks
  name        = "${local.stack}-tasks"
  description = "The tasks of the stack: reached by its load balancer and by each other, and nobody else."
  vpc_id      = local.vpc_id

  tags = { Name = "${local.stack}-tasks" }
}

resource "aws_vpc_security_group_ingress_rule" "tasks_from_load_balancer" {
  for_each = toset([for service in local.public : tostring(service.port)])

  security_group_id            = aws_security_group.tasks.id
  description                  = "Requests from the load balancer."
  referenced_security_group_id = module.load_balancer.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.value)
  to_port                      = tonumber(each.value)
}

# Service Connect goes from task to task, on the ports of the containers.
resource "aws_vpc_security_group_ingress_rule" "tasks_from_tasks" {
  for_each = local.with_discovery ? toset([for service in local.listening : tostring(service.port)]) : toset([])

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
