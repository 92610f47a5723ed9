# What runs. Where it runs is in variables_environment.tf, what it keeps in variables_data.tf.

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
  description = "Secrets that exist, by the name of the environment variable that they become: the ARN in Secrets Manager, or `<arn>:<key>::` for one key of it."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+(:[^:]*:[^:]*:[^:]*)?$", arn))])
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
