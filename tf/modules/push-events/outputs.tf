output "undelivered_queue_url" {
  description = "The queue of pushes that could not be delivered."
  value       = aws_sqs_queue.undelivered.id
}
