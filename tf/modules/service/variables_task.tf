# What its tasks are.

variable "cpu" {
  description = "Its CPU units: 1024 are one core."
  type        = number
  default     = 256
}

variable "memory" {
  description = "Its memory in MiB."
  type        = number
  default     = 512

  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
  validation {
    condition = var.launch == "EC2" || (
      var.cpu == 256 ? contains([512, 1024, 2048], var.memory) :
      var.cpu == 512 ? contains(range(1024, 4097, 1024), var.memory) :
      var.cpu == 1024 ? contains(range(2048, 8193, 1024), var.memory) :
      var.cpu == 2048 ? contains(range(4096, 16385, 1024), var.memory) :
      var.cpu == 4096 ? contains(range(8192, 30721, 1024), var.memory) :
      var.cpu == 8192 ? contains(range(16384, 61441, 4096), var.memory) :
      var.cpu == 16384 ? contains(range(32768, 122881, 8192), var.memory) : false
    )
    error_message = "Fargate has these pairs of cpu and memory: 256 with 512, 1024 or 2048; 512 with 1024 to 4096; 1024 with 2048 to 8192; 2048 with 4096 to 16384; 4096 with 8192 to 30720, in steps of 1024; 8192 with 16384 to 61440 in steps of 4096; 16384 with 32768 to 122880 in steps of 8192."
  }
}

variable "architecture" {
  description = "What the images are built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture is X86_64 or ARM64."
  }
}

variable "command" {
  description = "The program and its arguments; null for what the image says."
  type        = list(string)
  default     = null
}

variable "port" {
  description = "The port on which its container listens; null for one that listens on none."
  type        = number
  default     = null
}

variable "protocol" {
  description = "What it speaks on its port: http, http2, grpc or tcp."
  type        = string
  default     = "http"

  validation {
    condition     = contains(["http", "http2", "grpc", "tcp"], var.protocol)
    error_message = "protocol is http, http2, grpc or tcp."
  }
}

variable "environment" {
  description = "Its environment variables: nothing secret."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Its environment variables that ECS reads from Secrets Manager when a task starts: the ARN of a secret, or of one key of it (`<arn>:<key>::`)."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:[a-z-]+:secretsmanager:", arn))])
    error_message = "A secret is given by its ARN in Secrets Manager, never by its value."
  }
}

variable "health_command" {
  description = "A command in the container that ends with 0 while it is healthy, like [\"CMD\", \"./app\", \"healthy\"]. What is behind a load balancer needs none."
  type        = list(string)
  default     = null
}

variable "stop_timeout" {
  description = "How many seconds a task has to end by itself when it is stopped."
  type        = number
  default     = 30

  validation {
    condition     = var.stop_timeout >= 2 && var.stop_timeout <= 120
    error_message = "A task has 2 to 120 seconds to end by itself."
  }
}

variable "readonly_root_filesystem" {
  description = "Whether the container's root file system is read-only. /tmp stays writable."
  type        = bool
  default     = false
}

variable "tmpfs" {
  description = "Folders in memory that any user of the container may write to: their sizes in MiB, by path. /tmp is one of 64 MiB where the root file system is read-only."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for path, size in var.tmpfs : startswith(path, "/") && size >= 1 && floor(size) == size])
    error_message = "A folder in memory has an absolute path and a whole number of MiB."
  }
}

variable "ephemeral_storage_gib" {
  description = "The disk of a task on Fargate in GiB, 21 to 200; null for the 20 that cost nothing."
  type        = number
  default     = null

  validation {
    condition     = var.ephemeral_storage_gib == null ? true : var.launch == "FARGATE" && var.ephemeral_storage_gib >= 21 && var.ephemeral_storage_gib <= 200
    error_message = "ephemeral_storage_gib is 21 to 200, on Fargate only."
  }
}

variable "registry_secret_arn" {
  description = "The secret with the keys username and password of a private registry that the image comes from; null for ECR and public images."
  type        = string
  default     = null
}

variable "sidecars" {
  description = <<-EOT
    Containers beside the application's own, by name.

    - `preset`: adot, AWS's collector of OpenTelemetry on localhost:4317, or firelens, which takes the service's log; null for an
      `image`.
    - `image`: its image, in place of the preset's.
    - `command`: the program and its arguments; by default what the image says.
    - `cpu`: the CPU units that are reserved for it.
    - `memory`: the memory in MiB that is reserved for it.
    - `essential`: whether the task ends when it ends.
    - `environment`: its environment variables, nothing secret.
    - `secrets`: its environment variables that are secrets, by ARN.
    - `options`: where firelens sends the log, as the output of Fluent Bit has it.
  EOT
  type = map(object({
    preset      = optional(string)
    image       = optional(string)
    command     = optional(list(string))
    cpu         = optional(number)
    memory      = optional(number)
    essential   = optional(bool, false)
    environment = optional(map(string), {})
    secrets     = optional(map(string), {})
    options     = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for name, sidecar in var.sidecars : can(regex("^[a-z][a-z0-9-]{0,23}$", name)) && name != var.key && name != "main"])
    error_message = "A sidecar's name has at most 24 lower-case letters, digits and hyphens, and is not that of the service."
  }

  validation {
    condition     = alltrue([for sidecar in values(var.sidecars) : sidecar.preset == null ? sidecar.image != null : contains(["adot", "firelens"], sidecar.preset)])
    error_message = "A sidecar has an image, or the preset adot or firelens."
  }

  validation {
    condition     = length([for sidecar in values(var.sidecars) : sidecar if sidecar.preset == "firelens"]) <= 1
    error_message = "One sidecar at most takes the application's log: ECS allows one FireLens container in a task."
  }
}

variable "enable_execute_command" {
  description = "Whether people with the right may open a shell in a running task (ECS Exec)."
  type        = bool
  default     = false
}
