# What runs.

variable "services" {
  description = <<-EOT
    The services by name, as those of `web-service`. Each needs an image in a release.

    - `cpu`, `memory`: what a task takes of an instance: CPU units (1024 are one core), and MiB, beyond which it is ended.
    - `port`, `public`: one that listens on a port and is public gets the requests whose path is one of `paths` and whose host is one
      of `hosts` (what begins with it for a path that ends with *); one with neither gets all others. One that is not public is reached
      by the others, with `service_discovery`, as http://<name>:<port>.
    - `priority`: of the load balancer's rule, the lowest first; by default the more particular rule comes first.
    - `health_path`, `health_status`: what the load balancer asks, and the answer that is right.
    - `health_command`: a command in the container that ends with 0 while it is healthy.
    - `count`: how many tasks a release gives it. One without a port and of count 0 is a shape for tasks and schedules.
    - `environment`: environment variables of this service alone, nothing secret. With a database there are `DATABASE_ENGINE`, `_HOST`,
      `_PORT`, `_NAME`, `_USER` and `_PASSWORD` besides.
    - `secrets`: the names of those of the variable `secrets` that it gets; by default all.
    - `policies`, `policy_arns`: what the application may do in AWS: policy documents in JSON by name, and managed policies.
    - `readonly_disk`, `tmpfs`: whether it can write to nothing but /tmp; folders in memory with their MiB.
    - `protocol`: http, http2, grpc or tcp. A public one of http2 or grpc needs HTTPS; one of tcp is not public. It listens on 0.0.0.0,
      and finds the port as PORT.
    - `request_timeout`, `idle_timeout`: after how many seconds without a complete answer, or without a byte, Service Connect ends a
      request or a connection; 0 for never.
    - `singleton`: never two tasks at a time: a rollout stops the old one first.
    - `registry_secret`: the ARN of a secret with the keys username and password, for an image in a private registry.
    - `sidecars`: further containers by name, with an `image` or a `preset`: adot, AWS's collector of OpenTelemetry, or firelens, which
      takes the service's log and sends it where its `options` say.
  EOT
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
    environment     = optional(map(string), {})
    secrets         = optional(list(string))
    policies        = optional(map(string), {})
    stop_timeout    = optional(number, 30)
    readonly_disk   = optional(bool, false)
    log_retention   = optional(number)
    grace_period    = optional(number, 60)
    drain_seconds   = optional(number, 30)
    sticky_sessions = optional(bool, false)
    protocol        = optional(string, "http")
    request_timeout = optional(number, 0)
    idle_timeout    = optional(number)
    singleton       = optional(bool, false)
    tmpfs           = optional(map(number), {})
    registry_secret = optional(string)
    policy_arns     = optional(list(string), [])
    sidecars = optional(map(object({
      preset      = optional(string)
      image       = optional(string)
      command     = optional(list(string))
      cpu         = optional(number)
      memory      = optional(number)
      essential   = optional(bool, false)
      environment = optional(map(string), {})
      secrets     = optional(map(string), {})
      options     = optional(map(string), {})
    })), {})
  }))
  default = { web = { port = 8080 } }

  validation {
    condition     = length(var.services) > 0 && length(var.services) <= 20 && alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]{0,19}$", name)) && !endswith(name, "-")])
    error_message = "There are 1 to 20 services. A service's name starts with a lower-case letter, has at most 20 lower-case letters, digits and hyphens, and does not end with -."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.cpu >= 128 && floor(service.cpu) == service.cpu && service.memory >= 6 && floor(service.memory) == service.memory])
    error_message = "cpu is a whole number, 128 or more; memory one of 6 or more."
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

  validation {
    condition     = alltrue([for service in values(var.services) : contains(["http", "http2", "grpc", "tcp"], service.protocol) && !(service.protocol == "tcp" && service.public && service.port != null)])
    error_message = "A protocol is http, http2, grpc or tcp; a service of tcp is not public, as the load balancer speaks HTTP."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : contains(["http2", "grpc"], service.protocol) && service.public && service.port != null ? var.zone_id != null || var.certificate_arn != null : true])
    error_message = "A public service of http2 or grpc needs HTTPS: give a zone_id, or a domain_name with a certificate_arn."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.request_timeout >= 0 && (service.idle_timeout == null ? true : service.idle_timeout >= 0) && (service.singleton ? service.count <= 1 : true)])
    error_message = "request_timeout and idle_timeout are seconds, 0 for never; a singleton has one task at most (count = 1)."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for path, size in service.tmpfs : startswith(path, "/") && size >= 1 && floor(size) == size]]))
    error_message = "A tmpfs has an absolute path and a whole number of MiB."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for name, sidecar in service.sidecars : can(regex("^[a-z][a-z0-9-]{0,23}$", name)) && (sidecar.preset == null ? sidecar.image != null : contains(["adot", "firelens"], sidecar.preset))]]))
    error_message = "A sidecar's name has at most 24 lower-case letters, digits and hyphens; it has an image, or the preset adot or firelens."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.registry_secret == null ? true : can(regex("^arn:[a-z-]+:secretsmanager:", service.registry_secret))]) && alltrue(flatten([for service in values(var.services) : [for arn in service.policy_arns : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", arn))]]))
    error_message = "registry_secret is the ARN of a secret, and policy_arns are ARNs of managed policies."
  }
}

variable "environment" {
  description = "Environment variables of all services: nothing secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "The name of an environment variable has letters, digits and underscores, and does not start with a digit."
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

  validation {
    condition     = length(setintersection(concat(keys(var.environment), flatten([for service in values(var.services) : keys(service.environment)])), keys(var.secrets))) == 0
    error_message = "A name is that of an environment variable or of a secret, and only one of them: ECS takes each name once."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for name in coalesce(service.secrets, []) : contains(keys(var.secrets), name)]]))
    error_message = "The `secrets` of a service are names of `secrets`."
  }
}

