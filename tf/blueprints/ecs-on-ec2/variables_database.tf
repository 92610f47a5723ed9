# Its database.

variable "database" {
  description = <<-EOT
    A database; null for none. It is private, encrypted, backed up, and leaves a last snapshot when it is deleted.

    - `engine`: postgres or mysql. Chosen once.
    - `engine_version`: the major version; null for 17 of PostgreSQL, and 8.4 of MySQL or 8.0 of Aurora's. RDS keeps the minor
      version up to date.
    - `serverless`: Aurora Serverless v2 in place of an instance, whose attributes then have no effect; null for an instance.
      Chosen once.
    - `serverless.min_capacity`: the least capacity in ACUs, of some 2 GiB of memory each. With 0 the database pauses without
      connections, and takes some 15 seconds to come back.
    - `serverless.max_capacity`: the most capacity in ACUs.
    - `serverless.pause_after_seconds`: after how many seconds without a connection it pauses.
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
    - `snapshot`: the snapshot that it is made from; null for an empty database.
    - `parameters`: parameters of the database besides TLS, by name. They take effect with the next restart.
    - `maintenance_window`: when RDS may restart it, in UTC, like sun:04:00-sun:05:00; null for a window that RDS picks.
    - `backup_window`: when RDS takes its daily backup, in UTC, like 02:00-03:00; null for a window that RDS picks.
    - `log_exports`: whether its own logs go to CloudWatch, where they are kept for log_retention_days.
    - `extended_support`: whether RDS keeps a version running, for a charge, that is past its standard support. Chosen once.
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
    snapshot              = optional(string)
    parameters            = optional(map(string), {})
    maintenance_window    = optional(string)
    backup_window         = optional(string)
    log_exports           = optional(bool, false)
    extended_support      = optional(bool, false)
    serverless = optional(object({
      min_capacity        = optional(number, 0)
      max_capacity        = optional(number, 4)
      pause_after_seconds = optional(number, 300)
    }))
  })
  default = null

  validation {
    condition     = var.database == null ? true : contains(["postgres", "mysql"], var.database.engine)
    error_message = "The engine of a database is postgres or mysql."
  }

  validation {
    condition = var.database == null ? true : var.database.engine_version == null ? true : contains(
      var.database.serverless != null ? (var.database.engine == "mysql" ? ["8.0"] : ["14", "15", "16", "17"]) :
      var.database.engine == "mysql" ? (var.database.extended_support ? ["8.0", "8.4"] : ["8.4"]) : ["14", "15", "16", "17", "18"], var.database.engine_version
    )
    error_message = "PostgreSQL is of version 14, 15, 16, 17 or 18; MySQL of 8.4, or of 8.0 with extended_support, which costs some 0.10 dollars an hour for each core. A serverless one is of 14, 15, 16 or 17, or of Aurora MySQL's 8.0. RDS keeps the minor version up to date."
  }

  validation {
    condition = try(var.database.serverless, null) == null ? true : (
      var.database.serverless.min_capacity >= 0 && var.database.serverless.max_capacity >= max(1, var.database.serverless.min_capacity) && var.database.serverless.max_capacity <= 256
      && floor(var.database.serverless.min_capacity * 2) == var.database.serverless.min_capacity * 2 && floor(var.database.serverless.max_capacity * 2) == var.database.serverless.max_capacity * 2
      && var.database.serverless.pause_after_seconds >= 300 && var.database.serverless.pause_after_seconds <= 86400
      && !var.database.performance_insights
    )
    error_message = "Of a serverless database, min_capacity is 0 or more, max_capacity 1 to 256 and not below it, both in steps of 0.5, and pause_after_seconds 300 to 86400; it has no performance_insights."
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
