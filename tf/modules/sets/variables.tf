variable "names" {
  description = "The names of the parts, by kind: services, workers, schedules."
  type        = map(set(string))
}

variable "primary_set" {
  description = "The set that stays: a or b."
  type        = string

  validation {
    condition     = contains(["a", "b"], var.primary_set)
    error_message = "primary_set is a or b."
  }
}

variable "side_by_side" {
  description = <<-EOT
    The second set; null for one set.

    - `weight`: its share of the requests in percent.
  EOT
  type        = object({ weight = number })
  default     = null
}
