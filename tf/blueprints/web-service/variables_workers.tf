# The workers, which follow queues.

variable "workers" {
  description = <<-EOT
    Services that take messages from a queue, by name. Each has a queue of its own, which the others know as QUEUE_URL_<NAME> and
    itself as QUEUE_URL, and as many tasks, between min and max, as the queue needs.

    - `cpu`: the CPU units of a task: 1024 are one core. Fargate has pairs of cpu and memory.
    - `memory`: the memory of a task in MiB.
    - `command`: the program and its arguments; by default what the image says.
    - `min`: the fewest tasks. With 0, nothing runs while the queue is empty.
    - `max`: the most tasks.
    - `backlog_per_task`: for how many messages, waiting or worked on, there is a task.
    - `visibility_timeout_seconds`: how long a message is kept from others while a task works on it.
    - `max_receives`: how often a message is received before it is dead-lettered.
    - `max_age_seconds`: how old a message may become before there is an alarm.
    - `environment`: environment variables of this worker alone, nothing secret.
    - `secrets`: the names of those of the variables `secrets` and `generated_secrets` that it gets; by default all.
    - `quiesce`: whether it runs no tasks while the migrations of a release run.
    - `spot`: tasks on Fargate Spot, which AWS interrupts with two minutes' notice.
    - `spot_base`: how many of the first tasks are not on Spot.
    - `stop_timeout`: how many seconds a task has to end by itself.
    - `readonly_disk`: whether it can write to nothing but /tmp.
    - `tmpfs`: folders in memory, with their MiB by path.
    - `ephemeral_storage`: the disk of a task in GiB; null for the 20 that cost nothing.
    - `registry_secret`: the ARN of a secret with the keys username and password, for an image in a private registry.
    - `policies`: what the application may do in AWS: policy documents in JSON by name.
    - `policy_arns`: the same by managed policies.
    - `sidecars`: further containers by name.
    - `sidecars.preset`: adot, AWS's collector of OpenTelemetry on localhost:4317, or firelens, which takes the service's log;
      null for an `image`.
    - `sidecars.image`: its image, in place of the preset's.
    - `sidecars.command`: the program and its arguments; by default what the image says.
    - `sidecars.cpu`: the CPU units that are reserved for it.
    - `sidecars.memory`: the memory in MiB that is reserved for it.
    - `sidecars.essential`: whether the task ends when it ends.
    - `sidecars.environment`: its environment variables, nothing secret.
    - `sidecars.secrets`: its environment variables that are secrets, by ARN.
    - `sidecars.options`: where firelens sends the log, as the output of Fluent Bit has it.
    - `log_retention`: for how many days its log is kept; null for log_retention_days.
  EOT
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
    quiesce                    = optional(bool, false)
    spot                       = optional(bool, false)
    readonly_disk              = optional(bool, false)
    log_retention              = optional(number)
    spot_base                  = optional(number, 0)
    tmpfs                      = optional(map(number), {})
    ephemeral_storage          = optional(number)
    registry_secret            = optional(string)
    policies                   = optional(map(string), {})
    policy_arns                = optional(list(string), [])
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
    condition     = alltrue(flatten([for worker in values(var.workers) : [for policy in values(worker.policies) : can(jsondecode(policy).Statement)]])) && alltrue([for worker in values(var.workers) : worker.spot_base >= 0])
    error_message = "A worker's policy is a document in JSON with a Statement, and spot_base 0 or more."
  }

  validation {
    condition     = alltrue([for worker in values(var.workers) : worker.stop_timeout >= 2 && worker.stop_timeout <= 120])
    error_message = "stop_timeout is 2 to 120 seconds."
  }
}
