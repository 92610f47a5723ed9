variable "stack" {
  description = "The stack's id."
  type        = string
}

variable "key" {
  description = "What the blueprint calls the worker. The queue is <stack>-<key>."
  type        = string
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
  description = "How often a message is received before it is dead-lettered to the queue <stack>-<key>-dead."
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

variable "kms_key_arn" {
  description = "The KMS key of the messages; null for SQS's own."
  type        = string
  default     = null
}
