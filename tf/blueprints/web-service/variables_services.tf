# What runs.
variable "services" {
  description = <<-EOT
    The services by name. Each needs an image in a release.

    - `cpu`, `memory`: of a task: CPU units (1024 are one core) and MiB, in one of Fargate's pairs.
    - `command`: the program and its arguments; by default what the image says.
    - `port`, `public`: one that listens on a port and is public gets the requests whose path is one of `paths` and whose host is one of
      `hosts` (what begins with it for a path that ends with *); one with neither gets all others. One that is not public is reached by
      the others as http://<name>:<port>. It listens on 0.0.0.0, and finds the port as PORT.
    - `protocol`: http, http2, grpc or tcp. A public one of http2 or grpc needs HTTPS; one of tcp is not public.
    - `request_timeout`: after how many seconds without a complete answer Service Connect ends a request; 0 for never.
    - `idle_timeout`: after how many seconds without a byte it closes a connection; by default five minutes, an hour for tcp.
    - `deployment`: how a release replaces tasks. `strategy` is rolling; blue_green: all requests go over at once; linear: `percent` of them every
      `step_minutes`; or canary: `percent` of them, and the others after `step_minutes`. The old tasks stay for `bake_minutes`. With
      `roll_back_on_alarm` the stack's alarms of errors take the release back. Stages in `pause_at`, such as POST_SCALE_UP or
      POST_PRODUCTION_TRAFFIC_SHIFT, wait for `slipway release continue`, and roll back after `pause_minutes`.
    - `priority`: of the load balancer's rule, the lowest first; by default the more particular rule comes first.
    - `health_path`, `health_status`: what the load balancer asks, and the answer that is right.
    - `health_command`: a command in the container that ends with 0 while it is healthy.
    - `grace_period`: for how many seconds a new task may fail the load balancer's check.
    - `drain_seconds`, `sticky_sessions`: how long a task that goes may finish its requests, and whether a cookie binds people to a task.
    - `count`: how many tasks a release gives it. One without a port and of count 0 is a shape for tasks and schedules, with a log of
      its own.
    - `scaling`: between `min` and `max` tasks, by the use of the processor (`cpu_percent`), of the memory (`memory_percent`), by requests
      a minute for each task (`requests_per_task`), and at times (`schedule`: an `expression` like cron(0 6 ? * MON-FRI *), with the
      `min` and `max` from then on).
    - `singleton`: never two tasks at a time, as for a program that keeps its own clock: a rollout stops the old one first.
    - `quiesce`: whether it runs no tasks while the migrations of a release run. Nothing answers in between.
    - `spot`, `spot_base`: tasks on Fargate Spot, which AWS interrupts with two minutes' notice, except for the first `spot_base`.
    - `environment`: environment variables of this service alone, nothing secret.
    - `secrets`: the names of those of the variables `secrets` and `generated_secrets` that it gets; by default all.
    - `policies`, `policy_arns`: what the application may do in AWS: policy documents in JSON by name, and managed policies.
    - `stop_timeout`: how many seconds a task has to end by itself.
    - `readonly_disk`, `tmpfs`, `ephemeral_storage`: whether it can write to nothing but /tmp; folders in memory with their MiB; the disk in
      GiB, beyond the 20 that cost nothing.
    - `registry_secret`: the ARN of a secret with the keys username and password, for an image in a private registry.
    - `sidecars`: further containers by name, with an `image` or a `preset`: adot, AWS's collector of OpenTelemetry, or firelens, which takes
      the service's log and sends it where its `options` say.
    - `log_retention`: for how many days its log is kept.
  EOT
  type = map(object({
    cpu            = optional(number, 256)
    memory         = optional(number, 512)
    command        = optional(list(string))
    port           = optional(number)
    public         = optional(bool, true)
    paths          = optional(list(string), [])
    hosts          = optional(list(string), [])
    priority       = optional(number)
    health_path    = optional(string, "/healthz")
    health_status  = optional(number, 200)
    health_command = optional(list(string))
    count          = optional(number, 2)
    scaling = optional(object({
      min               = number
      max               = number
      cpu_percent       = optional(number, 60)
      memory_percent    = optional(number)
      requests_per_task = optional(number)
      schedule          = optional(list(object({ expression = string, timezone = optional(string, "UTC"), min = number, max = number })), [])
    }))
    environment     = optional(map(string), {})
    secrets         = optional(list(string))
    stop_timeout    = optional(number, 30)
    spot            = optional(bool, false)
    readonly_disk   = optional(bool, false)
    log_retention   = optional(number)
    grace_period    = optional(number, 60)
    drain_seconds   = optional(number, 30)
    sticky_sessions = optional(bool, false)
    deployment = optional(object({
      strategy           = optional(string, "rolling")
      bake_minutes       = optional(number, 5)
      percent            = optional(number, 10)
      step_minutes       = optional(number, 5)
      pause_at           = optional(list(string), [])
      pause_minutes      = optional(number, 60)
      roll_back_on_alarm = optional(bool, false)
    }), {})
    protocol          = optional(string, "http")
    request_timeout   = optional(number, 0)
    idle_timeout      = optional(number)
    singleton         = optional(bool, false)
    quiesce           = optional(bool, false)
    spot_base         = optional(number, 1)
    tmpfs             = optional(map(number), {})
    ephemeral_storage = optional(number)
    registry_secret   = optional(string)
    policies          = optional(map(string), {})
    policy_arns       = optional(list(string), [])
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

  validation {
    condition     = alltrue([for service in values(var.services) : service.deployment.strategy == "rolling" ? true : contains(["blue_green", "linear", "canary"], service.deployment.strategy) && service.public && service.port != null && !service.singleton])
    error_message = "A strategy is rolling, blue_green, linear or canary; all but rolling are for public services with a port, and not for a singleton."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.deployment.percent >= 3 && service.deployment.percent <= 100 && service.deployment.step_minutes >= 0 && service.deployment.step_minutes <= 1440 && service.deployment.bake_minutes >= 0 && service.deployment.bake_minutes <= 1440 && service.deployment.pause_minutes >= 1 && service.deployment.pause_minutes <= 20160])
    error_message = "percent is 3 to 100, step_minutes and bake_minutes 0 to 1440, pause_minutes 1 to 20160."
  }

  validation {
    condition = alltrue(flatten([for service in values(var.services) : [for stage in service.deployment.pause_at : service.deployment.strategy != "rolling" && contains([
      "RECONCILE_SERVICE", "PRE_SCALE_UP", "POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT",
    ], stage)]]))
    error_message = "A release pauses at stages of ECS, such as POST_SCALE_UP, PRE_PRODUCTION_TRAFFIC_SHIFT and POST_PRODUCTION_TRAFFIC_SHIFT, and with a strategy that is not rolling."
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
    condition     = alltrue([for service in values(var.services) : service.request_timeout >= 0 && (service.idle_timeout == null ? true : service.idle_timeout >= 0)])
    error_message = "request_timeout and idle_timeout are seconds, 0 for never."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.singleton ? service.count <= 1 && service.scaling == null : true])
    error_message = "A singleton has one task at most (count = 1), and no scaling."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.spot_base >= 0 && floor(service.spot_base) == service.spot_base])
    error_message = "spot_base is a whole number of tasks, 0 or more."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for path, size in service.tmpfs : startswith(path, "/") && size >= 1 && floor(size) == size]])) && alltrue([for service in values(var.services) : service.ephemeral_storage == null ? true : service.ephemeral_storage >= 21 && service.ephemeral_storage <= 200])
    error_message = "A tmpfs has an absolute path and a whole number of MiB; ephemeral_storage is 21 to 200 GiB."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for name, sidecar in service.sidecars : can(regex("^[a-z][a-z0-9-]{0,23}$", name)) && (sidecar.preset == null ? sidecar.image != null : contains(["adot", "firelens"], sidecar.preset))]]))
    error_message = "A sidecar's name has at most 24 lower-case letters, digits and hyphens; it has an image, or the preset adot or firelens."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.registry_secret == null ? true : can(regex("^arn:[a-z-]+:secretsmanager:", service.registry_secret))]) && alltrue(flatten([for service in values(var.services) : [for arn in service.policy_arns : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", arn))]]))
    error_message = "registry_secret is the ARN of a secret, and policy_arns are ARNs of managed policies."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for policy in values(service.policies) : can(jsondecode(policy).Statement)]]))
    error_message = "A policy is a document in JSON with a Statement."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : try(service.scaling.memory_percent, null) == null ? true : service.scaling.memory_percent >= 10 && service.scaling.memory_percent <= 90]) && alltrue(flatten([for service in values(var.services) : [for time in try(service.scaling.schedule, []) : can(regex("^(cron|at|rate)\\(.+\\)$", time.expression)) && time.min >= 1 && time.max >= time.min]]))
    error_message = "memory_percent is 10 to 90; a time of `schedule` is cron(...), at(...) or rate(...), with a min of 1 or more and a max not below it."
  }
}

variable "workers" {
  description = "Services that take messages from a queue, by name. Each has a queue of its own, which the others know as QUEUE_URL_<NAME> and itself as QUEUE_URL, and as many tasks, between min and max, as the queue needs: one for each backlog_per_task messages that wait or are worked on. The other attributes are those of `services`."
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
  description = "The application's own names for the blueprint's environment variables: DATABASE_HOST = DB_HOST, for example."
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
