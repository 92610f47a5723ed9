output "id" {
  description = "Its identifier in RDS."
  value       = aws_db_instance.this.identifier
}

output "host" {
  description = "The name by which the application reaches it."
  value       = aws_db_instance.this.address
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
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "password_arn" {
  description = "The password in it, as a task definition refers to it."
  value       = "${aws_db_instance.this.master_user_secret[0].secret_arn}:password::"
}

output "security_group_id" {
  description = "Its security group."
  value       = aws_security_group.this.id
}
