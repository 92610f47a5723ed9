output "name" {
  description = "Its name in EventBridge Scheduler."
  value       = aws_scheduler_schedule.this.name
}
