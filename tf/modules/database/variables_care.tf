# How it is looked after: settings, upgrades, backups, logs and alarms.

variable "parameters" {
  description = "Parameters of the database besides TLS, by name. They take effect with the next restart."
  type        = map(string)
  default     = {}

  validation {
    condition     = !anytrue([for name in keys(var.parameters) : contains(["rds.force_ssl", "require_secure_transport"], name)])
    error_message = "Connections without TLS are refused: rds.force_ssl and require_secure_transport are the module's own."
  }
}

variable "apply_immediately" {
  description = "Whether changes of machine or version are made at once, with the interruption that they bring, or in the next maintenance window."
  type        = bool
  default     = false
}

variable "extended_support" {
  description = "Whether RDS keeps a version running, for a charge, that is past its standard support. Without it, RDS upgrades the database then. Once it is made this changes nothing."
  type        = bool
  default     = false
}

variable "maintenance_window" {
  description = "When RDS may restart it, in UTC, like sun:04:00-sun:05:00; null for a window that RDS picks."
  type        = string
  default     = null

  validation {
    condition     = var.maintenance_window == null || can(regex("^(mon|tue|wed|thu|fri|sat|sun):[0-2][0-9]:[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):[0-2][0-9]:[0-5][0-9]$", coalesce(var.maintenance_window, "-")))
    error_message = "A maintenance window is like sun:04:00-sun:05:00, in UTC."
  }
}

variable "backup_window" {
  description = "When RDS takes its daily backup, in UTC, like 02:00-03:00, outside the maintenance window; null for a window that RDS picks."
  type        = string
  default     = null

  validation {
    condition     = var.backup_window == null || can(regex("^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$", coalesce(var.backup_window, "-")))
    error_message = "A backup window is like 02:00-03:00, in UTC."
  }
}

variable "backup_retention_days" {
  description = "For how many days it can be restored to any point in time."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "Backups are kept for 1 to 35 days: a database without them cannot be restored."
  }
}

variable "final_snapshot" {
  description = "Whether a last snapshot is taken when it is deleted. It outlives the stack."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete it."
  type        = bool
  default     = false
}

variable "performance_insights" {
  description = "Whether RDS records what the database waits for; seven days of it are free. The smallest classes cannot with MySQL."
  type        = bool
  default     = false
}

variable "log_exports" {
  description = "Whether the database's own logs go to CloudWatch, into log groups of the stack."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "For how many days these logs are kept."
  type        = number
  default     = 30
}

variable "alarm_actions" {
  description = "The SNS topics that hear of its alarms."
  type        = list(string)
  default     = []
}
