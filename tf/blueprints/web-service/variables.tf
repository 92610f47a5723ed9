# In four parts: what runs, its commands, what it keeps, and where it is.
variable "services" {
  description = "The services by name. Each needs an image in a release. One that listens on a `port` and is `public` gets the requests whose path is one of `paths` and whose host is one of `hosts` (what begins with it for a path that ends with *); one with neither gets all others. One that is not public is reached by the others as http://<name>:<port>. One without a port and of count 0 is a shape for tasks and schedules, with a log of its own."
  type = map(object({
    cpu             = optional(number, 256)
    memory          = optional(number, 512)
    command         = optional(list(string))
    port            = optional(number)
    public          = optional(bool, true)
    paths           = optional(list(string), [])
    hosts           = optional(list(string), [])
    priority        = optional(number)
    health_path     = optional(string, "/healthz")
    health_status   = optional(number, 200)
    health_command  = optional(list(string))
    count           = optional(number, 2)
    scaling         = optional(object({ min = number, max = number, cpu_percent = optional(number, 60), requests_per_task = optional(number) }))
    environment     = optional(map(string), {})
    secrets         = optional(list(string))
    stop_timeout    = optional(number, 30)
    spot            = optional(bool, false)
    readonly_disk   = optional(bool, false)
    log_retention   = optional(number)
    grace_period    = optional(number, 60)
    drain_seconds   = optional(number, 30)
    sticky_sessions = optional(bool, false)
  }))
  default = { web = { port = 8080 } }

  validation {
    condition     = length(var.services) > 0 && alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]{0,19}$", name)) && !endswith(name, "-") && !endswith(name, "-b")])
    error_message = "There is at least one service. A service's name starts with a lower-case letter, has at most 20 lower-case letters, digits and hyphens, and does not end with - or -b."
  }

  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
  validation {
    condition = alltrue([for service in values(var.services) : contains(
      lookup({
        "256"   = [512, 1024, 2048]
        "512"   = range(1024, 4097, 1024)
        "1024"  = range(2048, 8193, 1024)
        "2048"  = range(4096, 16385, 1024)
        "4096"  = range(8192, 30721, 1024)
        "8192"  = range(16384, 61441, 4096)
        "16384" = range(32768, 122881, 8192)
      }, tostring(service.cpu), []), service.memory
    )])
    error_message = "Fargate has these pairs of cpu and memory: 256 with 512, 1024 or 2048; 512 with 1024 to 4096; 1024 with 2048 to 8192; 2048 with 4096 to 16384; 4096 with 8192 to 30720, in steps of 1024; 8192 with 16384 to 61440 in steps of 4096; 16384 with 32768 to 122880 in steps of 8192."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.port == null ? true : service.port >= 1 && service.port <= 65535 && floor(service.port) == service.port])
    error_message = "A port is a whole number from 1 to 65535."
  }

  validation {
    condition     = length([for service in values(var.services) : service if service.port != null && service.public && length(service.paths) + length(service.hosts) == 0]) <= 1
    error_message = "Only one public service can get the requests that are for no other: give the others paths or hosts."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : length(service.paths) + length(service.hosts) <= 5])
    error_message = "A service has at most 5 paths and hosts together: that is the limit of a load balancer's rule."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for path in concat(service.paths, [service.health_path]) : can(regex("^/[A-Za-z0-9_.$/~\"'@:+&*?-]{0,127}$", path))]]))
    error_message = "A path starts with / and has at most 128 characters; * stands for any text in it."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for host in service.hosts : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", host))]]))
    error_message = "A host is a whole name like api.example.com, in lower case."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.count >= 0 && service.count <= 1000 && floor(service.count) == service.count])
    error_message = "A count is a whole number from 0 to 1000."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.scaling == null ? true : service.scaling.min >= 1 && service.scaling.max >= service.scaling.min && service.scaling.cpu_percent >= 10 && service.scaling.cpu_percent <= 90])
    error_message = "A service that answers requests scales from 1 or more tasks (min) to no fewer (max), at 10 to 90 percent of its processor (cpu_percent)."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : try(service.scaling.requests_per_task, null) == null ? true : service.public && service.port != null && service.scaling.requests_per_task >= 1])
    error_message = "requests_per_task is 1 or more, for a public service with a port: the load balancer counts the requests."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.stop_timeout >= 2 && service.stop_timeout <= 120 && service.drain_seconds >= 0 && service.drain_seconds <= 3600 && service.grace_period >= 0])
    error_message = "stop_timeout is 2 to 120 seconds, drain_seconds 0 to 3600, and grace_period not less than 0."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.health_status >= 200 && service.health_status <= 499])
    error_message = "health_status is an HTTP status from 200 to 499."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.priority == null ? true : service.priority >= 1 && service.priority <= 50000 && floor(service.priority) == service.priority])
    error_message = "A priority is a whole number from 1 to 50000; the lowest comes first."
  }
}

