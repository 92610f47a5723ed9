# Where it all is: in a network of its own or a given one, and who may reach whom.

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

data "aws_vpc" "given" {
  count = var.network == null ? 0 : 1

  id = var.network.vpc_id
}

locals {
  vpc_id             = var.network == null ? module.network[0].vpc_id : var.network.vpc_id
  cidr_block         = var.network == null ? module.network[0].cidr_block : data.aws_vpc.given[0].cidr_block
  private_subnet_ids = var.network == null ? module.network[0].private_subnet_ids : var.network.private_subnet_ids
  public_subnet_ids  = var.network == null ? module.network[0].public_subnet_ids : var.network.public_subnet_ids
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

# ---------------------------------------------------------------------------------------------- instances

resource "aws_security_group" "instances" {
  name        = "${local.stack}-instances"
  description = "The instances of the stack ${local.stack}: nothing comes in, tasks have addresses of their own."
  vpc_id      = local.vpc_id

  tags = { Name = "${local.stack}-instances" }
}

# The agent reaches ECS, Docker the registry, and people the instance through Systems Manager: all of it is HTTPS.
resource "aws_vpc_security_group_egress_rule" "instances" {
  security_group_id = aws_security_group.instances.id
  description       = "HTTPS: the services of AWS."
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

# ---------------------------------------------------------------------------------------------- tasks

resource "aws_security_group" "tasks" {
  #checkov:skip=CKV2_AWS_5: the module service attaches it to the tasks
  name        = "${local.stack}-tasks"
  description = "The tasks of the stack ${local.stack}."
  vpc_id      = local.vpc_id

  tags = { Name = "${local.stack}-tasks" }
}

resource "aws_vpc_security_group_ingress_rule" "tasks_from_load_balancer" {
  for_each = toset([for service in local.public : tostring(service.port)])

  security_group_id            = aws_security_group.tasks.id
  description                  = "From the load balancer."
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.value)
  to_port                      = tonumber(each.value)
  referenced_security_group_id = module.load_balancer[0].security_group_id
}

resource "aws_vpc_security_group_ingress_rule" "tasks_from_tasks" {
  count = var.service_discovery ? 1 : 0

  security_group_id            = aws_security_group.tasks.id
  description                  = "From each other."
  ip_protocol                  = "tcp"
  from_port                    = 0
  to_port                      = 65535
  referenced_security_group_id = aws_security_group.tasks.id
}

resource "aws_vpc_security_group_egress_rule" "tasks_within" {
  security_group_id = aws_security_group.tasks.id
  description       = "Databases and services in the network."
  ip_protocol       = "tcp"
  from_port         = 0
  to_port           = 65535
  cidr_ipv4         = local.cidr_block
}

resource "aws_vpc_security_group_egress_rule" "tasks" {
  for_each = toset([for port in var.egress_ports : tostring(port)])

  security_group_id = aws_security_group.tasks.id
  description       = "What tasks reach on the internet."
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value)
  to_port           = tonumber(each.value)
  cidr_ipv4         = "0.0.0.0/0"
}
