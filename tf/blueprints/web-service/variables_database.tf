# Its database, and how people and dumps get to it.

variable "database" {
  description = <<-EOT
    A database; null for none. It is private, encrypted, backed up, and leaves a last snapshot when it is deleted.

    - `engine`: postgres or mysql. Chosen once.
    - `engine_version`: the major version; null for 17 of PostgreSQL and 8.4 of MySQL. RDS keeps the minor
      version up to date.
    - `instance_class`: the machine it runs on, like db.t4g.micro.
    - `allocated_storage`: its storage in GiB to begin with.
    - `max_allocated_storage`: up to how many GiB its storage grows by itself.
    - `multi_az`: whether a second machine in another zone takes over when the first fails. It doubles the price.
    - `backup_retention_days`: for how many days it can be restored to any point in time.
    - `final_snapshot`: whether a last snapshot is taken when it is deleted. It outlives the stack.
    - `apply_immediately`: whether changes of machine or version are made at once, with the interruption that they bring, or in
      the next maintenance window.
    - `performance_insights`: whether RDS records what it waits for; seven days of it are free.
    - `name`: the name of the database in it. Chosen once.
    - `username`: the name of its owner. Chosen once.
    - `parameters`: parameters of the database besides TLS, by name. They take effect with the next restart.
    - `maintenance_window`: when RDS may restart it, in UTC, like sun:04:00-sun:05:00; null for a window that RDS picks.
    - `backup_window`: when RDS takes its daily backup, in UTC, like 02:00-03:00; null for a window that RDS picks.
    - `log_exports`: whether its own logs go to CloudWatch, where they are kept for log_retention_days.
    - `extended_support`: whether RDS keeps a version running, for a charge, that is past its standard support. Chosen once.
    - `blue_green_update`: whether changes are made to a copy that then takes over within a minute.
  EOT
  type = object({
    engine                = optional(string, "postgres")
    engine_version        = optional(string)
    instance_class        = optional(string, "db.t4g.micro")
    allocated_storage     = optional(number, 20)
    max_allocated_storage = optional(number, 100)
    multi_az              = optional(bool, false)
    backup_retention_days = optional(number, 7)
    final_snapshot        = optional(bool, true)
    apply_immediately     = optional(bool, false)
    performance_insights  = optional(bool, false)
    name                  = optional(string, "app")
    username              = optional(string, "app")
    parameters            = optional(map(string), {})
    maintenance_window    = optional(string)
    backup_window         = optional(string)
    log_exports           = optional(bool, false)
    extended_support      = optional(bool, false)
    blue_green_update     = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.database == null ? true : contains(["postgres", "mysql"], var.database.engine)
    error_message = "The engine of a database is postgres or mysql."
  }

  validation {
    condition     = var.database == null ? true : var.database.engine_version == null ? true : contains(var.database.engine == "mysql" ? (var.database.extended_support ? ["8.0", "8.4"] : ["8.4"]) : ["14", "15", "16", "17", "18"], var.database.engine_version)
    error_message = "PostgreSQL is of version 14, 15, 16, 17 or 18; MySQL of 8.4, or of 8.0 with extended_support, which costs some 0.10 dollars an hour for each core. RDS keeps the minor version up to date."
  }

  validation {
    condition = var.database == null ? true : (
      (var.database.maintenance_window == null || can(regex("^(mon|tue|wed|thu|fri|sat|sun):[0-2][0-9]:[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):[0-2][0-9]:[0-5][0-9]$", coalesce(var.database.maintenance_window, "-"))))
      && (var.database.backup_window == null || can(regex("^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$", coalesce(var.database.backup_window, "-"))))
    )
    error_message = "Windows are in UTC: maintenance_window like sun:04:00-sun:05:00, backup_window like 02:00-03:00."
  }

  validation {
    condition     = var.database == null ? true : can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9]+$", var.database.instance_class))
    error_message = "An instance class is like db.t4g.micro."
  }

  validation {
    condition     = var.database == null ? true : var.database.allocated_storage >= 20 && var.database.max_allocated_storage <= 65536 && (var.database.max_allocated_storage == var.database.allocated_storage || var.database.max_allocated_storage * 10 >= var.database.allocated_storage * 11)
    error_message = "A database has 20 to 65536 GiB of storage; max_allocated_storage is the same, for storage that does not grow, or at least a tenth more."
  }

  validation {
    condition     = var.database == null ? true : var.database.backup_retention_days >= 1 && var.database.backup_retention_days <= 35
    error_message = "Backups are kept for 1 to 35 days: a database without them cannot be restored."
  }

  validation {
    condition     = var.database == null ? true : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,62}$", var.database.name))
    error_message = "A database's name starts with a letter, and has at most 63 letters, digits and underscores."
  }

  validation {
    condition     = var.database == null ? true : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,15}$", var.database.username)) && !contains(var.database.engine == "mysql" ? ["rdsadmin", "rdsrepladmin", "root"] : ["admin", "rdsadmin", "rdsrepladmin", "user"], lower(var.database.username))
    error_message = "A user's name starts with a letter, has at most 16 letters, digits and underscores, and is not reserved: rdsadmin and rdsrepladmin, admin and user with PostgreSQL, root with MySQL."
  }
}

variable "dump" {
  description = <<-EOT
    A dump that the task load-dump puts into the database. Null for no such task.

    - `key`: its key in the bucket.
    - `bucket`: the bucket; null for that of files.
    - `service`: the service or worker whose image loads it; it needs the AWS CLI and psql, pg_restore or mysql.
    - `timeout_seconds`: how many seconds it may take.
  EOT
  type = object({
    key             = string
    bucket          = optional(string)
    service         = optional(string, "web")
    timeout_seconds = optional(number, 3600)
  })
  default = null

  validation {
    condition     = var.dump == null ? true : can(regex("\\.(sql|sql\\.gz|dump)$", var.dump.key)) && can(regex("^[A-Za-z0-9][A-Za-z0-9!_.*'()/-]{0,1000}$", var.dump.key))
    error_message = "A dump's key ends with .sql, .sql.gz or .dump (of pg_dump --format=custom), and starts with a letter or digit."
  }

  validation {
    condition     = var.dump == null ? true : var.database != null
    error_message = "There is no database to load a dump into: give `database` too."
  }

  validation {
    condition     = var.dump == null ? true : (var.dump.bucket == null ? var.files != null : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.dump.bucket)))
    error_message = "A dump is in the bucket for files (give `files` too) or in a `bucket` by its name."
  }

  validation {
    condition     = var.dump == null ? true : contains(concat(keys(var.services), keys(var.workers)), var.dump.service)
    error_message = "The dump is loaded with the image of a service or worker that there is: name it in `service`."
  }

  validation {
    condition     = var.dump == null ? true : !(endswith(var.dump.key, ".dump") && try(var.database.engine, "postgres") == "mysql")
    error_message = "A .dump is of PostgreSQL: MySQL takes .sql and .sql.gz."
  }

  validation {
    condition     = var.dump == null ? true : var.dump.timeout_seconds >= 1 && var.dump.timeout_seconds <= 86400
    error_message = "Loading may take 1 to 86400 seconds."
  }
}

variable "bastion" {
  description = "A small machine without open ports, through which people with the right in IAM reach the database (about 4 dollars a month). The command is in the stack's notes."
  type        = bool
  default     = false

  validation {
    condition     = !var.bastion || var.database != null
    error_message = "There is no database to reach through a bastion: give `database` too."
  }
}