variable "workers" {
  description = "Services that take messages from a queue, by name. Each has a queue of its own, which the others know as QUEUE_URL_<NAME> and itself as QUEUE_URL, and as many tasks, between min and max, as the queue needs: one for each backlog_per_task messages that wait."
  type = map(object({
    cpu                        = optional(number, 256)
    memory                     = optional(number, 512)
    command                    = optional(list(string))
    min                        = optional(number, 0)
    max                        = optional(number, 10)
    backlog_per_task           = optional(number, 10)
    visibility_timeout_seconds = optional(number, 300)
    max_receives               = optional(number, 5)
    max_age_seconds            = optional(number, 3600)
    environment                = optional(map(string), {})
    secrets                    = optional(list(string))
    stop_timeout               = optional(number, 120)
    spot                       = optional(bool, false)
    readonly_disk              = optional(bool, false)
    log_retention              = optional(number)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.workers) : can(regex("^[a-z][a-z0-9-]{0,19}$", name)) && !endswith(name, "-") && !endswith(name, "-b") && !contains(keys(var.services), name)])
    error_message = "A worker's name starts with a lower-case letter, has at most 20 lower-case letters, digits and hyphens, does not end with - or -b, and is not the name of a service."
  }

  validation {
    condition     = length(var.services) + length(var.workers) <= 10
    error_message = "There are at most 10 services and workers together: a release carries at most 20, and there are two of each while two sets stand side by side."
  }

  validation {
    condition = alltrue([for worker in values(var.workers) : contains(
      lookup({
        "256"   = [512, 1024, 2048]
        "512"   = range(1024, 4097, 1024)
        "1024"  = range(2048, 8193, 1024)
        "2048"  = range(4096, 16385, 1024)
        "4096"  = range(8192, 30721, 1024)
        "8192"  = range(16384, 61441, 4096)
        "16384" = range(32768, 122881, 8192)
      }, tostring(worker.cpu), []), worker.memory
    )])
    error_message = "Fargate has these pairs of cpu and memory: 256 with 512, 1024 or 2048; 512 with 1024 to 4096; 1024 with 2048 to 8192; 2048 with 4096 to 16384; 4096 with 8192 to 30720, in steps of 1024; 8192 with 16384 to 61440 in steps of 4096; 16384 with 32768 to 122880 in steps of 8192."
  }

  validation {
    condition     = alltrue([for worker in values(var.workers) : worker.min >= 0 && worker.max >= 1 && worker.max >= worker.min && worker.backlog_per_task >= 1])
    error_message = "A worker scales from min, 0 or more, to max, 1 or more and not less than min; backlog_per_task is 1 or more."
  }

  validation {
    condition     = alltrue([for worker in values(var.workers) : worker.visibility_timeout_seconds >= 1 && worker.visibility_timeout_seconds <= 43200 && worker.max_receives >= 1 && worker.max_receives <= 1000 && worker.max_age_seconds >= 60])
    error_message = "visibility_timeout_seconds is 1 to 43200, max_receives 1 to 1000, and max_age_seconds 60 or more."
  }

  validation {
    condition     = alltrue([for worker in values(var.workers) : worker.stop_timeout >= 2 && worker.stop_timeout <= 120])
    error_message = "stop_timeout is 2 to 120 seconds."
  }
}

