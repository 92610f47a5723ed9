variable "name" {
  description = "What the network and its parts are called: the stack's id."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,31}$", var.name))
    error_message = "A network's name starts with a lower-case letter, and has at most 32 lower-case letters, digits and hyphens."
  }
}

variable "cidr_block" {
  description = "The network's IPv4 addresses. Each zone gets a sixteenth of them for its public subnet and a sixteenth for its private one."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition = can(regex("/(1[6-9]|2[0-4])$", var.cidr_block)) && can(cidrhost(var.cidr_block, 0)) && (
      try(cidrhost(var.cidr_block, 0), "") == split("/", var.cidr_block)[0]
    )
    error_message = "The addresses are a block like 10.0.0.0/16, of /16 to /24, written with its first address."
  }
}

variable "zones" {
  description = "In how many availability zones there are subnets. A load balancer and a database need two."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zones)
    error_message = "A network is in 2 or 3 zones."
  }
}

variable "nat" {
  description = "How private subnets reach the internet over IPv4: `single` is one NAT gateway, in the first zone; `per-zone` one in each, which survives the loss of a zone; `none` is not at all."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["single", "per-zone", "none"], var.nat)
    error_message = "nat is one of single, per-zone and none."
  }
}

variable "flow_logs" {
  description = <<-EOT
    A record of refused connections; null for none.

    - `log_group_name`: the log group, which is made.
    - `retention_days`: for how many days it is kept.
    - `permissions_boundary`: the boundary of the role that writes it.
    - `kms_key_arn`: the KMS key that encrypts it; null for AWS's own.
  EOT
  type = object({
    log_group_name       = string
    retention_days       = optional(number, 30)
    permissions_boundary = optional(string)
    kms_key_arn          = optional(string)
  })
  default = null
}
