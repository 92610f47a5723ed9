variable "volumes" {
  description = "Folder of this machine in which stacks keep their files. The environment gives it."
  type        = string
}

variable "services" {
  description = "The services by name. One that has a port answers on a port of this machine and is asked for its health; every service is told the addresses of the others as NAME_URL."
  type = map(object({
    command       = list(string)
    desired_count = optional(number, 1)
    port          = optional(bool, true)
    health_path   = optional(string, "/healthz")
    environment   = optional(map(string), {})
  }))

  validation {
    condition     = alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]{0,15}$", name))])
    error_message = "A service is called by 1 to 16 lower-case letters, digits and hyphens, a letter first."
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
    condition     = contains(keys(var.services), var.public_service)
    error_message = "The public service is one of the services."
  }
}

variable "database" {
  description = "Whether the stack has a database: a folder of its own, which stands in for an RDS instance and of which snapshots can be taken."
  type        = bool
  default     = false
}

variable "workers" {
  description = "Workers by name: services without a port, each with a queue of its own; how many tasks one has follows from how many messages wait, from none to `max`."
  type = map(object({
    command          = list(string)
    max              = optional(number, 4)
    backlog_per_task = optional(number, 10)
    environment      = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for worker in values(var.workers) : worker.max >= 1 && worker.max <= 10])
    error_message = "A worker has at most 1 to 10 tasks."
  }
}

variable "schedules" {
  description = "Schedules by name: a command that runs once a tick with the image of a service, whatever the number of its tasks."
  type = map(object({
    service    = string
    command    = list(string)
    expression = string
  }))
  default = {}

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : can(regex("^(rate|cron|at)[(].+[)]$", schedule.expression))])
    error_message = "An expression is rate(…), cron(…) or at(…), as EventBridge Scheduler has them."
  }
}

variable "migrations" {
  description = "What runs with a release's image before any service gets it, in this order."
  type = list(object({
    name    = string
    service = string
    command = list(string)
  }))
  default = []
}

variable "tasks" {
  description = "Commands that people may run with the current images, by name."
  type = map(object({
    service = string
    command = list(string)
  }))
  default = {}
}

variable "read_only" {
  description = "Tells the services, as READ_ONLY=1, to refuse writes: for the time of a change that cannot be undone."
  type        = bool
  default     = false
}
