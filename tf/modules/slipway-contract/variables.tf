variable "endpoints" {
  description = "Addresses for people, by name."
  type        = map(string)
  default     = {}
}

variable "notes" {
  description = "Texts for people, by name, such as the command that connects to the database."
  type        = map(string)
  default     = {}
}

variable "cluster" {
  description = "The name or ARN of the ECS cluster of the services."
  type        = string
  default     = null
}

variable "network" {
  description = <<-EOT
    Where migrations and other one-off tasks run.

    - `subnets`: the IDs of their subnets.
    - `security_groups`: the IDs of their security groups.
    - `assign_public_ip`: whether they get a public address.
  EOT

  type = object({
    subnets          = list(string)
    security_groups  = list(string)
    assign_public_ip = optional(bool)
  })
  default = null
}

variable "database" {
  description = <<-EOT
    The database that snapshots are taken of.

    - `kind`: rds-instance or rds-cluster.
    - `id`: its identifier.
  EOT

  type = object({
    kind = string
    id   = string
  })
  default = null

  validation {
    condition     = var.database == null ? true : contains(["rds-instance", "rds-cluster"], var.database.kind) && var.database.id != ""
    error_message = "kind is rds-instance or rds-cluster, and id is not empty."
  }
}

variable "services" {
  description = <<-EOT
    The services that a release replaces, by name.

    - `name`: the service's name in ECS.
    - `task_definition`: the input of ecs:RegisterTaskDefinition in camelCase, without `family`, by `jsonencode`. A container without an `image` gets the one of the release.
    - `desired_count`: how many tasks it has once it is released.
    - `scaling`: the bounds of its autoscaler.
    - `scaling.min`: the fewest tasks.
    - `scaling.max`: the most tasks.
    - `strategy`: its deployment strategy, as the ECS service has it.
    - `strategy.kind`: rolling, blue_green, linear or canary.
    - `strategy.percent`: the share of a step.
    - `strategy.step_minutes`: how long a share is observed.
    - `strategy.bake_minutes`: how long the previous tasks remain.
    - `strategy.pauses`: the stages at which the rollout waits for a decision.
    - `strategy.pause_minutes`: how long it waits.
    - `quiesce`: whether it runs no tasks while migrations run.
    - `rollout_timeout_seconds`: after how long a rollout that has not completed fails.
  EOT

  type = map(object({
    name            = string
    task_definition = string
    desired_count   = number
    scaling = optional(object({
      min = number
      max = number
    }))
    strategy = optional(object({
      kind          = string
      percent       = optional(number)
      step_minutes  = optional(number)
      bake_minutes  = optional(number)
      pauses        = optional(list(string))
      pause_minutes = optional(number)
    }))
    quiesce                 = optional(bool)
    rollout_timeout_seconds = optional(number)
  }))
  default = {}

  validation {
    condition     = length(var.services) <= 20 && alltrue([for key, service in var.services : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", key)) && service.name != ""])
    error_message = "There are at most 20 services. A key has at most 40 lower-case letters, digits and hyphens, and the name in ECS is not empty."
  }

  validation {
    condition     = alltrue([for service in var.services : can([for container in jsondecode(service.task_definition).containerDefinitions : regex(".", container.name)][0])])
    error_message = "task_definition is JSON with containerDefinitions, at least one, each with a name."
  }

  validation {
    condition     = alltrue([for service in var.services : service.desired_count >= 0 && floor(service.desired_count) == service.desired_count])
    error_message = "desired_count is a whole number from 0."
  }

  validation {
    condition     = alltrue([for service in var.services : service.scaling == null ? true : service.scaling.min >= 0 && service.scaling.min <= service.scaling.max])
    error_message = "scaling has a min from 0 and a max that is not less."
  }

  validation {
    condition = alltrue([
      for service in var.services : service.strategy == null ? true : contains(["rolling", "blue_green", "linear", "canary"], service.strategy.kind)
      && (contains(["linear", "canary"], service.strategy.kind) || (service.strategy.percent == null && service.strategy.step_minutes == null))
    ])
    error_message = "strategy.kind is rolling, blue_green, linear or canary; percent and step_minutes belong to linear and canary."
  }

  validation {
    condition     = alltrue([for service in var.services : service.rollout_timeout_seconds == null ? true : service.rollout_timeout_seconds >= 60 && service.rollout_timeout_seconds <= 43200])
    error_message = "rollout_timeout_seconds is from 60 to 43200."
  }
}

variable "migrations" {
  description = <<-EOT
    Commands that run with the images of a release before any service gets them, in this order.

    - `name`: its name.
    - `service`: the service whose image and task definition it runs with.
    - `command`: the program and its arguments.
    - `timeout_seconds`: after how long it is stopped and the release fails.
    - `lock_timeout`: how long a statement waits for a lock, such as 2s.
    - `statement_timeout`: how long a statement runs, such as 10min.
    - `lock_retries`: how often it runs again after a lock timeout.
    - `sql`: the SQL that it applies, which Slipway checks.
    - `sql.files`: files and folders, by their paths from the root module.
    - `sql.postgres`: the major version of PostgreSQL.
    - `sql.in_transaction`: whether the migration tool runs each file in a transaction.
  EOT

  type = list(object({
    name              = string
    service           = string
    command           = list(string)
    timeout_seconds   = optional(number)
    lock_timeout      = optional(string)
    statement_timeout = optional(string)
    lock_retries      = optional(number)
    sql = optional(object({
      files          = list(string)
      postgres       = optional(number)
      in_transaction = optional(bool)
    }))
  }))
  default = []

  validation {
    condition     = length(var.migrations) <= 20 && length(distinct([for one in var.migrations : one.name])) == length(var.migrations)
    error_message = "There are at most 20 migrations, each with its own name."
  }

  validation {
    condition     = alltrue([for one in var.migrations : length(one.command) > 0 && (one.timeout_seconds == null ? true : one.timeout_seconds >= 1 && one.timeout_seconds <= 86400)])
    error_message = "command is not empty, and timeout_seconds is from 1 to 86400."
  }

  validation {
    condition = alltrue(flatten([
      for one in var.migrations : [for timeout in [one.lock_timeout, one.statement_timeout] : timeout == null ? true : can(regex("^[0-9]+ *(ms|s|min|h)$", timeout))]
    ]))
    error_message = "lock_timeout and statement_timeout are numbers with a unit of PostgreSQL: ms, s, min or h."
  }
}

variable "compatible_with_previous" {
  description = "Whether the previous release works with the database after the migrations of a release that does not say it."
  type        = bool
  default     = null
}

variable "backups" {
  description = <<-EOT
    Commands that run before the migrations of a release with a snapshot, in this order.

    - `name`: its name.
    - `service`: the service whose image and task definition it runs with.
    - `command`: the program and its arguments.
    - `timeout_seconds`: after how long it is stopped and the release fails.
  EOT

  type = list(object({
    name            = string
    service         = string
    command         = list(string)
    timeout_seconds = optional(number)
  }))
  default = []

  validation {
    condition     = length(var.backups) <= 20 && length(distinct([for one in var.backups : one.name])) == length(var.backups)
    error_message = "There are at most 20 backups, each with its own name."
  }

  validation {
    condition     = alltrue([for one in var.backups : length(one.command) > 0 && (one.timeout_seconds == null ? true : one.timeout_seconds >= 1 && one.timeout_seconds <= 86400)])
    error_message = "command is not empty, and timeout_seconds is from 1 to 86400."
  }
}

variable "tasks" {
  description = <<-EOT
    Commands that people may run with the current images, by name.

    - `service`: the service whose image and task definition it runs with.
    - `command`: the program and its arguments.
    - `timeout_seconds`: after how long it is stopped.
  EOT

  type = map(object({
    service         = string
    command         = list(string)
    timeout_seconds = optional(number)
  }))
  default = {}

  validation {
    condition     = alltrue([for one in var.tasks : length(one.command) > 0 && (one.timeout_seconds == null ? true : one.timeout_seconds >= 1 && one.timeout_seconds <= 86400)])
    error_message = "command is not empty, and timeout_seconds is from 1 to 86400."
  }
}

variable "schedules" {
  description = <<-EOT
    Schedules that a release points at its task definitions, by name.

    - `name`: its name in EventBridge Scheduler.
    - `group`: its group there.
    - `service`: the service whose image and task definition it runs with.
    - `command`: the program and its arguments.
    - `timeout_seconds`: after how long its task is stopped.
    - `quiesce`: whether it starts no tasks while migrations run.
  EOT

  type = map(object({
    name            = string
    group           = optional(string)
    service         = string
    command         = list(string)
    timeout_seconds = optional(number)
    quiesce         = optional(bool)
  }))
  default = {}

  validation {
    condition     = length(var.schedules) <= 20 && alltrue([for one in var.schedules : one.name != "" && length(one.command) > 0 && (one.timeout_seconds == null ? true : one.timeout_seconds >= 1 && one.timeout_seconds <= 86400)])
    error_message = "There are at most 20 schedules. name and command are not empty, and timeout_seconds is from 1 to 86400."
  }
}

variable "health" {
  description = <<-EOT
    What Slipway requests after a release.

    - `url`: the address.
    - `expect`: the HTTP status that it answers.
  EOT

  type = object({
    url    = string
    expect = optional(number)
  })
  default = null

  validation {
    condition     = var.health == null ? true : can(regex("^https?://", var.health.url)) && (var.health.expect == null ? true : var.health.expect >= 100 && var.health.expect <= 599)
    error_message = "url begins with http:// or https://, and expect is a status from 100 to 599."
  }
}

variable "bake_seconds" {
  description = "For how many seconds a release must stay healthy after its services are stable."
  type        = number
  default     = null

  validation {
    condition     = var.bake_seconds == null ? true : var.bake_seconds >= 0 && var.bake_seconds <= 30
    error_message = "bake_seconds is from 0 to 30."
  }
}
