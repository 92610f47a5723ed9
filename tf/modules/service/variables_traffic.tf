# How many tasks there are, how a release replaces them, and what reaches them.

variable "desired_count" {
  description = "How many tasks a release gives it."
  type        = number
  default     = 1

  validation {
    condition     = var.desired_count >= 0 && floor(var.desired_count) == var.desired_count
    error_message = "desired_count is a whole number, 0 or more."
  }
}

variable "scaling" {
  description = <<-EOT
    Between how many tasks an autoscaler keeps it. Null where a release alone sets the count.

    - `min`: the fewest tasks.
    - `max`: the most tasks.
  EOT
  type        = object({ min = number, max = number })
  default     = null
}

variable "quiesce" {
  description = "Whether it runs no tasks while the migrations of a release run."
  type        = bool
  default     = false
}

variable "singleton" {
  description = "Whether there is never more than one task: a rollout stops the old one before it starts the new one, so nothing answers in between."
  type        = bool
  default     = false

  validation {
    condition     = !var.singleton || (var.desired_count <= 1 && var.scaling == null)
    error_message = "A singleton has one task at most, and no autoscaler."
  }
}

variable "deployment" {
  description = <<-EOT
    How a release replaces tasks.

    - `strategy`: rolling; blue_green: all requests go over at once; linear: `percent` of them every `step_minutes`; or canary:
      `percent` of them, and the others after `step_minutes`.
    - `bake_minutes`: for how many minutes the old tasks stay after the last step.
    - `percent`: the share of the requests in a step.
    - `step_minutes`: how many minutes a step takes.
    - `pause_at`: the stages at which the release waits for `slipway release continue`, such as POST_SCALE_UP or
      POST_PRODUCTION_TRAFFIC_SHIFT.
    - `pause_minutes`: after how many minutes of waiting it rolls back.
    - `alarms`: the alarms on which ECS rolls back, by name.
  EOT
  type = object({
    strategy      = optional(string, "rolling")
    bake_minutes  = optional(number, 5)
    percent       = optional(number, 10)
    step_minutes  = optional(number, 5)
    alarms        = optional(list(string), [])
    pause_at      = optional(list(string), [])
    pause_minutes = optional(number, 60)
  })
  default = {}

  validation {
    condition     = contains(["rolling", "blue_green", "linear", "canary"], var.deployment.strategy)
    error_message = "A strategy is rolling, blue_green, linear or canary."
  }

  validation {
    condition     = var.deployment.strategy == "rolling" ? true : length(var.target_group_arns) == 1 && var.progressive_target != null && !var.singleton
    error_message = "Requests go over by weight behind one target group, with a second one and the listener rule of both (progressive_target), and not for a singleton."
  }
}

variable "progressive_target" {
  description = <<-EOT
    What requests go over to by weight; null for rolling updates.

    - `target_group_arn`: the second target group.
    - `listener_rule_arn`: the listener rule that sends requests to both.
  EOT
  type        = object({ target_group_arn = string, listener_rule_arn = string })
  default     = null
}

variable "target_group_arns" {
  description = "The target groups of load balancers that send it requests."
  type        = list(string)
  default     = []
}

variable "health_check_grace_period_seconds" {
  description = "How long a new task may fail the load balancer's health check before ECS counts it as failed."
  type        = number
  default     = 60
}

variable "service_connect_namespace" {
  description = "The ARN of the Service Connect namespace in which it finds other services, and is found as http://<discovery_name>:<port>. Null for none."
  type        = string
  default     = null
}

variable "discovery_name" {
  description = "What others in the namespace call it; null for its key."
  type        = string
  default     = null
}

variable "request_timeout" {
  description = "After how many seconds without a complete answer the proxy of Service Connect ends a request; 0 for never. ECS's own default, 15, cuts off downloads, uploads and events."
  type        = number
  default     = 0

  validation {
    condition     = var.request_timeout >= 0 && var.request_timeout <= 2147483647 && floor(var.request_timeout) == var.request_timeout
    error_message = "request_timeout is a whole number of seconds, 0 or more."
  }
}

variable "idle_timeout" {
  description = "After how many seconds without a byte the proxy closes a connection; 0 for never, null for ECS's own: five minutes, or an hour of tcp."
  type        = number
  default     = null

  validation {
    condition     = var.idle_timeout == null ? true : var.idle_timeout >= 0 && floor(var.idle_timeout) == var.idle_timeout
    error_message = "idle_timeout is a whole number of seconds, 0 or more."
  }
}
