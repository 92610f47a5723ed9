# What it keeps, and how a breaking change goes over.

variable "read_only" {
  description = "Sets READ_ONLY=true, which asks the application to answer requests and change nothing. The update that sets it rolls out the current images again."
  type        = bool
  default     = false
}

variable "side_by_side" {
  description = "A second set of services beside the first, with a database made from a snapshot: its services are called <name>-b (or <name> again, where the first set is b). `weight` is the percentage of requests that it gets. Null for one set."
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

variable "database" {
  description = "A PostgreSQL (`postgres`) or MySQL (`mysql`) database; null for none. It is private, encrypted, backed up, and leaves a last snapshot when it is deleted."
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

variable "redis" {
  description = "A cache that speaks the protocol of Redis: `valkey`, or `redis`, which costs a quarter more. With replicas, one of them takes over when the first node fails. Both sets share it. A higher password_version is a new password; the one before stays good. Null for none."
  type = object({
    engine           = optional(string, "valkey")
    node_type        = optional(string, "cache.t4g.micro")
    replicas         = optional(number, 0)
    snapshot_days    = optional(number, 0)
    password_version = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.redis == null ? true : contains(["valkey", "redis"], var.redis.engine)
    error_message = "The engine of the cache is valkey or redis."
  }

  validation {
    condition     = var.redis == null ? true : can(regex("^cache\\.[a-z0-9-]+\\.[a-z0-9]+$", var.redis.node_type))
    error_message = "A node type is like cache.t4g.micro."
  }

  validation {
    condition     = var.redis == null ? true : var.redis.replicas >= 0 && var.redis.replicas <= 5 && var.redis.snapshot_days >= 0 && var.redis.snapshot_days <= 35
    error_message = "A cache has 0 to 5 replicas, and its snapshots are kept for 0 to 35 days."
  }

  validation {
    condition     = var.redis == null ? true : var.redis.password_version >= 1 && floor(var.redis.password_version) == var.redis.password_version
    error_message = "password_version is a whole number, 1 or more."
  }
}

variable "files" {
  description = "A private, versioned bucket for the application's files; null for none. Deleted and replaced files are kept for version_days, and copies from before breaking releases for backup_days. A bucket that is not empty keeps the stack from being destroyed, unless empty_on_destroy says that everything in it may go. cors_origins are the sites whose pages may read and upload files."
  type = object({
    version_days     = optional(number, 30)
    backup_days      = optional(number, 90)
    backup_service   = optional(string, "web")
    backup_seconds   = optional(number, 3600)
    empty_on_destroy = optional(bool, false)
    cors_origins     = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.files == null ? true : var.files.version_days >= 1 && var.files.backup_days >= 1
    error_message = "Versions and copies are kept for 1 day or more."
  }

  validation {
    condition     = var.files == null ? true : contains(concat(keys(var.services), keys(var.workers)), var.files.backup_service)
    error_message = "The copy is made with the image of a service or worker that there is: name it in `backup_service`."
  }

  validation {
    condition     = var.files == null ? true : var.files.backup_seconds >= 1 && var.files.backup_seconds <= 86400
    error_message = "A copy may take 1 to 86400 seconds (backup_seconds)."
  }

  validation {
    condition     = var.files == null ? true : alltrue([for origin in var.files.cors_origins : can(regex("^https?://[A-Za-z0-9.:-]+$", origin))])
    error_message = "An origin is like https://www.example.com, without a path."
  }
}

variable "dump" {
  description = "A dump that the task load-dump puts into the database: the key in the bucket for files, or in another `bucket`. The image of `service` needs the AWS CLI and psql, pg_restore or mysql. Null for no such task."
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

variable "email" {
  description = "The right to send mail from the addresses of a domain through SES: the stack's own domain, unless another is named. With `create_identity = false` the domain is in SES already. Null for none."
  type = object({
    domain          = optional(string)
    create_identity = optional(bool, true)
  })
  default = null

  validation {
    condition     = try(var.email.domain, null) == null ? true : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.email.domain))
    error_message = "A domain is like example.com, in lower case."
  }

  validation {
    condition     = var.email == null ? true : var.email.domain != null || var.domain_name != null || var.zone_id != null
    error_message = "The stack has no domain of its own: name the one to send from, in `domain`."
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
