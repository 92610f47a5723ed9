# What it is, and who reaches it.

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
      var.serverless != null ? (var.engine == "mysql" ? ["8.0"] : ["14", "15", "16", "17"]) :
      var.engine == "mysql" ? (var.extended_support ? ["8.0", "8.4"] : ["8.4"]) : ["14", "15", "16", "17", "18"], coalesce(var.engine_version, "-")
    )
    error_message = "PostgreSQL is of version 14, 15, 16, 17 or 18; MySQL of 8.4, or of 8.0 with extended_support, which costs some 0.10 dollars an hour for each core. A serverless one is of 14, 15, 16 or 17, or of Aurora MySQL's 8.0."
  }
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

variable "kms_key_arn" {
  description = "The KMS key of its storage, its secret and its logs; null for AWS's own keys. A database keeps the one that it was made with."
  type        = string
  default     = null
}