variable "architecture" {
  description = "What the images are built for: X86_64, or ARM64, which costs a fifth less."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture is X86_64 or ARM64."
  }
}

variable "environment" {
  description = "Environment variables of all services and workers: nothing secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "The name of an environment variable has letters, digits and underscores, and does not start with a digit."
  }
}

variable "environment_names" {
  description = "How the application calls what the blueprint tells it, where it has other names: DATABASE_HOST = DB_HOST, for example."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([for name in keys(var.environment_names) : contains([
      "STACK", "PUBLIC_URL", "READ_ONLY",
      "DATABASE_ENGINE", "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD",
      "REDIS_HOST", "REDIS_PORT", "REDIS_TLS", "REDIS_PASSWORD",
      "FILES_BUCKET", "EMAIL_DOMAIN", "EMAIL_CONFIGURATION_SET", "QUEUE_URL",
    ], name)])
    error_message = "The names that can be changed are STACK, PUBLIC_URL, READ_ONLY, DATABASE_ENGINE, DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USER, DATABASE_PASSWORD, REDIS_HOST, REDIS_PORT, REDIS_TLS, REDIS_PASSWORD, FILES_BUCKET, EMAIL_DOMAIN, EMAIL_CONFIGURATION_SET and QUEUE_URL."
  }

  validation {
    condition     = alltrue([for name in values(var.environment_names) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))]) && length(distinct(values(var.environment_names))) == length(var.environment_names)
    error_message = "Each gets a name of its own, of letters, digits and underscores, which does not start with a digit."
  }
}

variable "secrets" {
  description = "Secrets that exist, by the name of the environment variable that they become: the ARN in Secrets Manager, or `<arn>:<key>::` for one key of it. One that is encrypted with a key of your own needs the key's policy to let the stack's roles `<stack id>-<service>-execution` decrypt."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]+(:[^:]*:[^:]*:[^:]*)?$", arn))])
    error_message = "A secret is given by its ARN, arn:aws:secretsmanager:eu-west-1:111122223333:secret:name-AbCdEf, never by its value."
  }

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "The name of an environment variable has letters, digits and underscores, and does not start with a digit."
  }
}