variable "migrations" {
  description = "What runs with a release's own image before any service gets it, in this order. `lock_timeout` and `statement_timeout` are those of PostgreSQL, such as 2s. A migration that gets no lock in time runs again, `lock_retries` times."
  type = list(object({
    name              = string
    service           = optional(string, "web")
    command           = list(string)
    timeout_seconds   = optional(number, 900)
    lock_timeout      = optional(string)
    statement_timeout = optional(string)
    lock_retries      = optional(number)
  }))
  default = []

  validation {
    condition     = alltrue([for migration in var.migrations : contains(keys(var.services), migration.service)])
    error_message = "A migration runs with the image of a service that there is: name it in `service`."
  }

  validation {
    condition     = alltrue([for migration in var.migrations : length(migration.command) > 0 && migration.timeout_seconds >= 1 && migration.timeout_seconds <= 86400 && alltrue([for timeout in [migration.lock_timeout, migration.statement_timeout] : timeout == null || can(regex("^[1-9][0-9]*(ms|s|min|h)$", timeout))])])
    error_message = "A migration has a command, and 1 to 86400 seconds. Its timeouts in PostgreSQL are times like 500ms, 2s or 5min."
  }

  validation {
    condition     = length(var.migrations) <= 20 && length(distinct(var.migrations[*].name)) == length(var.migrations) && alltrue([for migration in var.migrations : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", migration.name))])
    error_message = "There are at most 20 migrations. Each has a name of its own, of at most 40 lower-case letters, digits and hyphens, not ending with a hyphen."
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
    condition     = alltrue([for task in values(var.tasks) : contains(keys(var.services), task.service)])
    error_message = "A task runs with the image of a service that there is: name it in `service`."
  }

  validation {
    condition     = alltrue([for task in values(var.tasks) : length(task.command) > 0 && task.timeout_seconds >= 1 && task.timeout_seconds <= 86400])
    error_message = "A task has a command, and 1 to 86400 seconds."
  }

  validation {
    condition     = alltrue([for name in keys(var.tasks) : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", name))])
    error_message = "A task's name has at most 40 lower-case letters, digits and hyphens, and does not end with a hyphen."
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
    condition     = alltrue([for schedule in values(var.schedules) : contains(keys(var.services), schedule.service)])
    error_message = "A schedule runs with the image of a service that there is: name it in `service`."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : length(schedule.command) > 0 && schedule.timeout_seconds >= 1 && schedule.timeout_seconds <= 86400])
    error_message = "A schedule has a command, and 1 to 86400 seconds."
  }

  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[a-z]([a-z0-9-]{0,36}[a-z0-9])?$", name))])
    error_message = "A schedule's name has at most 38 lower-case letters, digits and hyphens, and does not end with a hyphen."
  }
}

variable "database" {
  description = "A PostgreSQL (`postgres`) or MySQL (`mysql`) database; null for none. It is private, encrypted, backed up, and leaves a last snapshot when it is deleted. `snapshot` is the one that it is made from."
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

variable "service_discovery" {
  description = "Whether services find each other as http://<name>:<port> (ECS Service Connect). A proxy in each task does it: give tasks 256 CPU units and 64 MiB more."
  type        = bool
  default     = false
}

variable "enable_execute_command" {
  description = "Whether people with the right in IAM may open a shell in a running task (ECS Exec)."
  type        = bool
  default     = false
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
