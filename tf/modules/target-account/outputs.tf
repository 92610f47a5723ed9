output "role_arn" {
  description = "The role of the environment in Slipway."
  value       = aws_iam_role.this.arn
}

output "release_role_arn" {
  description = "The role of releases. Slipway knows it by the name of the other."
  value       = aws_iam_role.release.arn
}

output "logs_role_arn" {
  description = "The role that reads the logs of services. Slipway knows it by the name of the first."
  value       = aws_iam_role.logs.arn
}

output "external_id" {
  description = "The external id of the environment in Slipway."
  value       = var.external_id
}

output "permissions_boundary_arn" {
  description = "The boundary that every role of a blueprint needs. Give it to blueprints as a variable of the environment."
  value       = aws_iam_policy.boundary.arn
}

output "role_path" {
  description = "The path that every role of a blueprint needs. Give it to blueprints as a variable of the environment."
  value       = "/slipway/"
}

output "undelivered_queue_url" {
  description = "The dead-letter queue of events that EventBridge failed to deliver to Slipway."
  value       = aws_sqs_queue.undelivered.id
}
