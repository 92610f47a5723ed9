locals {
  # The service that answers what is for no other: the stack's health is its health.
  front = one([for service in values(local.public) : service if length(service.paths) + length(service.hosts) == 0])

  # Slipway asks from outside.
  is_open = !var.internal && contains(var.allowed_cidr_blocks, "0.0.0.0/0")

  base_url = one(module.load_balancer[*].base_url)

  endpoints = {
    for name, service in local.public : name => join("", [
      length(service.hosts) > 0 && module.load_balancer[0].is_https ? "https://${service.hosts[0]}" : local.base_url,
      length(service.paths) > 0 ? trimsuffix(service.paths[0], "*") : "",
    ])
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
    database   = var.database == null ? null : local.database.contract
    services   = { for key, service in module.service : key => service.contract }
    migrations = var.migrations
    tasks      = var.tasks

    compatible_with_previous = var.compatible_with_previous

    schedules = {
      for key, schedule in module.schedule : key => {
        name            = schedule.name
        group           = aws_scheduler_schedule_group.this[0].name
        service         = var.schedules[key].service
        command         = var.schedules[key].command
        timeout_seconds = var.schedules[key].timeout_seconds
      }
    }
    health = local.front == null || !local.is_open ? null : {
      url    = "${local.base_url}${local.front.health_path}"
      expect = local.front.health_status
    }
    notes = {
      instances = "aws ecs list-container-instances --region ${data.aws_region.this.region} --cluster ${aws_ecs_cluster.this.name}"
      logs      = "aws logs tail --region ${data.aws_region.this.region} --follow /slipway/stacks/${local.stack}/<service>"
    }
  }
}

output "load_balancer_dns_name" {
  description = "The load balancer's own name, for a DNS record elsewhere; null without a load balancer."
  value       = one(module.load_balancer[*].dns_name)
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
