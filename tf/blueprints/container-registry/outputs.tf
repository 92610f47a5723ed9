locals {
  registry = "${data.aws_caller_identity.this.account_id}.dkr.ecr.${data.aws_region.this.region}.${data.aws_partition.this.dns_suffix}"
}

output "slipway" {
  description = "What Slipway knows of the stack."
  value = {
    notes = merge(
      { login = "aws ecr get-login-password --region ${data.aws_region.this.region} | docker login --username AWS --password-stdin ${local.registry}" },
      { for name, repository in aws_ecr_repository.this : "push ${name}" => "docker push ${repository.repository_url}:TAG" },
      { for name, repository in aws_ecr_repository.this : "arn ${name}" => repository.arn },
      { for name, role in aws_iam_role.push : "role ${name}" => role.arn },
    )
  }
}

output "stack_id" {
  description = "The stack's id, with which all names begin."
  value       = local.stack
}

output "repository_urls" {
  description = "Where images are pushed to and pulled from, by repository."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "repository_arns" {
  description = "What stacks subscribe to, and what policies name, by repository."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.arn }
}

output "push_role_arns" {
  description = "The roles that push, by name: what a CI assumes."
  value       = { for name, role in aws_iam_role.push : name => role.arn }
}

output "undelivered_queue_url" {
  description = "The queue of pushes that could not be delivered to Slipway; null without `slipway_bus_arn`."
  value       = one(module.push_events[*].undelivered_queue_url)
}
