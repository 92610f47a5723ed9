variable "volumes" {
  description = "Folder of this machine in which stacks keep their files. The environment gives it."
  type        = string
}

variable "postgres" {
  description = "Version of the PostgreSQL that this machine runs databases on; null for none. The environment gives it."
  type        = string
  default     = null
}

variable "services" {
  description = "The services by name. One with a `port` answers on a port of this machine and is asked for its health; every service is told the addresses of the others as <NAME>_URL. One without a port and of count 0 is a shape for tasks and schedules."
  type = map(object({
    command     = optional(list(string), ["serve"])
    port        = optional(number)
    health_path = optional(string, "/healthz")
    count       = optional(number, 2)
    environment = optional(map(string), {})
  }))

  validation {
    condition     = alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]{0,15}$", name))])
    error_message = "A service is called by 1 to 16 lower-case letters, digits and hyphens, a letter first."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.count >= 0 && service.count <= 10])
    error_message = "A service on one machine has 0 to 10 tasks."
  }

  validation {
    condition     = length(var.services) <= 8
    error_message = "A stack on one machine has at most 8 services."
  }
}

variable "public_service" {
  description = "The service whose address people open, and whose health decides whether a release is well."
  type        = string
  default     = "web"

  validation {
    condition     = try(var.services[var.public_service].port, null) != null
    error_message = "The public service is one of the services that have a port."
  }
}

variable "database" {
  description = "A database that stands in for an RDS instance, snapshots included. `postgres` is a PostgreSQL server with DATABASE_URL and the DATABASE_ names of web-service; `sqlite`, and `postgres` on a machine without PostgreSQL, is a file of SQLite at DATABASE_PATH. DATABASE_ENGINE says which. Null for none."
  type        = object({ engine = optional(string, "sqlite") })
  default     = null

  validation {
    condition     = try(contains(["postgres", "sqlite"], var.database.engine), var.database == null)
    error_message = "The engine is postgres or sqlite."
  }
}

variable "redis" {
  description = "A Valkey or Redis server that stands in for ElastiCache, with REDIS_URL and the REDIS_ names of web-service: `{}`. Null for none."
  type        = object({})
  default     = null
}

variable "workers" {
  description = "Workers by name: services without a port, each with a queue of its own, which it knows as QUEUE_URL and the others as QUEUE_URL_<NAME>. How many tasks one has, between min and max, follows from how many messages wait."
  type = map(object({
    command          = list(string)
    min              = optional(number, 0)
    max              = optional(number, 4)
    backlog_per_task = optional(number, 10)
    environment      = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for worker in values(var.workers) : worker.min >= 0 && worker.max >= 1 && worker.max >= worker.min && worker.max <= 10])
    error_message = "A worker scales from min, 0 or more, to max, which is 1 to 10 on one machine."
  }
}

variable "environment_names" {
  description = "The application's own names for the blueprint's environment variables: QUEUE_URL_WORKER = SQS_QUEUE, for example."
  type        = map(string)
  default     = {}
}

variable "schedules" {
  description = "Schedules by name: a command that runs once a tick with the image of a service, whatever the number of its tasks."
  type = map(object({
    expression = string
    service    = optional(string, "web")
    command    = list(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : can(regex("^(rate|cron|at)[(].+[)]$", schedule.expression))])
    error_message = "An expression is rate(…), cron(…) or at(…), as EventBridge Scheduler has them."
  }
}

variable "migrations" {
  description = "What runs with a release's image before any service gets it, in this order. `lock_timeout` and `statement_timeout` are those of PostgreSQL (`2s`); a migration that gets no lock in time runs again `lock_retries` times."
  type = list(object({
    name              = string
    service           = optional(string, "web")
    command           = list(string)
    lock_timeout      = optional(string)
    statement_timeout = optional(string)
    lock_retries      = optional(number)
  }))
  default = []
}

variable "compatible_with_previous" {
  description = "Whether the previous release works with the database after the migrations of a release that does not say it, such as one of a pushed image. If it is false, and such a release fails after a migration, no service goes back by itself."
  type        = bool
  default     = true
}

variable "tasks" {
  description = "Commands that people may run with the current images, by name."
  type = map(object({
    service = optional(string, "web")
    command = list(string)
  }))
  default = {}
}

variable "read_only" {
  description = "Tells the services, as READ_ONLY=true, to answer requests and change nothing."
  type        = bool
  default     = false
}
