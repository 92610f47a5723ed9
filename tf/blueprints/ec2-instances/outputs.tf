locals {
  # What people open, listener by listener.
  endpoints = {
    for name, listener in local.listeners : name => format(
      "%s://%s%s", lower(listener.protocol), aws_lb.this[0].dns_name,
      contains(["HTTP:80", "HTTPS:443"], "${listener.protocol}:${listener.port}") ? "" : ":${listener.port}"
    )
  }

  # How people get in: no port is open for it.
  sessions = {
    for name, instance in aws_instance.this :
    name => "aws ssm start-session --region ${data.aws_region.this.region} --target ${instance.id}"
  }

  desktops = {
    for name, instance in local.instances :
    name => "${local.sessions[name]} --document-name AWS-StartPortForwardingSession --parameters portNumber=3389,localPortNumber=13389"
    if instance.windows
  }

  instance_ids = { for name, instance in aws_instance.this : name => instance.id }
  private_ips  = { for name, instance in aws_instance.this : name => instance.private_ip }
  public_ips = merge(
    { for name, instance in aws_instance.this : name => instance.public_ip if local.instances[name].address == "public" && try(instance.public_ip != "", false) },
    { for name, address in aws_eip.fixed : name => address.public_ip },
  )

  # No instance's name has a dot in it, so no two notes have the same name.
  notes = merge(local.sessions, [
    for part, values in {
      desktop    = local.desktops
      id         = local.instance_ids
      private-ip = local.private_ips
      public-ip  = local.public_ips
    } : { for name, value in values : "${name}.${part}" => value }
  ]...)
}

output "slipway" {
  description = "What Slipway knows of the stack."
  value = {
    endpoints = local.endpoints
    notes     = local.notes
  }
}

output "stack_id" {
  description = "The stack's id, with which all names begin."
  value       = local.stack
}

output "instance_ids" {
  description = "The instances' ids, by name."
  value       = local.instance_ids
}

output "private_ips" {
  description = "The instances' private addresses, by name."
  value       = local.private_ips
}

output "public_ips" {
  description = "The public addresses of the instances that have one, by name. A fixed one stays the same for the life of the stack."
  value       = local.public_ips
}

output "image_ids" {
  description = "The newest images of the instances' systems, by name. An instance that was made of an older one keeps it until its `image` changes."
  value       = { for name, instance in local.instances : name => coalesce(instance.ami, local.newest_image[name]) }
}

output "role_arn" {
  description = "The role of the instances, for policies elsewhere that let them in."
  value       = aws_iam_role.this.arn
}
