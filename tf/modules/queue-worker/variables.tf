variable "stack" {
  description = "The stack's id."
  type        = string
}

variable "key" {
  description = "What the blueprint calls the worker. Its queue is <stack>-<key>."
  type        = string
}

variable "cluster_name" {
  description = "The ECS cluster, which needs Container Insights: the number of running tasks is a metric of these."
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
  description = "How many messages may wait for each running task: what it handles in the time that a message may wait."
  type        = number
  default     = 10

  validation {
    condition     = var.backlog_per_task >= 1
    error_message = "backlog_per_task is 1 or more."
  }
}

variable "visibility_timeout_seconds" {
  description = "How long a message is kept from others while a task works on it: longer than the work ever takes."
  type        = number
  default     = 300

  validation {
    condition     = var.visibility_timeout_seconds >= 1 && var.visibility_timeout_seconds <= 43200
    error_message = "A message is kept from others for 1 to 43200 seconds."
  }
}

variable "max_receives" {
  description = "How often a message is tried before it is put aside in the queue <stack>-<key>-dead."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receives >= 1 && var.max_receives <= 1000
    error_message = "A message is tried 1 to 1000 times."
  }
}

variable "max_age_seconds" {
  description = "How old a message may become before there is an alarm."
  type        = number
  default     = 3600

  validation {
    condition     = var.max_age_seconds >= 60
    error_message = "max_age_seconds is 60 or more."
  }
}

variable "alarm_actions" {
  description = "The SNS topics that hear of its alarms."
  type        = list(string)
  default     = []
}
