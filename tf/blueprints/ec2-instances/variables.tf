# How it is looked after. The instances are in variables_instances.tf, how they are reached is in variables_network.tf.

variable "permissions_boundary" {
  description = "The boundary of the role of the instances, given by the environment."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary))
    error_message = "A boundary is a policy, given by its ARN: arn:aws:iam::111122223333:policy/slipway-environment-production."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the instances and the load balancer. Take it away with one update before the stack, or an instance, is destroyed or made anew."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  description = "The KMS key of the disks. By default that of EBS, which costs nothing."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "A key is given by its ARN: arn:aws:kms:eu-west-1:111122223333:key/…, not by an alias."
  }
}

variable "policy_arns" {
  description = "Policies that the role of the instances gets beside access by Systems Manager, such as one that reads a bucket."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.policy_arns : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", arn))]) && length(var.policy_arns) <= 10
    error_message = "At most 10 policies, each by its ARN: arn:aws:iam::111122223333:policy/name."
  }
}

variable "log_retention_days" {
  description = "For how many days refused connections in the stack's own network are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}