variable "generated_secrets" {
  description = "Secrets that are generated and kept in Secrets Manager, by the name of the environment variable that they become: a signing key, the first password of an administrator. A higher `version` is a new value, which running tasks get with the next release."
  type = map(object({
    length  = optional(number, 40)
    version = optional(number, 1)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.generated_secrets) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "The name of an environment variable has letters, digits and underscores, and does not start with a digit."
  }

  validation {
    condition     = alltrue([for secret in values(var.generated_secrets) : secret.length >= 16 && secret.length <= 512 && secret.version >= 1 && floor(secret.version) == secret.version])
    error_message = "A secret has 16 to 512 characters, and its version is a whole number, 1 or more."
  }

  validation {
    condition = length(setintersection(
      concat(keys(var.secrets), keys(var.environment), flatten([for part in concat(values(var.services), values(var.workers)) : keys(part.environment)])),
      keys(var.generated_secrets),
      )) == 0 && length(setintersection(
      concat(keys(var.environment), flatten([for part in concat(values(var.services), values(var.workers)) : keys(part.environment)])),
      keys(var.secrets),
    )) == 0
    error_message = "A name is that of an environment variable, a given secret or a generated one, and only one of them: ECS takes each name once."
  }

  validation {
    condition     = alltrue(flatten([for part in concat(values(var.services), values(var.workers)) : [for name in coalesce(part.secrets, []) : contains(concat(keys(var.secrets), keys(var.generated_secrets)), name)]]))
    error_message = "The `secrets` of a service or worker are names of `secrets` or `generated_secrets`."
  }
}

# ---------------------------------------------------------------------------------------------- commands

variable "migrations" {
  description = "What runs with a release's own image before any service gets it, in this order."
  type = list(object({
    name            = string
    service         = optional(string, "web")
    command         = list(string)
    timeout_seconds = optional(number, 900)
  }))
  default = []

  validation {
    condition     = alltrue([for migration in var.migrations : contains(concat(keys(var.services), keys(var.workers)), migration.service)])
    error_message = "A migration runs with the image of a service or worker that there is: name it in `service`."
  }

  validation {
    condition     = alltrue([for migration in var.migrations : length(migration.command) > 0 && migration.timeout_seconds >= 1 && migration.timeout_seconds <= 86400])
    error_message = "A migration has a command, and 1 to 86400 seconds."
  }

  validation {
    condition     = length(distinct(var.migrations[*].name)) == length(var.migrations) && alltrue([for migration in var.migrations : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", migration.name))])
    error_message = "Each migration has a name of its own, of at most 40 lower-case letters, digits and hyphens, not ending with a hyphen."
  }
}

variable "tasks" {
  description = "Commands that people may run with the current images, by name: `createsuperuser`, for example."
  type = map(object({
    service         = optional(string, "web")
    command         = list(string)
    timeout_seconds = optional(number, 900)
  }))
  default = {}

  validation {
    condition     = alltrue([for task in values(var.tasks) : contains(concat(keys(var.services), keys(var.workers)), task.service)])
    error_message = "A task runs with the image of a service or worker that there is: name it in `service`."
  }

  validation {
    condition     = alltrue([for task in values(var.tasks) : length(task.command) > 0 && task.timeout_seconds >= 1 && task.timeout_seconds <= 86400])
    error_message = "A task has a command, and 1 to 86400 seconds."
  }

  validation {
    condition     = alltrue([for name in keys(var.tasks) : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", name)) && name != "load-dump"])
    error_message = "A task's name has at most 40 lower-case letters, digits and hyphens, and does not end with a hyphen; load-dump is the blueprint's own."
  }
}

variable "schedules" {
  description = "Commands that run by the clock, by name: one task for each tick, with the image of `service`, from the first release on. An expression is rate(5 minutes), cron(0 3 * * ? *) or at(2026-12-31T23:59:00)."
  type = map(object({
    expression      = string
    timezone        = optional(string, "UTC")
    service         = optional(string, "web")
    command         = list(string)
    timeout_seconds = optional(number, 900)
  }))
  default = {}

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : can(regex("^(rate\\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\\)|cron\\([^ ()]+( [^ ()]+){5}\\)|at\\([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\))$", schedule.expression))])
    error_message = "A schedule is rate(5 minutes), cron(0 3 * * ? *) with its six fields, or at(2026-12-31T23:59:00)."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : contains(concat(keys(var.services), keys(var.workers)), schedule.service)])
    error_message = "A schedule runs with the image of a service or worker that there is: name it in `service`."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : length(schedule.command) > 0 && schedule.timeout_seconds >= 1 && schedule.timeout_seconds <= 86400])
    error_message = "A schedule has a command, and 1 to 86400 seconds."
  }

  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[a-z]([a-z0-9-]{0,36}[a-z0-9])?$", name)) && !endswith(name, "-b")])
    error_message = "A schedule's name has at most 38 lower-case letters, digits and hyphens, and does not end with - or -b."
  }
}

# ---------------------------------------------------------------------------------------------- breaking changes

