output "contract" {
  description = "The database as the output `slipway` has it: the source of snapshots."
  value       = { kind = local.is_serverless ? "rds-cluster" : "rds-instance", id = local.server.id }
}

output "id" {
  description = "Its identifier in RDS."
  value       = local.server.id
}

output "host" {
  description = "The name by which the application reaches it."
  value       = local.server.host
}

output "port" {
  description = "The port on which it listens."
  value       = local.port
}

output "name" {
  description = "The name of the database in it."
  value       = var.database_name
}

output "username" {
  description = "The name of its first user."
  value       = var.username
}

output "secret_arn" {
  description = "The secret that RDS keeps, with the keys username and password."
  value       = local.server.secret_arn
}

output "password_arn" {
  description = "The password in it, as a task definition refers to it."
  value       = "${local.server.secret_arn}:password::"
}

output "security_group_id" {
  description = "Its security group."
  value       = aws_security_group.this.id
}
