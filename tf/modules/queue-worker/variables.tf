variable "stack" {
  description = "The stack's id."
  type        = string
}

variable "key" {
  description = "What the blueprint calls the worker."
  type        = string
}

variable "queue_name" {
  description = "The queue in SQS: the output queue_name of the module queue."
  type        = string
}

variable "cluster_name" {
  description = "The ECS cluster."
  type        = string
}

variable "service_name" {
  description = "The worker's service in ECS."
  type        = string
}

variable "min" {
  description = "The fewest tasks. With 0, nothing runs while the queue is empty."
  type        = number
  default     = 0

  validation {
    condition     = var.min >= 0 && floor(var.min) == var.min
    error_message = "min is a whole number, 0 or more."
  }
}

variable "max" {
  description = "The most tasks."
  type        = number
  default     = 10

  validation {
    condition     = var.max >= 1 && var.max >= var.min && floor(var.max) == var.max
    error_message = "max is a whole number, 1 or more, and not less than min."
  }
}

variable "backlog_per_task" {
  description = "For how many messages, waiting or worked on, there is a task: what it handles in the time that a message may wait."
  type        = number
  default     = 10

  validation {
    condition     = var.backlog_per_task >= 1
    error_message = "backlog_per_task is 1 or more."
  }
}
