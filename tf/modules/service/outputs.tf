output "contract" {
  description = "The service as the output `slipway` has it."
  value = merge(
    {
      name            = aws_ecs_service.this.name
      task_definition = local.task_definition
      desired_count   = var.desired_count
    },
    var.scaling == null ? {} : { scaling = var.scaling },
    local.progressive ? { strategy = local.strategy } : {},
    var.quiesce ? { quiesce = true } : {},
  )
}

output "name" {
  description = "Its name in ECS."
  value       = aws_ecs_service.this.name
}

output "family" {
  description = "The family of the task definitions that releases register."
  value       = local.name
}

output "placeholder_arn" {
  description = "The task definition that no task runs."
  value       = aws_ecs_task_definition.placeholder.arn
}

output "execution_role_arn" {
  description = "The role with which ECS starts its tasks."
  value       = aws_iam_role.execution.arn
}

output "task_role_arn" {
  description = "The role of the application in it."
  value       = aws_iam_role.task.arn
}

output "log_group_name" {
  description = "Where its logs are."
  value       = aws_cloudwatch_log_group.this.name
}
