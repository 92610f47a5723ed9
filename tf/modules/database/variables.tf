variable "name" {
  description = "The database's identifier in RDS: the stack's id, or something that begins with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,39}$", var.name)) && !endswith(var.name, "-") && !strcontains(var.name, "--")
    error_message = "A database's identifier starts with a lower-case letter, has at most 40 lower-case letters, digits and single hyphens, and does not end with a hyphen."
  }
}

variable "engine" {
  description = "The kind of database: postgres or mysql."
  type        = string

  validation {
    condition     = contains(["postgres", "mysql"], var.engine)
    error_message = "engine is postgres or mysql."
  }
}

variable "engine_version" {
  description = "The major version; RDS keeps the minor one up to date. Null for 17 of PostgreSQL and 8.4 of MySQL."
  type        = string
  default     = null

  validation {
    condition = var.engine_version == null || contains(
      var.engine == "mysql" ? (var.extended_support ? ["8.0", "8.4"] : ["8.4"]) : ["14", "15", "16", "17", "18"], coalesce(var.engine_version, "-")
    )
    error_message = "PostgreSQL is of version 14, 15, 16, 17 or 18; MySQL of 8.4, or of 8.0 with extended_support, which costs some 0.10 dollars an hour for each core."
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

variable "backup_retention_days" {
  description = "For how many days it can be restored to any point in time."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "Backups are kept for 1 to 35 days: a database without them cannot be restored."
  }
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete it."
  type        = bool
  default     = false
}

variable "final_snapshot" {
  description = "Whether a last snapshot is taken when it is deleted. It outlives the stack."
  type        = bool
  default     = true
}

variable "apply_immediately" {
  description = "Whether changes of machine or version are made at once, with the interruption that they bring, or in the next maintenance window."
  type        = bool
  default     = false
}

variable "performance_insights" {
  description = "Whether RDS records what the database waits for; seven days of it are free. The smallest classes cannot with MySQL."
  type        = bool
  default     = false
}

variable "database_name" {
  description = "The name of the database that is made in it."
  type        = string
  default     = "app"

  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,62}$", var.database_name))
    error_message = "A database's name starts with a letter, and has at most 63 letters, digits and underscores."
  }
}

variable "username" {
  description = "The name of its first user."
  type        = string
  default     = "app"

  # Names that an engine or RDS keeps for itself are refused by RDS only after minutes.
  validation {
    condition = can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,15}$", var.username)) && !contains(
      var.engine == "mysql" ? ["rdsadmin", "rdsrepladmin", "root"] : ["admin", "rdsadmin", "rdsrepladmin", "user"], lower(var.username)
    )
    error_message = "A user's name starts with a letter, has at most 16 letters, digits and underscores, and is not reserved: rdsadmin and rdsrepladmin, admin and user with PostgreSQL, root with MySQL."
  }
}

variable "snapshot" {
  description = "The snapshot that it is made from, by identifier or ARN; null for an empty database. Once it is made this changes nothing."
  type        = string
  default     = null
}

variable "vpc_id" {
  description = "The network it is in."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets in at least two zones."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "A database needs subnets in at least two zones."
  }
}

variable "clients" {
  description = "The security groups that may connect to it, by any names."
  type        = map(string)
}

variable "alarm_actions" {
  description = "The SNS topics that hear of its alarms."
  type        = list(string)
  default     = []
}

variable "parameters" {
  description = "Parameters of the database besides TLS, by name. They take effect with the next restart."
  type        = map(string)
  default     = {}

  validation {
    condition     = !anytrue([for name in keys(var.parameters) : contains(["rds.force_ssl", "require_secure_transport"], name)])
    error_message = "Connections without TLS are refused: rds.force_ssl and require_secure_transport are the module's own."
  }
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

variable "extended_support" {
  description = "Whether RDS keeps a version running, for a charge, that is past its standard support. Without it, RDS upgrades the database then. Once it is made this changes nothing."
  type        = bool
  default     = false
}

variable "blue_green_update" {
  description = "Whether changes are made to a copy that then takes over within a minute."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "The KMS key of its storage, its secret and its logs; null for AWS's own keys. A database keeps the one that it was made with."
  type        = string
  default     = null
}
