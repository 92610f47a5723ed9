# What it runs on.

variable "serverless" {
  description = <<-EOT
    Aurora Serverless v2 in place of an instance, whose attributes then have no effect; null for an instance. It cannot be changed later.

    - `min_capacity`: the least capacity in ACUs, of some 2 GiB of memory each, in steps of 0.5. With 0 the database pauses without connections,
      costs its storage alone, and takes some 15 seconds to come back.
    - `max_capacity`: the most capacity in ACUs, at least 1.
    - `pause_after_seconds`: after how many seconds without a connection it pauses, 300 to 86400.
  EOT
  type = object({
    min_capacity        = optional(number, 0)
    max_capacity        = optional(number, 4)
    pause_after_seconds = optional(number, 300)
  })
  default = null

  validation {
    condition = var.serverless == null ? true : (
      var.serverless.min_capacity >= 0 && var.serverless.max_capacity >= max(1, var.serverless.min_capacity) && var.serverless.max_capacity <= 256
      && floor(var.serverless.min_capacity * 2) == var.serverless.min_capacity * 2 && floor(var.serverless.max_capacity * 2) == var.serverless.max_capacity * 2
      && var.serverless.pause_after_seconds >= 300 && var.serverless.pause_after_seconds <= 86400
    )
    error_message = "min_capacity is 0 or more, max_capacity 1 to 256 and not below it, both in steps of 0.5; pause_after_seconds is 300 to 86400."
  }

  validation {
    condition     = var.serverless == null ? true : !var.performance_insights
    error_message = "A serverless database has no performance_insights, which would keep it from pausing."
  }
}

variable "instance_class" {
  description = "The machine it runs on, like db.t4g.micro."
  type        = string
  default     = "db.t4g.micro"

  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "An instance class is like db.t4g.micro."
  }
}

variable "allocated_storage" {
  description = "Its storage in GiB to begin with."
  type        = number
  default     = 20

  validation {
    condition     = var.allocated_storage >= 20 && var.allocated_storage <= 65536
    error_message = "A database has 20 to 65536 GiB of storage."
  }
}

variable "max_allocated_storage" {
  description = "Up to how many GiB its storage grows by itself; the same as allocated_storage for not at all."
  type        = number
  default     = 100

  validation {
    condition     = var.max_allocated_storage == var.allocated_storage || var.max_allocated_storage * 10 >= var.allocated_storage * 11
    error_message = "max_allocated_storage is allocated_storage, for storage that does not grow, or at least a tenth more: RDS refuses less."
  }
}

variable "multi_az" {
  description = "Whether a second machine in another zone takes over when the first fails. It doubles the price."
  type        = bool
  default     = false
}
