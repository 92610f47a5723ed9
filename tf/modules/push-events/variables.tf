variable "name" {
  description = "The stack's id."
  type        = string
}

variable "repository_names" {
  description = "The full names of the ECR repositories, of this account and Region, whose pushes are sent."
  type        = list(string)

  validation {
    condition     = length(var.repository_names) > 0
    error_message = "Name at least one repository: a rule without names would send the pushes of all."
  }
}

variable "bus_arn" {
  description = "Slipway's event bus, the output EventBusArn of its template."
  type        = string
}

variable "permissions_boundary" {
  description = "The boundary of its role, which the environment gives."
  type        = string
  default     = null
}
