variable "stack" {
  description = "The stack's id."
  type        = string
}

variable "key" {
  description = "What the blueprint calls the schedule. In EventBridge Scheduler it is <stack>-<key>."
  type        = string
}

variable "group_name" {
  description = "The schedule group of the stack."
  type        = string
}

variable "expression" {
  description = "When it fires: rate(5 minutes), cron(0 3 * * ? *) or at(2026-12-31T23:59:00)."
  type        = string

  validation {
    condition     = can(regex("^(rate\\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\\)|cron\\([^ ()]+( [^ ()]+){5}\\)|at\\([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\))$", var.expression))
    error_message = "A schedule is rate(5 minutes), cron(0 3 * * ? *) with its six fields, or at(2026-12-31T23:59:00)."
  }
}

variable "timezone" {
  description = "The time zone of a cron expression, like Europe/Paris."
  type        = string
  default     = "UTC"
}

variable "cluster_arn" {
  description = "The ECS cluster in which its tasks run."
  type        = string
}

variable "capacity_provider" {
  description = "The cluster's capacity provider whose instances its tasks run on; null for Fargate."
  type        = string
  default     = null
}

variable "placeholder_arn" {
  description = "The task definition until the first release: the output placeholder_arn of the module service."
  type        = string
}

variable "container_name" {
  description = "The container in which the command runs."
  type        = string
}

variable "command" {
  description = "The program and its arguments."
  type        = list(string)

  validation {
    condition     = length(var.command) > 0
    error_message = "Give the program and its arguments."
  }
}

variable "subnet_ids" {
  description = "The subnets of its tasks."
  type        = list(string)
}

variable "security_group_ids" {
  description = "The security groups of its tasks."
  type        = list(string)
}

variable "assign_public_ip" {
  description = "Whether its tasks get public addresses."
  type        = bool
  default     = false
}

variable "role_arn" {
  description = "The role with which EventBridge Scheduler runs the tasks."
  type        = string
}

variable "dead_letter_arn" {
  description = "The queue that keeps what could not be started."
  type        = string
}
