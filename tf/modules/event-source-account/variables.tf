variable "bus_arn" {
  description = "The ARN of Slipway's event bus: the output EventBusArn of Slipway's template."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._-]+$", var.bus_arn))
    error_message = "Slipway's bus is given by its ARN: arn:aws:events:eu-west-1:111122223333:event-bus/slipway."
  }
}

variable "repositories" {
  description = "The ECR repositories whose new images Slipway hears of: names, or patterns with * such as team/*."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.repositories : can(regex("^[a-z0-9*][a-z0-9._/*-]{0,255}$", name)) && !strcontains(name, "**")])
    error_message = "A repository is given by its name in ECR, without registry and tag; * stands for any characters."
  }
}

variable "request_sources" {
  description = "The event sources in this account that may ask Slipway for operations: the `source` with which they put their events on the default bus."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for source in var.request_sources : can(regex("^[A-Za-z0-9._/-]{1,256}$", source)) && !startswith(source, "aws.")])
    error_message = "A source is a text like com.example.portal; those that begin with aws. are AWS's own."
  }
}

variable "events_role_arn" {
  description = "The ARN of the role of Slipway's events function (the output EventsRoleArn): it may put results on the bus slipway-results of this account. Without it there is no such bus."
  type        = string
  default     = null

  validation {
    condition     = var.events_role_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[^*?]+$", coalesce(var.events_role_arn, "-")))
    error_message = "The role is one role, given by its ARN: arn:aws:iam::111122223333:role/slipway-events."
  }
}

variable "alarm_topic_arn" {
  description = "The SNS topic to notify when events cannot be delivered to Slipway. Without it the alarm notifies no topic."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", coalesce(var.alarm_topic_arn, "-")))
    error_message = "The topic is given by its ARN: arn:aws:sns:eu-west-1:444455556666:alarms."
  }
}