variable "read_only" {
  description = "Tells the application, as READ_ONLY=true, to answer requests and change nothing. The update that sets it brings the current images out again with it."
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

# ---------------------------------------------------------------------------------------------- what it keeps

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
  })
  default = null

  validation {
    condition     = var.database == null ? true : contains(["postgres", "mysql"], var.database.engine)
    error_message = "The engine of a database is postgres or mysql."
  }

  validation {
    condition     = var.database == null ? true : var.database.engine_version == null ? true : contains(var.database.engine == "mysql" ? ["8.0", "8.4"] : ["14", "15", "16", "17", "18"], var.database.engine_version)
    error_message = "PostgreSQL is of version 14, 15, 16, 17 or 18; MySQL of 8.0 or 8.4. RDS keeps the minor version up to date."
  }

  validation {
    condition     = var.database == null ? true : can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9]+$", var.database.instance_class))
    error_message = "An instance class is like db.t4g.micro."
  }

  validation {
    condition     = var.database == null ? true : var.database.allocated_storage >= 20 && var.database.max_allocated_storage <= 65536 && var.database.max_allocated_storage >= var.database.allocated_storage
    error_message = "A database has 20 to 65536 GiB of storage, and max_allocated_storage is allocated_storage or more: storage does not shrink."
  }

  validation {
    condition     = var.database == null ? true : var.database.backup_retention_days >= 1 && var.database.backup_retention_days <= 35
    error_message = "Backups are kept for 1 to 35 days: a database without them cannot be put back."
  }

  validation {
    condition     = var.database == null ? true : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,62}$", var.database.name))
    error_message = "A database's name starts with a letter, and has at most 63 letters, digits and underscores."
  }

  validation {
    condition     = var.database == null ? true : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,15}$", var.database.username)) && !contains(["admin", "postgres", "rdsadmin", "rdsrepladmin", "root", "user"], lower(var.database.username))
    error_message = "A user's name starts with a letter, has at most 16 letters, digits and underscores, and is none of admin, postgres, rdsadmin, root and user."
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

# ---------------------------------------------------------------------------------------------- where it is, which an environment usually says

variable "network" {
  description = "A network that exists: its public subnets for the load balancer, private ones for everything else, each in two zones. Its private subnets need a way to the internet or endpoints for ECR, S3, CloudWatch Logs, Secrets Manager and whatever the application calls. Null for a network of the stack's own."
  type = object({
    vpc_id             = string
    public_subnet_ids  = optional(list(string), [])
    private_subnet_ids = list(string)
  })
  default = null

  validation {
    condition     = var.network == null ? true : can(regex("^vpc-[0-9a-f]+$", var.network.vpc_id)) && alltrue([for id in concat(var.network.public_subnet_ids, var.network.private_subnet_ids) : can(regex("^subnet-[0-9a-f]+$", id))])
    error_message = "A network is given by ids: vpc-… and subnet-…."
  }

  validation {
    condition     = var.network == null ? true : length(var.network.private_subnet_ids) >= 2 && (var.internal || length(var.network.public_subnet_ids) >= 2)
    error_message = "Give at least two private subnets, and two public ones unless the load balancer is internal."
  }
}

variable "cidr_block" {
  description = "The addresses of the stack's own network."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr_block, 0)) && can(regex("/(1[6-9]|2[0-4])$", var.cidr_block))
    error_message = "The addresses are a block like 10.0.0.0/16, of /16 to /24."
  }
}

variable "zones" {
  description = "In how many availability zones the stack's own network is."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zones)
    error_message = "A network is in 2 or 3 zones."
  }
}

variable "nat" {
  description = "How tasks reach the internet in the stack's own network: `single` is a NAT gateway, `per-zone` one in each zone, `none` are public addresses of the tasks themselves, which nothing can connect to: cheap, for stacks with few tasks."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["single", "per-zone", "none"], var.nat)
    error_message = "nat is one of single, per-zone and none."
  }
}

variable "flow_logs" {
  description = "Whether refused connections in the stack's own network are recorded."
  type        = bool
  default     = true
}

variable "zone_id" {
  description = "The Route 53 zone of the stack's names. With it the stack gets a certificate and is reached by HTTPS."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || can(regex("^Z[A-Z0-9]{1,31}$", coalesce(var.zone_id, "-")))
    error_message = "A zone is given by its id, like Z0123456789ABCDEFGHIJ."
  }
}

