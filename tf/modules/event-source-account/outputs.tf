output "account_id" {
  description = "The account to register with Slipway as a source of events."
  value       = local.account_id
}

output "results_bus_arn" {
  description = "The bus on which results arrive; null without events_role_arn."
  value       = one(aws_cloudwatch_event_bus.results[*].arn)
}

output "undelivered_queue_url" {
  description = "Where events are that could not be delivered to Slipway."
  value       = aws_sqs_queue.undelivered.id
}
