# How it is looked after, which an environment usually says. Each further subject has a file of its own, variables_<subject>.tf.

variable "permissions_boundary" {
  description = "The boundary of all roles of the stack: the output permissions_boundary_arn of the module target-account."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", coalesce(var.permissions_boundary, "-")))
    error_message = "A boundary is given by the ARN of a policy: arn:aws:iam::111122223333:policy/slipway-environment-production."
  }
}

variable "deletion_protection" {
  description = "Whether load balancer and database refuse to be deleted. A protected environment sets it; before a stack goes, it has to be taken away."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "A KMS key of your own for logs and database; null for AWS's keys. Its policy has to let CloudWatch Logs and the stack's roles use it. A database keeps the key that it was made with."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", coalesce(var.kms_key_arn, "-")))
    error_message = "A key is given by its ARN: arn:aws:kms:eu-west-1:111122223333:key/…, not by an alias."
  }
}

variable "alarms" {
  description = <<-EOT
    Who hears of alarms.

    - `email`: an address, which has to confirm it once; null for none.
    - `topic_arns`: SNS topics that exist.
  EOT
  type = object({
    email      = optional(string)
    topic_arns = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = var.alarms.email == null || can(regex("^[^@ ]+@[^@ ]+\\.[a-z]{2,}$", coalesce(var.alarms.email, "-")))
    error_message = "An address is like team@example.com."
  }

  validation {
    condition     = alltrue([for arn in var.alarms.topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:", arn))])
    error_message = "A topic is given by its ARN: arn:aws:sns:eu-west-1:111122223333:alarms."
  }

  validation {
    condition     = length(var.alarms.topic_arns) + (var.alarms.email == null ? 0 : 1) <= 5
    error_message = "An alarm has at most five actions: the topics, and the address as one."
  }
}

variable "log_retention_days" {
  description = "For how many days logs are kept, where a service says nothing else (`log_retention`)."
  type        = number
  default     = 30

  validation {
    condition     = alltrue([for days in concat([var.log_retention_days], [for part in values(var.services) : part.log_retention if part.log_retention != null]) : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], days)])
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "container_insights" {
  description = "Whether CloudWatch records how much each service uses; some 7 dollars a month for a small stack."
  type        = bool
  default     = false
}

variable "enable_execute_command" {
  description = "Whether people with the right in IAM may open a shell in a running task (ECS Exec)."
  type        = bool
  default     = false
}

variable "image_repositories" {
  description = "The ARNs of the ECR repositories that images come from; null for any in this account. Repositories of another account have to be named, and have to allow it."
  type        = list(string)
  default     = null

  validation {
    condition     = var.image_repositories == null ? true : length(var.image_repositories) > 0 && alltrue([for arn in var.image_repositories : can(regex("^arn:[a-z-]+:ecr:[a-z0-9-]+:[0-9]{12}:repository/", arn))])
    error_message = "A repository is given by its ARN: arn:aws:ecr:eu-west-1:111122223333:repository/team/web."
  }
}
