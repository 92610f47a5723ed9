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

  # What the names of a set's parts end with. There is one set, or two while a breaking change goes over: see side_by_side.
  suffix   = { a = "", b = "-b" }
  next_set = var.side_by_side == null ? null : { a = "b", b = "a" }[var.primary_set]
  sets     = toset(compact([var.primary_set, local.next_set]))

  # How much of the requests a set gets.
  weight = {
    for set in local.sets : set =>
    var.side_by_side == null ? 100 : set == local.next_set ? var.side_by_side.weight : 100 - var.side_by_side.weight
  }

  # The services and the workers of all sets, by the names that they have in the output `slipway`.
  services = merge([for set in local.sets : {
    for name, service in var.services : "${name}${local.suffix[set]}" => merge(service, { name = name, set = set })
  }]...)
  workers = merge([for set in local.sets : {
    for name, worker in var.workers : "${name}${local.suffix[set]}" => merge(worker, { name = name, set = set })
  }]...)

  # Who listens, and whom the load balancer sends requests.
  listening = { for key, service in local.services : key => service if service.port != null }
  public    = { for key, service in local.listening : key => service if service.public }
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65: where there are workers, which are scaled by one of its metrics

  name = local.stack

  # The number of running tasks, which workers are scaled by, is one of these metrics. They cost 30 cents each.
  setting {
    name  = "containerInsights"
    value = length(var.workers) > 0 ? "enabled" : "disabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

# Where the services of a set find each other, as http://<name>:<port>: never one of the other set, which has another database.
resource "aws_service_discovery_http_namespace" "this" {
  for_each = local.sets

  name        = "${local.stack}${local.suffix[each.value]}"
  description = "The services of the stack ${local.stack}, set ${each.value}."
}
