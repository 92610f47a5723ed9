variable "name" {
  description = "The stack's id."
  type        = string
}

variable "secret_arns" {
  description = "The secrets whose rotation is answered, by any names."
  type        = map(string)

  validation {
    condition     = length(var.secret_arns) > 0
    error_message = "Name at least one secret: a rule without secrets would answer the rotation of all."
  }
}

variable "cluster_name" {
  description = "The ECS cluster of the services."
  type        = string
}

variable "services" {
  description = "The names in ECS of the services that are released, by their keys in the output `slipway`."
  type        = map(string)
}

variable "bus_arn" {
  description = "Slipway's event bus, the output EventBusArn of its template."
  type        = string
}

variable "permissions_boundary" {
  description = "The boundary of its roles, which the environment gives."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "The KMS key of its log; null for AWS's own."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "For how many days its log is kept."
  type        = number
  default     = 30
}
