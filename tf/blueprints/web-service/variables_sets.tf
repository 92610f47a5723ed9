# How a breaking change goes over.

variable "read_only" {
  description = "Sets READ_ONLY=true, which asks the application to answer requests and change nothing. The update that sets it rolls out the current images again."
  type        = bool
  default     = false
}

variable "side_by_side" {
  description = <<-EOT
    A second set of services beside the first, with a database made from a snapshot: its services are called <name>-b (or <name>
    again, where the first set is b). Null for one set.

    - `snapshot`: the snapshot that the second set's database is made from; null without a database.
    - `weight`: how many percent of the requests the second set gets.
  EOT
  type = object({
    snapshot = optional(string)
    weight   = optional(number, 0)
  })
  default = null

  validation {
    condition     = var.side_by_side == null ? true : var.side_by_side.weight >= 0 && var.side_by_side.weight <= 100 && floor(var.side_by_side.weight) == var.side_by_side.weight
    error_message = "The second set gets 0 to 100 percent of the requests, as a whole number."
  }

  validation {
    condition     = var.side_by_side == null ? true : alltrue([for service in values(var.services) : service.deployment.strategy == "rolling"])
    error_message = "While two sets stand side by side, the weight is that of the sets: set every service's strategy to rolling before."
  }

  validation {
    condition     = var.side_by_side == null ? true : (var.database == null) == (var.side_by_side.snapshot == null)
    error_message = "The second set's database is made from a snapshot: name it, unless there is no database."
  }
}

variable "primary_set" {
  description = "The set that stays: a at first, b once a change has gone over to the second set, a again after the next one."
  type        = string
  default     = "a"

  validation {
    condition     = contains(["a", "b"], var.primary_set)
    error_message = "primary_set is a or b."
  }
}
