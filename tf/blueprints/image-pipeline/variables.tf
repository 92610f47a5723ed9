# How it is looked after. What is built and released is in variables_build.tf.

variable "permissions_boundary" {
  description = "The boundary of the stack's roles, given by the environment."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary))
    error_message = "A boundary is a policy, given by its ARN: arn:aws:iam::111122223333:policy/slipway-environment-production."
  }
}

variable "policy_arns" {
  description = "Policies that builds get besides, such as one that pulls a base image from another repository."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.policy_arns : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", arn))]) && length(var.policy_arns) <= 10
    error_message = "At most 10 policies, each by its ARN: arn:aws:iam::111122223333:policy/name."
  }
}

variable "log_retention_days" {
  description = "For how many days the logs of builds are kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "delete_archives" {
  description = "Whether destroying the stack deletes the sources in its bucket. Without it AWS refuses to delete a bucket that has any."
  type        = bool
  default     = false
  nullable    = false
}
