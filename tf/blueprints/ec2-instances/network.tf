# The network: a given one, or one of the stack's own.

data "aws_vpc" "given" {
  count = var.network == null ? 0 : 1

  id = var.network.vpc_id
}

module "network" {
  source = "../../modules/network"
  count  = var.network == null ? 1 : 0

  name       = local.stack
  cidr_block = var.cidr_block

  # A NAT gateway costs most, and only private instances need one.
  nat = anytrue([for instance in var.instances : instance.address == "private"]) ? var.nat : "none"

  flow_logs = {
    log_group_name       = "/slipway/stacks/${local.stack}/network"
    retention_days       = var.log_retention_days
    permissions_boundary = var.permissions_boundary
  }
}

locals {
  network = {
    vpc_id  = var.network == null ? module.network[0].vpc_id : data.aws_vpc.given[0].id
    cidr    = var.network == null ? module.network[0].cidr_block : data.aws_vpc.given[0].cidr_block
    private = var.network == null ? module.network[0].private_subnet_ids : var.network.private_subnet_ids
    public  = var.network == null ? module.network[0].public_subnet_ids : var.network.public_subnet_ids
  }
}

# Nothing of a stack moves to another network: instances and load balancers stay in their VPC.
resource "terraform_data" "network" {
  input = { vpc = var.network == null ? "its own ${var.cidr_block}" : var.network.vpc_id }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.vpc == (var.network == null ? "its own ${var.cidr_block}" : var.network.vpc_id)
      error_message = "A stack stays in the network that it was made in (${self.output.vpc}): take the change of network or cidr_block back, or make a new stack there."
    }
  }
}