variable "domain_name" {
  description = "The stack's name, like www.example.com; null for <stack id>.<zone>, or the load balancer's own name where there is no zone."
  type        = string
  default     = null

  validation {
    condition     = var.domain_name == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", coalesce(var.domain_name, "-")))
    error_message = "A name is like www.example.com, in lower case."
  }

  validation {
    condition     = var.domain_name == null || var.zone_id != null || var.certificate_arn != null
    error_message = "A name needs a zone_id, for its records and its certificate, or a certificate_arn."
  }

  validation {
    condition     = var.domain_name != null || var.zone_id != null || var.certificate_arn == null
    error_message = "A certificate_arn is for a name: give domain_name too."
  }
}

variable "certificate_arn" {
  description = "A certificate in ACM, of this region, that exists; null for one that is made and renewed, where there is a zone."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", coalesce(var.certificate_arn, "-")))
    error_message = "A certificate is given by its ARN in ACM: arn:aws:acm:eu-west-1:111122223333:certificate/…."
  }
}

variable "internal" {
  description = "Whether only the network itself reaches the load balancer. Its health is then not asked after a release."
  type        = bool
  default     = false
}

variable "allowed_cidr_blocks" {
  description = "Who may connect to the load balancer, as IPv4 and IPv6 blocks. With fewer than everybody, the stack's health is not asked after a release."
  type        = list(string)
  default     = ["0.0.0.0/0", "::/0"]

  validation {
    condition     = length(var.allowed_cidr_blocks) > 0 && alltrue([for block in var.allowed_cidr_blocks : can(cidrhost(block, 0))])
    error_message = "Name at least one block, like 203.0.113.0/24 or 2001:db8::/32."
  }
}

variable "web_acl_arn" {
  description = "A web ACL of AWS WAF, of this region, in front of the load balancer; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.web_acl_arn == null || can(regex("^arn:[a-z-]+:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/", coalesce(var.web_acl_arn, "-")))
    error_message = "A web ACL is given by its ARN: arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/name/id."
  }
}

variable "access_log_bucket" {
  description = "A bucket for the load balancer's access logs, which lets it write there; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.access_log_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", coalesce(var.access_log_bucket, "-")))
    error_message = "A bucket is given by its name."
  }
}

variable "image_repositories" {
  description = "The ARNs of the ECR repositories that images come from; null for any in this account. Repositories of another account have to be named, and have to allow it."
  type        = list(string)
  default     = null

  validation {
    condition     = var.image_repositories == null ? true : length(var.image_repositories) > 0 && alltrue([for arn in var.image_repositories : can(regex("^arn:[a-z-]+:ecr:[a-z0-9-]+:[0-9]{12}:repository/", arn))])
    error_message = "A repository is given by its ARN: arn:aws:ecr:eu-west-1:111122223333:repository/team/web."
  }
}

variable "permissions_boundary" {
  description = "The boundary of all roles of the stack: the output permissions_boundary_arn of the module target-account."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", coalesce(var.permissions_boundary, "-")))
    error_message = "A boundary is given by the ARN of a policy: arn:aws:iam::111122223333:policy/slipway-environment-production."
  }
}

variable "deletion_protection" {
  description = "Whether load balancer and database refuse to be deleted. A protected environment sets it; before a stack goes, it has to be taken away."
  type        = bool
  default     = false
}

variable "enable_execute_command" {
  description = "Whether people with the right in IAM may open a shell in a running task (ECS Exec)."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "For how many days logs are kept, where a service says nothing else (`log_retention`)."
  type        = number
  default     = 30

  validation {
    condition     = alltrue([for days in concat([var.log_retention_days], [for part in concat(values(var.services), values(var.workers)) : part.log_retention if part.log_retention != null]) : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], days)])
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "alarms" {
  description = "Who hears of alarms: an e-mail address, which has to confirm it once, and SNS topics that exist."
  type = object({
    email      = optional(string)
    topic_arns = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = var.alarms.email == null || can(regex("^[^@ ]+@[^@ ]+\\.[a-z]{2,}$", coalesce(var.alarms.email, "-")))
    error_message = "An address is like team@example.com."
  }

  validation {
    condition     = alltrue([for arn in var.alarms.topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:", arn))])
    error_message = "A topic is given by its ARN: arn:aws:sns:eu-west-1:111122223333:alarms."
  }
}
