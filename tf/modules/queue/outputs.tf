output "queue_name" {
  description = "The name of the queue."
  value       = aws_sqs_queue.this.name
}

output "queue_url" {
  description = "The address of the queue, for the application."
  value       = aws_sqs_queue.this.url
}

output "queue_arn" {
  description = "The queue."
  value       = aws_sqs_queue.this.arn
}

output "dead_queue_url" {
  description = "The address of the dead-letter queue."
  value       = aws_sqs_queue.dead.url
}
