# Where it runs, and in whose name.

variable "stack" {
  description = "The stack's id."
  type        = string
}

variable "key" {
  description = "What the blueprint calls the service. In ECS it is <stack>-<key>, and its container is called <key>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,23}$", var.key)) && !endswith(var.key, "-")
    error_message = "A service's name starts with a lower-case letter, and has at most 24 lower-case letters, digits and hyphens."
  }
}

variable "cluster_arn" {
  description = "The ECS cluster."
  type        = string
}

variable "launch" {
  description = "What the tasks are made for: FARGATE, or EC2 for instances of a capacity provider."
  type        = string
  default     = "FARGATE"

  validation {
    condition     = contains(["FARGATE", "EC2"], var.launch)
    error_message = "launch is FARGATE or EC2."
  }
}

variable "capacity_providers" {
  description = <<-EOT
    The capacity providers of the service by name: FARGATE, FARGATE_SPOT, or one of the cluster's own.

    - `weight`: its share of the tasks beyond the bases.
    - `base`: how many of the first tasks it gets.
  EOT
  type = map(object({
    weight = optional(number, 1)
    base   = optional(number, 0)
  }))
  default = { FARGATE = {} }

  validation {
    condition     = length(var.capacity_providers) > 0
    error_message = "Name at least one capacity provider."
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
  description = "Whether its tasks get public addresses, with which they reach the internet without a NAT gateway. Only on Fargate."
  type        = bool
  default     = false

  validation {
    condition     = !(var.assign_public_ip && var.launch == "EC2")
    error_message = "Tasks on instances get no public addresses: their subnets need a NAT gateway, or endpoints."
  }
}

variable "permissions_boundary" {
  description = "The boundary of its roles, which the environment gives."
  type        = string
  default     = null
}

variable "task_policies" {
  description = "What the application itself may do: policy documents in JSON, by name."
  type        = map(string)
  default     = {}
}

variable "task_policy_arns" {
  description = "Managed policies of the application, by ARN."
  type        = list(string)
  default     = []
}

variable "guardduty" {
  description = "Whether GuardDuty Runtime Monitoring may start its agent in the tasks."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "A KMS key for its log, which is also that of its secrets; null for AWS's own keys."
  type        = string
  default     = null
}

variable "image_repository_arns" {
  description = "The ECR repositories of its images, which may be in other accounts; null for any in this account."
  type        = list(string)
  default     = null
}

variable "log_retention_days" {
  description = "For how many days its logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}
