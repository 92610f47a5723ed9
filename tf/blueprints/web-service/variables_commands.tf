# Its commands.

variable "migrations" {
  description = <<-EOT
    What runs with a release's own image before any service gets it, in this order.

    - `name`: its name, which no other has.
    - `service`: the service or worker whose image it runs with.
    - `command`: the program and its arguments.
    - `timeout_seconds`: after how many seconds it is stopped, and has failed.
    - `lock_timeout`: how long it waits for a lock of PostgreSQL, like 2s; null for no limit.
    - `statement_timeout`: how long a statement of PostgreSQL may take, like 5min; null for no limit.
    - `lock_retries`: how often it runs again if it got no lock in time.
  EOT
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
    condition     = alltrue([for migration in var.migrations : contains(concat(keys(var.services), keys(var.workers)), migration.service)])
    error_message = "A migration runs with the image of a service or worker that there is: name it in `service`."
  }

  validation {
    condition     = alltrue([for migration in var.migrations : length(migration.command) > 0 && migration.timeout_seconds >= 1 && migration.timeout_seconds <= 86400 && alltrue([for timeout in [migration.lock_timeout, migration.statement_timeout] : timeout == null || can(regex("^[1-9][0-9]*(ms|s|min|h)$", timeout))])])
    error_message = "A migration has a command, and 1 to 86400 seconds. Its timeouts in PostgreSQL are times like 500ms, 2s or 5min."
  }

  validation {
    condition     = length(distinct(var.migrations[*].name)) == length(var.migrations) && alltrue([for migration in var.migrations : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", migration.name)) && migration.name != "application-user"])
    error_message = "Each migration has a name of its own, of at most 40 lower-case letters, digits and hyphens, not ending with a hyphen; application-user is the blueprint's own."
  }
}

variable "compatible_with_previous" {
  description = "Whether the previous release works with the database after the migrations of a release that does not say it, such as one of a pushed image. If it is false, and such a release fails after a migration, no service goes back by itself."
  type        = bool
  default     = true
}

variable "tasks" {
  description = <<-EOT
    Commands that people may run with the current images, by name: `createsuperuser`, for example.

    - `service`: the service or worker whose image it runs with.
    - `command`: the program and its arguments.
    - `timeout_seconds`: after how many seconds it is stopped, and has failed.
  EOT
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
  description = <<-EOT
    Commands that run by the clock, by name: one task for each tick, from the first release on.

    - `expression`: when it runs: rate(5 minutes), cron(0 3 * * ? *) or at(2026-12-31T23:59:00).
    - `timezone`: the time zone of a cron expression, like Europe/Paris.
    - `service`: the service or worker whose image it runs with.
    - `command`: the program and its arguments.
    - `timeout_seconds`: after how many seconds it is stopped, and has failed.
    - `quiesce`: whether no tick starts a task while the migrations of a release run.
  EOT
  type = map(object({
    expression      = string
    timezone        = optional(string, "UTC")
    service         = optional(string, "web")
    command         = list(string)
    timeout_seconds = optional(number, 900)
    quiesce         = optional(bool, false)
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
