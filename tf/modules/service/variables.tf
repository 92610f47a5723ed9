variable "stack" {
  description = "The stack's id."
  type        = string
}

variable "key" {
  description = "What the blueprint calls the service. In ECS it is <stack>-<key>, and its container is called <key>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,23}$", var.key)) && !endswith(var.key, "-")
    error_message = "A service's name starts with a lower-case letter, and has at most 24 lower-case letters, digits and hyphens."
  }
}

# ---------------------------------------------------------------------------------------------- where it runs

variable "cluster_arn" {
  description = "The ECS cluster."
  type        = string
}

variable "launch" {
  description = "What the tasks are made for: FARGATE, or EC2 for instances of a capacity provider."
  type        = string
  default     = "FARGATE"

  validation {
    condition     = contains(["FARGATE", "EC2"], var.launch)
    error_message = "launch is FARGATE or EC2."
  }
}

variable "capacity_providers" {
  description = "The capacity providers of the service by name, each with its weight and its base: FARGATE, FARGATE_SPOT, or one of the cluster's own."
  type = map(object({
    weight = optional(number, 1)
    base   = optional(number, 0)
  }))
  default = { FARGATE = {} }

  validation {
    condition     = length(var.capacity_providers) > 0
    error_message = "Name at least one capacity provider."
  }
}

variable "subnet_ids" {
  description = "The subnets of its tasks."
  type        = list(string)
}

variable "security_group_ids" {
  description = "The security groups of its tasks."
  type        = list(string)
}

variable "assign_public_ip" {
  description = "Whether its tasks get public addresses, with which they reach the internet without a NAT gateway. Only on Fargate."
  type        = bool
  default     = false

  validation {
    condition     = !(var.assign_public_ip && var.launch == "EC2")
    error_message = "Tasks on instances get no public addresses: their subnets need a NAT gateway, or endpoints."
  }
}

# ---------------------------------------------------------------------------------------------- its task

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
  description = "Containers beside the application's own, by name. The preset adot is AWS's collector for OpenTelemetry on localhost:4317; firelens takes the application's log and sends it where its options say."
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

variable "desired_count" {
  description = "How many tasks a release gives it."
  type        = number
  default     = 1

  validation {
    condition     = var.desired_count >= 0 && floor(var.desired_count) == var.desired_count
    error_message = "desired_count is a whole number, 0 or more."
  }
}

variable "scaling" {
  description = "Between how many tasks an autoscaler keeps it. Null where a release alone sets the count."
  type        = object({ min = number, max = number })
  default     = null
}

# ---------------------------------------------------------------------------------------------- what reaches it

variable "quiesce" {
  description = "Whether it runs no tasks while the migrations of a release run."
  type        = bool
  default     = false
}

variable "singleton" {
  description = "Whether there is never more than one task: a rollout stops the old one before it starts the new one, so nothing answers in between."
  type        = bool
  default     = false

  validation {
    condition     = !var.singleton || (var.desired_count <= 1 && var.scaling == null)
    error_message = "A singleton has one task at most, and no autoscaler."
  }
}

variable "deployment" {
  description = "How a release replaces tasks: rolling, or with requests that go over at once (blue_green), in equal steps (linear), or after a share of them has proved the release (canary). With alarms, ECS rolls back when one of them rings. Stages in pause_at wait for `slipway release continue`, and roll back after pause_minutes."
  type = object({
    strategy      = optional(string, "rolling")
    bake_minutes  = optional(number, 5)
    percent       = optional(number, 10)
    step_minutes  = optional(number, 5)
    alarms        = optional(list(string), [])
    pause_at      = optional(list(string), [])
    pause_minutes = optional(number, 60)
  })
  default = {}

  validation {
    condition     = contains(["rolling", "blue_green", "linear", "canary"], var.deployment.strategy)
    error_message = "A strategy is rolling, blue_green, linear or canary."
  }

  validation {
    condition     = var.deployment.strategy == "rolling" ? true : length(var.target_group_arns) == 1 && var.progressive_target != null && !var.singleton
    error_message = "Requests go over by weight behind one target group, with a second one and the listener rule of both (progressive_target), and not for a singleton."
  }
}

variable "progressive_target" {
  description = "The second target group and the listener rule that sends requests to both; null for rolling updates."
  type        = object({ target_group_arn = string, listener_rule_arn = string })
  default     = null
}

variable "target_group_arns" {
  description = "The target groups of load balancers that send it requests."
  type        = list(string)
  default     = []
}

variable "health_check_grace_period_seconds" {
  description = "How long a new task may fail the load balancer's health check before ECS counts it as failed."
  type        = number
  default     = 60
}

variable "service_connect_namespace" {
  description = "The ARN of the Service Connect namespace in which it finds other services, and is found as http://<discovery_name>:<port>. Null for none."
  type        = string
  default     = null
}

variable "request_timeout" {
  description = "After how many seconds without a complete answer the proxy of Service Connect ends a request; 0 for never. ECS's own default, 15, cuts off downloads, uploads and events."
  type        = number
  default     = 0

  validation {
    condition     = var.request_timeout >= 0 && var.request_timeout <= 2147483647 && floor(var.request_timeout) == var.request_timeout
    error_message = "request_timeout is a whole number of seconds, 0 or more."
  }
}

variable "idle_timeout" {
  description = "After how many seconds without a byte the proxy closes a connection; 0 for never, null for ECS's own: five minutes, or an hour of tcp."
  type        = number
  default     = null

  validation {
    condition     = var.idle_timeout == null ? true : var.idle_timeout >= 0 && floor(var.idle_timeout) == var.idle_timeout
    error_message = "idle_timeout is a whole number of seconds, 0 or more."
  }
}

variable "discovery_name" {
  description = "What others in the namespace call it; null for its key."
  type        = string
  default     = null
}

variable "enable_execute_command" {
  description = "Whether people with the right may open a shell in a running task (ECS Exec)."
  type        = bool
  default     = false
}

# ---------------------------------------------------------------------------------------------- roles and logs

variable "permissions_boundary" {
  description = "The boundary of its roles, which the environment gives."
  type        = string
  default     = null
}

variable "task_policies" {
  description = "What the application itself may do: policy documents in JSON, by name."
  type        = map(string)
  default     = {}
}

variable "task_policy_arns" {
  description = "Managed policies of the application, by ARN."
  type        = list(string)
  default     = []
}

variable "guardduty" {
  description = "Whether GuardDuty Runtime Monitoring may start its agent in the tasks."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "A KMS key for its log, which is also that of its secrets; null for AWS's own keys."
  type        = string
  default     = null
}

variable "image_repository_arns" {
  description = "The ECR repositories of its images, which may be in other accounts; null for any in this account."
  type        = list(string)
  default     = null
}

variable "log_retention_days" {
  description = "For how many days its logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}
