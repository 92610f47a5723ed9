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
      var.engine == "mysql" ? ["8.0", "8.4"] : ["14", "15", "16", "17", "18"], coalesce(var.engine_version, "-")
    )
    error_message = "PostgreSQL is of version 14, 15, 16, 17 or 18; MySQL of 8.0 or 8.4."
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
    condition     = var.max_allocated_storage >= var.allocated_storage
    error_message = "Storage does not shrink: max_allocated_storage is allocated_storage or more."
  }
}

variable "multi_az" {
  description = "Whether a second machine in another zone takes over when the first fails. It doubles the price."
  type        = bool
  default     = false
}

variable "backup_retention_days" {
  description = "For how many days it can be put back to any minute."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "Backups are kept for 1 to 35 days: a database without them cannot be put back."
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

  # Names that PostgreSQL or RDS keep for themselves are refused by RDS only after minutes.
  validation {
    condition = can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,15}$", var.username)) && !contains(
      ["admin", "postgres", "rdsadmin", "rdsrepladmin", "root", "user"], lower(var.username)
    )
    error_message = "A user's name starts with a letter, has at most 16 letters, digits and underscores, and is none of admin, postgres, rdsadmin, root and user."
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
