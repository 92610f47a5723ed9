# The instances that it runs on.

variable "architecture" {
  description = "What the images are built for, and so the instances: X86_64 or ARM64."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture is X86_64 or ARM64."
  }
}

variable "instance_type" {
  description = "The type of the instances; t3.small, or t4g.small for ARM64, by default. Each task has a network interface of its own, of which a type has few: two tasks fit on a t3.small. The README says more."
  type        = string
  default     = null

  validation {
    condition     = var.instance_type == null || can(regex("^[a-z][a-z0-9-]*[0-9][a-z0-9-]*\\.[a-z0-9-]+$", coalesce(var.instance_type, "-")))
    error_message = "An instance type is like t3.small."
  }

  validation {
    condition     = var.instance_type == null || can(regex("^(a1|[a-z]+[0-9]+g[a-z]*)\\.", coalesce(var.instance_type, "-"))) == (var.architecture == "ARM64")
    error_message = "A Graviton type, like t4g.small or m7g.large, goes with ARM64; any other with X86_64."
  }
}

variable "min_instances" {
  description = "How many instances there are at least. With 0 the first task waits some three minutes for the first one."
  type        = number
  default     = 0

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances is a whole number, 0 or more."
  }
}

variable "max_instances" {
  description = "How many instances there are at most. A rollout needs room for the old and the new tasks at a time."
  type        = number
  default     = 4

  validation {
    condition     = var.max_instances >= max(1, var.min_instances) && var.max_instances <= 1000 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances is a whole number from min_instances, and from 1, to 1000."
  }
}

variable "target_capacity" {
  description = "How full ECS keeps the instances, in percent. Below 100 there is room for tasks to start without waiting."
  type        = number
  default     = 100

  validation {
    condition     = var.target_capacity >= 1 && var.target_capacity <= 100
    error_message = "target_capacity is from 1 to 100."
  }
}

variable "ami" {
  description = "The image of the instances. By default the newest of Amazon Linux 2023 for ECS whenever the stack is updated: another one replaces the instances, one after the other."
  type        = string
  default     = null

  validation {
    condition     = var.ami == null || can(regex("^ami-[0-9a-f]{8,17}$", coalesce(var.ami, "-")))
    error_message = "An image is given by its id, like ami-0123456789abcdef0."
  }
}

variable "disk_gib" {
  description = "The encrypted disk of each instance, for images and what containers write."
  type        = number
  default     = 30

  validation {
    condition     = var.disk_gib >= 30 && var.disk_gib <= 16384 && floor(var.disk_gib) == var.disk_gib
    error_message = "disk_gib is a whole number from 30 to 16384."
  }
}
