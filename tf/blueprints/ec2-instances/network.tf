# The network: a given one.

data "aws_vpc" "given" {
  count = var.vpc_id == null ? 0 : 1

  id = var.vpc_id
}

locals {
  network = {
    vpc_id  = one(data.aws_vpc.given[*].id)
    cidr    = one(data.aws_vpc.given[*].cidr_block)
    private = var.private_subnet_ids
    public  = var.public_subnet_ids
  }
}
