locals {
  scheme = local.with_https ? "https" : "http"
  host   = local.with_load_balancer ? coalesce(var.domain_name, aws_lb.this[0].dns_name) : null

  # A service with a host of its own is opened there, the others at the stack's own address.
  endpoints = {
    for key, service in local.routed : key => format(
      "%s://%s%s", local.scheme,
      length(service.route.hosts) > 0 ? service.route.hosts[0] : local.host,
      length(service.route.paths) > 0 ? trimsuffix(service.route.paths[0], "*") : ""
    )
  }

  # What only the network can reach is not asked after a release.
  health = local.default == null || !var.public ? null : {
    url    = "${local.scheme}://${local.host}${var.services[local.default].route.health_path}"
    expect = 200
  }
}

output "slipway" {
  description = "What Slipway knows of the stack."
  value = {
    endpoints = local.endpoints
    cluster   = aws_ecs_cluster.this.arn
    network = {
      subnets          = local.private_subnet_ids
      security_groups  = [aws_security_group.tasks.id]
      assign_public_ip = false
    }
    database   = var.database == null ? null : { kind = "rds-instance", id = local.database.id }
    services   = { for key, service in module.service : key => service.contract }
    migrations = var.migrations
    tasks      = var.tasks
    schedules = {
      for key, schedule in module.schedule : key => {
        name            = schedule.name
        group           = aws_scheduler_schedule_group.this[0].name
        service         = var.schedules[key].service
        command         = var.schedules[key].command
        timeout_seconds = var.schedules[key].timeout_seconds
      }
    }
    health = local.health
    notes = {
      instances = "aws ecs list-container-instances --region ${data.aws_region.this.region} --cluster ${aws_ecs_cluster.this.name}"
      logs      = "aws logs tail --region ${data.aws_region.this.region} --follow /slipway/stacks/${local.stack}/<service>"
    }
  }
}

output "load_balancer_dns_name" {
  description = "The load balancer's own name, for a DNS record elsewhere; null without a load balancer."
  value       = one(aws_lb.this[*].dns_name)
}

output "autoscaling_group_name" {
  description = "The group of the instances."
  value       = aws_autoscaling_group.this.name
}

output "image_id" {
  description = "The image that new instances are made of."
  value       = aws_launch_template.this.image_id
}

output "instance_role_arn" {
  description = "The role of the instances. The application's own roles are those of its tasks."
  value       = aws_iam_role.instances.arn
}
