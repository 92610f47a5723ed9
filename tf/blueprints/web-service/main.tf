# A web application: services behind a load balancer, workers, schedules, and what they keep.
#
# One file for each subject. Everything is named after the stack's id, so no two stacks collide.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  # Eleven characters, like lusab-babad.
  stack = terraform.workspace

  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.region
  arn     = "arn:${data.aws_partition.this.partition}"

  # By the names that they have in the output `slipway`: once, or twice while a breaking change goes over.
  services  = { for key, part in module.sets.parts.services : key => merge(var.services[part.name], part) }
  workers   = { for key, part in module.sets.parts.workers : key => merge(var.workers[part.name], part) }
  schedules = { for key, part in module.sets.parts.schedules : key => merge(var.schedules[part.name], part) }

  # Who listens, and whom the load balancer sends requests.
  listening = { for key, service in local.services : key => service if service.port != null }
  public    = { for key, service in local.listening : key => service if service.public }

  # A proxy in every task is of use where one service calls another.
  with_discovery = var.service_discovery == null ? length([for service in values(var.services) : service if service.port != null]) > 1 : var.service_discovery
}

module "sets" {
  source = "../../modules/sets"

  names        = { services = keys(var.services), workers = keys(var.workers), schedules = keys(var.schedules) }
  primary_set  = var.primary_set
  side_by_side = var.side_by_side
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65: by container_insights: its metrics cost more than a small stack

  name = local.stack

  setting {
    name  = "containerInsights"
    value = var.container_insights ? "enabled" : "disabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

# Where the services of a set find each other, as http://<name>:<port>: never one of the other set, which has another database.
resource "aws_service_discovery_http_namespace" "this" {
  for_each = local.with_discovery ? module.sets.sets : toset([])

  name        = "${local.stack}${module.sets.suffix[each.value]}"
  description = "The services of the stack ${local.stack}, set ${each.value}."
}
